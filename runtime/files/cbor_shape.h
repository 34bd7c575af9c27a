#ifndef METRONOME_RUNTIME_FILES_CBOR_SHAPE_H_
#define METRONOME_RUNTIME_FILES_CBOR_SHAPE_H_

#include <cstddef>

#include "absl/strings/string_view.h"

namespace metronome {

// Whether the bytes are one CBOR item (RFC 8949) of known lengths, without tags, whose lists and maps nest at most
// `max_depth` deep. Readers that recurse are safe on what passes. Takes time proportional to the bytes.
bool IsShallowCbor(absl::string_view bytes, size_t max_depth);

}  // namespace metronome

#endif  // METRONOME_RUNTIME_FILES_CBOR_SHAPE_H_
