#include "runtime/text/chat/chat_template.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/chat/chat_messages.h"
#include "runtime/text/encoding/json_node.h"
#include "runtime/text/encoding/text_file.h"
#include "runtime/text/encoding/utf8.h"
#include "runtime/text/jinja/text/json_form.h"
#include "runtime/text/jinja/values/operators.h"

namespace metronome::text {
namespace {

using jinja::Dict;
using jinja::Kind;
using jinja::Value;

// apply_chat_template's own parameters, which are no variables.
constexpr absl::string_view kParameters[] = {"conversation",     "conversations",
                                             "messages",         "tools",
                                             "chat_template",    "tokenize",
                                             "padding",          "truncation",
                                             "max_length",       "return_tensors",
                                             "return_dict",      "return_assistant_tokens_mask",
                                             "tokenizer_kwargs", "sanitize_control_tokens"};

constexpr absl::string_view kSpecialTokens[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                                "pad_token", "cls_token", "mask_token"};

// An object that a file holds; nullopt if there is no such file.
absl::StatusOr<std::optional<nlohmann::json>> ReadObject(const std::string& path, const PathRoots* roots) {
  absl::StatusOr<std::string> text = ReadTextFile(path, roots);
  if (absl::IsNotFound(text.status())) return std::nullopt;
  if (!text.ok()) return text.status();
  ASSIGN_OR_RETURN(nlohmann::json json, ParseJsonObject(*text, path));
  return std::optional<nlohmann::json>(std::move(json));
}

// The templates by name that a JSON file has at "chat_template": one text is called "default".
absl::StatusOr<std::map<std::string, std::string>> TemplatesIn(const std::string& path, const PathRoots* roots) {
  std::map<std::string, std::string> templates;
  ASSIGN_OR_RETURN(const std::optional<nlohmann::json> json, ReadObject(path, roots));
  if (!json.has_value()) return templates;
  const JsonNode node = JsonNode(*json, path)["chat_template"];
  if (node.is_null()) return templates;
  if (!node.json().is_array()) {
    ASSIGN_OR_RETURN(templates["default"], node.Text());
    return templates;
  }
  ASSIGN_OR_RETURN(const std::vector<JsonNode> entries, node.Elements());
  for (const JsonNode& entry : entries) {
    ASSIGN_OR_RETURN(const std::string name, entry["name"].Text());
    ASSIGN_OR_RETURN(templates[name], entry["template"].Text());
  }
  return templates;
}

// Python opens these files with universal newlines.
absl::StatusOr<std::string> ReadTemplate(const std::string& path, const PathRoots* roots) {
  ASSIGN_OR_RETURN(const std::string text, ReadTextFile(path, roots));
  return absl::StrReplaceAll(text, {{"\r\n", "\n"}, {"\r", "\n"}});
}

// Those of chat_template.jinja and additional_chat_templates/.
absl::StatusOr<std::map<std::string, std::string>> TemplateFiles(const std::string& directory, const PathRoots* roots) {
  std::map<std::string, std::string> templates;
  absl::StatusOr<std::string> main = ReadTemplate(directory + "/chat_template.jinja", roots);
  if (main.ok()) templates["default"] = *std::move(main);
  if (!main.ok() && !absl::IsNotFound(main.status())) return main.status();
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory + "/additional_chat_templates", error)) {
    if (entry.path().extension() != ".jinja") continue;
    ASSIGN_OR_RETURN(templates[entry.path().stem().string()], ReadTemplate(entry.path().string(), roots));
  }
  return templates;
}

absl::StatusOr<std::map<std::string, std::string>> SpecialTokensOf(const std::string& directory,
                                                                   const PathRoots* roots) {
  std::map<std::string, std::string> tokens;
  // What comes later wins: transformers takes the map's tokens only where the config has none.
  for (const char* file : {"/special_tokens_map.json", "/tokenizer_config.json"}) {
    ASSIGN_OR_RETURN(const std::optional<nlohmann::json> json, ReadObject(directory + file, roots));
    if (!json.has_value()) continue;
    for (const absl::string_view name : kSpecialTokens) {
      const JsonNode node = JsonNode(*json, directory + file)[name];
      if (node.is_null()) continue;
      ASSIGN_OR_RETURN(tokens[std::string(name)], node.json().is_object() ? node["content"].Text() : node.Text());
    }
  }
  return tokens;
}

absl::StatusOr<Value> MessagesOf(const ChatRequest& request) {
  if (!request.messages_json.empty()) {
    if (!request.turns.empty())
      return absl::InvalidArgumentError("the chat has both messages and messages_json; give one");
    return jinja::FromJson(request.messages_json, "messages_json");
  }
  auto list = std::make_shared<jinja::ListBody>();
  list->nesting = 2;
  for (const ChatTurn& turn : request.turns) {
    auto message = std::make_shared<Dict>();
    message->Set("role", Value::Text(turn.role));
    message->Set("content", Value::Text(turn.content));
    list->items.emplace_back(std::shared_ptr<const Dict>(std::move(message)));
  }
  return Value(std::shared_ptr<const jinja::ListBody>(std::move(list)));
}

absl::StatusOr<Value> ToolsOf(const ChatRequest& request) {
  if (request.tools_json.empty()) return Value();
  ASSIGN_OR_RETURN(const Value tools, jinja::FromJson(request.tools_json, "tools_json"));
  if (tools.is_none()) return tools;
  if (tools.kind() != Kind::kList) return absl::InvalidArgumentError("tools_json is not an array");
  for (const Value& tool : tools.items())
    if (!tool.is_dict()) return absl::InvalidArgumentError("tools_json has an element that is not an object");
  return tools;
}

// Removes and returns one of the variables; `missing` if it is not there.
Value Take(Dict& variables, absl::string_view name, const Value& missing) {
  const Value* found = variables.Find(name);
  const Value value = found == nullptr ? missing : *found;
  Dict rest;
  for (const auto& [key, other] : variables.entries())
    if (key.text() != name) rest.Set(key.text(), other);
  variables = std::move(rest);
  return value;
}

absl::StatusOr<Dict> VariablesOf(const ChatRequest& request) {
  Dict thinking;
  if (request.enable_thinking.has_value()) thinking.Set("enable_thinking", Value(*request.enable_thinking));
  if (request.variables_json.empty()) return thinking;
  ASSIGN_OR_RETURN(const Value variables, jinja::FromJson(request.variables_json, "variables_json"));
  if (!variables.is_dict()) return absl::InvalidArgumentError("variables_json is not an object");
  for (const absl::string_view name : kParameters) {
    if (variables.dict().Find(name) != nullptr)
      return absl::InvalidArgumentError(absl::StrCat("variables_json has '", name, "', which is not a variable"));
  }
  if (thinking.size() == 0) return variables.dict();
  if (variables.dict().Find("enable_thinking") != nullptr)
    return absl::InvalidArgumentError("enable_thinking is given twice, once in variables_json");
  Dict all = variables.dict();
  all.Set("enable_thinking", Value(*request.enable_thinking));
  return all;
}

Value ListOf(const std::vector<Dict>& messages) {
  auto list = std::make_shared<jinja::ListBody>();
  for (const Dict& message : messages) {
    list->items.emplace_back(std::shared_ptr<const Dict>(std::make_shared<Dict>(message)));
    list->nesting = std::max(list->nesting, message.nesting() + 1);
  }
  return Value(std::shared_ptr<const jinja::ListBody>(std::move(list)));
}

// The field that continue_final_message names; nullopt if it is off.
absl::StatusOr<std::optional<std::string>> ContinuedField(const Value& option, const Value& add_generation_prompt) {
  if (!jinja::IsTrue(option)) return std::nullopt;
  if (jinja::IsTrue(add_generation_prompt)) {
    return absl::InvalidArgumentError(
        "continue_final_message and add_generation_prompt are not compatible: set one of them");
  }
  return option.is_text() ? std::string(option.text()) : std::string("content");
}

absl::Status CheckText(const std::string& text, absl::string_view what) {
  if (!IsUtf8(text)) return absl::InvalidArgumentError(absl::StrCat(what, " is not UTF-8"));
  return absl::OkStatus();
}

absl::Status CheckRequest(const ChatRequest& request) {
  for (const ChatTurn& turn : request.turns) {
    RETURN_IF_ERROR(CheckText(turn.role, "a role"));
    RETURN_IF_ERROR(CheckText(turn.content, "a message's content"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChatTemplate>> ChatTemplate::FromDirectory(const std::string& directory,
                                                                          const PathRoots* roots) {
  ASSIGN_OR_RETURN(auto templates, TemplateFiles(directory, roots));
  for (const char* file : {"/tokenizer_config.json", "/chat_template.json"}) {
    if (!templates.empty()) break;
    ASSIGN_OR_RETURN(templates, TemplatesIn(directory + file, roots));
  }
  if (templates.empty()) return nullptr;
  auto chat_template = std::unique_ptr<ChatTemplate>(new ChatTemplate);
  ASSIGN_OR_RETURN(chat_template->special_tokens_, SpecialTokensOf(directory, roots));
  for (auto& [name, source] : templates) chat_template->Add(name, std::move(source));
  return chat_template;
}

std::unique_ptr<ChatTemplate> ChatTemplate::FromText(absl::string_view source,
                                                     const std::map<std::string, std::string>& special_tokens) {
  auto chat_template = std::unique_ptr<ChatTemplate>(new ChatTemplate);
  chat_template->special_tokens_ = special_tokens;
  chat_template->Add("default", std::string(source));
  return chat_template;
}

void ChatTemplate::Add(const std::string& name, std::string source) {
  templates_.emplace(name, jinja::Template::Parse(source));
  sources_[name] = std::move(source);
}

absl::StatusOr<const jinja::Template*> ChatTemplate::Choose(bool with_tools, std::string& source) const {
  const char* name = with_tools && templates_.count("tool_use") > 0 ? "tool_use" : "default";
  const auto found = templates_.find(name);
  if (found == templates_.end())
    return absl::InvalidArgumentError("the model has several chat templates, and none is called 'default'");
  if (!found->second.ok()) {
    const absl::Status& status = found->second.status();
    return absl::Status(status.code(), absl::StrCat("chat template: ", status.message()));
  }
  source = sources_.at(name);
  return found->second->get();
}

absl::StatusOr<RenderedChat> ChatTemplate::Render(const ChatRequest& request,
                                                  const jinja::RenderOptions& options) const {
  RETURN_IF_ERROR(CheckRequest(request));
  ASSIGN_OR_RETURN(const Value given, MessagesOf(request));
  ASSIGN_OR_RETURN(std::vector<Dict> messages, NormalMessages(given));
  ASSIGN_OR_RETURN(const Value tools, ToolsOf(request));
  ASSIGN_OR_RETURN(Dict variables, VariablesOf(request));
  std::string source;
  ASSIGN_OR_RETURN(const jinja::Template* chosen, Choose(!tools.is_none(), source));

  RenderedChat chat = {.contents = ContentsOf(messages)};
  const Value continued = Take(variables, "continue_final_message", Value(false));
  const Value documents = Take(variables, "documents", Value());
  const Value prompt = Take(variables, "add_generation_prompt", Value(!jinja::IsTrue(continued)));
  ASSIGN_OR_RETURN(const std::optional<std::string> field, ContinuedField(continued, prompt));
  std::optional<FinalMessage> final_message;
  if (field.has_value()) {
    ASSIGN_OR_RETURN(final_message, FinalMessage::Mark(messages, *field, source));
  }

  Dict context;
  for (const auto& [name, token] : special_tokens_) context.Set(name, Value::Text(token));
  for (const auto& [name, value] : variables.entries()) context.Set(name.text(), value);
  context.Set("messages", ListOf(messages));
  context.Set("tools", tools);
  context.Set("documents", documents);
  context.Set("add_generation_prompt", prompt);
  ASSIGN_OR_RETURN(chat.text, chosen->Render(context, options));
  if (final_message.has_value()) {
    ASSIGN_OR_RETURN(chat.text, final_message->Cut(chat.text));
  }
  return chat;
}

}  // namespace metronome::text
