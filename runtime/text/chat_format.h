#ifndef METRONOME_RUNTIME_TEXT_CHAT_FORMAT_H_
#define METRONOME_RUNTIME_TEXT_CHAT_FORMAT_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace metronome {

// How a model family writes a chat as text. A prompt is: start, perhaps a system turn, then per message
// `open role close content end`, then `open assistant_role close` and perhaps an answer opening.
struct ChatFormat {
  enum class System : uint8_t {
    kTurn,    // A turn of its own, if there is a system message.
    kAlways,  // A turn of its own, which opens with `system_opening` even without a message.
    kFolded,  // Its text and a blank line open the first user turn.
    kNone,    // Not supported.
  };
  // What of an earlier answer is thought rather than speech, and left out.
  enum class Thought : uint8_t { kKept, kThinkTags, kChannels };

  absl::string_view start;           // BOS, where the template prints it.
  absl::string_view open;            // Before a role.
  absl::string_view close;           // Between role and content.
  absl::string_view end;             // After a content.
  absl::string_view assistant_role;  // What the assistant is called.
  bool trims = false;                // White space around contents goes.
  System system = System::kTurn;
  Thought thought = Thought::kKept;
  bool dated = false;            // The system turn states the date.
  std::string default_system;    // The system message where the chat has none.
  std::string thinking_opening;  // Opens the system turn if the model may think; empty if the template does not say so.
  std::string silent_opening;    // Opens the answer if the model must not think.
};

// Recognises the format by the markers in a checkpoint's Jinja template: Llama 3, Llama 3.1 and later (dated), Qwen 2
// and 2.5, Qwen 3, Gemma 2 and 3, Gemma 4. What varies between files of a family (BOS, default system message, how
// thinking is switched) is read from the template's literals.
//
// Unimplemented, naming the markers found, for any other template and for a variant whose markers say that it would
// print something else. Source: the chat templates of the families' -Instruct / -it checkpoints, text-only, without
// tools.
absl::StatusOr<ChatFormat> RecognizeChatFormat(absl::string_view jinja);

}  // namespace metronome

#endif  // METRONOME_RUNTIME_TEXT_CHAT_FORMAT_H_
