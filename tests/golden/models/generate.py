#!/usr/bin/env python3
"""Makes small random models of every family and records what HuggingFace transformers computes with them.

Needs torch, transformers and safetensors; the fixtures are committed, so tests need none of them.
    python3 tests/golden/models/generate.py
"""
import json
import pathlib
import sys

import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, Gemma3TextConfig, Gemma4TextConfig, LlamaConfig, Qwen2Config, Qwen3Config, Qwen3MoeConfig

HERE = pathlib.Path(__file__).parent
DECODE_STEPS = 16
MIN_DISTINCT = 8  # Of the greedy tokens: a model that repeats one token shows few errors of decoding.
MIN_MARGIN = 5e-3  # Between the two best logits of a greedy choice: 50 times the tolerance of the tests.
COMMON = dict(vocab_size=131, max_position_embeddings=512, attn_implementation="eager", dtype=torch.float32)
LLAMA3 = dict(rope_type="llama3", rope_theta=10000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=64)
GEMMA = dict(hidden_size=48, intermediate_size=64, num_hidden_layers=8, num_attention_heads=4, num_key_value_heads=2, head_dim=20,
             query_pre_attn_scalar=24)


def gemma_types(period, layers):
    return ["full_attention" if (i + 1) % period == 0 else "sliding_attention" for i in range(layers)]


def gemma_rope(**full):
    return {"full_attention": {"rope_type": "default", "rope_theta": 1e6, **full},
            "sliding_attention": {"rope_type": "default", "rope_theta": 1e4}}


def gemma4_rope():
    return {"full_attention": {"rope_type": "proportional", "partial_rotary_factor": 0.25, "rope_theta": 1e6},
            "sliding_attention": {"rope_type": "default", "rope_theta": 1e4}}


# name -> (config, prompt length, how the checkpoint is written)
MODELS = {
    # llama3 RoPE scaling, untied head, head_dim is not hidden / heads, groups of 2.
    "llama-untied": (LlamaConfig(hidden_size=40, intermediate_size=72, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
                                 head_dim=16, rms_norm_eps=1e-5, tie_word_embeddings=False, rope_parameters=LLAMA3, **COMMON), 21, {}),
    # Tied head, one group, two shards.
    "llama-tied-sharded": (LlamaConfig(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
                                       num_key_value_heads=4, tie_word_embeddings=True,
                                       rope_parameters=dict(rope_type="default", rope_theta=5e5), **COMMON), 5, dict(shards=2)),
    # Biases, groups of 6.
    "qwen2": (Qwen2Config(hidden_size=48, intermediate_size=80, num_hidden_layers=3, num_attention_heads=6, num_key_value_heads=1,
                          tie_word_embeddings=True, rope_parameters=dict(rope_type="default", rope_theta=1e6), **COMMON), 40, {}),
    # Windows on the later layers, shorter than the prompt.
    "qwen2-window": (Qwen2Config(hidden_size=48, intermediate_size=80, num_hidden_layers=3, num_attention_heads=6, num_key_value_heads=2,
                                 tie_word_embeddings=False, use_sliding_window=True, sliding_window=7, max_window_layers=1,
                                 rope_parameters=dict(rope_type="default", rope_theta=1e6), **COMMON), 21, {}),
    # Query and key norms, groups of 8.
    "qwen3": (Qwen3Config(hidden_size=36, intermediate_size=64, num_hidden_layers=3, num_attention_heads=8, num_key_value_heads=1,
                          head_dim=16, tie_word_embeddings=True, rope_parameters=dict(rope_type="default", rope_theta=1e6), **COMMON), 21,
              {}),
    # Period of six with a leftover, window shorter than the prompt, linear scaling of full layers, wrapper config and prefix.
    "gemma3-short-window": (Gemma3TextConfig(sliding_window=6, layer_types=gemma_types(6, 8),
                                             rope_parameters=gemma_rope(rope_type="linear", factor=8.0), **GEMMA, **COMMON), 21,
                            dict(wrapper=True)),
    # Window longer than prompt and decode together, old spelling of the config.
    "gemma3-long-window": (Gemma3TextConfig(sliding_window=200, layer_types=gemma_types(6, 8), rope_parameters=gemma_rope(), **GEMMA,
                                            **COMMON), 40, dict(old_spelling=True)),
    # The same model kept in half precision on disk; computed in float32.
    "llama-stored-bf16": (LlamaConfig(hidden_size=40, intermediate_size=72, num_hidden_layers=2, num_attention_heads=4,
                                      num_key_value_heads=2, rope_parameters=dict(rope_type="default", rope_theta=1e4), **COMMON), 1,
                          dict(store=torch.bfloat16)),
    "qwen3-stored-f16": (Qwen3Config(hidden_size=36, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
                                     num_key_value_heads=2, head_dim=10, rope_parameters=dict(rope_type="default", rope_theta=1e6),
                                     **COMMON), 9, dict(store=torch.float16)),
    # Experts as the hub stores them, one tensor each; the second layer is dense.
    "qwen3-moe": (Qwen3MoeConfig(hidden_size=32, intermediate_size=56, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
                                 head_dim=16, num_experts=12, num_experts_per_tok=3, moe_intermediate_size=20, norm_topk_prob=True,
                                 mlp_only_layers=[1], tie_word_embeddings=False,
                                 rope_parameters=dict(rope_type="default", rope_theta=1e6), **COMMON), 21, dict(experts="hub")),
    # Experts as one tensor, probabilities as they are, every second layer sparse.
    "qwen3-moe-fused": (Qwen3MoeConfig(hidden_size=32, intermediate_size=56, num_hidden_layers=4, num_attention_heads=4,
                                       num_key_value_heads=2, head_dim=16, num_experts=6, num_experts_per_tok=2,
                                       moe_intermediate_size=20, norm_topk_prob=False, decoder_sparse_step=2, tie_word_embeddings=True,
                                       rope_parameters=dict(rope_type="default", rope_theta=1e6), **COMMON), 9, {}),
    # Experts beside a dense MLP; full layers have wider heads, fewer of them, no value projection, and turn a quarter of the pairs.
    "gemma4-moe": (Gemma4TextConfig(hidden_size=48, intermediate_size=40, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2,
                                    head_dim=12, global_head_dim=24, num_global_key_value_heads=1, attention_k_eq_v=True,
                                    enable_moe_block=True, num_experts=10, top_k_experts=3, moe_intermediate_size=20,
                                    hidden_size_per_layer_input=0, final_logit_softcapping=2.0, sliding_window=6,
                                    layer_types=gemma_types(3, 4), tie_word_embeddings=True,
                                    rope_parameters=gemma4_rope(), **COMMON), 21, dict(wrapper=True)),
    # Without experts, values of their own, no cap.
    "gemma4-dense": (Gemma4TextConfig(hidden_size=48, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
                                      head_dim=12, global_head_dim=16, hidden_size_per_layer_input=0, sliding_window=200,
                                      layer_types=gemma_types(3, 3), tie_word_embeddings=True, rope_parameters=gemma4_rope(),
                                      **COMMON), 9, {}),
}


def randomise(model, store, generator):
    """Weights large enough that logits differ by O(1), norm weights that are not the identity."""
    gemma3 = model.config.model_type in ("gemma3", "gemma3_text")
    gemma = "gemma" in model.config.model_type
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if name.endswith("norm.weight"):
            value = noise * 0.2 + (0.0 if gemma3 else 1.0)
            # Sharp attention that does not drown the rest: its average over many keys would be the same at every position.
            if gemma3 and ("q_norm" in name or "k_norm" in name):
                value += 1.0
            elif gemma3 and "post_attention" in name:
                value -= 0.5
        elif name.endswith("bias"):
            value = noise * 0.3
        elif "embed" in name:
            # Where the table is the head too, a large one makes every token predict itself.
            value = noise * ((0.08 if gemma else 0.15) if model.config.tie_word_embeddings else 1.0)
        elif name.endswith(("router.scale", "per_expert_scale", "layernorm_1.weight", "layernorm_2.weight")):
            value = noise * 0.2 + 1.0
        elif name.endswith("router.proj.weight"):
            value = noise * 4  # As below: the rows that the router reads are scaled by 1 / sqrt(hidden).
        elif name.endswith("mlp.gate.weight"):
            value = noise * 0.8  # Router logits far apart: rounding must not choose the experts.
        else:
            value = noise * (1.2 / parameter.shape[-1] ** 0.5)
        parameter.data.copy_(value.to(store).float())
    for name, buffer in model.named_buffers():
        if name.endswith("layer_scalar"):
            buffer.fill_(0.75)


def forward_all(model, ids):
    return model(torch.tensor([ids]), use_cache=False).logits[0].float()


def greedy_with_cache(model, prompt, steps=DECODE_STEPS):
    """Greedy decoding through the model's own cache; returns ids and the logits they were chosen from."""
    output = model(torch.tensor([prompt]), use_cache=True)
    rows, ids = [output.logits[0, -1].float()], []
    for _ in range(steps):
        ids.append(int(rows[-1].argmax()))
        output = model(torch.tensor([[ids[-1]]]), past_key_values=output.past_key_values, use_cache=True)
        rows.append(output.logits[0, -1].float())
    return ids, torch.stack(rows[:-1])


def write_config(directory, config, options):
    raw = config.to_dict()
    keep = ["model_type", "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
            "head_dim", "max_position_embeddings", "rms_norm_eps", "tie_word_embeddings", "rope_parameters", "sliding_window", "layer_types",
            "use_sliding_window", "max_window_layers", "query_pre_attn_scalar", "num_local_experts", "num_experts_per_tok",
            "moe_intermediate_size", "norm_topk_prob", "decoder_sparse_step", "mlp_only_layers", "attention_k_eq_v",
            "enable_moe_block", "num_experts", "top_k_experts", "hidden_size_per_layer_input", "final_logit_softcapping"]
    text = {key: raw[key] for key in keep if raw.get(key) is not None}
    if config.model_type == "gemma4_text":  # As the published files say it.
        full = config.per_layer_config[config.layer_types.index("full_attention")]
        text.update(global_head_dim=full.head_dim, num_global_key_value_heads=full.num_key_value_heads)
    if options.get("experts") == "hub":
        text["num_experts"] = text.pop("num_local_experts")
    if options.get("old_spelling"):
        rope = text.pop("rope_parameters")
        del text["layer_types"]
        text.update(sliding_window_pattern=6, rope_theta=rope["full_attention"]["rope_theta"],
                    rope_local_base_freq=rope["sliding_attention"]["rope_theta"], rope_scaling=None)
    if options.get("wrapper"):
        text = {"model_type": config.model_type.removesuffix("_text"), "text_config": text, "vision_config": {"hidden_size": 8}}
    (directory / "config.json").write_text(json.dumps(text, indent=1) + "\n")


def write_weights(directory, model, options):
    tied = model.config.tie_word_embeddings
    tensors = {name: value.detach().clone().to(options.get("store", torch.float32)) for name, value in model.state_dict().items()
               if not (tied and name == "lm_head.weight")}
    if options.get("experts") == "hub":
        for name in [name for name in tensors if ".experts." in name]:
            stacked = tensors.pop(name)
            prefix, product = name.rsplit(".", 1)
            halves = {"gate_proj": 0, "up_proj": 1} if product == "gate_up_proj" else {"down_proj": 0}
            for expert, weight in enumerate(stacked):
                for part, values in zip(halves, weight.chunk(len(halves))):
                    tensors[f"{prefix}.{expert}.{part}.weight"] = values.contiguous()
    if options.get("wrapper"):
        tensors = {"language_model." + name: value for name, value in tensors.items()}
        tensors["vision_tower.patch.weight"] = torch.zeros(3, 5)
    for old in directory.glob("model*.safetensors*"):
        old.unlink()
    if options.get("shards") != 2:
        save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
        return
    names = sorted(tensors)
    halves = [names[::2], names[1::2]]
    weight_map = {}
    for i, half in enumerate(halves, 1):
        shard = f"model-{i:05}-of-00002.safetensors"
        save_file({name: tensors[name] for name in half}, directory / shard, metadata={"format": "pt"})
        weight_map.update({name: shard for name in half})
    (directory / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}, indent=1) + "\n")


def attempt(name, config, prompt_length, options, seed):
    """A model and what it computes; None where its greedy tokens would make a poor fixture."""
    generator = torch.Generator().manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager", experts_implementation="eager").float().eval()
    randomise(model, options.get("store", torch.float32), generator)
    prompt = torch.randint(0, config.vocab_size, (prompt_length,), generator=generator).tolist()
    ids, decode_logits = greedy_with_cache(model, prompt)
    logits = forward_all(model, prompt + ids[:-1])
    top = logits[prompt_length - 1:].topk(2).values
    if (top[:, 0] - top[:, 1]).min() < MIN_MARGIN or len(set(ids)) < MIN_DISTINCT:
        return None
    cache_gap = (logits[prompt_length - 1:] - decode_logits).abs().max().item()
    model.set_attn_implementation("sdpa")
    sdpa_gap = (forward_all(model, prompt + ids[:-1]) - logits).abs().max().item()
    model.set_attn_implementation("eager")
    assert max(cache_gap, sdpa_gap) < 5e-5, (name, cache_gap, sdpa_gap)
    print(f"{name}: seed {seed}, |logits| <= {logits.abs().max():.2f}, {len(set(ids))} distinct greedy tokens, cached vs not {cache_gap:.1e}, "
          f"sdpa vs eager {sdpa_gap:.1e}", end="")
    return model, prompt, ids, logits


@torch.no_grad()
def make(name, config, prompt_length, options, seed):
    found = next(filter(None, (attempt(name, config, prompt_length, options, seed + 100 * i) for i in range(100))))
    model, prompt, ids, logits = found
    directory = HERE / name
    directory.mkdir(exist_ok=True)
    write_config(directory, config, options)
    write_weights(directory, model, options)
    expected = {"prompt": torch.tensor(prompt, dtype=torch.int32), "greedy": torch.tensor(ids, dtype=torch.int32), "logits": logits.contiguous()}
    half = model.to(torch.bfloat16)
    half_logits = forward_all(half, prompt + ids[:-1])
    expected["bf16_logits"] = half_logits.contiguous()
    save_file(expected, directory / "expected.safetensors")
    print(f", bf16 deviates by {(half_logits - logits).abs().max():.3f} (rms {(half_logits - logits).square().mean().sqrt():.3f})")


def main():
    """All models, or those named on the command line."""
    print(f"torch {torch.__version__}, transformers {transformers.__version__}")
    for index, (name, (config, prompt_length, options)) in enumerate(MODELS.items()):
        if len(sys.argv) > 1 and name not in sys.argv[1:]:
            continue
        make(name, config, prompt_length, options, seed=1000 + index)


if __name__ == "__main__":
    main()
