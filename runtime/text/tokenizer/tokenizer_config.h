#ifndef METRONOME_RUNTIME_TEXT_TOKENIZER_TOKENIZER_CONFIG_H_
#define METRONOME_RUNTIME_TEXT_TOKENIZER_TOKENIZER_CONFIG_H_

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/text/encoding/json_node.h"
#include "runtime/text/tokenizer/added_vocabulary.h"
#include "runtime/text/tokenizer/tokenizer_class.h"
#include "runtime/text/tokenizer/tokenizer_files.h"

namespace metronome::text {

// What the small files beside tokenizer.json say of a tokenizer, as transformers 5.24 reads them: its class, its
// special tokens and its added tokens. `add_bos_token` and `add_eos_token` do nothing beside a tokenizer.json, whose
// post-processor decides, and neither does what chooses lengths, padding and templates.
// Source: transformers 5.24, tokenization_utils_base.py (_from_pretrained, __init__), tokenization_utils_tokenizers.py.
class TokenizerConfig {
 public:
  // `file` is tokenizer.json, parsed. InvalidArgument naming the key; Unimplemented for keys that change ids or texts
  // and are not applied.
  static absl::StatusOr<TokenizerConfig> Parse(const TokenizerFiles& files, const nlohmann::json& file);

  bool split_special_tokens() const { return split_special_tokens_; }
  // nullptr where tokenizer.json is all there is.
  const TokenizerClass* tokenizer_class() const { return class_; }
  JsonNode json() const { return JsonNode(keys_, kFileName); }

  // Adds the tokens that the files name and `vocabulary`, which holds those of tokenizer.json or nothing, lacks.
  absl::Status AddTokens(const Bpe& model, const Normalizer& normalizer, AddedVocabulary& vocabulary) const;

 private:
  static constexpr char kFileName[] = "tokenizer_config.json";

  // A token that a key names: a text, or all the fields.
  struct Named {
    AddedToken token;
    bool is_text = false;
    bool states_normalized = false;
  };

  static absl::StatusOr<Named> ParseNamed(const JsonNode& node);
  absl::Status ChooseClass(const TokenizerFiles& files);
  absl::Status RefuseUnapplied() const;
  absl::Status TakeModelTokens(const std::string& text);
  absl::Status TakeDictionary(const JsonNode& node);
  absl::Status ReadAddedTokensDecoder();
  absl::Status MergeSpecialTokensMap(const std::string& text);
  absl::Status ReadAddedTokens(const std::string& text);
  absl::Status ReadFileTokens(const JsonNode& node);
  absl::Status ReadNamedTokens();
  absl::Status ReadExtraTokens();
  void SetModelToken(const std::string& key, Named token);
  std::vector<Named> SpecialTokens() const;

  nlohmann::json keys_ = nlohmann::json::object();
  const TokenizerClass* class_ = nullptr;
  bool split_special_tokens_ = false;
  std::map<int64_t, Named> added_;                        // By the ids that the files state.
  std::vector<Named> named_;                              // Under the keys that every class has, in their order.
  std::vector<std::pair<std::string, Named>> for_model_;  // Under other keys.
  std::vector<Named> extra_;
};

}  // namespace metronome::text

#endif  // METRONOME_RUNTIME_TEXT_TOKENIZER_TOKENIZER_CONFIG_H_
