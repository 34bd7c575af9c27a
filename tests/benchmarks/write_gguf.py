#!/usr/bin/env python3
"""Writes a GGUF file of a catalogue model's shapes, with random weights, for side_by_side.py's --gguf.

    write_gguf.py llama-3.2-1b llama-3.2-1b.gguf --dtype bfloat16

The file has no vocabulary: llama-bench draws its tokens by itself. Norm weights are float32, as llama.cpp's converter writes them. Families: Llama,
Qwen 2, Qwen 3, Gemma 3. It needs numpy and gguf from PyPI, and no network.
"""
import argparse
import pathlib
import sys

import gguf
import numpy

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "client" / "peers"))
import catalogue  # noqa: E402

ARCHITECTURES = {"llama": gguf.MODEL_ARCH.LLAMA, "qwen2": gguf.MODEL_ARCH.QWEN2, "qwen3": gguf.MODEL_ARCH.QWEN3, "gemma3_text": gguf.MODEL_ARCH.GEMMA3}
DTYPES = {"bfloat16": gguf.GGMLQuantizationType.BF16, "float16": gguf.GGMLQuantizationType.F16, "float32": gguf.GGMLQuantizationType.F32}
RANDOM_VALUES = 1 << 22  # Drawn once; tensors repeat them.


def sizes_of(config):
    heads = config["num_attention_heads"]
    return {"hidden": config["hidden_size"], "feed_forward": config["intermediate_size"], "heads": heads, "kv_heads": config["num_key_value_heads"],
            "head": config.get("head_dim") or config["hidden_size"] // heads}


def metadata(writer, config):
    size = sizes_of(config)
    writer.add_vocab_size(config["vocab_size"])
    writer.add_tokenizer_model("no_vocab")
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(size["hidden"])
    writer.add_feed_forward_length(size["feed_forward"])
    writer.add_head_count(size["heads"])
    writer.add_head_count_kv(size["kv_heads"])
    writer.add_key_length(size["head"])
    writer.add_value_length(size["head"])
    writer.add_rope_dimension_count(size["head"])
    writer.add_rope_freq_base(float(config.get("rope_theta") or config["rope_parameters"]["rope_theta"]))
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    if config["model_type"] == "gemma3_text":
        writer.add_sliding_window(config["sliding_window"])


def shapes(config):
    """(name, shape) of every tensor, the matrices' rows first."""
    size, family = sizes_of(config), config["model_type"]
    query, key = size["heads"] * size["head"], size["kv_heads"] * size["head"]
    yield "token_embd.weight", (config["vocab_size"], size["hidden"])
    yield "output_norm.weight", (size["hidden"],)
    if not config.get("tie_word_embeddings", family == "gemma3_text"):
        yield "output.weight", (config["vocab_size"], size["hidden"])
    for layer in range(config["num_hidden_layers"]):
        block = {"attn_norm.weight": (size["hidden"],), "ffn_norm.weight": (size["hidden"],),
                 "attn_q.weight": (query, size["hidden"]), "attn_k.weight": (key, size["hidden"]), "attn_v.weight": (key, size["hidden"]),
                 "attn_output.weight": (size["hidden"], query), "ffn_gate.weight": (size["feed_forward"], size["hidden"]),
                 "ffn_up.weight": (size["feed_forward"], size["hidden"]), "ffn_down.weight": (size["hidden"], size["feed_forward"])}
        if family == "qwen2":
            block |= {"attn_q.bias": (query,), "attn_k.bias": (key,), "attn_v.bias": (key,)}
        if family in ("qwen3", "gemma3_text"):
            block |= {"attn_q_norm.weight": (size["head"],), "attn_k_norm.weight": (size["head"],)}
        if family == "gemma3_text":
            block |= {"post_attention_norm.weight": (size["hidden"],), "post_ffw_norm.weight": (size["hidden"],)}
        for name, shape in block.items():
            yield f"blk.{layer}.{name}", shape


def encode(values, dtype):
    """The bytes of float32 values in this dtype, a row of them for a row of values."""
    if dtype == gguf.GGMLQuantizationType.BF16:
        encoded = (values.view(numpy.uint32) >> 16).astype(numpy.uint16)
    else:
        encoded = values.astype(numpy.float16 if dtype == gguf.GGMLQuantizationType.F16 else numpy.float32)
    return encoded.view(numpy.uint8)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a key of the catalogue")
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--dtype", choices=DTYPES, default="bfloat16", help="of the matrices")
    options = parser.parse_args()
    config = catalogue.config_of(options.model)
    if config["model_type"] not in ARCHITECTURES:
        parser.error(f"'{options.model}' is of the family {config['model_type']}; there are {', '.join(ARCHITECTURES)}")
    writer = gguf.GGUFWriter(options.output, gguf.MODEL_ARCH_NAMES[ARCHITECTURES[config["model_type"]]], use_temp_file=True)
    metadata(writer, config)
    values = numpy.random.default_rng(0).normal(0, 0.02, RANDOM_VALUES).astype(numpy.float32)
    for name, shape in shapes(config):
        dtype = DTYPES[options.dtype] if len(shape) == 2 else gguf.GGMLQuantizationType.F32
        writer.add_tensor(name, encode(numpy.resize(values, shape), dtype), raw_dtype=dtype)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
