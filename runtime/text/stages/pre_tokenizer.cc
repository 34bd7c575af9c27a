#include "runtime/text/stages/pre_tokenizer.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/encoding/byte_alphabet.h"
#include "runtime/text/encoding/characters.h"
#include "runtime/text/stages/metaspace.h"
#include "runtime/text/stages/pattern.h"

namespace metronome::text {
namespace {

// What ByteLevel splits by unless told not to: GPT-2's rule.
constexpr char kGpt2Pattern[] = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

Splitter::Find FindPattern(Pattern pattern) {
  return [pattern = std::move(pattern)](absl::string_view text, std::vector<TextSpan>& spans) {
    return pattern.FindAll(text, spans);
  };
}

// Runs of word characters, and runs of what is neither a word character nor white space.
absl::Status FindWordsAndSymbols(absl::string_view text, std::vector<TextSpan>& spans) {
  enum class Kind : uint8_t { kSpace, kWord, kSymbol };
  const auto kind_at = [&](size_t at) {
    const char32_t c = CharacterAt(text, at);
    if (IsWord(c)) return Kind::kWord;
    return IsWhiteSpace(c) ? Kind::kSpace : Kind::kSymbol;
  };
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const Kind kind = kind_at(at);
    while (at < text.size() && kind_at(at) == kind) at = NextCharacter(text, at);
    if (kind != Kind::kSpace) spans.emplace_back(begin, at);
  }
  return absl::OkStatus();
}

// Writes every piece anew by `append`.
template <typename Append>
void Rewrite(SplitText& split, const Append& append) {
  SplitText rewritten{.starts_text = split.starts_text};
  rewritten.text.reserve(2 * split.text.size());
  rewritten.pieces.reserve(split.pieces.size());
  for (size_t i = 0; i < split.pieces.size(); ++i) {
    const auto& [begin, end] = split.pieces[i];
    const size_t start = rewritten.text.size();
    append(absl::string_view(split.text).substr(begin, end - begin), i == 0 && split.starts_text, rewritten.text);
    rewritten.pieces.emplace_back(start, rewritten.text.size());
  }
  split = std::move(rewritten);
}

void PrefixSpaces(SplitText& split) {
  Rewrite(split, [](absl::string_view piece, bool /*starts_text*/, std::string& out) {
    absl::StrAppend(&out, piece[0] == ' ' ? "" : " ", piece);
  });
}

void SpellBytes(SplitText& split) {
  Rewrite(split,
          [](absl::string_view piece, bool /*starts_text*/, std::string& out) { AppendBytesAsAlphabet(piece, out); });
}

void MarkSpaces(const Metaspace& metaspace, SplitText& split) {
  Rewrite(split, [&](absl::string_view piece, bool starts_text, std::string& out) {
    const bool marked = piece[0] == ' ' || absl::StartsWith(piece, metaspace.replacement);
    const bool prepends = metaspace.prepend == Metaspace::Prepend::kAlways ||
                          (metaspace.prepend == Metaspace::Prepend::kFirst && starts_text);
    if (prepends && !marked) out += metaspace.replacement;
    for (const char c : piece) {
      if (c == ' ') {
        out += metaspace.replacement;
      } else {
        out += c;
      }
    }
  });
}

}  // namespace

void PreTokenizer::AddSplitter(Splitter splitter) {
  steps_.push_back([splitter = std::move(splitter)](SplitText& split) { return splitter.Refine(split); });
}

absl::Status PreTokenizer::AddSplit(const JsonNode& node) {
  Splitter splitter;
  ASSIGN_OR_RETURN(Pattern pattern, Pattern::Parse(node["pattern"]));
  splitter.find = FindPattern(std::move(pattern));
  ASSIGN_OR_RETURN(splitter.behavior, ParseSplitBehavior(node["behavior"]));
  ASSIGN_OR_RETURN(splitter.invert, node["invert"].Bool(false));
  AddSplitter(std::move(splitter));
  return absl::OkStatus();
}

absl::Status PreTokenizer::AddByteLevel(const JsonNode& node) {
  ASSIGN_OR_RETURN(const bool prefix_space, node["add_prefix_space"].Bool(true));
  ASSIGN_OR_RETURN(const bool splits, node["use_regex"].Bool(true));
  if (prefix_space) {
    steps_.push_back([](SplitText& split) {
      PrefixSpaces(split);
      return absl::OkStatus();
    });
  }
  if (splits) {
    ASSIGN_OR_RETURN(Pattern pattern, Pattern::FromRegex(kGpt2Pattern));
    AddSplitter({.find = FindPattern(std::move(pattern))});
  }
  steps_.push_back([](SplitText& split) {
    SpellBytes(split);
    return absl::OkStatus();
  });
  return absl::OkStatus();
}

absl::Status PreTokenizer::AddMetaspace(const JsonNode& node) {
  ASSIGN_OR_RETURN(const Metaspace metaspace, Metaspace::Parse(node));
  steps_.push_back([metaspace](SplitText& split) {
    MarkSpaces(metaspace, split);
    return absl::OkStatus();
  });
  if (metaspace.split) {
    AddSplitter(
        {.find = FindPattern(Pattern::FromText(metaspace.replacement)), .behavior = SplitBehavior::kMergedWithNext});
  }
  return absl::OkStatus();
}

absl::Status PreTokenizer::AddFixedLength(const JsonNode& node) {
  ASSIGN_OR_RETURN(const int32_t length, node["length"].Count(5));
  if (length == 0) return node["length"].Invalid("is 0");
  const auto find = [length](absl::string_view text, std::vector<TextSpan>& spans) {
    for (size_t at = 0; at < text.size();) {
      const size_t begin = at;
      for (int32_t i = 0; i < length && at < text.size(); ++i) at = NextCharacter(text, at);
      spans.emplace_back(begin, at);
    }
    return absl::OkStatus();
  };
  AddSplitter({.find = find});
  return absl::OkStatus();
}

absl::StatusOr<bool> PreTokenizer::AddCharacterSplit(const JsonNode& node, const std::string& type) {
  if (type == "Digits") {
    ASSIGN_OR_RETURN(const bool individual, node["individual_digits"].Bool());
    AddSplitter({.find = FindCharacters(IsNumeric),
                 .behavior = individual ? SplitBehavior::kIsolated : SplitBehavior::kContiguous});
  } else if (type == "Punctuation") {
    Splitter splitter{.find = FindCharacters(IsPunctuation)};
    if (!node["behavior"].is_null()) {
      ASSIGN_OR_RETURN(splitter.behavior, ParseSplitBehavior(node["behavior"]));
    }
    AddSplitter(std::move(splitter));
  } else if (type == "WhitespaceSplit") {
    AddSplitter({.find = FindCharacters(IsWhiteSpace), .behavior = SplitBehavior::kRemoved});
  } else if (type == "Whitespace") {
    AddSplitter({.find = FindWordsAndSymbols, .behavior = SplitBehavior::kRemoved, .invert = true});
  } else if (type == "BertPreTokenizer") {
    AddSplitter({.find = FindCharacters(IsWhiteSpace), .behavior = SplitBehavior::kRemoved});
    AddSplitter({.find = FindCharacters(IsPunctuation)});
  } else if (type == "CharDelimiterSplit") {
    ASSIGN_OR_RETURN(std::string delimiter, node["delimiter"].Character());
    AddSplitter({.find = FindPattern(Pattern::FromText(std::move(delimiter))), .behavior = SplitBehavior::kRemoved});
  } else {
    return false;
  }
  return true;
}

absl::Status PreTokenizer::Add(const JsonNode& node) {
  ASSIGN_OR_RETURN(const std::string type, node.Type());
  if (type == "Sequence") {
    ASSIGN_OR_RETURN(const std::vector<JsonNode> children, node["pretokenizers"].Elements());
    for (const JsonNode& child : children) RETURN_IF_ERROR(Add(child));
    return absl::OkStatus();
  }
  if (type == "Split") return AddSplit(node);
  if (type == "ByteLevel") return AddByteLevel(node);
  if (type == "Metaspace") return AddMetaspace(node);
  if (type == "FixedLength") return AddFixedLength(node);
  ASSIGN_OR_RETURN(const bool added, AddCharacterSplit(node, type));
  return added ? absl::OkStatus() : node.Unsupported();
}

absl::StatusOr<PreTokenizer> PreTokenizer::Parse(const JsonNode& node) {
  PreTokenizer pre_tokenizer;
  if (!node.is_null()) RETURN_IF_ERROR(pre_tokenizer.Add(node));
  return pre_tokenizer;
}

absl::StatusOr<SplitText> PreTokenizer::Apply(std::string text, bool starts_text) const {
  SplitText split{.text = std::move(text), .starts_text = starts_text};
  if (!split.text.empty()) split.pieces.emplace_back(0, split.text.size());
  for (const Step& step : steps_) RETURN_IF_ERROR(step(split));
  return split;
}

}  // namespace metronome::text
