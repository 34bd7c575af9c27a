#ifndef METRONOME_COMPILER_FRONTEND_MODEL_CONFIG_H_
#define METRONOME_COMPILER_FRONTEND_MODEL_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

namespace metronome::compiler {

// Rotary position embedding of a kind of layer.
struct RopeConfig {
  enum class Scaling : uint8_t { kNone, kLinear, kLlama3, kYarn, kProportional };

  double theta = 10000;
  Scaling scaling = Scaling::kNone;
  double factor = 1;  // Of every scaling but kNone.
  // kProportional: the part of the pairs that turns at all, [0, 1]. Otherwise the part of the head that frequencies are
  // made for: RotatedElements, rounded up to pairs, is the whole head.
  double rotated = 1;
  double low_freq_factor = 1;                    // kLlama3.
  double high_freq_factor = 4;                   // kLlama3.
  int64_t original_max_position_embeddings = 0;  // kLlama3, kYarn.
  double beta_fast = 32;                         // kYarn: turns over the original positions above which a pair is kept.
  double beta_slow = 1;                          // kYarn: and below which it is stretched by the whole factor.
  bool truncate = true;                          // kYarn: the bounds are whole pairs.
  double attention_scaling = 1;                  // kYarn: cosines and sines are multiplied by it.

  friend bool operator==(const RopeConfig&, const RopeConfig&) = default;
};

struct LayerConfig {
  int64_t window = 0;   // Visible keys, itself included; 0 = all before it.
  bool sparse = false;  // Has a mixture of experts.
  int64_t kv_heads = 0;
  int64_t head_dim = 0;
  bool value_is_key = false;  // Values are the key projection, before its norm and RoPE.
  RopeConfig rope;

  friend bool operator==(const LayerConfig&, const LayerConfig&) = default;
};

enum class NormWeight : uint8_t {
  kRoundedProduct,  // round(x / rms) * w: Llama, Qwen.
  kOffset,          // x / rms * (1 + w), rounded once: Gemma 3.
  kProduct,         // x / rms * w, rounded once: Gemma 4.
};

enum class Activation : uint8_t {
  kSilu,
  kGeluTanh,
  kGelu,
  kQuickGelu,
  kRelu,
  kRelu2,
  kRelu6,
  kLeakyRelu,
  kSigmoid,
  kTanh,
  kLinear,
  kHardSwish,
  kMish,
};

// A decoder-only transformer, whatever family its config.json names.
struct ModelConfig {
  std::string family;    // model_type of the text model: "llama", "qwen2", "qwen3", "qwen3_moe", "gemma3_text",
                         // "gemma4_text".
  bool wrapped = false;  // The text model of a multimodal one, so that its weights are named within that.
  int64_t vocab = 0;
  int64_t hidden = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;  // Of layers that do not say otherwise; readers fill in every layer's own.
  int64_t head_dim = 0;  // Likewise.
  int64_t intermediate = 0;
  int64_t max_position_embeddings = 0;
  double norm_eps = 1e-6;
  double attention_scale = 1;  // Of query-key products.
  double embedding_scale = 1;  // Rounded to the model's dtype before use.
  NormWeight norm_weight = NormWeight::kRoundedProduct;
  Activation activation = Activation::kSilu;
  bool tied_head = false;  // The head is the embedding table.
  bool qkv_bias = false;
  bool output_bias = false;   // Of the projection after attention.
  bool mlp_bias = false;      // Of all three products of the MLP.
  bool qk_norm = false;       // RMSNorm of each query and key head, before RoPE.
  bool value_norm = false;    // RMSNorm of each value head, without a weight.
  bool branch_norms = false;  // A norm after attention and after the MLP too, inside the residual branch.
  bool layer_scalar = false;  // Each layer's output is multiplied by a number of its own.
  double logit_softcap = 0;   // Logits x become softcap * tanh(x / softcap); 0 = as they are.
  // Of sparse layers; 0 = there are none. Experts are in place of the MLP, or beside it: then each has norms of its own
  // and the router reads the residual, normed and scaled (Gemma 4).
  bool experts_beside_mlp = false;
  int64_t experts = 0;
  int64_t experts_per_token = 0;
  int64_t expert_intermediate = 0;
  bool normalise_expert_weights = false;  // The chosen experts' probabilities are divided by their sum.
  std::vector<LayerConfig> layers;
  std::vector<int32_t> eos_token_ids;
};

}  // namespace metronome::compiler

#endif  // METRONOME_COMPILER_FRONTEND_MODEL_CONFIG_H_
