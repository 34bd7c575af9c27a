#include "runtime/text/stages/normalizer.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/encoding/byte_alphabet.h"
#include "runtime/text/encoding/characters.h"

namespace metronome::text {
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

// What the Nmt rules of SentencePiece drop and take for spaces.
char32_t MapNmt(char32_t c) {
  const bool control = (c >= 1 && c <= 8) || c == 0xb || (c >= 0xe && c <= 0x1f) || c == 0x7f || c == 0x8f || c == 0x9f;
  if (control) return kNoCharacter;
  switch (c) {
    case 0x9:
    case 0xa:
    case 0xc:
    case 0xd:
    case 0x1680:
    case 0x2028:
    case 0x2029:
    case 0x2581:
    case 0xfeff:
    case 0xfffd:
      return U' ';
    default:
      return c >= 0x200b && c <= 0x200f ? U' ' : c;
  }
}

char32_t CleanForBert(char32_t c) {
  if (c == '\t' || c == '\n' || c == '\r') return U' ';
  if (c == 0 || c == 0xfffd || IsOther(c)) return kNoCharacter;
  return IsWhiteSpace(c) ? U' ' : c;
}

void SpaceIdeographs(absl::string_view text, std::string& out) {
  for (size_t at = 0; at < text.size();) {
    const size_t end = NextCharacter(text, at);
    const char* space = IsIdeograph(CharacterAt(text, at)) ? " " : "";
    absl::StrAppend(&out, space, text.substr(at, end - at), space);
    at = end;
  }
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

void Normalizer::AddRewrite(std::function<void(absl::string_view, std::string&)> append) {
  steps_.push_back([append = std::move(append)](NormalizedText& normalized) {
    std::string out;
    out.reserve(normalized.text.size());
    append(normalized.text, out);
    normalized.text = std::move(out);
    return absl::OkStatus();
  });
}

void Normalizer::AddMap(std::function<char32_t(char32_t)> map) {
  steps_.push_back([map](NormalizedText& normalized) {
    std::string out;
    AppendMapped(normalized.text, map, out);
    const bool first_goes = !normalized.text.empty() && map(CharacterAt(normalized.text, 0)) == kNoCharacter;
    normalized.keeps_start = normalized.keeps_start && !first_goes;
    normalized.text = std::move(out);
    return absl::OkStatus();
  });
}

absl::StatusOr<bool> Normalizer::AddUnicodeForm(const std::string& type) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* form = UnicodeForm(type, error);
  if (U_FAILURE(error)) return absl::InternalError(absl::StrCat("ICU has no data for ", type));
  if (form == nullptr) return false;
  steps_.push_back([form](NormalizedText& normalized) {
    ASSIGN_OR_RETURN(normalized.text, Normalize(*form, normalized.text));
    return absl::OkStatus();
  });
  return true;
}

absl::Status Normalizer::AddPrepend(const JsonNode& node) {
  ASSIGN_OR_RETURN(std::string prefix, node["prepend"].Text());
  AddRewrite(
      [prefix](absl::string_view text, std::string& out) { absl::StrAppend(&out, text.empty() ? "" : prefix, text); });
  return absl::OkStatus();
}

absl::Status Normalizer::AddReplace(const JsonNode& node) {
  ASSIGN_OR_RETURN(Pattern pattern, Pattern::Parse(node["pattern"]));
  ASSIGN_OR_RETURN(std::string content, node["content"].Text());
  steps_.push_back([pattern, content](NormalizedText& normalized) {
    std::vector<TextSpan> spans;
    RETURN_IF_ERROR(pattern.FindAll(normalized.text, spans));
    if (!spans.empty() && spans[0].first == 0 && spans[0].second > 0) {
      // What replaces several characters counts as coming from the last of them.
      const bool from_first = !content.empty() && spans[0].second == NextCharacter(normalized.text, 0);
      normalized.keeps_start = normalized.keeps_start && from_first;
    }
    std::string replaced;
    RETURN_IF_ERROR(ReplaceAll(pattern, content, normalized.text, replaced));
    normalized.text = std::move(replaced);
    return absl::OkStatus();
  });
  return absl::OkStatus();
}

absl::Status Normalizer::AddStrip(const JsonNode& node) {
  ASSIGN_OR_RETURN(const bool left, node["strip_left"].Bool());
  ASSIGN_OR_RETURN(const bool right, node["strip_right"].Bool());
  steps_.push_back([left, right](NormalizedText& normalized) {
    const std::string& text = normalized.text;
    size_t begin = 0, end = text.size();
    while (left && begin < end && IsWhiteSpace(CharacterAt(text, begin))) begin = NextCharacter(text, begin);
    while (right && end > begin && IsWhiteSpace(CharacterBefore(text, end))) end = PreviousCharacter(text, end);
    normalized.keeps_start = normalized.keeps_start && begin == 0;
    normalized.text = text.substr(begin, end - begin);
    return absl::OkStatus();
  });
  return absl::OkStatus();
}

absl::Status Normalizer::AddBert(const JsonNode& node) {
  ASSIGN_OR_RETURN(const bool cleans, node["clean_text"].Bool());
  ASSIGN_OR_RETURN(const bool spaces, node["handle_chinese_chars"].Bool());
  ASSIGN_OR_RETURN(const bool lowers, node["lowercase"].Bool());
  ASSIGN_OR_RETURN(const bool strips_accents, node["strip_accents"].Bool(lowers));
  if (cleans) AddMap(CleanForBert);
  if (spaces) AddRewrite(SpaceIdeographs);
  if (strips_accents) {
    RETURN_IF_ERROR(AddUnicodeForm("NFD").status());
    AddMap([](char32_t c) { return IsNonSpacingMark(c) ? kNoCharacter : c; });
  }
  if (lowers) AddRewrite(AppendLowercase);
  return absl::OkStatus();
}

absl::Status Normalizer::Add(const JsonNode& node) {
  ASSIGN_OR_RETURN(const std::string type, node.Type());
  if (type == "Sequence") {
    ASSIGN_OR_RETURN(const std::vector<JsonNode> children, node["normalizers"].Elements());
    for (const JsonNode& child : children) RETURN_IF_ERROR(Add(child));
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const bool is_form, AddUnicodeForm(type));
  if (is_form) return absl::OkStatus();
  if (type == "Prepend") return AddPrepend(node);
  if (type == "Replace") return AddReplace(node);
  if (type == "Strip") return AddStrip(node);
  if (type == "BertNormalizer") return AddBert(node);
  if (type == "Lowercase") {
    AddRewrite(AppendLowercase);
  } else if (type == "StripAccents") {
    AddMap([](char32_t c) { return IsMark(c) ? kNoCharacter : c; });
  } else if (type == "Nmt") {
    AddMap(MapNmt);
  } else if (type == "ByteLevel") {
    AddRewrite(AppendBytesAsAlphabet);
  } else {
    return node.Unsupported();
  }
  return absl::OkStatus();
}

absl::StatusOr<Normalizer> Normalizer::Parse(const JsonNode& node) {
  Normalizer normalizer;
  if (!node.is_null()) RETURN_IF_ERROR(normalizer.Add(node));
  return normalizer;
}

absl::StatusOr<NormalizedText> Normalizer::Apply(absl::string_view text) const {
  NormalizedText normalized{.text = std::string(text)};
  for (const Step& step : steps_) {
    RETURN_IF_ERROR(step(normalized));
    if (normalized.text.size() > kMaxBytes)
      return absl::ResourceExhaustedError(
          absl::StrCat("the normalised text has ", normalized.text.size(), " bytes, over ", kMaxBytes));
  }
  return normalized;
}

}  // namespace metronome::text
