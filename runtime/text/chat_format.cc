#include "runtime/text/chat_format.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "runtime/base/status_macros.h"

namespace metronome {
namespace {

bool Has(absl::string_view jinja, absl::string_view marker) { return absl::StrContains(jinja, marker); }

// Contents pass through Jinja's trim filter.
bool Trims(absl::string_view jinja) { return Has(jinja, "|trim") || Has(jinja, "| trim"); }

// The distinct <...> and [...] markers of a template, at most six, for errors.
std::string MarkersOf(absl::string_view jinja) {
  std::vector<absl::string_view> markers;
  for (size_t at = 0; at < jinja.size() && markers.size() < 6; ++at) {
    const char closing = jinja[at] == '<' ? '>' : ']';
    if (jinja[at] != '<' && jinja[at] != '[') continue;
    size_t end = at + 1;
    while (end < jinja.size() && (absl::ascii_isalnum(jinja[end]) || absl::StrContains("|_-/", jinja[end]))) ++end;
    if (end == jinja.size() || jinja[end] != closing || end < at + 3) continue;
    const absl::string_view marker = jinja.substr(at, end + 1 - at);
    if (std::find(markers.begin(), markers.end(), marker) == markers.end()) markers.push_back(marker);
  }
  return markers.empty() ? absl::StrCat("no markers in '", jinja.substr(0, 60), "'") : absl::StrJoin(markers, " ");
}

absl::Status Unknown(absl::string_view jinja, absl::string_view why) {
  return absl::UnimplementedError(
      absl::StrCat("chat template not supported: ", why, " (it has ", MarkersOf(jinja), ")"));
}

// `jinja` prints BOS, through the variable or literally.
absl::string_view StartOf(absl::string_view jinja, absl::string_view bos) {
  return Has(jinja, "bos_token") || Has(jinja, bos) ? bos : absl::string_view();
}

absl::StatusOr<ChatFormat> RecognizeLlama(absl::string_view jinja) {
  ChatFormat format = {.start = StartOf(jinja, "<|begin_of_text|>"),
                       .open = "<|start_header_id|>",
                       .close = "<|end_header_id|>\n\n",
                       .end = "<|eot_id|>",
                       .assistant_role = "assistant",
                       .trims = Trims(jinja)};
  if (!Has(jinja, "<|eot_id|>")) return Unknown(jinja, "a Llama 3 one without <|eot_id|>");
  if (Has(jinja, "Cutting Knowledge Date")) {
    if (!Has(jinja, "Cutting Knowledge Date: December 2023\n") || !Has(jinja, "Today Date: "))
      return Unknown(jinja, "a Llama 3 one with another knowledge date");
    format.dated = true;
    format.system = ChatFormat::System::kAlways;
  } else if (Has(jinja, "system")) {  // Llama 3's own treats the role like any other.
    return Unknown(jinja, "a Llama 3 one with a system turn of its own");
  }
  return format;
}

// The system message that a ChatML template writes out in a literal; empty for none, Unimplemented for several.
absl::StatusOr<std::string> DefaultSystem(absl::string_view jinja) {
  constexpr absl::string_view kOpening = "<|im_start|>system\n";
  absl::string_view found;
  for (size_t at = jinja.find(kOpening); at != absl::string_view::npos; at = jinja.find(kOpening, at + 1)) {
    const size_t begin = at + kOpening.size();
    const size_t end = jinja.find_first_of("<'\"{}\\", begin);
    const absl::string_view text = jinja.substr(begin, end == absl::string_view::npos ? end : end - begin);
    if (text.empty()) continue;  // The literal ends here; a message follows.
    if (!absl::StartsWith(jinja.substr(begin + text.size()), "<|im_end|>") || (!found.empty() && found != text))
      return Unknown(jinja, "a ChatML one with an unclear system message");
    found = text;
  }
  return std::string(found);
}

absl::StatusOr<ChatFormat> RecognizeChatMl(absl::string_view jinja) {
  constexpr absl::string_view kNoThoughts = "<think>\n\n</think>\n\n";
  ChatFormat format = {.open = "<|im_start|>", .close = "\n", .end = "<|im_end|>\n", .assistant_role = "assistant"};
  if (!Has(jinja, "<|im_end|>") || Has(jinja, "bos_token") || Trims(jinja))
    return Unknown(jinja, "a ChatML one that is not Qwen's");
  ASSIGN_OR_RETURN(format.default_system, DefaultSystem(jinja));
  if (!format.default_system.empty() && !Has(jinja, "<think>")) return format;
  if (!format.default_system.empty() || Has(jinja, "'<think>\n'") || Has(jinja, "\"<think>\n\"") ||
      Has(jinja, "assistant\n<think>\n'")) {
    return Unknown(jinja, "a ChatML one that opens thoughts itself");
  }
  if (!Has(jinja, "enable_thinking") || !Has(jinja, kNoThoughts))
    return Unknown(jinja, "a ChatML one without Qwen's system message or enable_thinking");
  format.thought = ChatFormat::Thought::kThinkTags;
  format.silent_opening = std::string(kNoThoughts);
  return format;
}

absl::StatusOr<ChatFormat> RecognizeGemma3(absl::string_view jinja) {
  if (!Has(jinja, "<end_of_turn>") || !Trims(jinja)) return Unknown(jinja, "a <start_of_turn> one that is not Gemma's");
  const bool folds = Has(jinja, "system") && !Has(jinja, "System role not supported");
  if (Has(jinja, "<start_of_turn>system")) return Unknown(jinja, "a <start_of_turn> one with system turns");
  // The system message is folded in as it is, with a blank line after it. Some conversions do it otherwise.
  if (folds && (!(Has(jinja, "'\n\n'") || Has(jinja, "\"\n\n\"")) || Has(jinja, "trim + '\n\n'")))
    return Unknown(jinja, "a Gemma 3 one that folds system messages in its own way");
  return ChatFormat{.start = StartOf(jinja, "<bos>"),
                    .open = "<start_of_turn>",
                    .close = "\n",
                    .end = "<end_of_turn>\n",
                    .assistant_role = "model",
                    .trims = true,
                    .system = folds ? ChatFormat::System::kFolded : ChatFormat::System::kNone};
}

absl::StatusOr<ChatFormat> RecognizeGemma4(absl::string_view jinja) {
  constexpr absl::string_view kNoThoughts = "<|channel>thought\n<channel|>";
  constexpr absl::string_view kThink = "<|think|>";
  if (!Has(jinja, "<turn|>\n") || !Trims(jinja)) return Unknown(jinja, "a <|turn> one that is not Gemma's");
  ChatFormat format = {.start = StartOf(jinja, "<bos>"),
                       .open = "<|turn>",
                       .close = "\n",
                       .end = "<turn|>\n",
                       .assistant_role = "model",
                       .trims = true};
  if (Has(jinja, "<channel|>")) format.thought = ChatFormat::Thought::kChannels;
  if (Has(jinja, kThink)) format.thinking_opening = absl::StrCat(kThink, Has(jinja, "<|think|>\n") ? "\n" : "");
  if (Has(jinja, kNoThoughts)) format.silent_opening = std::string(kNoThoughts);
  return format;
}

}  // namespace

absl::StatusOr<ChatFormat> RecognizeChatFormat(absl::string_view jinja) {
  // Line ends within literals are mostly escapes.
  const std::string text = absl::StrReplaceAll(jinja, {{"\\n", "\n"}});
  if (Has(text, "<|start_header_id|>")) return RecognizeLlama(text);
  if (Has(text, "<|im_start|>")) return RecognizeChatMl(text);
  if (Has(text, "<start_of_turn>")) return RecognizeGemma3(text);
  if (Has(text, "<|turn>")) return RecognizeGemma4(text);
  return Unknown(text, "no known family");
}

}  // namespace metronome
