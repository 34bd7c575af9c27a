#include "runtime/text/chat_template.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/status_macros.h"

namespace metronome {
namespace {

// How a family writes turns. Every prompt is: start, then per turn `open role close content end`, then the opening of
// an assistant turn.
struct Format {
  absl::string_view start;
  absl::string_view open;
  absl::string_view close;  // Between role and content.
  absl::string_view end;
  absl::string_view assistant_role;
  bool trims = true;  // Strips white space around contents.
};

constexpr Format kLlama = {"<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>\n\n", "<|eot_id|>",
                           "assistant"};
constexpr Format kQwen = {"", "<|im_start|>", "\n", "<|im_end|>\n", "assistant", false};
constexpr Format kGemma3Format = {"<bos>", "<start_of_turn>", "\n", "<end_of_turn>\n", "model"};
constexpr Format kGemma4Format = {"<bos>", "<|turn>", "\n", "<turn|>\n", "model"};

constexpr absl::string_view kQwen25System = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.";

std::string Turn(const Format& format, absl::string_view role, absl::string_view content) {
  return absl::StrCat(format.open, role, format.close, format.trims ? absl::StripAsciiWhitespace(content) : content,
                      format.end);
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
}

// The template may be text, or a list of named ones of which "default" is used.
std::string TemplateText(const nlohmann::json& config) {
  if (!config.is_object() || !config.contains("chat_template")) return "";
  const nlohmann::json& value = config["chat_template"];
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return "";
  for (const nlohmann::json& entry : value) {
    if (entry.is_object() && entry.value("name", nlohmann::json()) == "default" && entry.contains("template") &&
        entry["template"].is_string()) {
      return entry["template"].get<std::string>();
    }
  }
  return "";
}

absl::Status CheckTurns(absl::Span<const ChatTurn> turns) {
  if (turns.empty()) return absl::InvalidArgumentError("the chat has no messages");
  size_t expected_user = turns[0].role == "system" ? 1 : 0;
  if (turns.size() == expected_user) return absl::InvalidArgumentError("the chat has a system message only");
  for (size_t i = expected_user; i < turns.size(); ++i) {
    const absl::string_view expected = (i - expected_user) % 2 == 0 ? "user" : "assistant";
    if (turns[i].role != expected) {
      return absl::InvalidArgumentError(
          absl::StrCat("message ", i, " has role '", turns[i].role, "' where '", expected,
                       "' is due: an optional system message, then user and assistant in turn"));
    }
  }
  if (turns.back().role != "user") return absl::InvalidArgumentError("the last message is not the user's");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChatTemplate>> ChatTemplate::FromDirectory(const std::string& directory) {
  std::string text = ReadFile(directory + "/chat_template.jinja");
  if (text.empty()) {
    const std::string config_text = ReadFile(directory + "/tokenizer_config.json");
    if (config_text.empty()) return nullptr;
    const nlohmann::json config = nlohmann::json::parse(config_text, nullptr, /*allow_exceptions=*/false);
    if (config.is_discarded())
      return absl::InvalidArgumentError(absl::StrCat(directory, "/tokenizer_config.json is not JSON"));
    text = TemplateText(config);
  }
  return text.empty() ? nullptr : FromText(text);
}

std::unique_ptr<ChatTemplate> ChatTemplate::FromText(absl::string_view jinja) {
  Family family = Family::kUnknown;
  if (absl::StrContains(jinja, "<|start_header_id|>")) {
    family = absl::StrContains(jinja, "Cutting Knowledge Date") ? Family::kLlama32 : Family::kLlama3;
  } else if (absl::StrContains(jinja, "<|im_start|>") && absl::StrContains(jinja, kQwen25System)) {
    family = Family::kQwen25;
  } else if (absl::StrContains(jinja, "<|im_start|>") && absl::StrContains(jinja, "enable_thinking")) {
    family = Family::kQwen3;
  } else if (absl::StrContains(jinja, "<start_of_turn>")) {
    family = Family::kGemma3;
  } else if (absl::StrContains(jinja, "<|turn>")) {
    family = Family::kGemma4;
  }
  return std::unique_ptr<ChatTemplate>(new ChatTemplate(family, std::string(jinja.substr(0, 60))));
}

absl::StatusOr<std::string> ChatTemplate::Render(absl::Span<const ChatTurn> turns, const ChatOptions& options) const {
  if (family_ == Family::kUnknown)
    return absl::UnimplementedError(absl::StrCat("the chat template beginning '", beginning_, "' is not known"));
  RETURN_IF_ERROR(CheckTurns(turns));
  const bool gemma3 = family_ == Family::kGemma3;
  const Format& format = gemma3                                                    ? kGemma3Format
                         : family_ == Family::kGemma4                              ? kGemma4Format
                         : family_ == Family::kQwen25 || family_ == Family::kQwen3 ? kQwen
                                                                                   : kLlama;
  absl::string_view system = turns[0].role == "system" ? absl::string_view(turns[0].content) : absl::string_view();
  const bool has_system = turns[0].role == "system";
  std::string text(format.start);
  if (family_ == Family::kLlama32) {
    absl::StrAppend(&text, format.open, "system", format.close,
                    "Cutting Knowledge Date: December 2023\nToday Date: ", options.date, "\n\n",
                    absl::StripAsciiWhitespace(system), format.end);
  } else if (has_system && !gemma3) {
    text += Turn(format, "system", system);
  } else if (family_ == Family::kQwen25) {
    text += Turn(format, "system", kQwen25System);
  }
  bool first_user = true;
  for (const ChatTurn& turn : turns.subspan(has_system ? 1 : 0)) {
    const bool user = turn.role == "user";
    // Gemma 3 has no system turn: its text opens the first user turn.
    if (gemma3 && has_system && first_user && user) {
      absl::StrAppend(&text, format.open, "user", format.close, system, "\n\n",
                      absl::StripAsciiWhitespace(turn.content), format.end);
    } else {
      text += Turn(format, user ? "user" : format.assistant_role, turn.content);
    }
    first_user = first_user && !user;
  }
  absl::StrAppend(&text, format.open, format.assistant_role, format.close);
  if (family_ == Family::kQwen3 && !options.enable_thinking) text += "<think>\n\n</think>\n\n";
  return text;
}

}  // namespace metronome
