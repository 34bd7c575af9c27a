#ifndef METRONOME_RUNTIME_TEXT_CHAT_CHAT_MESSAGES_H_
#define METRONOME_RUNTIME_TEXT_CHAT_CHAT_MESSAGES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/text/jinja/values/value.h"

namespace metronome::text {

// The messages of a chat as transformers hands them to a template: fields that are null are dropped, and reasoning goes
// by all of its names. `messages` is a list of dicts, or InvalidArgument.
absl::StatusOr<std::vector<jinja::Dict>> NormalMessages(const jinja::Value& messages);

// Their contents: text, or the text of parts.
std::vector<std::string> ContentsOf(const std::vector<jinja::Dict>& messages);

// A continuation of the last message. transformers marks the end of its field, and cuts the rendered text there.
class FinalMessage {
 public:
  // Marks the field of `messages`' last one. InvalidArgument if there is nothing to continue, or if the template never
  // names the field.
  static absl::StatusOr<FinalMessage> Mark(std::vector<jinja::Dict>& messages, const std::string& field,
                                           absl::string_view source);

  // The rendered text up to the mark. InvalidArgument if the template did not print the message.
  absl::StatusOr<std::string> Cut(const std::string& rendered) const;

 private:
  std::string content_;
};

}  // namespace metronome::text

#endif  // METRONOME_RUNTIME_TEXT_CHAT_CHAT_MESSAGES_H_
