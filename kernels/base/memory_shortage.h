#ifndef METRONOME_KERNELS_BASE_MEMORY_SHORTAGE_H_
#define METRONOME_KERNELS_BASE_MEMORY_SHORTAGE_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace metronome {

struct MemoryShortage {
  int64_t bytes_needed = 0;
  int64_t bytes_available = 0;
};

// ResourceExhausted for `what` ("weights of llama-3-8b"), with both numbers in the text and as a payload that
// ShortageOf reads back.
absl::Status MemoryShortageError(absl::string_view what, const MemoryShortage& shortage);

// nullopt for any other status.
std::optional<MemoryShortage> ShortageOf(const absl::Status& status);

}  // namespace metronome

#endif  // METRONOME_KERNELS_BASE_MEMORY_SHORTAGE_H_
