#include "compiler/frontend/config_keys.h"

namespace metronome::compiler {
namespace {

constexpr bool kNullable = true;

constexpr ConfigKey kLlama[] = {
    {"vocab_size", "32000"},
    {"hidden_size", "4096"},
    {"intermediate_size", "11008"},
    {"num_hidden_layers", "32"},
    {"num_attention_heads", "32"},
    {"num_key_value_heads", "null", kNullable},  // num_attention_heads.
    {"head_dim", "null", kNullable},             // hidden_size / num_attention_heads.
    {"hidden_act", "\"silu\""},
    {"max_position_embeddings", "2048"},
    {"rms_norm_eps", "1e-06"},
    {"tie_word_embeddings", "false"},
    {"eos_token_id", "2", kNullable},
    {"attention_bias", "false"},
    {"mlp_bias", "false"},
    {"rope_parameters", "null", kNullable},
    {"rope_scaling", "null", kNullable},
    {"rope_theta", "10000.0"},
    {"partial_rotary_factor", "null", kNullable},
    {"original_max_position_embeddings", "null"},
};

constexpr ConfigKey kQwen2[] = {
    {"vocab_size", "151936"},
    {"hidden_size", "4096"},
    {"intermediate_size", "22016"},
    {"num_hidden_layers", "32"},
    {"num_attention_heads", "32"},
    {"num_key_value_heads", "32", kNullable},  // num_attention_heads.
    {"head_dim", "null"},                      // hidden_size / num_attention_heads.
    {"hidden_act", "\"silu\""},
    {"max_position_embeddings", "32768"},
    {"rms_norm_eps", "1e-06"},
    {"tie_word_embeddings", "false"},
    {"eos_token_id", "null", kNullable},
    {"use_sliding_window", "false"},
    {"sliding_window", "4096", kNullable},  // No window.
    {"max_window_layers", "28"},
    {"layer_types", "null", kNullable},  // By max_window_layers.
    {"rope_parameters", "null", kNullable},
    {"rope_scaling", "null", kNullable},
    {"rope_theta", "10000.0"},
    {"partial_rotary_factor", "null", kNullable},
    {"original_max_position_embeddings", "null"},
};

constexpr ConfigKey kQwen3[] = {
    {"vocab_size", "151936"},
    {"hidden_size", "4096"},
    {"intermediate_size", "22016"},
    {"num_hidden_layers", "32"},
    {"num_attention_heads", "32"},
    {"num_key_value_heads", "32", kNullable},  // num_attention_heads.
    {"head_dim", "128"},
    {"hidden_act", "\"silu\""},
    {"max_position_embeddings", "32768"},
    {"rms_norm_eps", "1e-06"},
    {"tie_word_embeddings", "false"},
    {"eos_token_id", "null", kNullable},
    {"attention_bias", "false"},
    {"use_sliding_window", "false"},
    {"sliding_window", "4096", kNullable},  // No window.
    {"max_window_layers", "28"},
    {"layer_types", "null", kNullable},  // By max_window_layers.
    {"rope_parameters", "null", kNullable},
    {"rope_scaling", "null", kNullable},
    {"rope_theta", "10000.0"},
    {"partial_rotary_factor", "null", kNullable},
    {"original_max_position_embeddings", "null"},
};

constexpr ConfigKey kQwen3Moe[] = {
    {"vocab_size", "151936"},
    {"hidden_size", "2048"},
    {"intermediate_size", "6144"},
    {"num_hidden_layers", "24"},
    {"num_attention_heads", "32"},
    {"num_key_value_heads", "4"},
    {"head_dim", "null"},  // hidden_size / num_attention_heads.
    {"hidden_act", "\"silu\""},
    {"max_position_embeddings", "32768"},
    {"rms_norm_eps", "1e-06"},
    {"tie_word_embeddings", "false"},
    {"eos_token_id", "null", kNullable},
    {"attention_bias", "false"},
    {"use_sliding_window", "false"},
    {"sliding_window", "4096", kNullable},  // No window.
    {"layer_types", "null", kNullable},     // Not read by the model: see ReadQwen3Moe.
    {"decoder_sparse_step", "1"},
    {"moe_intermediate_size", "768"},
    {"num_experts", "128"},
    {"num_local_experts", "null"},  // Another name of num_experts, and the stronger one.
    {"num_experts_per_tok", "8"},
    {"norm_topk_prob", "false"},
    {"mlp_only_layers", "null", kNullable},  // None.
    {"rope_parameters", "null", kNullable},
    {"rope_scaling", "null", kNullable},
    {"rope_theta", "10000.0"},
    {"partial_rotary_factor", "null", kNullable},
    {"original_max_position_embeddings", "null"},
};

constexpr ConfigKey kGemma3Text[] = {
    {"vocab_size", "262208"},
    {"hidden_size", "2304"},
    {"intermediate_size", "9216"},
    {"num_hidden_layers", "26"},
    {"num_attention_heads", "8"},
    {"num_key_value_heads", "4"},
    {"head_dim", "256"},
    {"hidden_activation", "\"gelu_pytorch_tanh\""},
    {"max_position_embeddings", "131072"},
    {"rms_norm_eps", "1e-06"},
    {"tie_word_embeddings", "true"},
    {"eos_token_id", "1", kNullable},
    {"attention_bias", "false"},
    {"query_pre_attn_scalar", "256"},
    {"sliding_window", "4096", kNullable},  // An error where a layer has a window.
    {"sliding_window_pattern", "6"},
    {"layer_types", "null", kNullable},              // By sliding_window_pattern.
    {"final_logit_softcapping", "null", kNullable},  // No cap.
    {"use_bidirectional_attention", "false", kNullable},
    {"rope_parameters", "null", kNullable},
    {"rope_scaling", "null", kNullable},
    {"rope_theta", "1000000.0"},
    {"rope_local_base_freq", "10000.0"},
    {"partial_rotary_factor", "null", kNullable},
};

constexpr ConfigKey kGemma4Text[] = {
    {"vocab_size", "262144"},
    {"hidden_size", "2304"},
    {"intermediate_size", "9216"},
    {"num_hidden_layers", "30"},
    {"num_attention_heads", "8"},
    {"num_key_value_heads", "4"},
    {"head_dim", "256"},
    {"hidden_activation", "\"gelu_pytorch_tanh\""},
    {"max_position_embeddings", "131072"},
    {"rms_norm_eps", "1e-06"},
    {"tie_word_embeddings", "true"},
    {"eos_token_id", "1", kNullable},
    {"attention_bias", "false"},
    {"sliding_window", "512"},
    {"layer_types", "null", kNullable},              // Every sixth layer is full.
    {"final_logit_softcapping", "null", kNullable},  // No cap.
    {"use_bidirectional_attention", "null", kNullable},
    {"hidden_size_per_layer_input", "256"},
    {"attention_k_eq_v", "false"},
    {"num_kv_shared_layers", "0"},
    {"enable_moe_block", "false"},
    {"num_experts", "null", kNullable},  // An error where enable_moe_block is true, as the next two.
    {"top_k_experts", "null", kNullable},
    {"moe_intermediate_size", "null", kNullable},
    {"global_head_dim", "512"},
    {"num_global_key_value_heads", "null", kNullable},  // num_key_value_heads.
    {"per_layer_config", "null", kNullable},            // All layers are the same.
    {"rope_parameters", "null", kNullable},             // Gemma 4's own two ropes.
    {"rope_scaling", "null"},
    {"partial_rotary_factor", "null", kNullable},
};

constexpr ConfigKey kGemma3[] = {
    {"text_config", "null", kNullable},  // The text class with its defaults.
    {"tie_word_embeddings", "true", kNullable},
    {"eos_token_id", "null", kNullable},
};

constexpr ConfigKey kGemma4[] = {
    {"text_config", "null", kNullable},
    {"tie_word_embeddings", "true"},
    {"eos_token_id", "null", kNullable},
};

constexpr FamilyKeys kFamilies[] = {
    {"llama", kLlama},
    {"qwen2", kQwen2},
    {"qwen3", kQwen3},
    {"qwen3_moe", kQwen3Moe},
    {"gemma3_text", kGemma3Text},
    {"gemma4_text", kGemma4Text},
    {"gemma3", kGemma3},
    {"gemma4", kGemma4},
};

// What a type needs and what null means to it is in ReadRope, where the rope functions of transformers differ.
constexpr ConfigKey kRopeObject[] = {
    {"rope_type", "null"},
    {"type", "\"default\""},
    {"rope_theta", "null"},
    {"partial_rotary_factor", "null"},
    {"factor", "null", kNullable},
    {"original_max_position_embeddings", "null"},
    {"low_freq_factor", "null"},
    {"high_freq_factor", "null"},
    {"attention_factor", "null", kNullable},
    {"beta_fast", "null", kNullable},
    {"beta_slow", "null", kNullable},
    {"mscale", "null", kNullable},
    {"mscale_all_dim", "null", kNullable},
    {"truncate", "true", kNullable},
};

}  // namespace

absl::Span<const FamilyKeys> ConfigKeyTables() { return kFamilies; }

absl::Span<const ConfigKey> KeysOf(absl::string_view family) {
  for (const FamilyKeys& table : kFamilies) {
    if (table.family == family) return table.keys;
  }
  return {};
}

absl::Span<const ConfigKey> RopeObjectKeys() { return kRopeObject; }

}  // namespace metronome::compiler
