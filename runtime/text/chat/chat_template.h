#ifndef METRONOME_RUNTIME_TEXT_CHAT_CHAT_TEMPLATE_H_
#define METRONOME_RUNTIME_TEXT_CHAT_CHAT_TEMPLATE_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "runtime/files/path_roots.h"
#include "runtime/text/jinja/template.h"

namespace metronome::text {

struct ChatTurn {
  std::string role;  // "system", "user", "assistant", or what else the template knows.
  std::string content;
};

// What transformers' apply_chat_template takes.
struct ChatRequest {
  std::vector<ChatTurn> turns;
  std::string messages_json;  // In place of `turns`: an array of messages with any fields, such as tool_calls.
  std::optional<bool> enable_thinking;  // The variable of this name.
  std::string tools_json;               // An array of JSON schemas; empty for none.
  std::string variables_json;  // An object of keyword arguments: enable_thinking, documents, add_generation_prompt
                               // (default true), continue_final_message, and any variables of the template.
};

struct RenderedChat {
  std::string text;                   // Special tokens spelled out, BOS included: encode it without adding any.
  std::vector<std::string> contents;  // The text of the messages, as they were given.
};

// The chat templates of a checkpoint, rendered as transformers (5.24) renders them. Immutable and thread-safe.
class ChatTemplate {
 public:
  // The templates that transformers' tokenizers load: chat_template.jinja and additional_chat_templates/*.jinja, else
  // tokenizer_config.json's (a text, or named ones); and, as processors have it, chat_template.json last. The special
  // tokens that templates name are read from special_tokens_map.json and tokenizer_config.json. nullptr without
  // templates; InvalidArgument for a malformed file. A template with an error is kept, and Render reports it. `roots`
  // as RegularFile::Open.
  static absl::StatusOr<std::unique_ptr<ChatTemplate>> FromDirectory(const std::string& directory,
                                                                     const PathRoots* roots = nullptr);

  // One template; `special_tokens` are variables such as bos_token.
  static std::unique_ptr<ChatTemplate> FromText(absl::string_view source,
                                                const std::map<std::string, std::string>& special_tokens);

  // InvalidArgument (no messages, malformed JSON, an argument of another type, what the template refuses, in its own
  // words), Unimplemented and ResourceExhausted as jinja::Template. `now` is what strftime_now sees.
  absl::StatusOr<RenderedChat> Render(const ChatRequest& request, const jinja::RenderOptions& options) const;

 private:
  using Parsed = absl::StatusOr<std::unique_ptr<jinja::Template>>;

  void Add(const std::string& name, std::string source);
  absl::StatusOr<const jinja::Template*> Choose(bool with_tools, std::string& source) const;

  std::map<std::string, std::string> sources_;  // By name.
  std::map<std::string, Parsed> templates_;
  std::map<std::string, std::string> special_tokens_;
};

}  // namespace metronome::text

#endif  // METRONOME_RUNTIME_TEXT_CHAT_CHAT_TEMPLATE_H_
