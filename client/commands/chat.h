#ifndef METRONOME_CLIENT_COMMANDS_CHAT_H_
#define METRONOME_CLIENT_COMMANDS_CHAT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "metronome/v1/inference.pb.h"

namespace metronome::client {

struct ChatOptions {
  std::string system;                  // Empty = none.
  std::string user;                    // Unless there is a file of messages.
  std::string messages_file;           // Empty = none.
  std::string tools_file;              // Empty = none.
  std::vector<std::string> variables;  // "name=value": JSON, or else text.
};

// InvalidArgument for a variable without a name and for messages from both a file and the options; NotFound for a file
// that does not open.
absl::StatusOr<v1::Chat> ChatOf(const ChatOptions& options);

}  // namespace metronome::client

#endif  // METRONOME_CLIENT_COMMANDS_CHAT_H_
