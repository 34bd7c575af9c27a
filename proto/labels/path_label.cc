#include "proto/labels/path_label.h"

#include "absl/strings/str_cat.h"

namespace metronome {

bool IsExternal(const v1::BenchmarkResult& result) { return result.provenance() == "external"; }

std::string PathLabel(const v1::BenchmarkResult& result) {
  return absl::StrCat(result.spec().path(), IsExternal(result) ? " (external)" : "");
}

}  // namespace metronome
