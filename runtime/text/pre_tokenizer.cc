#include "runtime/text/pre_tokenizer.h"

#include <memory>

#include "runtime/base/status_macros.h"
#include "runtime/text/byte_alphabet.h"
#include "runtime/text/pattern.h"

namespace metronome {
namespace {

using Pieces = std::vector<std::string>;

// What ByteLevel splits by unless told not to: GPT-2's rule.
constexpr char kGpt2Pattern[] = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

enum class Behavior : uint8_t { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

absl::StatusOr<Behavior> ParseBehavior(const JsonNode& node) {
  const std::string text = node.Text();
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

// The text as alternating delimiters and what lies between; `invert` swaps the roles.
absl::StatusOr<std::vector<Section>> FindSections(const Regex& regex, const std::string& text, bool invert) {
  ASSIGN_OR_RETURN(const std::vector<Regex::Span> spans, regex.FindAll(text));
  std::vector<Section> sections;
  size_t at = 0;
  for (const auto& [begin, end] : spans) {
    if (begin > at) sections.push_back({at, begin, invert});
    sections.push_back({begin, end, !invert});
    at = end;
  }
  if (at < text.size()) sections.push_back({at, text.size(), invert});
  return sections;
}

Pieces JoinSections(const std::string& text, const std::vector<Section>& sections, Behavior behavior) {
  Pieces pieces;
  bool joins_next = false;  // The piece so far takes the next section in.
  for (size_t i = 0; i < sections.size(); ++i) {
    const Section& section = sections[i];
    const std::string part = text.substr(section.begin, section.end - section.begin);
    if (behavior == Behavior::kRemoved && section.delimiter) continue;
    const bool after_same = i > 0 && sections[i - 1].delimiter == section.delimiter;
    const bool joins_previous =
        (behavior == Behavior::kMergedWithPrevious && section.delimiter && i > 0 && !sections[i - 1].delimiter) ||
        (behavior == Behavior::kContiguous && after_same) || joins_next;
    if (joins_previous) {
      pieces.back() += part;
    } else {
      pieces.push_back(part);
    }
    joins_next = behavior == Behavior::kMergedWithNext && section.delimiter && i + 1 < sections.size() &&
                 !sections[i + 1].delimiter;
  }
  return pieces;
}

absl::StatusOr<SplitStep> ParseSplit(const JsonNode& node) {
  ASSIGN_OR_RETURN(std::shared_ptr<const Regex> regex, ParsePattern(node["pattern"]));
  ASSIGN_OR_RETURN(const Behavior behavior, ParseBehavior(node["behavior"]));
  return SplitStep(
      [regex, behavior, invert = node["invert"].Bool(false)](const std::string& text) -> absl::StatusOr<Pieces> {
        ASSIGN_OR_RETURN(const std::vector<Section> sections, FindSections(*regex, text, invert));
        return JoinSections(text, sections, behavior);
      });
}

absl::StatusOr<SplitStep> ParseByteLevel(const JsonNode& node) {
  const bool prefix_space = node["add_prefix_space"].Bool(true);
  std::shared_ptr<const Regex> regex;
  if (node["use_regex"].Bool(true)) {
    ASSIGN_OR_RETURN(Regex compiled, Regex::Compile(kGpt2Pattern));
    regex = std::make_shared<const Regex>(std::move(compiled));
  }
  return SplitStep([regex, prefix_space](const std::string& text) -> absl::StatusOr<Pieces> {
    const std::string spaced = prefix_space && !text.empty() && text[0] != ' ' ? " " + text : text;
    Pieces pieces = {spaced};
    if (regex != nullptr) {
      ASSIGN_OR_RETURN(const std::vector<Section> sections, FindSections(*regex, spaced, false));
      pieces = JoinSections(spaced, sections, Behavior::kIsolated);
    }
    for (std::string& piece : pieces) piece = BytesToAlphabet(piece);
    return pieces;
  });
}

}  // namespace

absl::StatusOr<std::vector<SplitStep>> ParsePreTokenizer(const JsonNode& node) {
  std::vector<SplitStep> steps;
  if (node.is_null()) return steps;
  const std::string type = node.Type();
  if (type == "Sequence") {
    for (const JsonNode& child : node["pretokenizers"].Elements()) {
      ASSIGN_OR_RETURN(std::vector<SplitStep> inner, ParsePreTokenizer(child));
      steps.insert(steps.end(), inner.begin(), inner.end());
    }
    return steps;
  }
  if (type != "Split" && type != "ByteLevel") return node.Unsupported();
  ASSIGN_OR_RETURN(SplitStep step, type == "Split" ? ParseSplit(node) : ParseByteLevel(node));
  steps.push_back(std::move(step));
  return steps;
}

}  // namespace metronome
