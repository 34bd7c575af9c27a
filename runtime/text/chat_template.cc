#include "runtime/text/chat_template.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "runtime/base/status_macros.h"
#include "runtime/text/json_node.h"
#include "runtime/text/text_file.h"

namespace metronome {
namespace {

// As Python's str.strip(), which Jinja's trim is: Unicode white space and the four separators U+001C to U+001F.
bool IsSpace(UChar32 c) { return u_isUWhiteSpace(c) || (c >= 0x1c && c <= 0x1f); }

absl::string_view Trim(absl::string_view text) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  auto begin = int32_t{0}, end = static_cast<int32_t>(text.size());
  while (begin < end) {
    int32_t next = begin;
    UChar32 c = 0;
    U8_NEXT_OR_FFFD(bytes, next, end, c);
    if (!IsSpace(c)) break;
    begin = next;
  }
  while (begin < end) {
    int32_t previous = end;
    UChar32 c = 0;
    U8_PREV_OR_FFFD(bytes, begin, previous, c);
    if (!IsSpace(c)) break;
    end = previous;
  }
  return text.substr(begin, end - begin);
}

absl::string_view StripNewlines(absl::string_view text) {
  while (absl::ConsumePrefix(&text, "\n")) continue;
  while (absl::ConsumeSuffix(&text, "\n")) continue;
  return text;
}

// An answer with its thoughts apart, as Qwen 3's template takes one apart.
struct Answer {
  std::string thought, speech;
};

Answer SplitAtThinkTags(absl::string_view content) {
  constexpr absl::string_view kOpen = "<think>", kClose = "</think>";
  const size_t first = content.find(kClose);
  if (first == absl::string_view::npos) return {"", std::string(content)};
  absl::string_view thought = content.substr(0, first);
  if (const size_t open = thought.rfind(kOpen); open != absl::string_view::npos)
    thought = thought.substr(open + kOpen.size());
  absl::string_view speech = content.substr(content.rfind(kClose) + kClose.size());
  while (absl::ConsumePrefix(&speech, "\n")) continue;
  return {std::string(StripNewlines(thought)), std::string(speech)};
}

// Without the stretches from <|channel> to <channel|>.
std::string WithoutChannels(absl::string_view content) {
  std::string speech;
  for (const absl::string_view part : absl::StrSplit(content, "<channel|>")) {
    absl::StrAppend(&speech, part.substr(0, part.find("<|channel>")));
  }
  return speech;
}

// A user message that hands a tool's result back does not start a new question.
bool IsToolResponse(absl::string_view content) {
  return absl::StartsWith(content, "<tool_response>") && absl::EndsWith(content, "</tool_response>");
}

absl::Status CheckTurns(absl::Span<const ChatTurn> turns, bool system_allowed) {
  if (turns.empty()) return absl::InvalidArgumentError("the chat has no messages");
  const size_t first = turns[0].role == "system" ? 1 : 0;
  if (first == 1 && !system_allowed)
    return absl::InvalidArgumentError("message 0 has role 'system', which this model's chat template does not take");
  if (turns.size() == first) return absl::InvalidArgumentError("the chat has a system message only");
  for (size_t i = first; i < turns.size(); ++i) {
    const absl::string_view expected = (i - first) % 2 == 0 ? "user" : "assistant";
    if (turns[i].role != expected) {
      return absl::InvalidArgumentError(
          absl::StrCat("message ", i, " has role '", turns[i].role, "' where '", expected,
                       "' is due: an optional system message, then user and assistant in turn"));
    }
  }
  if (turns.back().role != "user") return absl::InvalidArgumentError("the last message is not the user's");
  return absl::OkStatus();
}

// Renders one chat, whose turns have been checked.
class Renderer {
 public:
  Renderer(const ChatFormat& format, absl::Span<const ChatTurn> turns, const ChatOptions& options)
      : format_(format), turns_(turns), options_(options), has_system_(turns[0].role == "system") {}

  std::string Run() {
    absl::StrAppend(&text_, format_.start);
    AddSystem();
    size_t question = turns_.size() - 1;
    for (size_t i = turns_.size(); i-- > 0;) {
      if (turns_[i].role == "user" && !IsToolResponse(turns_[i].content)) {
        question = i;
        break;
      }
    }
    for (size_t i = has_system_ ? 1 : 0; i < turns_.size(); ++i) {
      if (turns_[i].role == "user") {
        AddUser(i);
      } else {
        AddTurn(format_.assistant_role, AnswerText(turns_[i].content, /*after_question=*/i > question));
      }
    }
    absl::StrAppend(&text_, format_.open, format_.assistant_role, format_.close);
    if (!options_.enable_thinking) absl::StrAppend(&text_, format_.silent_opening);
    return std::move(text_);
  }

 private:
  absl::string_view Content(absl::string_view content) const { return format_.trims ? Trim(content) : content; }

  void AddTurn(absl::string_view role, absl::string_view content) {
    absl::StrAppend(&text_, format_.open, role, format_.close, content, format_.end);
  }

  void AddSystem() {
    if (format_.system == ChatFormat::System::kFolded) return;
    std::string content;
    if (format_.dated)
      absl::StrAppend(&content, "Cutting Knowledge Date: December 2023\nToday Date: ", options_.date, "\n\n");
    if (options_.enable_thinking) absl::StrAppend(&content, format_.thinking_opening);
    const bool needed = format_.system == ChatFormat::System::kAlways || has_system_ ||
                        !format_.default_system.empty() || !content.empty();
    if (!needed) return;
    absl::StrAppend(&content, has_system_ ? Content(turns_[0].content) : absl::string_view(format_.default_system));
    AddTurn("system", content);
  }

  void AddUser(size_t i) {
    const bool opens = format_.system == ChatFormat::System::kFolded && has_system_ && i == 1;
    AddTurn("user", opens ? absl::StrCat(turns_[0].content, "\n\n", Content(turns_[i].content))
                          : std::string(Content(turns_[i].content)));
  }

  std::string AnswerText(absl::string_view content, bool after_question) const {
    switch (format_.thought) {
      case ChatFormat::Thought::kKept:
        break;
      case ChatFormat::Thought::kChannels:
        return std::string(Content(WithoutChannels(content)));
      case ChatFormat::Thought::kThinkTags: {
        Answer answer = SplitAtThinkTags(content);
        if (!after_question || answer.thought.empty()) return answer.speech;
        return absl::StrCat("<think>\n", answer.thought, "\n</think>\n\n", answer.speech);
      }
    }
    return std::string(Content(content));
  }

  const ChatFormat& format_;
  absl::Span<const ChatTurn> turns_;
  const ChatOptions& options_;
  bool has_system_;
  std::string text_;
};

// The template of a JSON file: text, or a list of named ones of which "default" is used. Empty for none.
absl::StatusOr<std::string> TemplateIn(const std::string& path) {
  absl::StatusOr<std::string> text = ReadTextFile(path);
  if (absl::IsNotFound(text.status())) return "";
  if (!text.ok()) return text.status();
  ASSIGN_OR_RETURN(const nlohmann::json config, ParseJsonObject(*text, path));
  const JsonNode node = JsonNode(config, path)["chat_template"];
  if (!node.json().is_array()) return node.Text("");
  ASSIGN_OR_RETURN(const std::vector<JsonNode> entries, node.Elements());
  for (const JsonNode& entry : entries) {
    ASSIGN_OR_RETURN(const std::string name, entry["name"].Text());
    if (name == "default") return entry["template"].Text();
  }
  return "";
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChatTemplate>> ChatTemplate::FromDirectory(const std::string& directory) {
  absl::StatusOr<std::string> text = ReadTextFile(directory + "/chat_template.jinja");
  if (!text.ok() && !absl::IsNotFound(text.status())) return text.status();
  for (const char* file : {"/tokenizer_config.json", "/chat_template.json"}) {
    if (text.ok() && !text->empty()) break;
    ASSIGN_OR_RETURN(text, TemplateIn(directory + file));
  }
  return text->empty() ? nullptr : FromText(*text);
}

std::unique_ptr<ChatTemplate> ChatTemplate::FromText(absl::string_view jinja) {
  return std::unique_ptr<ChatTemplate>(new ChatTemplate(RecognizeChatFormat(jinja)));
}

absl::StatusOr<std::string> ChatTemplate::Render(absl::Span<const ChatTurn> turns, const ChatOptions& options) const {
  if (!format_.ok()) return format_.status();
  RETURN_IF_ERROR(CheckTurns(turns, format_->system != ChatFormat::System::kNone));
  return Renderer(*format_, turns, options).Run();
}

}  // namespace metronome
