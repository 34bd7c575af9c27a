#include "runtime/text/post_processor.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/status_macros.h"

namespace metronome {
namespace {

absl::Status AddTemplate(const JsonNode& node, int64_t vocab_size, Surroundings& surroundings) {
  Surroundings added;
  bool after_text = false;
  ASSIGN_OR_RETURN(const std::vector<JsonNode> pieces, node["single"].Elements());
  for (const JsonNode& piece : pieces) {
    if (!piece["Sequence"].is_null()) {
      if (after_text) return piece.Invalid("names the text again");
      after_text = true;
      continue;
    }
    ASSIGN_OR_RETURN(const std::string name, piece["SpecialToken"]["id"].Text());
    ASSIGN_OR_RETURN(const std::vector<JsonNode> ids, node["special_tokens"][name]["ids"].Elements());
    for (const JsonNode& element : ids) {
      ASSIGN_OR_RETURN(const int32_t id, element.TokenId());
      if (id >= vocab_size) return element.Invalid(absl::StrCat("is ", id, ", past the vocabulary of ", vocab_size));
      (after_text ? added.suffix : added.prefix).push_back(id);
    }
  }
  if (!after_text) return node["single"].Invalid("leaves the text out");
  surroundings.prefix.insert(surroundings.prefix.begin(), added.prefix.begin(), added.prefix.end());
  surroundings.suffix.insert(surroundings.suffix.end(), added.suffix.begin(), added.suffix.end());
  return absl::OkStatus();
}

absl::Status Add(const JsonNode& node, int64_t vocab_size, Surroundings& surroundings) {
  ASSIGN_OR_RETURN(const std::string type, node.Type());
  if (type == "ByteLevel") return absl::OkStatus();
  if (type == "TemplateProcessing") return AddTemplate(node, vocab_size, surroundings);
  if (type != "Sequence") return node.Unsupported();
  ASSIGN_OR_RETURN(const std::vector<JsonNode> children, node["processors"].Elements());
  for (const JsonNode& child : children) RETURN_IF_ERROR(Add(child, vocab_size, surroundings));
  return absl::OkStatus();
}

// The ids that a rule like add_bos_token asks for: none, or that of the token called `token_key`, which is its text or
// an object with it.
absl::StatusOr<std::vector<int32_t>> RuleIds(const JsonNode& config, absl::string_view token_key, bool adds,
                                             const std::function<int32_t(absl::string_view)>& id_of) {
  const JsonNode token = config[token_key].json().is_object() ? config[token_key]["content"] : config[token_key];
  ASSIGN_OR_RETURN(const std::string text, token.Text(""));
  if (!adds || text.empty()) return std::vector<int32_t>();
  const int32_t id = id_of(text);
  if (id < 0) return token.Invalid(absl::StrCat("is '", text, "', which the vocabulary lacks"));
  return std::vector<int32_t>{id};
}

}  // namespace

absl::StatusOr<Surroundings> ParsePostProcessor(const JsonNode& node, int64_t vocab_size) {
  Surroundings surroundings;
  if (!node.is_null()) RETURN_IF_ERROR(Add(node, vocab_size, surroundings));
  return surroundings;
}

absl::Status ApplyConfigRules(const JsonNode& config, const std::function<int32_t(absl::string_view)>& id_of,
                              Surroundings& surroundings) {
  ASSIGN_OR_RETURN(const std::string tokenizer_class, config["tokenizer_class"].Text(""));
  const bool class_adds_bos = absl::StartsWith(tokenizer_class, "Gemma");
  ASSIGN_OR_RETURN(const bool adds_bos, config["add_bos_token"].Bool(class_adds_bos));
  ASSIGN_OR_RETURN(const bool adds_eos, config["add_eos_token"].Bool(false));
  if (!config["add_bos_token"].is_null() || class_adds_bos) {
    ASSIGN_OR_RETURN(surroundings.prefix, RuleIds(config, "bos_token", adds_bos, id_of));
  }
  if (!config["add_eos_token"].is_null()) {
    ASSIGN_OR_RETURN(surroundings.suffix, RuleIds(config, "eos_token", adds_eos, id_of));
  }
  return absl::OkStatus();
}

}  // namespace metronome
