#ifndef METRONOME_RUNTIME_TEXT_TOKENIZER_TOKENIZER_FILES_H_
#define METRONOME_RUNTIME_TEXT_TOKENIZER_TOKENIZER_FILES_H_

#include <string>

namespace metronome::text {

// The texts of the files of a checkpoint that make its tokenizer; all but the first may be empty, for none.
struct TokenizerFiles {
  std::string tokenizer;           // tokenizer.json.
  std::string config;              // tokenizer_config.json.
  std::string special_tokens_map;  // special_tokens_map.json.
  std::string added_tokens;        // added_tokens.json.
  std::string model_config;        // config.json, of which the type of the model counts.
};

}  // namespace metronome::text

#endif  // METRONOME_RUNTIME_TEXT_TOKENIZER_TOKENIZER_FILES_H_
