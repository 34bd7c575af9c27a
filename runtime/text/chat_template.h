#ifndef METRONOME_RUNTIME_TEXT_CHAT_TEMPLATE_H_
#define METRONOME_RUNTIME_TEXT_CHAT_TEMPLATE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/text/chat_format.h"

namespace metronome {

struct ChatTurn {
  std::string role;  // "system", "user" or "assistant".
  std::string content;
};

struct ChatOptions {
  bool enable_thinking = false;  // Where a template distinguishes it (Qwen 3, Gemma 4).
  std::string date =
      "26 Jul 2024";  // Where a template prints one (Llama 3.1 and later), in its form; what it falls back to.
};

// The prompt format of a checkpoint. Immutable and thread-safe.
class ChatTemplate {
 public:
  // The template in chat_template.jinja, else tokenizer_config.json, else chat_template.json; nullptr where there is
  // none. A template that is not recognised is kept, and Render says so. InvalidArgument for a malformed file.
  static absl::StatusOr<std::unique_ptr<ChatTemplate>> FromDirectory(const std::string& directory);
  static std::unique_ptr<ChatTemplate> FromText(absl::string_view jinja);

  // The prompt that asks for the next assistant turn, special tokens spelled out (BOS included, so encode it without
  // adding special tokens). Text in the contents that spells a special token becomes that token, as with transformers.
  // InvalidArgument (no turns, an unknown role, a system turn that is not first or not supported, turns that do not
  // alternate, a last turn that is not the user's), Unimplemented (see RecognizeChatFormat).
  absl::StatusOr<std::string> Render(absl::Span<const ChatTurn> turns, const ChatOptions& options) const;

 private:
  explicit ChatTemplate(absl::StatusOr<ChatFormat> format) : format_(std::move(format)) {}

  absl::StatusOr<ChatFormat> format_;
};

}  // namespace metronome

#endif  // METRONOME_RUNTIME_TEXT_CHAT_TEMPLATE_H_
