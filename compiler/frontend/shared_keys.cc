#include <algorithm>
#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "compiler/frontend/activation.h"
#include "compiler/frontend/families.h"

namespace metronome::compiler {
namespace {

// Each size is in its range, yet their product may not be: parameters are later counted, in bytes, by 64 bits.
void RequireCountableSize(const ModelConfig& config, ConfigReader& reader) {
  constexpr double kMaxParameters = 1e15;
  const double hidden = static_cast<double>(config.hidden), layers = static_cast<double>(config.layers.size());
  const double projected = static_cast<double>(config.heads + config.kv_heads) * static_cast<double>(config.head_dim);
  const double per_layer = hidden * (2 * projected + 3 * static_cast<double>(config.intermediate));
  const double parameters = 2 * hidden * static_cast<double>(config.vocab) + layers * per_layer;
  if (parameters <= kMaxParameters) return;
  reader.Fail(absl::InvalidArgumentError(
      absl::StrCat("config keys hidden_size ", config.hidden, ", intermediate_size ", config.intermediate,
                   ", num_attention_heads ", config.heads, ", head_dim ", config.head_dim, " and num_hidden_layers ",
                   config.layers.size(), " make ", parameters, " parameters, more than ", kMaxParameters)));
}

}  // namespace

void ReadSizes(ConfigReader& reader, ModelConfig& config) {
  constexpr int64_t kMaxWidth = int64_t{1} << 24, kMaxLayers = 4096;
  config.vocab = reader.Int("vocab_size", 1, kMaxWidth);
  config.hidden = reader.Int("hidden_size", 1, kMaxWidth);
  config.intermediate = reader.Int("intermediate_size", 1, kMaxWidth);
  config.heads = reader.Int("num_attention_heads", 1, 65536);
  config.kv_heads = reader.OptionalInt("num_key_value_heads", 1, 65536).value_or(config.heads);
  const std::optional<int64_t> head_dim = reader.OptionalInt("head_dim", 1, 65536);
  config.head_dim = head_dim.value_or(config.hidden / config.heads);
  config.max_position_embeddings = reader.Int("max_position_embeddings");
  config.norm_eps = reader.Number("rms_norm_eps", 0, 1);
  config.tied_head = reader.Bool("tie_word_embeddings");
  config.eos_token_ids = reader.IntOrInts("eos_token_id");
  // The Qwen classes round the quotient down; the others refuse such sizes.
  const bool whole = config.hidden % config.heads == 0 || absl::StartsWith(config.family, "qwen");
  if (!head_dim.has_value() && (!whole || config.head_dim == 0)) {
    reader.Fail(absl::InvalidArgumentError(absl::StrCat("config key hidden_size is ", config.hidden,
                                                        ", no multiple of num_attention_heads ", config.heads,
                                                        ", and there is no head_dim")));
  }
  const LayerConfig layer = {.kv_heads = config.kv_heads, .head_dim = config.head_dim};
  config.layers.resize(static_cast<size_t>(reader.Int("num_hidden_layers", 1, kMaxLayers)), layer);
  config.attention_scale = 1 / std::sqrt(static_cast<double>(config.head_dim));
  if (config.heads % config.kv_heads != 0) {
    reader.Fail(absl::InvalidArgumentError(absl::StrCat("config key num_attention_heads is ", config.heads,
                                                        ", no multiple of num_key_value_heads ", config.kv_heads)));
  }
  if (config.head_dim % 2 != 0) {
    reader.Fail(absl::InvalidArgumentError(
        absl::StrCat("head_dim is ", config.head_dim, "; rotary embeddings need an even number")));
  }
  RequireCountableSize(config, reader);
}

void RequireCountableExperts(const ModelConfig& config, ConfigReader& reader) {
  constexpr double kMaxParameters = 1e15;
  const double parameters = 3.0 * static_cast<double>(config.layers.size()) * static_cast<double>(config.experts) *
                            static_cast<double>(config.expert_intermediate) * static_cast<double>(config.hidden);
  if (parameters <= kMaxParameters) return;
  reader.Fail(absl::InvalidArgumentError(
      absl::StrCat("config keys num_experts ", config.experts, ", moe_intermediate_size ", config.expert_intermediate,
                   ", hidden_size ", config.hidden, " and num_hidden_layers ", config.layers.size(), " make ",
                   parameters, " parameters, more than ", kMaxParameters)));
}

Activation ReadActivation(ConfigReader& reader, absl::string_view key) {
  const std::string name = reader.String(key);
  const std::optional<Activation> activation = ParseActivation(name);
  if (!activation.has_value()) reader.Unsupported(key, absl::StrCat("supported are ", ActivationNames()));
  return activation.value_or(Activation::kSilu);
}

std::optional<std::vector<bool>> ReadSlidingLayers(ConfigReader& reader, size_t layers) {
  const std::optional<std::vector<std::string>> types = reader.OptionalStrings("layer_types");
  if (!types.has_value()) return std::nullopt;
  if (types->size() != layers) {
    reader.Fail(absl::InvalidArgumentError(
        absl::StrCat("config key layer_types has ", types->size(), " entries for num_hidden_layers ", layers)));
  }
  std::vector<bool> sliding(layers);
  for (size_t i = 0; i < std::min(layers, types->size()); ++i) {
    const std::string& type = (*types)[i];
    sliding[i] = type == "sliding_attention";
    if (type == "full_attention" || type == "attention" || sliding[i]) continue;  // "attention" is an old name of full.
    reader.Fail(absl::UnimplementedError(absl::StrCat("config key layer_types: layer type '", type,
                                                      "' is not supported; full_attention and sliding_attention are")));
  }
  return sliding;
}

}  // namespace metronome::compiler
