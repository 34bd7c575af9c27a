#include "runtime/plan/dim.h"

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace metronome::runtime {
namespace {

void AppendTerm(std::string& text, int64_t factor, absl::string_view symbol) {
  if (factor == 0) return;
  if (factor < 0) {
    text += '-';
  } else if (!text.empty()) {
    text += '+';
  }
  if (symbol.empty()) {
    absl::StrAppend(&text, std::abs(factor));
  } else if (std::abs(factor) == 1) {
    absl::StrAppend(&text, symbol);
  } else {
    absl::StrAppend(&text, std::abs(factor), "*", symbol);
  }
}

}  // namespace

std::string Dim::ToString() const {
  if (is_constant()) return absl::StrCat(constant);
  std::string text;
  AppendTerm(text, past, "past");
  AppendTerm(text, seq, "seq");
  AppendTerm(text, constant, "");
  return text;
}

}  // namespace metronome::runtime
