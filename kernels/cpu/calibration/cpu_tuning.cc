#include "kernels/cpu/calibration/cpu_tuning.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace metronome::kernels::cpu {
namespace {

constexpr DType kFloatTypes[] = {DType::kFloat32, DType::kBFloat16, DType::kFloat16};

absl::Status Malformed(absl::string_view line) {
  return absl::InvalidArgumentError(absl::StrCat("'", line, "' is not the tuning of a kernel"));
}

std::optional<std::pair<TunedForm, DType>> FormNamed(absl::string_view name, absl::string_view type) {
  for (int form = 0; form < kTunedForms; ++form) {
    for (const DType dtype : kFloatTypes) {
      if (name == Name(static_cast<TunedForm>(form)) && type == Name(dtype))
        return std::pair(static_cast<TunedForm>(form), dtype);
    }
  }
  return std::nullopt;
}

}  // namespace

absl::string_view Name(TunedForm form) {
  switch (form) {
    case TunedForm::kProduct:
      return "product";
    case TunedForm::kGated:
      return "gated";
    case TunedForm::kProductOfRows:
      return "product_of_rows";
  }
  return "unknown";
}

std::string CpuTuning::ToString() const {
  std::string text;
  for (int form = 0; form < kTunedForms; ++form) {
    for (const DType dtype : kFloatTypes) {
      const Attributes& attributes = Of(static_cast<TunedForm>(form), dtype);
      if (attributes.empty()) continue;
      absl::StrAppend(&text, Name(static_cast<TunedForm>(form)), " ", std::string(Name(dtype)), " ",
                      attributes.ToString(), "\n");
    }
  }
  return text;
}

absl::StatusOr<CpuTuning> CpuTuning::Parse(absl::string_view text) {
  CpuTuning tuning;
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
    if (words.size() < 3) return Malformed(line);
    const auto form = FormNamed(words[0], words[1]);
    if (!form.has_value()) return Malformed(line);
    Attributes attributes;
    for (size_t i = 2; i < words.size(); ++i) {
      const std::pair<absl::string_view, absl::string_view> assignment =
          absl::StrSplit(words[i], absl::MaxSplits('=', 1));
      int64_t value = 0;
      if (!absl::StartsWith(assignment.first, "tune_") || !absl::SimpleAtoi(assignment.second, &value))
        return Malformed(line);
      attributes.Set(assignment.first, value);
    }
    tuning.Set(form->first, form->second, std::move(attributes));
  }
  return tuning;
}

}  // namespace metronome::kernels::cpu
