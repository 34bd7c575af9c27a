// Tokenizer files of many shapes against what transformers makes of them (tests/golden/tokenizers/variants.py).

#include <cstdlib>
#include <fstream>

#include "gmock/gmock.h"
#include "tests/runtime/text/fixtures.h"

namespace metronome::text {
namespace {

using Json = nlohmann::ordered_json;  // The order of keys gives new tokens their ids.

Json ReadVariants() {
  const char* other = std::getenv("METRONOME_TOKENIZER_VARIANTS");
  if (other == nullptr) return Json::parse(ReadFixture("variants.json"));
  std::ifstream file(other);
  return Json::parse(file);
}

std::string Dump(const Json& variant, const char* key) {
  return variant.contains(key) && !variant[key].is_null() ? variant[key].dump() : "";
}

absl::StatusOr<std::unique_ptr<Tokenizer>> Load(const Json& variant, const Json& models) {
  Json document = {{"version", "1.0"}, {"model", models[variant["model"].get<std::string>()]}};
  for (const char* key : {"added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder"}) {
    if (variant.contains(key)) document[key] = variant[key];
  }
  const Json model_type = variant.value("model_type", Json());
  return Tokenizer::FromFiles({.tokenizer = document.dump(),
                               .config = Dump(variant, "config"),
                               .special_tokens_map = Dump(variant, "special_tokens_map"),
                               .added_tokens = Dump(variant, "added_tokens_json"),
                               .model_config = model_type.is_null() ? "" : Json({{"model_type", model_type}}).dump()});
}

// What is shown of a variant where it fails.
std::string Describe(Json variant) {
  for (const char* key : {"plain", "special", "decode"}) variant.erase(key);
  return variant.dump();
}

// The tokenizers of HuggingFace that fail on a text say null.
void ExpectIds(const Tokenizer& tokenizer, const std::string& text, bool special, const Json& expected) {
  const auto ids = tokenizer.Encode(text, special);
  if (expected.is_null()) {
    EXPECT_FALSE(ids.ok()) << Json(text);
  } else {
    ASSERT_TRUE(ids.ok()) << ids.status();
    EXPECT_EQ(*ids, expected.get<Ids>()) << Json(text) << (special ? " with special tokens" : "");
  }
}

TEST(TokenizerVariantsTest, EncodeAsTransformersDoes) {
  const Json fixture = ReadVariants();
  const auto texts = fixture["texts"].get<std::vector<std::string>>();
  ASSERT_GT(fixture["variants"].size() * texts.size(), 1000u);
  for (const Json& variant : fixture["variants"]) {
    SCOPED_TRACE(Describe(variant));
    const auto tokenizer = Load(variant, fixture["models"]);
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
    for (size_t i = 0; i < texts.size(); ++i) ExpectIds(**tokenizer, texts[i], false, variant["plain"][i]);
    for (size_t i = 0; i < variant["special"].size(); ++i)
      ExpectIds(**tokenizer, texts[i], true, variant["special"][i]);
  }
}

TEST(TokenizerVariantsTest, DecodeAndStreamAsTransformersDoes) {
  const Json fixture = ReadVariants();
  for (const Json& variant : fixture["variants"]) {
    SCOPED_TRACE(Describe(variant));
    const auto tokenizer = Load(variant, fixture["models"]);
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
    for (const Json& row : variant["decode"]) {
      const auto ids = row[0].get<Ids>();
      if (!row[1].is_null()) {
        EXPECT_EQ((*tokenizer)->Decode(ids, false), row[1]) << row[0];
      }
      TokenStream stream(**tokenizer);
      std::string text;
      for (const int32_t id : ids) text += stream.Push(id);
      text += stream.Finish();
      EXPECT_EQ(text, (*tokenizer)->Decode(ids, true));
      if (!row[2].is_null()) {
        EXPECT_EQ(text, row[2]) << row[0];
      }
    }
  }
}

}  // namespace
}  // namespace metronome::text
