#include "runtime/text/tokenizer/tokenizer_class.h"

#include <algorithm>

#include "absl/strings/strip.h"
#include "kernels/base/status_macros.h"

namespace metronome::text {
namespace {

using Json = nlohmann::json;

constexpr char kLowLine[] = "\u2581";  // What stands for a space in SentencePiece vocabularies.

const Json& Get(const Json& json, const char* key) {
  static const Json kNull;
  if (!json.is_object()) return kNull;
  const auto found = json.find(key);
  return found == json.end() ? kNull : *found;
}

bool IsType(const Json& component, absl::string_view type) {
  const Json& name = Get(component, "type");
  return name.is_string() && name.get_ref<const std::string&>() == type;
}

bool IsSequenceOf(const Json& component, const char* children_key, const std::vector<absl::string_view>& types) {
  const Json& children = Get(component, children_key);
  return IsType(component, "Sequence") && children.is_array() &&
         std::all_of(children.begin(), children.end(), [&](const Json& child) {
           return std::any_of(types.begin(), types.end(), [&](absl::string_view type) { return IsType(child, type); });
         });
}

bool IsSpaceReplacement(const Json& component) {
  return IsType(component, "Replace") && Get(Get(component, "pattern"), "String") == " " &&
         Get(component, "content") == kLowLine;
}

bool BuildsGpt2(const Json& file) {
  const Json& pre_tokenizer = Get(file, "pre_tokenizer");
  return Get(file, "normalizer").is_null() && IsType(pre_tokenizer, "ByteLevel") &&
         Get(pre_tokenizer, "use_regex") != false && IsType(Get(file, "decoder"), "ByteLevel");
}

absl::Status RebuildGpt2(const JsonNode& config, Json& file) {
  ASSIGN_OR_RETURN(const bool prefix_space, config["add_prefix_space"].Bool(false));
  file["pre_tokenizer"]["add_prefix_space"] = prefix_space;
  return absl::OkStatus();
}

bool BuildsQwen2(const Json& file) {
  const Json& steps = Get(Get(file, "pre_tokenizer"), "pretokenizers");
  return IsType(Get(file, "normalizer"), "NFC") && IsType(Get(file, "decoder"), "ByteLevel") && steps.is_array() &&
         steps.size() == 2 && IsType(steps[0], "Split") && IsType(steps[1], "ByteLevel") &&
         Get(steps[1], "use_regex") == false;
}

absl::Status RebuildQwen2(const JsonNode& config, Json& file) {
  ASSIGN_OR_RETURN(const bool prefix_space, config["add_prefix_space"].Bool(false));
  file["pre_tokenizer"]["pretokenizers"][1]["add_prefix_space"] = prefix_space;
  return absl::OkStatus();
}

bool BuildsGemma(const Json& file) {
  const Json& pre_tokenizer = Get(file, "pre_tokenizer");
  const bool splits_spaces = IsType(pre_tokenizer, "Split") && Get(Get(pre_tokenizer, "pattern"), "String") == " ";
  return IsSpaceReplacement(Get(file, "normalizer")) && (pre_tokenizer.is_null() || splits_spaces) &&
         IsSequenceOf(Get(file, "decoder"), "decoders", {"Replace", "ByteFallback", "Fuse"});
}

absl::Status RebuildGemma(const JsonNode& /*config*/, Json& /*file*/) { return absl::OkStatus(); }

bool BuildsLlama(const Json& file) {
  const Json& normalizer = Get(file, "normalizer");
  const Json& pre_tokenizer = Get(file, "pre_tokenizer");
  const Json& decoder = Get(file, "decoder");
  const bool marks_spaces = IsType(pre_tokenizer, "Metaspace") && Get(pre_tokenizer, "split") == false &&
                            Get(pre_tokenizer, "replacement") == kLowLine && normalizer.is_null();
  const bool replaces_spaces =
      pre_tokenizer.is_null() &&
      (IsSpaceReplacement(normalizer) || IsSequenceOf(normalizer, "normalizers", {"Prepend", "Replace"}));
  return (marks_spaces || replaces_spaces) &&
         (IsType(decoder, "Metaspace") ||
          IsSequenceOf(decoder, "decoders", {"Replace", "ByteFallback", "Fuse", "Strip"}));
}

absl::Status RebuildLlama(const JsonNode& config, Json& file) {
  ASSIGN_OR_RETURN(const bool prefix_space, config["add_prefix_space"].Bool(true));
  ASSIGN_OR_RETURN(const bool legacy, config["legacy"].Bool(false));
  file["normalizer"] = nullptr;
  file["pre_tokenizer"] = {{"type", "Metaspace"},
                           {"replacement", kLowLine},
                           {"prepend_scheme", !prefix_space ? "never" : (legacy ? "always" : "first")},
                           {"split", false}};
  Json stages = Json::array({{{"type", "Replace"}, {"pattern", {{"String", kLowLine}}}, {"content", " "}},
                             {{"type", "ByteFallback"}},
                             {{"type", "Fuse"}}});
  if (prefix_space) stages.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1U}, {"stop", 0U}});
  file["decoder"] = {{"type", "Sequence"}, {"decoders", stages}};
  return absl::OkStatus();
}

const std::vector<TokenizerClass>& Classes() {
  static constexpr char kEnd[] = "<|endoftext|>";
  static const auto* const kClasses = new std::vector<TokenizerClass>{
      {.name = "GPT2Tokenizer",
       .default_tokens = {{"unk_token", kEnd}, {"bos_token", kEnd}, {"eos_token", kEnd}},
       .builds = BuildsGpt2,
       .rebuild = RebuildGpt2},
      {.name = "Qwen2Tokenizer",
       .default_tokens = {{"unk_token", kEnd}, {"eos_token", kEnd}, {"pad_token", kEnd}},
       .readds_special_tokens = true,
       .builds = BuildsQwen2,
       .rebuild = RebuildQwen2},
      {.name = "GemmaTokenizer",
       .default_tokens = {{"unk_token", "<unk>"},
                          {"bos_token", "<bos>"},
                          {"eos_token", "<eos>"},
                          {"pad_token", "<pad>"},
                          {"mask_token", "<mask>"}},
       .builds = BuildsGemma,
       .rebuild = RebuildGemma},
      {.name = "LlamaTokenizer",
       .default_tokens = {{"unk_token", "<unk>"}, {"bos_token", "<s>"}, {"eos_token", "</s>"}},
       .builds = BuildsLlama,
       .rebuild = RebuildLlama},
  };
  return *kClasses;
}

const TokenizerClass* FindClass(absl::string_view name) {
  for (const TokenizerClass& known : Classes()) {
    if (known.name == name) return &known;
  }
  return nullptr;
}

absl::string_view ClassOfModel(absl::string_view model_type) {
  if (model_type == "qwen2" || model_type == "qwen3" || model_type == "qwen3_moe") return "Qwen2Tokenizer";
  if (model_type == "gemma3" || model_type == "gemma3_text") return "GemmaTokenizer";
  return "";
}

}  // namespace

const TokenizerClass* ChooseTokenizerClass(const TokenizerClassChoice& choice) {
  const absl::string_view named = absl::StripSuffix(choice.tokenizer_class, "Fast");
  const absl::string_view own = ClassOfModel(choice.model_type);
  // Files of Qwen 2 are known to name wrong classes.
  if (choice.model_type == "qwen2") return FindClass(own);
  if (named == "LlamaTokenizer" && choice.spells_bytes) return nullptr;
  return FindClass(named.empty() ? own : named);
}

}  // namespace metronome::text
