#include "runtime/text/normalizer.h"

#include <unicode/normalizer2.h>
#include <unicode/unistr.h>

#include <memory>

#include "runtime/base/status_macros.h"
#include "runtime/text/pattern.h"

namespace metronome {
namespace {

absl::StatusOr<TextStep> UnicodeForm(const JsonNode& node) {
  UErrorCode error = U_ZERO_ERROR;
  const std::string type = node.Type();
  const icu::Normalizer2* form = type == "NFC"    ? icu::Normalizer2::getNFCInstance(error)
                                 : type == "NFD"  ? icu::Normalizer2::getNFDInstance(error)
                                 : type == "NFKC" ? icu::Normalizer2::getNFKCInstance(error)
                                                  : icu::Normalizer2::getNFKDInstance(error);
  if (U_FAILURE(error)) return absl::InternalError(absl::StrCat("ICU has no data for ", type));
  return TextStep([form](const std::string& text) -> absl::StatusOr<std::string> {
    UErrorCode failure = U_ZERO_ERROR;
    std::string normalised;
    form->normalize(icu::UnicodeString::fromUTF8(text), failure).toUTF8String(normalised);
    if (U_FAILURE(failure)) return absl::InternalError("Unicode normalisation failed");
    return normalised;
  });
}

}  // namespace

absl::StatusOr<TextStep> ParseReplace(const JsonNode& node) {
  ASSIGN_OR_RETURN(std::shared_ptr<const Regex> pattern, ParsePattern(node["pattern"]));
  if (!node["content"].json().is_string()) return node["content"].Invalid("is not a string");
  return TextStep([pattern, content = node["content"].Text()](const std::string& text) -> absl::StatusOr<std::string> {
    ASSIGN_OR_RETURN(const std::vector<Regex::Span> spans, pattern->FindAll(text));
    std::string replaced;
    size_t at = 0;
    for (const auto& [begin, end] : spans) {
      replaced.append(text, at, begin - at).append(content);
      at = end;
    }
    return replaced.append(text, at);
  });
}

absl::StatusOr<std::vector<TextStep>> ParseNormalizer(const JsonNode& node) {
  std::vector<TextStep> steps;
  if (node.is_null()) return steps;
  const std::string type = node.Type();
  if (type == "Sequence") {
    for (const JsonNode& child : node["normalizers"].Elements()) {
      ASSIGN_OR_RETURN(std::vector<TextStep> inner, ParseNormalizer(child));
      steps.insert(steps.end(), inner.begin(), inner.end());
    }
  } else if (type == "NFC" || type == "NFD" || type == "NFKC" || type == "NFKD") {
    ASSIGN_OR_RETURN(TextStep step, UnicodeForm(node));
    steps.push_back(std::move(step));
  } else if (type == "Replace") {
    ASSIGN_OR_RETURN(TextStep step, ParseReplace(node));
    steps.push_back(std::move(step));
  } else if (type == "Prepend") {
    steps.push_back([prefix = node["prepend"].Text()](const std::string& text) -> absl::StatusOr<std::string> {
      return text.empty() ? text : prefix + text;
    });
  } else {
    return node.Unsupported();
  }
  return steps;
}

}  // namespace metronome
