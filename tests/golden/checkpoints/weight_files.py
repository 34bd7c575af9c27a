"""Writes weight_files.json: checkpoint directories of tiny models, and the values that transformers' from_pretrained gives their weights.

    HF_HUB_OFFLINE=1 python weight_files.py

A tensor is filled with one value, so that a number tells which was taken. `files` has for each file {tensor: [dtype, value]}; `index` is the weight_map
of model.safetensors.index.json, or null. `weights` are the values of the embedding table, the norm and the head, null where transformers reports it missing and makes one up;
"error" where it does not load; "clash" where two tensors claim a weight: transformers takes the last it meets, we refuse.
"""
import json
import os
import pathlib
import random
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
import transformers
from safetensors.torch import save_file

transformers.logging.set_verbosity_error()
HERE = pathlib.Path(__file__).parent
SIZES = dict(vocab_size=4, hidden_size=4, intermediate_size=4, num_hidden_layers=0, num_attention_heads=1, num_key_value_heads=1, head_dim=4)
VISION = dict(hidden_size=4, intermediate_size=4, num_hidden_layers=0, num_attention_heads=1, image_size=28, patch_size=14)
WEIGHTS = ["embed_tokens.weight", "norm.weight", "lm_head.weight"]
TEXT_NAMES = {weight: ["model." + weight, weight] for weight in WEIGHTS[:2]} | {"lm_head.weight": ["lm_head.weight", "model.lm_head.weight"]}
WRAPPED_NAMES = {weight: [f"{prefix}{weight}" for prefix in ("language_model.model.", "model.language_model.", "language_model.")] for weight in WEIGHTS[:2]}
WRAPPED_NAMES["lm_head.weight"] = ["lm_head.weight", "language_model.lm_head.weight", "model.lm_head.weight"]
DTYPES = {"F32": torch.float32, "F64": torch.float64, "BF16": torch.bfloat16, "F16": torch.float16}


def config_of(wrapped, tied):
    if not wrapped:
        return {"model_type": "llama", "tie_word_embeddings": tied, **SIZES}
    return {"model_type": "gemma3", "tie_word_embeddings": tied, "text_config": {"model_type": "gemma3_text", "tie_word_embeddings": tied, **SIZES},
            "vision_config": {"model_type": "siglip_vision_model", **VISION}, "mm_tokens_per_image": 4}


def case(rng):
    wrapped, tied = rng.random() < 0.35, rng.random() < 0.6
    names = WRAPPED_NAMES if wrapped else TEXT_NAMES
    shards = rng.sample(["1.safetensors", "2.safetensors", "s/3.safetensors"], rng.randint(1, 3))
    files = {name: {} for name in (["model.safetensors"] if rng.random() < 0.4 else shards)}
    if rng.random() < 0.15:
        files.update({name: {} for name in ["model.safetensors", *shards]})
    value = 0
    tied_value = rng.randint(50, 60)

    def put(file, name, dtype="F32", fixed=None):
        nonlocal value
        value += 1
        files[file][name] = [dtype, value if fixed is None else fixed]

    equal_head = rng.random() < 0.5
    for weight in WEIGHTS:
        if rng.random() < (0.5 if weight == "lm_head.weight" and tied else 0.08):
            continue
        name = names[weight][0] if rng.random() < 0.8 else rng.choice(names[weight])
        fixed = tied_value if equal_head and weight != "norm.weight" else None
        put(rng.choice(list(files)), name, rng.choice(["F32", "F32", "F64", "BF16", "F16"]), fixed)
        if rng.random() < 0.06:
            put(rng.choice(list(files)), rng.choice(names[weight]), fixed=fixed)
    for decoy in ["vision_tower.x", "model.layers.7.mlp.up_proj.weight", "lm_head.bias", *([] if wrapped else ["model.language_model.norm.weight"])]:
        if rng.random() < 0.2:
            put(rng.choice(list(files)), decoy)
    index = None
    listed = [name for name in files if name != "model.safetensors"]
    if listed or rng.random() < 0.3:
        weight_map = {name: file for file in listed for name in files[file] if rng.random() < 0.8}
        for file in listed:  # Each is named, for a tensor that may not be there.
            if rng.random() < 0.9:
                weight_map["-" + file[0]] = file
        if rng.random() < 0.1:
            weight_map["gone"] = "gone.safetensors"
        for name in list(weight_map):
            if rng.random() < 0.1 and listed:
                weight_map[name] = rng.choice(listed)
        index = weight_map
    return {"wrapped": wrapped, "tied": tied, "files": {name: tensors for name, tensors in files.items()}, "index": index}


def loaded_files(case):
    if "model.safetensors" in case["files"]:
        return ["model.safetensors"]
    return [] if case["index"] is None else [name for name in set(case["index"].values()) if name in case["files"]]


def clashes(case):
    names = WRAPPED_NAMES if case["wrapped"] else TEXT_NAMES
    return any(sum(name in case["files"][file] for file in loaded_files(case) for name in names[weight]) > 1 for weight in WEIGHTS)


def ask(case):
    with tempfile.TemporaryDirectory() as temp:
        folder = pathlib.Path(temp)
        (folder / "config.json").write_text(json.dumps(config_of(case["wrapped"], case["tied"])))
        for name, tensors in case["files"].items():
            (folder / name).parent.mkdir(exist_ok=True)
            save_file({tensor: torch.full([4] if "norm" in tensor else [4, 4], float(value), dtype=DTYPES[dtype]) for tensor, (dtype, value) in tensors.items()},
                      folder / name, metadata={"format": "pt"})
        if case["index"] is not None:
            (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": case["index"]}))
        try:
            model, info = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
        except Exception:
            return "error"
    text = model.model.language_model if case["wrapped"] else model.model
    prefix = "model.language_model." if case["wrapped"] else "model."
    parameters = {"embed_tokens.weight": text.embed_tokens.weight, "norm.weight": text.norm.weight, "lm_head.weight": model.lm_head.weight}
    full = {"lm_head.weight": "lm_head.weight"}
    return [None if full.get(weight, prefix + weight) in info["missing_keys"] else parameters[weight].flatten()[0].item() for weight in WEIGHTS]


def main():
    rng = random.Random(13)
    cases = []
    while len(cases) < 260:
        one = case(rng)
        one["weights"] = "clash" if clashes(one) else ask(one)
        cases.append(one)
    text = json.dumps({"cases": cases}, separators=(",", ":")).replace('{"wrapped"', '\n{"wrapped"')
    (HERE / "weight_files.json").write_text(text + "\n")


main()
