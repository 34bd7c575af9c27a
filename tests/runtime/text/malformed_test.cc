// Files that are wrong in one place: the error must have the right code and say where.

#include <functional>
#include <random>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "tests/runtime/text/fixtures.h"

namespace metronome::text {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

absl::Status Load(const Json& json, const std::string& config = "") {
  return Tokenizer::FromJson(json.dump(), config).status();
}

// A tokenizer.json with something wrong, and what the error must say.
struct Malformed {
  std::string fixture;
  std::function<void(Json&)> edit;
  absl::StatusCode code;
  std::string message;
};

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kUnimplemented = absl::StatusCode::kUnimplemented;

TEST(MalformedTokenizerTest, NamesTheKey) {
  const std::vector<Malformed> cases = {
      {"qwen", [](Json& j) { j.erase("model"); }, kInvalid, "tokenizer.json.model.vocab is missing"},
      {"qwen", [](Json& j) { j["model"] = 3; }, kInvalid, "model.vocab is missing"},
      {"qwen", [](Json& j) { j["model"]["type"] = "Unigram"; }, kUnimplemented,
       "tokenizer.json.model has type 'Unigram'"},
      {"qwen", [](Json& j) { j["model"]["vocab"] = Json::array(); }, kInvalid, "model.vocab is not an object"},
      {"qwen", [](Json& j) { j["model"]["vocab"]["a"] = -1; }, kInvalid, "token 'a' the id -1"},
      {"qwen", [](Json& j) { j["model"]["vocab"]["a"] = 1.5; }, kInvalid, "token 'a' the id 1.5"},
      {"qwen", [](Json& j) { j["model"]["vocab"]["a"] = 1u << 31; }, kInvalid, "2147483648, no integer below 4194304"},
      {"qwen", [](Json& j) { j["model"]["vocab"]["a"] = "x"; }, kInvalid, "token 'a' the id \"x\""},
      {"qwen", [](Json& j) { j["model"]["vocab"]["a"] = j["model"]["vocab"]["b"]; }, kInvalid, "to both 'a' and 'b'"},
      {"qwen", [](Json& j) { j["model"].erase("merges"); }, kInvalid, "model.merges is missing"},
      {"qwen", [](Json& j) { j["model"]["merges"][5] = "abc"; }, kInvalid, "merges [5] is no pair"},
      {"qwen", [](Json& j) { j["model"]["merges"][5] = "a b c"; }, kInvalid, "merges [5] is no pair"},
      {"qwen",
       [](Json& j) {
         j["model"]["merges"][5] = {"a", "b", "c"};
       },
       kInvalid, "merges [5] is no pair"},
      {"qwen",
       [](Json& j) {
         j["model"]["merges"][5] = {"a", 3};
       },
       kInvalid, "merges [5] is no pair"},
      {"qwen", [](Json& j) { j["model"]["merges"][5] = "zz yy"; }, kInvalid, "lacks 'zz'"},
      {"qwen", [](Json& j) { j["model"]["merges"][5] = "z q"; }, kInvalid, "lacks 'zq'"},
      {"qwen", [](Json& j) { j["model"]["dropout"] = 0.1; }, kUnimplemented, "model.dropout is 0.1"},
      {"qwen", [](Json& j) { j["model"]["ignore_merges"] = "yes"; }, kInvalid, "ignore_merges is not true or false"},
      {"qwen", [](Json& j) { j["model"]["byte_fallback"] = 1; }, kInvalid, "byte_fallback is not true or false"},
      {"qwen", [](Json& j) { j["added_tokens"] = 3; }, kInvalid, "added_tokens is not an array"},
      {"qwen", [](Json& j) { j["added_tokens"][1].erase("id"); }, kInvalid, "added_tokens[1].id is missing"},
      {"qwen", [](Json& j) { j["added_tokens"][1]["id"] = 1u << 22; }, kInvalid, "added_tokens[1].id is 4194304"},
      {"qwen", [](Json& j) { j["added_tokens"][1]["lstrip"] = "no"; }, kInvalid, "added_tokens[1].lstrip"},
      {"qwen", [](Json& j) { j["normalizer"]["type"] = "Precompiled"; }, kUnimplemented,
       "normalizer has type 'Precompiled'"},
      {"qwen", [](Json& j) { j["normalizer"] = "NFC"; }, kInvalid, "normalizer.type is missing"},
      {"qwen", [](Json& j) { j["pre_tokenizer"]["pretokenizers"][0]["type"] = "UnicodeScripts"; }, kUnimplemented,
       "tokenizer.json.pre_tokenizer.pretokenizers[0] has type 'UnicodeScripts'"},
      {"qwen", [](Json& j) { j["pre_tokenizer"]["pretokenizers"] = 1; }, kInvalid, "pretokenizers is not an array"},
      {"qwen", [](Json& j) { j["pre_tokenizer"]["pretokenizers"][0]["behavior"] = "Both"; }, kInvalid, "'Both'"},
      {"qwen",
       [](Json& j) {
         j["pre_tokenizer"]["pretokenizers"][0]["pattern"] = {{"Regex", "a("}};
       },
       kInvalid, "pretokenizers[0].pattern.Regex regex offset 2"},
      {"qwen",
       [](Json& j) {
         j["pre_tokenizer"]["pretokenizers"][0]["pattern"] = {{"Regex", "\\b"}};
       },
       kUnimplemented, "pretokenizers[0].pattern.Regex regex offset 0"},
      {"qwen", [](Json& j) { j["pre_tokenizer"]["pretokenizers"][0]["pattern"] = Json::object(); }, kInvalid,
       "neither a String nor a Regex"},
      {"qwen", [](Json& j) { j["decoder"]["type"] = "WordPiece"; }, kInvalid, "decoder.prefix is missing"},
      {"legacy", [](Json& j) { j["decoder"]["decoders"][3]["start"] = -1; }, kInvalid, "decoders[3].start"},
      {"legacy", [](Json& j) { j["decoder"]["decoders"][3]["content"] = "ab"; }, kInvalid, "not one character"},
      {"qwen", [](Json& j) { j["post_processor"]["type"] = "BertProcessing"; }, kInvalid,
       "post_processor.cls is missing"},
      {"gemma3", [](Json& j) { j["post_processor"]["special_tokens"]["<bos>"]["ids"][0] = 1 << 20; }, kInvalid,
       "ids[0] is 1048576, past the vocabulary"},
      {"gemma3", [](Json& j) { j["post_processor"]["special_tokens"] = Json::object(); }, kInvalid, "ids is missing"},
      {"gemma3", [](Json& j) { j["post_processor"]["single"] = Json::array(); }, kInvalid,
       "single leaves the text out"},
  };
  for (const Malformed& test : cases) {
    Json json = ReadJsonFixture(test.fixture + "/tokenizer.json");
    test.edit(json);
    const absl::Status status = Load(json);
    EXPECT_EQ(status.code(), test.code) << test.message << ": " << status;
    EXPECT_THAT(status.message(), HasSubstr(test.message));
  }
}

TEST(MalformedTokenizerTest, NamesTheByteOfASyntaxError) {
  const std::string json = ReadFixture("gpt2/tokenizer.json");
  const absl::Status truncated = Tokenizer::FromJson(json.substr(0, 2000), "").status();
  EXPECT_EQ(truncated.code(), kInvalid);
  EXPECT_THAT(truncated.message(), HasSubstr("not JSON from byte 2001"));
  for (const char* text : {"", "[]", "3", "\"x\"", "{\"a\": 1e999}", "{\"a\": \"\xFF\"}", "nul"}) {
    EXPECT_EQ(Tokenizer::FromJson(text, "").status().code(), kInvalid) << text;
  }
}

TEST(MalformedTokenizerTest, RefusesDeepNesting) {
  for (const auto& [open, close] : {std::make_pair("[", "]"), std::make_pair("{\"a\":", "}")}) {
    std::string json = "{\"normalizer\": ";
    for (int i = 0; i < 200'000; ++i) json += open;
    json += "0";
    for (int i = 0; i < 200'000; ++i) json += close;
    const absl::Status status = Tokenizer::FromJson(json + "}", "").status();
    EXPECT_EQ(status.code(), kInvalid);
    EXPECT_THAT(status.message(), HasSubstr("deeper than 64"));
  }
}

TEST(MalformedTokenizerTest, ChecksTheConfig) {
  const Json json = ReadJsonFixture("qwen/tokenizer.json");
  EXPECT_THAT(Load(json, "{").message(), HasSubstr("tokenizer_config.json is not JSON"));
  const std::vector<std::pair<const char*, const char*>> cases = {
      {R"({"bos_token": 3})", "bos_token is no token"},
      {R"({"split_special_tokens": "yes"})", "split_special_tokens is not true or false"},
      {R"({"added_tokens_decoder": []})", "added_tokens_decoder is not an object"},
      {R"({"added_tokens_decoder": {"x": {}}})", "key 'x', which is no id"},
      {R"({"added_tokens_decoder": {"7": "<s>"}})", "added_tokens_decoder.7 is not an object"},
      {R"({"added_tokens_decoder": {"7": {"special": true}}})", "added_tokens_decoder.7.content is missing"},
      {R"({"extra_special_tokens": [4]})", "extra_special_tokens[0] is no token"},
      {R"({"extra_special_tokens": {"image": 4}})", "extra_special_tokens.image is no token"},
  };
  for (const auto& [config, message] : cases) {
    const absl::Status status = Load(json, config);
    EXPECT_EQ(status.code(), kInvalid) << config;
    EXPECT_THAT(status.message(), HasSubstr(message));
  }
}

TEST(MalformedTokenizerTest, RefusesKeysThatAreNotApplied) {
  const Json json = ReadJsonFixture("qwen/tokenizer.json");
  for (const char* config : {R"({"auto_map": {"AutoTokenizer": ["own.Tokenizer", null]}})",
                             R"({"fast_tokenizer_files": ["tokenizer.json", "tokenizer.4.0.0.json"]})",
                             R"({"clean_up_tokenization_spaces": true,
            "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output": true})"}) {
    EXPECT_EQ(Load(json, config).code(), kUnimplemented) << config;
  }
}

TEST(MalformedTokenizerTest, MissingFilesAreNotFound) {
  const absl::Status status = Tokenizer::FromDirectory(FixturePath("nowhere")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(status.message(), HasSubstr("nowhere/tokenizer.json"));
}

void Use(const Tokenizer& tokenizer) {
  for (const char* text : {"Hello 123  world\n\n", "caf\xC3\xA9 \xE6\xA8\xA1\xF0\x9F\x99\x82 <|im_end|>"}) {
    const auto ids = tokenizer.Encode(text, true);
    if (ids.ok()) tokenizer.Decode(*ids, false);
  }
}

// One random byte edit at a time. Whatever comes of it is a status or a tokenizer that works.
TEST(MalformedTokenizerTest, SurvivesDamagedBytes) {
  std::mt19937 random(7);
  int loaded = 0;
  for (const std::string& name : FixtureNames()) {
    const std::string original = ReadFixture(name + "/tokenizer.json");
    for (int round = 0; round < 60; ++round) {
      std::string json = original;
      const size_t at = random() % json.size();
      switch (random() % 4) {
        case 0:
          json[at] = static_cast<char>(random());
          break;
        case 1:
          json.erase(at, random() % 20);
          break;
        case 2:
          json.insert(at, json.substr(random() % json.size(), random() % 30));
          break;
        default:
          json.resize(at);
      }
      const auto tokenizer = Tokenizer::FromJson(json, "");
      loaded += tokenizer.ok();
      if (tokenizer.ok()) Use(**tokenizer);
      if (!tokenizer.ok()) {
        EXPECT_TRUE(absl::IsInvalidArgument(tokenizer.status()) || absl::IsUnimplemented(tokenizer.status()))
            << tokenizer.status();
      }
    }
  }
  EXPECT_GT(loaded, 0);
}

// Every value of the small parts of the file replaced by values of other types.
void Damage(Json& part, const Json& root, int& loaded) {
  for (auto& value : part) {
    if (value.is_structured() && value.size() < 40) Damage(value, root, loaded);
    const Json original = value;
    for (const Json& other : {Json(), Json(true), Json(-1), Json(1e300), Json(4'000'000'000u), Json(""), Json("\\"),
                              Json("Sequence"), Json("x"), Json::array(), Json::object(), Json({{"type", "Fuse"}})}) {
      value = other;
      const auto tokenizer = Tokenizer::FromJson(root.dump(), "");
      loaded += tokenizer.ok();
      if (tokenizer.ok()) Use(**tokenizer);
    }
    value = original;
  }
}

TEST(MalformedTokenizerTest, SurvivesValuesOfOtherTypes) {
  int loaded = 0;
  for (const char* name : {"llama3", "legacy"}) {
    Json root = ReadJsonFixture(std::string(name) + "/tokenizer.json");
    // A vocabulary of the single characters keeps this fast.
    root["model"]["merges"] = Json::array();
    Json vocab = Json::object();
    for (const auto& [token, id] : root["model"]["vocab"].items()) {
      if (token.size() < 3 || token == "<unk>" || token == "<s>" || token == "</s>") vocab[token] = id;
    }
    root["model"]["vocab"] = vocab;
    // Added tokens get other ids than before.
    if (name == std::string("llama3"))
      root["post_processor"]["processors"][1]["special_tokens"]["<|begin_of_text|>"]["ids"] = {0U};
    ASSERT_TRUE(Load(root).ok()) << Load(root);
    Damage(root, root, loaded);
  }
  EXPECT_GT(loaded, 0);
}

}  // namespace
}  // namespace metronome::text
