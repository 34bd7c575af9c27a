#include "compiler/frontend/catalogue.h"

namespace metronome {
namespace {

constexpr CatalogueEntry kModels[] = {
    {.key = "llama-3-8b",
     .repository = "meta-llama/Meta-Llama-3-8B",
     .config = R"({"model_type": "llama", "vocab_size": 128256, "hidden_size": 4096, "intermediate_size": 14336,
                   "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 8192,
                   "rms_norm_eps": 1e-5, "rope_theta": 500000.0, "tie_word_embeddings": false, "eos_token_id": [128001, 128009]})",
     .parameters = 8'030'261'248},
    {.key = "qwen3-4b",
     .repository = "Qwen/Qwen3-4B",
     .config = R"({"model_type": "qwen3", "vocab_size": 151936, "hidden_size": 2560, "intermediate_size": 9728,
                   "num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128,
                   "max_position_embeddings": 40960, "rms_norm_eps": 1e-6, "rope_theta": 1000000, "tie_word_embeddings": true,
                   "eos_token_id": 151645})",
     .parameters = 4'022'468'096},
    {.key = "gemma3-4b",
     .repository = "google/gemma-3-4b-it",
     .config = R"({"model_type": "gemma3", "eos_token_id": [1, 106],
                   "text_config": {"model_type": "gemma3_text", "hidden_size": 2560, "intermediate_size": 10240,
                   "num_hidden_layers": 34, "sliding_window": 1024, "rope_scaling": {"rope_type": "linear", "factor": 8.0}}})",
     .parameters = 3'880'263'168},
    {.key = "gemma4-26b-a4b",
     .repository = "google/gemma-4-26B-A4B",
     .config = R"({"model_type": "gemma4_text", "vocab_size": 262144, "hidden_size": 2816, "intermediate_size": 2112,
                   "num_hidden_layers": 30, "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 256,
                   "global_head_dim": 512, "num_global_key_value_heads": 2, "attention_k_eq_v": true,
                   "max_position_embeddings": 262144, "sliding_window": 1024, "final_logit_softcapping": 30.0,
                   "enable_moe_block": true, "num_experts": 128, "top_k_experts": 8, "moe_intermediate_size": 704,
                   "hidden_size_per_layer_input": 0, "tie_word_embeddings": true, "eos_token_id": [1, 106],
                   "rope_parameters": {"full_attention": {"rope_type": "proportional", "partial_rotary_factor": 0.25, "rope_theta": 1000000.0},
                   "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}}})",
     .parameters = 25'233'141'790},
    {.key = "qwen3-30b-a3b",
     .repository = "Qwen/Qwen3-30B-A3B",
     .config = R"({"model_type": "qwen3_moe", "vocab_size": 151936, "hidden_size": 2048, "intermediate_size": 6144,
                   "num_hidden_layers": 48, "num_attention_heads": 32, "num_key_value_heads": 4, "head_dim": 128,
                   "max_position_embeddings": 40960, "rms_norm_eps": 1e-6, "rope_theta": 1000000.0, "num_experts": 128,
                   "num_experts_per_tok": 8, "moe_intermediate_size": 768, "norm_topk_prob": true, "eos_token_id": 151645})",
     .parameters = 30'532'122'624},
    {.key = "llama-3.2-1b",
     .repository = "meta-llama/Llama-3.2-1B",
     .config = R"({"model_type": "llama", "vocab_size": 128256, "hidden_size": 2048, "intermediate_size": 8192,
                   "num_hidden_layers": 16, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 64,
                   "max_position_embeddings": 131072, "rms_norm_eps": 1e-5, "rope_theta": 500000.0, "tie_word_embeddings": true,
                   "rope_scaling": {"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                   "original_max_position_embeddings": 8192}, "eos_token_id": [128001, 128008, 128009]})",
     .parameters = 1'235'814'400},
    {.key = "qwen3-1.7b",
     .repository = "Qwen/Qwen3-1.7B",
     .config = R"({"model_type": "qwen3", "vocab_size": 151936, "hidden_size": 2048, "intermediate_size": 6144,
                   "num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128,
                   "max_position_embeddings": 40960, "rms_norm_eps": 1e-6, "rope_theta": 1000000, "tie_word_embeddings": true,
                   "eos_token_id": 151645})",
     .parameters = 1'720'574'976},
    {.key = "gemma3-1b",
     .repository = "google/gemma-3-1b-it",
     .config = R"({"model_type": "gemma3_text", "vocab_size": 262144, "hidden_size": 1152, "intermediate_size": 6912,
                   "num_hidden_layers": 26, "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 256,
                   "max_position_embeddings": 32768, "query_pre_attn_scalar": 256, "rms_norm_eps": 1e-6, "rope_theta": 1000000,
                   "rope_local_base_freq": 10000, "sliding_window": 512, "sliding_window_pattern": 6, "eos_token_id": [1, 106]})",
     .parameters = 999'885'952},
    {.key = "qwen2.5-1.5b",
     .repository = "Qwen/Qwen2.5-1.5B-Instruct",
     .config = R"({"model_type": "qwen2", "vocab_size": 151936, "hidden_size": 1536, "intermediate_size": 8960,
                   "num_hidden_layers": 28, "num_attention_heads": 12, "num_key_value_heads": 2, "max_position_embeddings": 32768,
                   "rms_norm_eps": 1e-6, "rope_theta": 1000000.0, "tie_word_embeddings": true, "use_sliding_window": false,
                   "eos_token_id": 151645})",
     .parameters = 1'543'714'304},
    {.key = "tiny-llama",
     .config =
         R"({"model_type": "llama", "vocab_size": 257, "hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 3,
                   "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 24, "max_position_embeddings": 2048,
                   "rms_norm_eps": 1e-5, "rope_theta": 500000.0, "rope_scaling": {"rope_type": "llama3", "factor": 8.0,
                   "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}})",
     .parameters = 180'800,
     .tiny = true},
    {.key = "tiny-qwen2",
     .config =
         R"({"model_type": "qwen2", "vocab_size": 257, "hidden_size": 48, "intermediate_size": 128, "num_hidden_layers": 3,
                   "num_attention_heads": 6, "num_key_value_heads": 1, "max_position_embeddings": 2048, "tie_word_embeddings": true})",
     .parameters = 84'288,
     .tiny = true},
    {.key = "tiny-qwen3",
     .config =
         R"({"model_type": "qwen3", "vocab_size": 257, "hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 3,
                   "num_attention_heads": 8, "num_key_value_heads": 1, "head_dim": 16, "max_position_embeddings": 2048,
                   "tie_word_embeddings": true})",
     .parameters = 164'448,
     .tiny = true},
    {.key = "tiny-qwen3-moe",
     .config =
         R"({"model_type": "qwen3_moe", "vocab_size": 257, "hidden_size": 64, "num_hidden_layers": 3,
                   "num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": 2048,
                   "num_experts": 16, "num_experts_per_tok": 4, "moe_intermediate_size": 32, "norm_topk_prob": true,
                   "tie_word_embeddings": true})",
     .parameters = 376'416,
     .tiny = true},
    {.key = "tiny-gemma4",
     .config =
         R"({"model_type": "gemma4_text", "vocab_size": 257, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 7,
                   "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "global_head_dim": 32,
                   "num_global_key_value_heads": 1, "attention_k_eq_v": true, "max_position_embeddings": 2048, "sliding_window": 24,
                   "final_logit_softcapping": 30.0, "enable_moe_block": true, "num_experts": 16, "top_k_experts": 4,
                   "moe_intermediate_size": 32, "hidden_size_per_layer_input": 0, "tie_word_embeddings": true,
                   "rope_parameters": {"full_attention": {"rope_type": "proportional", "partial_rotary_factor": 0.25, "rope_theta": 1000000.0},
                   "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}}})",
     .parameters = 943'127,
     .tiny = true},
    {.key = "tiny-gemma3",
     .config =
         R"({"model_type": "gemma3_text", "vocab_size": 257, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 8,
                   "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "max_position_embeddings": 2048,
                   "query_pre_attn_scalar": 32, "sliding_window": 16, "sliding_window_pattern": 6})",
     .parameters = 412'288,
     .tiny = true},
};

}  // namespace

absl::Span<const CatalogueEntry> ModelCatalogue() { return kModels; }

const CatalogueEntry* FindModel(absl::string_view key) {
  for (const CatalogueEntry& entry : kModels) {
    if (entry.key == key) return &entry;
  }
  return nullptr;
}

}  // namespace metronome
