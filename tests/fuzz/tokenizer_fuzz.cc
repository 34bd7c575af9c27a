// tokenizer.json, tokenizer_config.json, special_tokens_map.json and added_tokens.json, and a text for the tokenizer
// that they make: the parts of an input, with kSeparator between them.
#include <nlohmann/json.hpp>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "runtime/text/tokenizer/tokenizer.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/mutate/json.h"

namespace metronome::fuzz {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kSeparator = '\x1e';
constexpr size_t kParts = 5;

std::string Input(const Json& tokenizer, const Json& variant, const std::string& text) {
  const auto part = [&](const char* key) {
    return variant.contains(key) && !variant[key].is_null() ? variant[key].dump() : std::string();
  };
  return absl::StrJoin({tokenizer.dump(), part("config"), part("special_tokens_map"), part("added_tokens_json"), text},
                       std::string(1, kSeparator));
}

std::vector<std::string> Parts(absl::string_view input) {
  std::vector<std::string> parts = absl::StrSplit(input, absl::MaxSplits(kSeparator, kParts - 1));
  parts.resize(kParts);
  return parts;
}

const std::vector<std::string>& Words() {
  static const auto& words = *new std::vector<std::string>{"BPE",
                                                           "ByteLevel",
                                                           "Metaspace",
                                                           "Split",
                                                           "Sequence",
                                                           "Replace",
                                                           "Prepend",
                                                           "Strip",
                                                           "NFC",
                                                           "NFKC",
                                                           "Lowercase",
                                                           "Digits",
                                                           "Whitespace",
                                                           "Punctuation",
                                                           "BertPreTokenizer",
                                                           "TemplateProcessing",
                                                           "ByteFallback",
                                                           "Fuse",
                                                           "WordPiece",
                                                           "BPEDecoder",
                                                           "CTC",
                                                           "Isolated",
                                                           "Removed",
                                                           "MergedWithPrevious",
                                                           "(?i:a|b)+(?!\\S)",
                                                           "(a*)*b",
                                                           "\\p{L}+",
                                                           "$A",
                                                           "<s>",
                                                           "</s>",
                                                           "<0x41>",
                                                           "pattern",
                                                           "Regex",
                                                           "String",
                                                           "added_tokens",
                                                           "merges",
                                                           "vocab",
                                                           "unk_token"};
  return words;
}

}  // namespace

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  const Json fixture = Json::parse(ReadGolden("tokenizers/variants.json"));
  for (size_t i = 0; i < fixture["variants"].size(); i += 2) {
    const Json& variant = fixture["variants"][i];
    // The small one of the models, so that mutations meet everything else.
    Json tokenizer = {{"version", "1.0"}, {"model", fixture["models"][i % 8 == 0 ? "ends" : "plain"]}};
    for (const char* key : {"added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder"})
      if (variant.contains(key)) tokenizer[key] = variant[key];
    seeds.push_back(Input(tokenizer, variant, fixture["texts"][i % fixture["texts"].size()]));
  }
  for (const char* family : {"gpt2", "legacy"})
    seeds.push_back(ReadGolden(std::string("tokenizers/") + family + "/tokenizer.json") +
                    "\x1e\x1e\x1e\x1e Hello \xf0\x9f\x99\x82");
  return seeds;
}

}  // namespace metronome::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace metronome;
  const auto parts = fuzz::Parts({reinterpret_cast<const char*>(data), size});
  const auto tokenizer = text::Tokenizer::FromFiles({.tokenizer = parts[0],
                                                     .config = parts[1],
                                                     .special_tokens_map = parts[2],
                                                     .added_tokens = parts[3],
                                                     .model_config = ""});
  if (!tokenizer.ok()) return 0;
  for (const bool special : {false, true}) {
    const auto ids = (*tokenizer)->Encode(absl::string_view(parts[4]).substr(0, 2000), special);
    if (!ids.ok()) {
      fuzz::Require(ids.status().code() != absl::StatusCode::kInternal, ids.status().ToString());
      continue;
    }
    text::TokenStream stream(**tokenizer);
    std::string streamed;
    for (const int32_t id : *ids) {
      fuzz::Require(id >= 0 && id < (*tokenizer)->vocab_size(), "an id outside the vocabulary");
      streamed += stream.Push(id);
    }
    streamed += stream.Finish();
    fuzz::Require(streamed == (*tokenizer)->Decode(*ids, true),
                  "a stream's pieces are not the text of all ids at once");
  }
  (void)(*tokenizer)->Decode({-1, 0, 1, 2, 3, 1 << 30, INT32_MIN, INT32_MAX}, false);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned int seed) {
  using namespace metronome::fuzz;
  Random random(seed);
  std::vector<std::string> parts = Parts({reinterpret_cast<const char*>(data), size});
  const size_t at = random.OneIn(2) ? 0 : random.Below(kParts);
  parts[at] = at == kParts - 1 ? MutateBytes(parts[at]) : MutateJson(parts[at], Words(), random);
  return Give(absl::StrJoin(parts, std::string(1, kSeparator)), data, max_size);
}
