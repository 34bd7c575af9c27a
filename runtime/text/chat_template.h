#ifndef METRONOME_RUNTIME_TEXT_CHAT_TEMPLATE_H_
#define METRONOME_RUNTIME_TEXT_CHAT_TEMPLATE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace metronome {

struct ChatTurn {
  std::string role;  // "system", "user" or "assistant".
  std::string content;
};

struct ChatOptions {
  bool enable_thinking = false;      // Where a template distinguishes it (Qwen3).
  std::string date = "26 Jul 2024";  // Where a template prints one (Llama 3.2), in its form.
};

// The prompt format of a model family, recognised by the markers in the checkpoint's own template. Immutable.
class ChatTemplate {
 public:
  // The template in tokenizer_config.json, or chat_template.jinja beside it; nullptr where there is none. A template
  // that is not recognised is kept, and Render says so.
  static absl::StatusOr<std::unique_ptr<ChatTemplate>> FromDirectory(const std::string& directory);
  static std::unique_ptr<ChatTemplate> FromText(absl::string_view jinja);

  // The prompt that asks for the next assistant turn, special tokens spelled out (BOS included, so encode it without
  // adding special tokens). InvalidArgument (no turns, unknown role, a system turn that is not first, turns that do not
  // alternate), Unimplemented (an unknown template, quoting its beginning).
  absl::StatusOr<std::string> Render(absl::Span<const ChatTurn> turns, const ChatOptions& options) const;

 private:
  enum class Family : uint8_t { kUnknown, kLlama3, kLlama32, kQwen25, kQwen3, kGemma3, kGemma4 };
  ChatTemplate(Family family, std::string beginning) : family_(family), beginning_(std::move(beginning)) {}

  Family family_;
  std::string beginning_;  // Of the template's text, for errors.
};

}  // namespace metronome

#endif  // METRONOME_RUNTIME_TEXT_CHAT_TEMPLATE_H_
