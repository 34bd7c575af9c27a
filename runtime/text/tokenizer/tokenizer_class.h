#ifndef METRONOME_RUNTIME_TEXT_TOKENIZER_TOKENIZER_CLASS_H_
#define METRONOME_RUNTIME_TEXT_TOKENIZER_TOKENIZER_CLASS_H_

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "runtime/text/encoding/json_node.h"

namespace metronome::text {

// A tokenizer class of transformers that does more than read tokenizer.json: it has special tokens of its own, and
// builds the pipeline from vocabulary and merges by keys of tokenizer_config.json.
struct TokenizerClass {
  absl::string_view name;
  // Key and text of the tokens that tokenizer_config.json does not name.
  std::vector<std::pair<absl::string_view, absl::string_view>> default_tokens;
  bool readds_special_tokens = false;  // Plainly, after all others, which takes their flags away.
  // Whether the pipeline of a tokenizer.json is one that the class builds. Where it is not, the file's counts.
  bool (*builds)(const nlohmann::json& file);
  // Makes it what the class builds by the keys of tokenizer_config.json. InvalidArgument.
  absl::Status (*rebuild)(const JsonNode& config, nlohmann::json& file);
};

// What decides which class transformers' AutoTokenizer takes.
struct TokenizerClassChoice {
  std::string model_type;       // Of config.json; may be empty.
  std::string tokenizer_class;  // Of tokenizer_config.json, or else of config.json; may be empty.
  bool spells_bytes = false;    // tokenizer.json has a ByteLevel.
};

// nullptr for the class that takes tokenizer.json as it is, which any class that is not known here is taken for.
// Source: transformers 5.24, models/auto/tokenization_auto.py.
const TokenizerClass* ChooseTokenizerClass(const TokenizerClassChoice& choice);

}  // namespace metronome::text

#endif  // METRONOME_RUNTIME_TEXT_TOKENIZER_TOKENIZER_CLASS_H_
