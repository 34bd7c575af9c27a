#ifndef METRONOME_SERVER_MODEL_REPOSITORIES_H_
#define METRONOME_SERVER_MODEL_REPOSITORIES_H_

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace metronome::server {

// Repositories on the hub that have a catalogue key's model, in the order they are looked for: where it was published,
// its base and instruct variants, copies that need no permission. Empty for a key that has none.
absl::Span<const absl::string_view> RepositoriesOf(absl::string_view key);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_MODEL_REPOSITORIES_H_
