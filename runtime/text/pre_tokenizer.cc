#include "runtime/text/pre_tokenizer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/status_macros.h"
#include "runtime/text/byte_alphabet.h"
#include "runtime/text/pattern.h"

namespace metronome {
namespace {

// What ByteLevel splits by unless told not to: GPT-2's rule.
constexpr char kGpt2Pattern[] = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// What becomes of the delimiters.
enum class Behavior : uint8_t { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

absl::StatusOr<Behavior> ParseBehavior(const JsonNode& node) {
  ASSIGN_OR_RETURN(const std::string text, node.Text());
  if (text == "Removed") return Behavior::kRemoved;
  if (text == "Isolated") return Behavior::kIsolated;
  if (text == "MergedWithPrevious") return Behavior::kMergedWithPrevious;
  if (text == "MergedWithNext") return Behavior::kMergedWithNext;
  if (text == "Contiguous") return Behavior::kContiguous;
  return node.Invalid(absl::StrCat("is '", text, "', no known behavior"));
}

struct Section {
  size_t begin = 0;
  size_t end = 0;
  bool delimiter = false;
};

struct Splitter {
  Pattern pattern;
  Behavior behavior = Behavior::kIsolated;
  bool invert = false;  // What the pattern does not match delimits.

  absl::Status Refine(SplitText& split) const;

 private:
  void Join(const std::vector<Section>& sections, std::vector<TextSpan>& pieces) const;
};

// `sections` cover a text in order, none of them empty.
void Splitter::Join(const std::vector<Section>& sections, std::vector<TextSpan>& pieces) const {
  bool joins = false;  // The next section continues the last piece.
  for (size_t i = 0; i < sections.size(); ++i) {
    const Section& section = sections[i];
    if (behavior == Behavior::kRemoved && section.delimiter) continue;
    const bool after_text = i > 0 && !sections[i - 1].delimiter;
    const bool before_text = i + 1 < sections.size() && !sections[i + 1].delimiter;
    joins = joins || (behavior == Behavior::kMergedWithPrevious && section.delimiter && after_text) ||
            (behavior == Behavior::kContiguous && i > 0 && sections[i - 1].delimiter == section.delimiter);
    if (joins) {
      pieces.back().second = section.end;
    } else {
      pieces.emplace_back(section.begin, section.end);
    }
    joins = behavior == Behavior::kMergedWithNext && section.delimiter && before_text;
  }
}

absl::Status Splitter::Refine(SplitText& split) const {
  std::vector<TextSpan> pieces, matches;
  std::vector<Section> sections;
  for (const auto& [begin, end] : split.pieces) {
    matches.clear();
    sections.clear();
    RETURN_IF_ERROR(pattern.FindAll(absl::string_view(split.text).substr(begin, end - begin), matches));
    size_t at = begin;
    for (const auto& [match_begin, match_end] : matches) {
      if (begin + match_begin > at) sections.push_back({at, begin + match_begin, invert});
      sections.push_back({begin + match_begin, begin + match_end, !invert});
      at = begin + match_end;
    }
    if (at < end) sections.push_back({at, end, invert});
    Join(sections, pieces);
  }
  split.pieces = std::move(pieces);
  return absl::OkStatus();
}

void PrefixSpaces(SplitText& split) {
  SplitText spaced;
  for (const auto& [begin, end] : split.pieces) {
    const size_t start = spaced.text.size();
    if (split.text[begin] != ' ') spaced.text += ' ';
    spaced.text.append(split.text, begin, end - begin);
    spaced.pieces.emplace_back(start, spaced.text.size());
  }
  split = std::move(spaced);
}

void SpellBytes(SplitText& split) {
  SplitText spelled;
  spelled.text.reserve(2 * split.text.size());
  spelled.pieces.reserve(split.pieces.size());
  for (const auto& [begin, end] : split.pieces) {
    const size_t start = spelled.text.size();
    AppendBytesAsAlphabet(absl::string_view(split.text).substr(begin, end - begin), spelled.text);
    spelled.pieces.emplace_back(start, spelled.text.size());
  }
  split = std::move(spelled);
}

}  // namespace

absl::Status PreTokenizer::Add(const JsonNode& node) {
  ASSIGN_OR_RETURN(const std::string type, node.Type());
  if (type == "Sequence") {
    ASSIGN_OR_RETURN(const std::vector<JsonNode> children, node["pretokenizers"].Elements());
    for (const JsonNode& child : children) RETURN_IF_ERROR(Add(child));
    return absl::OkStatus();
  }
  if (type != "Split" && type != "ByteLevel") return node.Unsupported();
  Splitter splitter;
  if (type == "Split") {
    ASSIGN_OR_RETURN(splitter.pattern, Pattern::Parse(node["pattern"]));
    ASSIGN_OR_RETURN(splitter.behavior, ParseBehavior(node["behavior"]));
    ASSIGN_OR_RETURN(splitter.invert, node["invert"].Bool(false));
    steps_.push_back([splitter](SplitText& split) { return splitter.Refine(split); });
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const bool prefix_space, node["add_prefix_space"].Bool(true));
  ASSIGN_OR_RETURN(const bool splits, node["use_regex"].Bool(true));
  if (splits) {
    ASSIGN_OR_RETURN(splitter.pattern, Pattern::FromRegex(kGpt2Pattern));
  }
  steps_.push_back([splitter, prefix_space, splits](SplitText& split) {
    if (prefix_space) PrefixSpaces(split);
    if (splits) RETURN_IF_ERROR(splitter.Refine(split));
    SpellBytes(split);
    return absl::OkStatus();
  });
  return absl::OkStatus();
}

absl::StatusOr<PreTokenizer> PreTokenizer::Parse(const JsonNode& node) {
  PreTokenizer pre_tokenizer;
  if (!node.is_null()) RETURN_IF_ERROR(pre_tokenizer.Add(node));
  return pre_tokenizer;
}

absl::StatusOr<SplitText> PreTokenizer::Apply(std::string text) const {
  SplitText split{.text = std::move(text)};
  if (!split.text.empty()) split.pieces.emplace_back(0, split.text.size());
  for (const Step& step : steps_) RETURN_IF_ERROR(step(split));
  return split;
}

}  // namespace metronome
