#include "runtime/text/normalizer.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>

#include "absl/strings/str_cat.h"
#include "runtime/base/status_macros.h"

namespace metronome {
namespace {

constexpr size_t kMaxBytes = size_t{16} << 20;

// nullptr for any other name.
const icu::Normalizer2* UnicodeForm(absl::string_view type, UErrorCode& error) {
  if (type == "NFC") return icu::Normalizer2::getNFCInstance(error);
  if (type == "NFD") return icu::Normalizer2::getNFDInstance(error);
  if (type == "NFKC") return icu::Normalizer2::getNFKCInstance(error);
  if (type == "NFKD") return icu::Normalizer2::getNFKDInstance(error);
  return nullptr;
}

absl::StatusOr<std::string> Normalize(const icu::Normalizer2& form, const std::string& text) {
  UErrorCode error = U_ZERO_ERROR;
  std::string normalized;
  icu::StringByteSink<std::string> sink(&normalized, static_cast<int32_t>(text.size()));
  form.normalizeUTF8(0, text, sink, nullptr, error);
  if (U_FAILURE(error)) return absl::InternalError(absl::StrCat("Unicode normalisation failed: ", u_errorName(error)));
  return normalized;
}

}  // namespace

absl::Status ReplaceAll(const Pattern& pattern, absl::string_view content, absl::string_view text, std::string& out) {
  std::vector<TextSpan> spans;
  RETURN_IF_ERROR(pattern.FindAll(text, spans));
  if (spans.size() * content.size() > kMaxBytes)
    return absl::ResourceExhaustedError(absl::StrCat("replacing ", spans.size(), " matches by ", content.size(),
                                                     " bytes each exceeds ", kMaxBytes, " bytes"));
  size_t at = 0;
  for (const auto& [begin, end] : spans) {
    absl::StrAppend(&out, text.substr(at, begin - at), content);
    at = end;
  }
  absl::StrAppend(&out, text.substr(at));
  return absl::OkStatus();
}

absl::Status Normalizer::Add(const JsonNode& node) {
  const absl::StatusOr<std::string> type = node.Type();
  if (!type.ok()) return type.status();
  if (*type == "Sequence") {
    ASSIGN_OR_RETURN(const std::vector<JsonNode> children, node["normalizers"].Elements());
    for (const JsonNode& child : children) RETURN_IF_ERROR(Add(child));
    return absl::OkStatus();
  }
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* form = UnicodeForm(*type, error);
  if (U_FAILURE(error)) return absl::InternalError(absl::StrCat("ICU has no data for ", *type));
  if (form != nullptr) {
    steps_.push_back([form](const std::string& text) { return Normalize(*form, text); });
    return absl::OkStatus();
  }
  if (*type == "Prepend") return AddPrepend(node);
  return *type == "Replace" ? AddReplace(node) : node.Unsupported();
}

absl::Status Normalizer::AddPrepend(const JsonNode& node) {
  ASSIGN_OR_RETURN(std::string prefix, node["prepend"].Text());
  steps_.push_back(
      [prefix](const std::string& text) -> absl::StatusOr<std::string> { return text.empty() ? text : prefix + text; });
  return absl::OkStatus();
}

absl::Status Normalizer::AddReplace(const JsonNode& node) {
  ASSIGN_OR_RETURN(Pattern pattern, Pattern::Parse(node["pattern"]));
  ASSIGN_OR_RETURN(std::string content, node["content"].Text());
  steps_.push_back([pattern, content](const std::string& text) -> absl::StatusOr<std::string> {
    std::string replaced;
    RETURN_IF_ERROR(ReplaceAll(pattern, content, text, replaced));
    return replaced;
  });
  return absl::OkStatus();
}

absl::StatusOr<Normalizer> Normalizer::Parse(const JsonNode& node) {
  Normalizer normalizer;
  if (!node.is_null()) RETURN_IF_ERROR(normalizer.Add(node));
  return normalizer;
}

absl::StatusOr<std::string> Normalizer::Apply(absl::string_view text) const {
  std::string normalized(text);
  for (const Step& step : steps_) {
    ASSIGN_OR_RETURN(normalized, step(normalized));
    if (normalized.size() > kMaxBytes)
      return absl::ResourceExhaustedError(
          absl::StrCat("the normalised text has ", normalized.size(), " bytes, over ", kMaxBytes));
  }
  return normalized;
}

}  // namespace metronome
