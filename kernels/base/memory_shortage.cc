#include "kernels/base/memory_shortage.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace metronome {
namespace {

constexpr absl::string_view kPayload = "metronome.memory_shortage";

}  // namespace

absl::Status MemoryShortageError(absl::string_view what, const MemoryShortage& shortage) {
  absl::Status status = absl::ResourceExhaustedError(
      absl::StrCat(what, " need ", shortage.bytes_needed, " bytes, ", shortage.bytes_available, " are available"));
  status.SetPayload(kPayload, absl::Cord(absl::StrCat(shortage.bytes_needed, " ", shortage.bytes_available)));
  return status;
}

std::optional<MemoryShortage> ShortageOf(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kPayload);
  if (!payload.has_value()) return std::nullopt;
  const std::string text(*payload);
  const std::pair<std::string, std::string> fields = absl::StrSplit(text, absl::MaxSplits(' ', 1));
  MemoryShortage shortage;
  if (!absl::SimpleAtoi(fields.first, &shortage.bytes_needed) ||
      !absl::SimpleAtoi(fields.second, &shortage.bytes_available))
    return std::nullopt;
  return shortage;
}

}  // namespace metronome
