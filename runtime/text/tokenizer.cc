#include "runtime/text/tokenizer.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "runtime/base/status_macros.h"
#include "runtime/text/added_tokens.h"
#include "runtime/text/bpe.h"
#include "runtime/text/decoder.h"
#include "runtime/text/json_node.h"
#include "runtime/text/normalizer.h"
#include "runtime/text/pre_tokenizer.h"
#include "runtime/text/utf8.h"

namespace metronome {

struct Tokenizer::Model {
  explicit Model(Bpe bpe) : bpe(std::move(bpe)) {}

  Bpe bpe;
  std::vector<TextStep> normalizer;
  std::vector<SplitStep> pre_tokenizer;
  std::vector<DecodeStep> decoder;
  AddedTokenMatcher raw_tokens;         // Looked for before normalisation.
  AddedTokenMatcher normalized_tokens;  // And after.
  std::vector<std::string> texts;       // By id; empty where there is none.
  std::vector<bool> special;            // By id.
  std::vector<int32_t> prefix, suffix;  // What special tokens add around a text.

  absl::Status AddTokens(const JsonNode& node);
  absl::Status AddPostProcessor(const JsonNode& node);
  void AddBosRule(const nlohmann::json& config);
  absl::Status EncodeOrdinary(absl::string_view text, std::vector<int32_t>& ids) const;
  absl::Status EncodeNormalized(const std::string& text, std::vector<int32_t>& ids) const;
  int32_t IdOf(const std::string& text) const;
};

int32_t Tokenizer::Model::IdOf(const std::string& text) const {
  const auto found = std::find(texts.begin(), texts.end(), text);
  return text.empty() || found == texts.end() ? -1 : static_cast<int32_t>(found - texts.begin());
}

absl::Status Tokenizer::Model::AddTokens(const JsonNode& node) {
  ASSIGN_OR_RETURN(const std::vector<AddedToken> added, ParseAddedTokens(node));
  size_t size = 0;
  for (const auto& [text, id] : bpe.vocabulary()) size = std::max(size, static_cast<size_t>(id) + 1);
  for (const AddedToken& token : added) size = std::max(size, static_cast<size_t>(token.id) + 1);
  texts.resize(size);
  special.resize(size);
  for (const auto& [text, id] : bpe.vocabulary()) texts[id] = text;
  for (const AddedToken& token : added) {
    texts[token.id] = token.content;
    special[token.id] = token.special;
    (token.normalized ? normalized_tokens : raw_tokens).Add(token);
  }
  return absl::OkStatus();
}

// Templates say what surrounds "A", the one text; ByteLevel only moves offsets.
absl::Status Tokenizer::Model::AddPostProcessor(const JsonNode& node) {
  if (node.is_null() || node.Type() == "ByteLevel") return absl::OkStatus();
  if (node.Type() == "Sequence") {
    for (const JsonNode& child : node["processors"].Elements()) RETURN_IF_ERROR(AddPostProcessor(child));
    return absl::OkStatus();
  }
  if (node.Type() != "TemplateProcessing") return node.Unsupported();
  bool after_text = false;
  for (const JsonNode& piece : node["single"].Elements()) {
    if (!piece["Sequence"].is_null()) {
      after_text = true;
      continue;
    }
    const std::string name = piece["SpecialToken"]["id"].Text();
    const JsonNode ids = node["special_tokens"][name.c_str()]["ids"];
    if (name.empty() || ids.Elements().empty()) return piece.Invalid("names no special token");
    for (const JsonNode& element : ids.Elements()) {
      const int32_t id = TokenIdOf(element.json());
      if (id < 0) return element.Invalid("is no token id");
      (after_text ? suffix : prefix).push_back(id);
    }
  }
  return absl::OkStatus();
}

// Some checkpoints leave BOS to the tokenizer's class, which the config names.
void Tokenizer::Model::AddBosRule(const nlohmann::json& config) {
  const JsonNode node(config, "tokenizer_config.json");
  const bool adds_bos = node["add_bos_token"].Bool(absl::StartsWith(node["tokenizer_class"].Text(), "Gemma"));
  const JsonNode bos = node["bos_token"];
  const int32_t id = IdOf(bos.json().is_object() ? bos["content"].Text() : bos.Text());
  if (adds_bos && id >= 0 && (prefix.empty() || prefix[0] != id)) prefix.insert(prefix.begin(), id);
}

absl::Status Tokenizer::Model::EncodeOrdinary(absl::string_view text, std::vector<int32_t>& ids) const {
  std::string normalized(text);
  for (const TextStep& step : normalizer) {
    ASSIGN_OR_RETURN(normalized, step(normalized));
  }
  for (const TextSegment& segment : normalized_tokens.Split(normalized)) {
    if (segment.id >= 0) {
      ids.push_back(segment.id);
    } else {
      RETURN_IF_ERROR(EncodeNormalized(std::string(segment.text), ids));
    }
  }
  return absl::OkStatus();
}

absl::Status Tokenizer::Model::EncodeNormalized(const std::string& text, std::vector<int32_t>& ids) const {
  std::vector<std::string> pieces = {text};
  for (const SplitStep& step : pre_tokenizer) {
    std::vector<std::string> smaller;
    for (const std::string& piece : pieces) {
      ASSIGN_OR_RETURN(std::vector<std::string> parts, step(piece));
      std::move(parts.begin(), parts.end(), std::back_inserter(smaller));
    }
    pieces = std::move(smaller);
  }
  for (const std::string& piece : pieces) bpe.Encode(piece, ids);
  return absl::OkStatus();
}

Tokenizer::Tokenizer(std::unique_ptr<Model> model) : model_(std::move(model)) {}
Tokenizer::~Tokenizer() = default;

absl::StatusOr<std::unique_ptr<Tokenizer>> Tokenizer::FromJson(absl::string_view text, absl::string_view config_text) {
  const nlohmann::json json = nlohmann::json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return absl::InvalidArgumentError("tokenizer.json is not a JSON object");
  nlohmann::json config = nlohmann::json::object();
  if (!config_text.empty())
    config = nlohmann::json::parse(config_text.begin(), config_text.end(), nullptr, /*allow_exceptions=*/false);
  if (!config.is_object()) return absl::InvalidArgumentError("tokenizer_config.json is not a JSON object");

  const JsonNode root(json, "tokenizer.json");
  ASSIGN_OR_RETURN(Bpe bpe, Bpe::Parse(root["model"]));
  auto model = std::make_unique<Model>(std::move(bpe));
  RETURN_IF_ERROR(model->AddTokens(root["added_tokens"]));
  ASSIGN_OR_RETURN(model->normalizer, ParseNormalizer(root["normalizer"]));
  ASSIGN_OR_RETURN(model->pre_tokenizer, ParsePreTokenizer(root["pre_tokenizer"]));
  ASSIGN_OR_RETURN(model->decoder, ParseDecoder(root["decoder"]));
  RETURN_IF_ERROR(model->AddPostProcessor(root["post_processor"]));
  model->AddBosRule(config);
  return std::unique_ptr<Tokenizer>(new Tokenizer(std::move(model)));
}

absl::StatusOr<std::unique_ptr<Tokenizer>> Tokenizer::FromDirectory(const std::string& directory) {
  const std::string path = directory + "/tokenizer.json";
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat("cannot open ", path));
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::ifstream config_file(directory + "/tokenizer_config.json", std::ios::binary);
  const std::string config((std::istreambuf_iterator<char>(config_file)), std::istreambuf_iterator<char>());
  absl::StatusOr<std::unique_ptr<Tokenizer>> tokenizer = FromJson(text, config);
  if (!tokenizer.ok())
    return absl::Status(tokenizer.status().code(), absl::StrCat(directory, ": ", tokenizer.status().message()));
  return tokenizer;
}

absl::StatusOr<std::vector<int32_t>> Tokenizer::Encode(absl::string_view text, bool add_special_tokens) const {
  if (!IsUtf8(text)) return absl::InvalidArgumentError("the text is not UTF-8");
  std::vector<int32_t> ids;
  if (add_special_tokens) ids = model_->prefix;
  for (const TextSegment& segment : model_->raw_tokens.Split(text)) {
    if (segment.id >= 0) {
      ids.push_back(segment.id);
    } else {
      RETURN_IF_ERROR(model_->EncodeOrdinary(segment.text, ids));
    }
  }
  if (add_special_tokens) ids.insert(ids.end(), model_->suffix.begin(), model_->suffix.end());
  return ids;
}

std::string Tokenizer::Decode(absl::Span<const int32_t> ids, bool skip_special_tokens) const {
  std::vector<std::string> texts;
  for (const int32_t id : ids) {
    if (id < 0 || static_cast<size_t>(id) >= model_->texts.size() || model_->texts[id].empty()) continue;
    if (skip_special_tokens && model_->special[id]) continue;
    texts.push_back(model_->texts[id]);
  }
  for (const DecodeStep& step : model_->decoder) texts = step(std::move(texts));
  return absl::StrJoin(texts, "");
}

int64_t Tokenizer::vocab_size() const { return static_cast<int64_t>(model_->texts.size()); }

std::string TokenStream::Push(int32_t id) {
  ids_.push_back(id);
  const absl::Span<const int32_t> ids = ids_;
  const std::string before = tokenizer_.Decode(ids.subspan(0, settled_), /*skip_special_tokens=*/true);
  const std::string text = tokenizer_.Decode(ids, /*skip_special_tokens=*/true);
  // No character takes more than four tokens, so what is still broken after more will stay so.
  constexpr size_t kMaxPending = 4;
  const bool unfinished =
      absl::EndsWith(text, absl::string_view(kReplacementCharacter)) && ids_.size() - settled_ < kMaxPending;
  if (unfinished || text.size() <= before.size()) return "";
  ids_.erase(ids_.begin(), ids_.begin() + static_cast<int64_t>(settled_));
  settled_ = ids_.size();
  return text.substr(before.size());
}

}  // namespace metronome
