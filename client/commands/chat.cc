#include "client/commands/chat.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace metronome::client {
namespace {

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat("cannot open ", path));
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

absl::StatusOr<std::string> VariablesJson(const std::vector<std::string>& variables) {
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
  for (const std::string& variable : variables) {
    const size_t equals = variable.find('=');
    if (equals == std::string::npos || equals == 0)
      return absl::InvalidArgumentError(absl::StrCat("chat variable '", variable, "' is not NAME=VALUE"));
    const std::string value = variable.substr(equals + 1);
    auto json = nlohmann::ordered_json::parse(value, nullptr, /*allow_exceptions=*/false);
    object[variable.substr(0, equals)] = json.is_discarded() ? nlohmann::ordered_json(value) : json;
  }
  return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

absl::StatusOr<v1::Chat> ChatOf(const ChatOptions& options) {
  v1::Chat chat;
  const auto add = [&](const char* role, const std::string& content) {
    v1::ChatMessage& message = *chat.add_messages();
    message.set_role(role);
    message.set_content(content);
  };
  if (options.messages_file.empty()) {
    if (!options.system.empty()) add("system", options.system);
    add("user", options.user);
  } else {
    if (!options.system.empty() || !options.user.empty())
      return absl::InvalidArgumentError("give messages in a file or as a prompt and --system, not both");
    absl::StatusOr<std::string> messages = ReadFile(options.messages_file);
    if (!messages.ok()) return messages.status();
    chat.set_messages_json(*messages);
  }
  if (!options.tools_file.empty()) {
    absl::StatusOr<std::string> tools = ReadFile(options.tools_file);
    if (!tools.ok()) return tools.status();
    chat.set_tools_json(*tools);
  }
  if (!options.variables.empty()) {
    absl::StatusOr<std::string> variables = VariablesJson(options.variables);
    if (!variables.ok()) return variables.status();
    chat.set_variables_json(*variables);
  }
  return chat;
}

}  // namespace metronome::client
