#include "runtime/text/tokenizer/tokenizer_config.h"

#include <algorithm>
#include <array>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"

namespace metronome::text {
namespace {

using Json = nlohmann::json;

constexpr std::array<const char*, 7> kNamedKeys = {"bos_token", "eos_token", "unk_token", "sep_token",
                                                   "pad_token", "cls_token", "mask_token"};
constexpr char kAdditional[] = "additional_special_tokens";  // The older name of the next.
constexpr char kExtra[] = "extra_special_tokens";
constexpr char kAddedTokens[] = "added_tokens_decoder";
constexpr char kCleansBpe[] = "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output";

bool IsNamedKey(const std::string& key) {
  return std::any_of(kNamedKeys.begin(), kNamedKeys.end(), [&](const char* named) { return key == named; });
}

bool IsModelKey(const std::string& key) { return absl::EndsWith(key, "_token") && !IsNamedKey(key); }

// An object that save_pretrained marks as a token.
bool IsMarkedToken(const Json& json) {
  return json.is_object() && json.contains("__type") && json["__type"] == "AddedToken";
}

}  // namespace

absl::StatusOr<TokenizerConfig::Named> TokenizerConfig::ParseNamed(const JsonNode& node) {
  Named named;
  if (node.json().is_object()) {
    ASSIGN_OR_RETURN(named.token, ParseAddedToken(node));
    named.states_normalized = !node["normalized"].is_null();
    return named;
  }
  if (!node.json().is_string()) return node.Invalid("is no token: neither a text nor an object");
  ASSIGN_OR_RETURN(named.token.content, node.Text());
  named.token.special = true;
  named.token.normalized = false;
  named.is_text = true;
  return named;
}

absl::Status TokenizerConfig::ChooseClass(const TokenizerFiles& files) {
  TokenizerClassChoice choice = {.spells_bytes = absl::StrContains(files.tokenizer, "\"ByteLevel\"")};
  ASSIGN_OR_RETURN(choice.tokenizer_class, json()["tokenizer_class"].Text(""));
  if (!files.model_config.empty()) {
    ASSIGN_OR_RETURN(const Json model, ParseJsonObject(files.model_config, "config.json"));
    const JsonNode node(model, "config.json");
    ASSIGN_OR_RETURN(choice.model_type, node["model_type"].Text(""));
    if (choice.tokenizer_class.empty()) {
      ASSIGN_OR_RETURN(choice.tokenizer_class, node["tokenizer_class"].Text(""));
    }
  }
  class_ = ChooseTokenizerClass(choice);
  const JsonNode code = json()["auto_map"];
  if (class_ == nullptr && (code.json().is_array() || !code["AutoTokenizer"].is_null()))
    return absl::UnimplementedError(absl::StrCat(code.path(), " names a tokenizer in Python code of its own"));
  return absl::OkStatus();
}

absl::Status TokenizerConfig::RefuseUnapplied() const {
  ASSIGN_OR_RETURN(const bool cleans, json()["clean_up_tokenization_spaces"].Bool(false));
  ASSIGN_OR_RETURN(const bool cleans_bpe, json()[kCleansBpe].Bool(false));
  if (cleans && cleans_bpe) return absl::UnimplementedError(absl::StrCat(kFileName, ".", kCleansBpe, " is true"));
  const JsonNode versions = json()["fast_tokenizer_files"];
  if (versions.is_null()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<JsonNode> names, versions.Elements());
  for (const JsonNode& name : names) {
    if (name.json() != "tokenizer.json")
      return absl::UnimplementedError(absl::StrCat(name.path(), " is ", name.json().dump(), ", a file by version"));
  }
  return absl::OkStatus();
}

void TokenizerConfig::SetModelToken(const std::string& key, Named token) {
  for (auto& [known, value] : for_model_) {
    if (known == key) {
      value = std::move(token);
      return;
    }
  }
  for_model_.emplace_back(key, std::move(token));
}

// Reads an object of keys and tokens.
absl::Status TokenizerConfig::TakeDictionary(const JsonNode& node) {
  for (const auto& [key, value] : node.json().items()) {
    ASSIGN_OR_RETURN(Named token, ParseNamed(node[key]));
    SetModelToken(key, std::move(token));
  }
  return absl::OkStatus();
}

// Keys like "image_token", in the order of the file, which gives new tokens their ids.
absl::Status TokenizerConfig::TakeModelTokens(const std::string& text) {
  const nlohmann::ordered_json ordered = nlohmann::ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!ordered.is_object()) return absl::OkStatus();
  for (const bool marked : {true, false}) {
    for (const auto& [key, value] : ordered.items()) {
      const JsonNode node = json()[key];
      if (!IsModelKey(key) || !(marked ? IsMarkedToken(node.json()) : node.json().is_string())) continue;
      ASSIGN_OR_RETURN(Named token, ParseNamed(node));
      SetModelToken(key, std::move(token));
    }
  }
  return absl::OkStatus();
}

absl::Status TokenizerConfig::ReadAddedTokensDecoder() {
  const JsonNode node = json()[kAddedTokens];
  if (!node.json().is_object()) return node.Invalid("is not an object");
  for (const auto& [key, value] : node.json().items()) {
    int64_t id = 0;
    if (!absl::SimpleAtoi(key, &id)) return node.Invalid(absl::StrCat("has the key '", key, "', which is no id"));
    if (!value.is_object()) return node[key].Invalid("is not an object");
    ASSIGN_OR_RETURN(added_[id], ParseNamed(node[key]));
  }
  return absl::OkStatus();
}

absl::Status TokenizerConfig::MergeSpecialTokensMap(const std::string& text) {
  if (text.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(Json map, ParseJsonObject(text, "special_tokens_map.json"));
  for (auto item = map.begin(); item != map.end(); ++item) {
    const std::string& key = item.key();
    Json& value = item.value();
    const auto mark = [](Json& token) {
      if (!token.is_object()) return;
      token["__type"] = "AddedToken";
      token["special"] = true;
    };
    if (key != kExtra) {
      mark(value);
    } else if (value.is_array()) {
      Json all = keys_.contains(kExtra) && keys_[kExtra].is_array() ? keys_[kExtra] : Json::array();
      for (Json& token : value) {
        mark(token);
        if (std::find(all.begin(), all.end(), token) == all.end()) all.push_back(token);
      }
      value = std::move(all);
    }
    keys_[key] = value;
    if (IsModelKey(key) && (value.is_string() || IsMarkedToken(value))) {
      ASSIGN_OR_RETURN(Named token, ParseNamed(JsonNode(value, absl::StrCat("special_tokens_map.json.", key))));
      SetModelToken(key, std::move(token));
    }
  }
  return absl::OkStatus();
}

// added_tokens.json: texts and ids.
absl::Status TokenizerConfig::ReadAddedTokens(const std::string& text) {
  if (text.empty()) return absl::OkStatus();
  absl::flat_hash_set<std::string> special;
  for (const char* key : kNamedKeys) {
    const JsonNode node = json()[key];
    if (node.is_null()) continue;
    ASSIGN_OR_RETURN(const Named token, ParseNamed(node));
    special.insert(token.token.content);
  }
  const JsonNode extra = json()[kExtra];
  for (const Json& token : extra.json().is_array() ? extra.json() : Json::array()) {
    if (token.is_string()) special.insert(token.get<std::string>());
  }
  ASSIGN_OR_RETURN(const Json added, ParseJsonObject(text, "added_tokens.json"));
  const JsonNode node(added, "added_tokens.json");
  for (const auto& [content, value] : added.items()) {
    ASSIGN_OR_RETURN(const int32_t id, node[content].TokenId());
    const bool is_special = special.contains(content);
    added_[id] = {.token = {.content = content, .special = is_special, .normalized = !is_special},
                  .states_normalized = true};
  }
  return absl::OkStatus();
}

absl::Status TokenizerConfig::ReadFileTokens(const JsonNode& node) {
  if (node.is_null()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<JsonNode> elements, node.Elements());
  for (const JsonNode& element : elements) {
    ASSIGN_OR_RETURN(const int32_t id, element["id"].TokenId());
    ASSIGN_OR_RETURN(added_[id], ParseNamed(element));
    added_[id].states_normalized = true;
  }
  return absl::OkStatus();
}

absl::Status TokenizerConfig::ReadNamedTokens() {
  for (const char* key : kNamedKeys) {
    if (keys_.contains(key)) {
      const JsonNode node = json()[key];
      if (node.is_null()) continue;
      ASSIGN_OR_RETURN(Named named, ParseNamed(node));
      for (const auto& [id, token] : added_) {
        if (token.token.content == named.token.content) named = token;
      }
      named_.push_back(std::move(named));
      continue;
    }
    for (const auto& [name, text] : class_ != nullptr ? class_->default_tokens : decltype(class_->default_tokens){}) {
      if (name != key) continue;
      named_.push_back(
          {.token = {.content = std::string(text), .special = true, .normalized = false}, .is_text = true});
    }
  }
  return absl::OkStatus();
}

absl::Status TokenizerConfig::ReadExtraTokens() {
  const JsonNode node = json()[keys_.contains(kExtra) ? kExtra : kAdditional];
  if (node.is_null()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<JsonNode> elements, node.Elements());
  for (const JsonNode& element : elements) {
    ASSIGN_OR_RETURN(Named named, ParseNamed(element));
    extra_.push_back(std::move(named));
  }
  return absl::OkStatus();
}

absl::StatusOr<TokenizerConfig> TokenizerConfig::Parse(const TokenizerFiles& files, const Json& file) {
  TokenizerConfig config;
  if (!files.config.empty()) {
    ASSIGN_OR_RETURN(config.keys_, ParseJsonObject(files.config, kFileName));
  }
  RETURN_IF_ERROR(config.ChooseClass(files));
  RETURN_IF_ERROR(config.RefuseUnapplied());
  ASSIGN_OR_RETURN(config.split_special_tokens_, config.json()["split_special_tokens"].Bool(false));

  Json& keys = config.keys_;
  if (keys.contains(kAdditional) && (!keys.contains(kExtra) || keys[kExtra].empty())) {
    keys[kExtra] = keys[kAdditional];
    keys.erase(kAdditional);
  }
  RETURN_IF_ERROR(config.TakeModelTokens(files.config));
  const auto take_dictionary = [&]() -> absl::Status {
    if (!keys.contains(kExtra) || !keys[kExtra].is_object()) return absl::OkStatus();
    RETURN_IF_ERROR(config.TakeDictionary(config.json()[kExtra]));
    keys.erase(kExtra);
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(take_dictionary());
  // The older files count only where the newer key is absent.
  if (keys.contains(kAddedTokens)) {
    RETURN_IF_ERROR(config.ReadAddedTokensDecoder());
  } else {
    RETURN_IF_ERROR(config.MergeSpecialTokensMap(files.special_tokens_map));
    RETURN_IF_ERROR(take_dictionary());
    RETURN_IF_ERROR(config.ReadAddedTokens(files.added_tokens));
    RETURN_IF_ERROR(config.ReadFileTokens(JsonNode(file, "tokenizer.json")["added_tokens"]));
  }
  RETURN_IF_ERROR(config.ReadNamedTokens());
  RETURN_IF_ERROR(config.ReadExtraTokens());
  return config;
}

std::vector<TokenizerConfig::Named> TokenizerConfig::SpecialTokens() const {
  std::vector<Named> tokens = named_;
  for (const auto& [key, token] : for_model_) tokens.push_back(token);
  return tokens;
}

absl::Status TokenizerConfig::AddTokens(const Bpe& model, const Normalizer& normalizer,
                                        AddedVocabulary& vocabulary) const {
  std::vector<Named> missing;
  absl::flat_hash_set<std::string> known;
  for (const auto& [id, entry] : vocabulary.tokens()) known.insert(entry.token.content);
  for (const auto& [id, token] : added_) {
    missing.push_back(token);
    known.insert(token.token.content);
  }
  const std::vector<Named> special = SpecialTokens();
  absl::flat_hash_set<std::string> special_texts;
  for (const Named& token : special) special_texts.insert(token.token.content);
  for (const std::vector<Named>* tokens : {&special, &extra_}) {
    for (const Named& token : *tokens) {
      if (!known.contains(token.token.content)) missing.push_back(token);
    }
  }

  std::vector<AddedToken> tokens;
  for (Named& token : missing) {
    if (!token.is_text && !token.token.special && special_texts.contains(token.token.content)) {
      token.token.special = true;
      if (!token.states_normalized) token.token.normalized = false;
    }
    tokens.push_back(token.token);
  }
  RETURN_IF_ERROR(vocabulary.Add(tokens, model, normalizer));
  if (class_ == nullptr || !class_->readds_special_tokens) return absl::OkStatus();

  tokens.clear();
  absl::flat_hash_set<std::string> seen;
  for (const std::vector<Named>* all : {&special, &extra_}) {
    for (const Named& token : *all) {
      if (seen.insert(token.token.content).second)
        tokens.push_back({.content = token.token.content, .special = true, .normalized = false});
    }
  }
  return vocabulary.Add(tokens, model, normalizer);
}

}  // namespace metronome::text
