#include "runtime/text/tokenizer/tokenizer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/encoding/json_node.h"
#include "runtime/text/encoding/text_file.h"
#include "runtime/text/encoding/utf8.h"
#include "runtime/text/stages/decoder.h"
#include "runtime/text/stages/normalizer.h"
#include "runtime/text/stages/post_processor.h"
#include "runtime/text/stages/pre_tokenizer.h"
#include "runtime/text/tokenizer/added_tokens.h"
#include "runtime/text/tokenizer/added_vocabulary.h"
#include "runtime/text/tokenizer/bpe.h"
#include "runtime/text/tokenizer/tokenizer_config.h"

namespace metronome::text {

struct Tokenizer::Model {
  explicit Model(Bpe bpe) : bpe(std::move(bpe)) {}

  Bpe bpe;
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  Decoder decoder;
  AddedVocabulary added;
  AddedTokenMatcher raw_tokens;         // Looked for before normalisation.
  AddedTokenMatcher normalized_tokens;  // And after.
  Surroundings surroundings;
  int32_t vocab_size = 0;

  // Once the added tokens are there.
  void IndexTokens(bool split_special_tokens);
  // `starts_text`: nothing stands before it in what is encoded.
  absl::Status EncodeOrdinary(absl::string_view text, bool starts_text, std::vector<int32_t>& ids) const;
  absl::Status EncodeNormalized(absl::string_view text, bool starts_text, std::vector<int32_t>& ids) const;
  void DecodeInto(int32_t id, bool skip_special_tokens, DecodeRun& run, std::string& text) const;
};

namespace {

absl::StatusOr<std::vector<AddedToken>> ParseFileTokens(const JsonNode& node) {
  std::vector<AddedToken> tokens;
  if (node.is_null()) return tokens;
  ASSIGN_OR_RETURN(const std::vector<JsonNode> elements, node.Elements());
  for (const JsonNode& element : elements) {
    RETURN_IF_ERROR(element["id"].TokenId().status());
    ASSIGN_OR_RETURN(AddedToken token, ParseAddedToken(element));
    tokens.push_back(std::move(token));
  }
  return tokens;
}

}  // namespace

void Tokenizer::Model::IndexTokens(bool split_special_tokens) {
  vocab_size = bpe.size();
  for (const auto& [id, entry] : added.tokens()) {
    vocab_size = std::max(vocab_size, id + 1);
    AddedTokenMatcher& matcher = entry.token.normalized ? normalized_tokens : raw_tokens;
    matcher.Add(entry.decoded, id, entry.token, split_special_tokens && added.IsSpecial(entry.token.content));
  }
}

absl::Status Tokenizer::Model::EncodeOrdinary(absl::string_view text, bool starts_text,
                                              std::vector<int32_t>& ids) const {
  ASSIGN_OR_RETURN(const NormalizedText normalized, normalizer.Apply(text));
  starts_text = starts_text && normalized.keeps_start;
  for (const TextSegment& segment : normalized_tokens.Split(normalized.text)) {
    if (segment.id >= 0) {
      ids.push_back(segment.id);
    } else {
      RETURN_IF_ERROR(EncodeNormalized(segment.text, starts_text, ids));
    }
    starts_text = false;
  }
  return absl::OkStatus();
}

absl::Status Tokenizer::Model::EncodeNormalized(absl::string_view text, bool starts_text,
                                                std::vector<int32_t>& ids) const {
  ASSIGN_OR_RETURN(const SplitText split, pre_tokenizer.Apply(std::string(text), starts_text));
  for (const auto& [begin, end] : split.pieces)
    RETURN_IF_ERROR(bpe.Encode(absl::string_view(split.text).substr(begin, end - begin), ids));
  return absl::OkStatus();
}

void Tokenizer::Model::DecodeInto(int32_t id, bool skip_special_tokens, DecodeRun& run, std::string& text) const {
  if (const AddedVocabulary::Token* token = added.Find(id); token != nullptr) {
    if (!skip_special_tokens || !token->special) run.Push(token->decoded, text);
  } else if (id >= 0 && id < bpe.size() && !bpe.Token(id).empty()) {
    run.Push(bpe.Token(id), text);
  }
}

Tokenizer::Tokenizer(std::unique_ptr<Model> model) : model_(std::move(model)) {}
Tokenizer::~Tokenizer() = default;

absl::StatusOr<std::unique_ptr<Tokenizer>> Tokenizer::FromFiles(const TokenizerFiles& files, const CancelToken& token) {
  ASSIGN_OR_RETURN(nlohmann::json json, ParseJsonObject(files.tokenizer, "tokenizer.json", token));
  RETURN_IF_ERROR(token.Check());
  ASSIGN_OR_RETURN(const TokenizerConfig config, TokenizerConfig::Parse(files, json));
  const TokenizerClass* own_class = config.tokenizer_class();
  const bool rebuilt = own_class != nullptr && own_class->builds(json);
  if (rebuilt) RETURN_IF_ERROR(own_class->rebuild(config.json(), json));

  const JsonNode root(json, "tokenizer.json");
  ASSIGN_OR_RETURN(Bpe bpe, Bpe::Parse(root["model"], token));
  RETURN_IF_ERROR(token.Check());
  auto model = std::make_unique<Model>(std::move(bpe));
  ASSIGN_OR_RETURN(model->normalizer, Normalizer::Parse(root["normalizer"]));
  ASSIGN_OR_RETURN(model->pre_tokenizer, PreTokenizer::Parse(root["pre_tokenizer"]));
  ASSIGN_OR_RETURN(model->decoder, Decoder::Parse(root["decoder"]));
  ASSIGN_OR_RETURN(const std::vector<AddedToken> file_tokens, ParseFileTokens(root["added_tokens"]));
  // A class that builds its pipeline has the added tokens from the configuration, which falls back to the file's.
  if (!rebuilt) RETURN_IF_ERROR(model->added.Add(file_tokens, model->bpe, model->normalizer));
  RETURN_IF_ERROR(config.AddTokens(model->bpe, model->normalizer, model->added));
  model->IndexTokens(config.split_special_tokens());
  ASSIGN_OR_RETURN(model->surroundings, ParsePostProcessor(root["post_processor"], model->vocab_size));
  return std::unique_ptr<Tokenizer>(new Tokenizer(std::move(model)));
}

absl::StatusOr<std::unique_ptr<Tokenizer>> Tokenizer::FromJson(absl::string_view json, absl::string_view config) {
  return FromFiles({.tokenizer = std::string(json), .config = std::string(config)});
}

absl::StatusOr<std::unique_ptr<Tokenizer>> Tokenizer::FromDirectory(const std::string& directory,
                                                                    const PathRoots* roots, const CancelToken& token) {
  TokenizerFiles files;
  ASSIGN_OR_RETURN(files.tokenizer, ReadTextFile(directory + "/tokenizer.json", roots));
  const std::pair<const char*, std::string*> optional_files[] = {{"tokenizer_config.json", &files.config},
                                                                 {"special_tokens_map.json", &files.special_tokens_map},
                                                                 {"added_tokens.json", &files.added_tokens},
                                                                 {"config.json", &files.model_config}};
  for (const auto& [name, text] : optional_files) {
    absl::StatusOr<std::string> read = ReadTextFile(absl::StrCat(directory, "/", name), roots);
    if (!read.ok() && !absl::IsNotFound(read.status())) return read.status();
    if (read.ok()) *text = *std::move(read);
  }
  absl::StatusOr<std::unique_ptr<Tokenizer>> tokenizer = FromFiles(files, token);
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
  bool starts_text = true;
  for (const TextSegment& segment : model_->raw_tokens.Split(text)) {
    if (segment.id >= 0) {
      ids.push_back(segment.id);
    } else {
      RETURN_IF_ERROR(model_->EncodeOrdinary(segment.text, starts_text, ids));
    }
    starts_text = false;
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

}  // namespace metronome::text
