#include "runtime/text/tokenizer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/status_macros.h"
#include "runtime/text/added_tokens.h"
#include "runtime/text/bpe.h"
#include "runtime/text/decoder.h"
#include "runtime/text/json_node.h"
#include "runtime/text/normalizer.h"
#include "runtime/text/post_processor.h"
#include "runtime/text/pre_tokenizer.h"
#include "runtime/text/text_file.h"
#include "runtime/text/utf8.h"

namespace metronome {

namespace {

struct AddedText {
  std::string content;
  std::string decoded;  // What its id stands for: the content, normalised where the token is looked for so.
  bool special = false;
};

}  // namespace

struct Tokenizer::Model {
  explicit Model(Bpe bpe) : bpe(std::move(bpe)) {}

  Bpe bpe;
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  Decoder decoder;
  AddedTokenMatcher raw_tokens;         // Looked for before normalisation.
  AddedTokenMatcher normalized_tokens;  // And after.
  absl::flat_hash_map<int32_t, AddedText> added;
  Surroundings surroundings;
  int32_t vocab_size = 0;

  // Once the normalizer is there.
  absl::Status AddTokens(const JsonNode& node);
  absl::Status EncodeOrdinary(absl::string_view text, std::vector<int32_t>& ids) const;
  absl::Status EncodeNormalized(absl::string_view text, std::vector<int32_t>& ids) const;
  void DecodeInto(int32_t id, bool skip_special_tokens, DecodeRun& run, std::string& text) const;
  int32_t IdOf(absl::string_view token) const;
};

int32_t Tokenizer::Model::IdOf(absl::string_view token) const {
  for (const auto& [id, candidate] : added) {
    if (candidate.content == token) return id;
  }
  return bpe.IdOf(token);
}

absl::Status Tokenizer::Model::AddTokens(const JsonNode& node) {
  ASSIGN_OR_RETURN(std::vector<AddedToken> tokens, ParseAddedTokens(node));
  vocab_size = bpe.size();
  // HuggingFace looks for special tokens first, which decides between two that normalise to the same text.
  std::stable_partition(tokens.begin(), tokens.end(), [](const AddedToken& token) { return token.special; });
  for (AddedToken& token : tokens) {
    const std::string content = token.content;
    const int32_t known = bpe.IdOf(content);
    if (known >= 0 && known != token.id)
      return node.Invalid(absl::StrCat("gives '", content, "' the id ", token.id, ", the vocabulary ", known));
    if (token.id < bpe.size() && !bpe.Token(token.id).empty() && bpe.Token(token.id) != content)
      return node.Invalid(
          absl::StrCat("gives '", content, "' the id ", token.id, ", which is that of '", bpe.Token(token.id), "'"));
    vocab_size = std::max(vocab_size, token.id + 1);
    if (token.normalized) {
      ASSIGN_OR_RETURN(token.content, normalizer.Apply(content));
    }
    added.emplace(token.id, AddedText{content, token.content, token.special});
    (token.normalized ? normalized_tokens : raw_tokens).Add(token);
  }
  return absl::OkStatus();
}

absl::Status Tokenizer::Model::EncodeOrdinary(absl::string_view text, std::vector<int32_t>& ids) const {
  ASSIGN_OR_RETURN(const std::string normalized, normalizer.Apply(text));
  for (const TextSegment& segment : normalized_tokens.Split(normalized)) {
    if (segment.id >= 0) {
      ids.push_back(segment.id);
    } else {
      RETURN_IF_ERROR(EncodeNormalized(segment.text, ids));
    }
  }
  return absl::OkStatus();
}

absl::Status Tokenizer::Model::EncodeNormalized(absl::string_view text, std::vector<int32_t>& ids) const {
  ASSIGN_OR_RETURN(const SplitText split, pre_tokenizer.Apply(std::string(text)));
  for (const auto& [begin, end] : split.pieces)
    bpe.Encode(absl::string_view(split.text).substr(begin, end - begin), ids);
  return absl::OkStatus();
}

void Tokenizer::Model::DecodeInto(int32_t id, bool skip_special_tokens, DecodeRun& run, std::string& text) const {
  if (const auto found = added.find(id); found != added.end()) {
    if (!skip_special_tokens || !found->second.special) run.Push(found->second.decoded, text);
  } else if (id >= 0 && id < bpe.size() && !bpe.Token(id).empty()) {
    run.Push(bpe.Token(id), text);
  }
}

Tokenizer::Tokenizer(std::unique_ptr<Model> model) : model_(std::move(model)) {}
Tokenizer::~Tokenizer() = default;

absl::StatusOr<std::unique_ptr<Tokenizer>> Tokenizer::FromJson(absl::string_view text, absl::string_view config_text) {
  ASSIGN_OR_RETURN(const nlohmann::json json, ParseJsonObject(text, "tokenizer.json"));
  const JsonNode root(json, "tokenizer.json");
  ASSIGN_OR_RETURN(Bpe bpe, Bpe::Parse(root["model"]));
  auto model = std::make_unique<Model>(std::move(bpe));
  ASSIGN_OR_RETURN(model->normalizer, Normalizer::Parse(root["normalizer"]));
  ASSIGN_OR_RETURN(model->pre_tokenizer, PreTokenizer::Parse(root["pre_tokenizer"]));
  ASSIGN_OR_RETURN(model->decoder, Decoder::Parse(root["decoder"]));
  RETURN_IF_ERROR(model->AddTokens(root["added_tokens"]));
  ASSIGN_OR_RETURN(model->surroundings, ParsePostProcessor(root["post_processor"], model->vocab_size));
  if (!config_text.empty()) {
    ASSIGN_OR_RETURN(const nlohmann::json config, ParseJsonObject(config_text, "tokenizer_config.json"));
    RETURN_IF_ERROR(ApplyConfigRules(
        JsonNode(config, "tokenizer_config.json"), [&](absl::string_view token) { return model->IdOf(token); },
        model->surroundings));
  }
  return std::unique_ptr<Tokenizer>(new Tokenizer(std::move(model)));
}

absl::StatusOr<std::unique_ptr<Tokenizer>> Tokenizer::FromDirectory(const std::string& directory) {
  ASSIGN_OR_RETURN(const std::string text, ReadTextFile(directory + "/tokenizer.json"));
  absl::StatusOr<std::string> config = ReadTextFile(directory + "/tokenizer_config.json");
  if (absl::IsNotFound(config.status())) config = "";
  if (!config.ok()) return config.status();
  absl::StatusOr<std::unique_ptr<Tokenizer>> tokenizer = FromJson(text, *config);
  if (!tokenizer.ok())
    return absl::Status(tokenizer.status().code(), absl::StrCat(directory, ": ", tokenizer.status().message()));
  return tokenizer;
}

absl::StatusOr<std::vector<int32_t>> Tokenizer::Encode(absl::string_view text, bool add_special_tokens) const {
  if (const size_t offset = Utf8ErrorOffset(text); offset < text.size())
    return absl::InvalidArgumentError(absl::StrCat("the text is not UTF-8 at byte ", offset, " of ", text.size()));
  std::vector<int32_t> ids;
  const auto& [prefix, suffix] = model_->surroundings;
  if (add_special_tokens) ids = prefix;
  for (const TextSegment& segment : model_->raw_tokens.Split(text)) {
    if (segment.id >= 0) {
      ids.push_back(segment.id);
    } else {
      RETURN_IF_ERROR(model_->EncodeOrdinary(segment.text, ids));
    }
  }
  if (add_special_tokens) ids.insert(ids.end(), suffix.begin(), suffix.end());
  return ids;
}

std::string Tokenizer::Decode(absl::Span<const int32_t> ids, bool skip_special_tokens) const {
  DecodeRun run(model_->decoder);
  std::string text;
  for (const int32_t id : ids) model_->DecodeInto(id, skip_special_tokens, run, text);
  run.Finish(text);
  return text;
}

int64_t Tokenizer::vocab_size() const { return model_->vocab_size; }

TokenStream::TokenStream(const Tokenizer& tokenizer)
    : tokenizer_(&tokenizer), run_(std::make_unique<DecodeRun>(tokenizer.model_->decoder)) {}
TokenStream::TokenStream(TokenStream&&) = default;
TokenStream& TokenStream::operator=(TokenStream&&) = default;
TokenStream::~TokenStream() = default;

std::string TokenStream::Push(int32_t id) {
  std::string text;
  tokenizer_->model_->DecodeInto(id, /*skip_special_tokens=*/true, *run_, text);
  return text;
}

std::string TokenStream::Finish() {
  std::string text;
  run_->Finish(text);
  return text;
}

}  // namespace metronome
