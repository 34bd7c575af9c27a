"""Tokenizer files of many shapes against transformers' AutoTokenizer: python3 variants.py writes variants.json (compact, what the tests read);
python3 variants.py COUNT DIRECTORY writes a case file for COUNT random variants instead, which TokenizerVariantsTest reads by METRONOME_TOKENIZER_VARIANTS."""

import json
import os
import pathlib
import random
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402
from transformers.utils import logging  # noqa: E402

import pipelines  # noqa: E402

_HERE = pathlib.Path(__file__).parent
_LOW = "\u2581"

_TEXTS = ["x<|z|>y", "a<s>b </s>  <pad>c", " in 2024, it's 3.5%!", "Hello  World\n\n\tcaf\u00e9 e\u0301", "\u4f60\u597d \U0001f642 \u0130\u00df", "", " ", "  two  ",
          "<|endoftext|>a<|z|> <image>b", "_x_ \u00bd\u0663 \u200d-- $a^b", "\u2581a \u2581", "xyz abc <unk>"]


def _component(attribute, component):
    tokenizer = Tokenizer(models.BPE())
    setattr(tokenizer, attribute, component)
    return json.loads(tokenizer.to_str())[attribute]


def _models():
    """Byte-level, SentencePiece-like and plain characters, all tiny."""
    bytes_model = Tokenizer(models.BPE())
    bytes_model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pipelines._train(bytes_model, 300, pre_tokenizers.ByteLevel.alphabet(), 21)
    vocab, merges = pipelines._sentencepiece_model(["<unk>", "<s>", "</s>"], 150, 22, spell_all_splits=True)
    characters = ["[UNK]"] + [chr(c) for c in range(33, 127)] + [_LOW, " ", "\u0120", "e\u0301"[1], "\u00e9"]
    plain = {token: i for i, token in enumerate(characters)}
    pairs = [["a", "b"], ["ab", "c"], ["l", "o"], ["H", "e"], [_LOW, "a"], ["2", "0"]]
    for left, right in pairs:
        plain[left + right] = len(plain)
    ends = {"<unk>": 0}
    for c in "abcdefghijklmnopqrstuvwxyz0123456789<>|_-.!,'":
        for token in (c, c + "</w>", "##" + c, "##" + c + "</w>"):
            ends[token] = len(ends)
    ends.update({token: len(ends) + i for i, token in enumerate(["ab", "abc</w>", "in</w>"])})
    return {"bytes": {"type": "BPE", "vocab": json.loads(bytes_model.to_str())["model"]["vocab"], "merges": json.loads(bytes_model.to_str())["model"]["merges"]},
            "pieces": {"type": "BPE", "vocab": vocab, "merges": merges, "unk_token": "<unk>", "byte_fallback": True, "fuse_unk": True},
            "plain": {"type": "BPE", "vocab": plain, "merges": pairs, "unk_token": "[UNK]"},
            "ends": {"type": "BPE", "vocab": ends, "merges": [["a", "##b"], ["ab", "##c</w>"], ["i", "##n</w>"]], "unk_token": "<unk>", "continuing_subword_prefix": "##", "end_of_word_suffix": "</w>"}}


def _token(content, **flags):
    return {"content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False, **flags}


def _template(prefix, suffix, ids):
    single = " ".join(prefix + ["$A"] + suffix)
    return _component("post_processor", processors.TemplateProcessing(single=single, pair=single + " $B:1", special_tokens=list(ids.items())))


def _pre(*steps):
    return _component("pre_tokenizer", pre_tokenizers.Sequence(list(steps)) if len(steps) > 1 else steps[0])


def _norm(*steps):
    return _component("normalizer", normalizers.Sequence(list(steps)) if len(steps) > 1 else steps[0])


_NORMALIZERS = [normalizers.NFC(), normalizers.NFD(), normalizers.NFKC(), normalizers.NFKD(), normalizers.Lowercase(), normalizers.StripAccents(), normalizers.Strip(True, True),
                normalizers.Strip(False, True), normalizers.Replace("l", "L"), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Prepend(_LOW), normalizers.BertNormalizer(), normalizers.Nmt(),
                normalizers.Replace(Regex("x*"), "-")]
_PRE_TOKENIZERS = [pre_tokenizers.Digits(True), pre_tokenizers.Digits(False), pre_tokenizers.Metaspace(_LOW, "always"), pre_tokenizers.Metaspace(_LOW, "first", False), pre_tokenizers.Metaspace(_LOW, "never"),
                   pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Whitespace(), pre_tokenizers.Punctuation(), pre_tokenizers.Punctuation("merged_with_next"), pre_tokenizers.BertPreTokenizer(),
                   pre_tokenizers.Split(" ", "removed"), pre_tokenizers.Split(Regex(r"\d"), "merged_with_previous"), pre_tokenizers.Split(Regex(r"\w+"), "contiguous", True),
                   pre_tokenizers.Split(Regex("(?=[A-Z])"), "isolated"), pre_tokenizers.Split("a", "merged_with_next"), pre_tokenizers.CharDelimiterSplit("a")]
_DECODERS = [decoders.ByteLevel(), decoders.Metaspace(), decoders.WordPiece(), decoders.BPEDecoder(), decoders.Fuse(), decoders.CTC(), decoders.Sequence([decoders.Replace(_LOW, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]),
             decoders.Sequence([decoders.Replace("##", ""), decoders.BPEDecoder()]), None]
_CLASSES = ["PreTrainedTokenizerFast", "TokenizersBackend", "Qwen2Tokenizer", "Qwen2TokenizerFast", "GemmaTokenizer", "LlamaTokenizerFast", "OwnTokenizer", None]


def _family(name):
    byte_level = _pre(pre_tokenizers.Split(Regex(pipelines._QWEN), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False))
    pieces = _component("decoder", decoders.Sequence([decoders.Replace(_LOW, " "), decoders.ByteFallback(), decoders.Fuse()]))
    return {"gpt2": {"model": "bytes", "pre_tokenizer": _pre(pre_tokenizers.ByteLevel(add_prefix_space=False)), "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}},
            "smollm": {"model": "bytes", "pre_tokenizer": _pre(pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(add_prefix_space=False)), "decoder": _component("decoder", decoders.ByteLevel())},
            "qwen": {"model": "bytes", "normalizer": _norm(normalizers.NFC()), "pre_tokenizer": byte_level, "decoder": _component("decoder", decoders.ByteLevel())},
            "gemma": {"model": "pieces", "normalizer": _norm(normalizers.Replace(" ", _LOW)), "pre_tokenizer": _pre(pre_tokenizers.Split(" ", "merged_with_previous")), "decoder": pieces},
            "llama": {"model": "pieces", "pre_tokenizer": _pre(pre_tokenizers.Metaspace(_LOW, "first", False)),
                      "decoder": _component("decoder", decoders.Sequence([decoders.Replace(_LOW, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]))}}[name]


def chosen():
    """One variant for every key and component."""
    z = {"413": _token("<|z|>")}
    special = [{"id": 1, **_token("<s>", special=True)}, {"id": 2, **_token("</s>", special=True)}]
    bos = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
           "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}}
    pair = {"cls": ["<s>", 1], "sep": ["</s>", 2]}
    fast = {"tokenizer_class": "PreTrainedTokenizerFast"}
    out = []
    for flags in ({"add_bos_token": False}, {"add_bos_token": True, "bos_token": "<s>"}, {"add_eos_token": True, "eos_token": "</s>"}):
        for name in ("PreTrainedTokenizerFast", "Qwen2Tokenizer"):
            family = _family("qwen")
            out.append({**family, "added_tokens": special, "post_processor": bos, "config": {"tokenizer_class": name, **flags}})
            out.append({**family, "added_tokens": special, "config": {"tokenizer_class": name, **flags}})
    for name in ("gpt2", "smollm", "qwen", "gemma", "llama"):
        base = {**_family(name), "added_tokens": special}
        out += [{**base, "config": {**fast, **keys}} for keys in (
            {"added_tokens_decoder": z}, {"split_special_tokens": True}, {"additional_special_tokens": ["<|z|>", "xyz"]}, {"extra_special_tokens": {"image_token": "<image>"}, "pad_token": "<pad>"},
            {"image_token": "<image>", "audio_token": "<|z|>", "unk_token": {"__type": "AddedToken", **_token("<unk>", lstrip=True)}},
            {"added_tokens_decoder": {"1": _token("<s>", special=True, lstrip=True, rstrip=True), "900": _token("abc", single_word=True)}, "eos_token": "abc"})]
        out.append({**base, "config": fast, "special_tokens_map": {"bos_token": "<|z|>", "additional_special_tokens": ["xyz"], "pad_token": _token("<pad>", rstrip=True)}, "added_tokens_json": {"<image>": 700, "xyz": 701}})
    for keys in ({}, {"add_prefix_space": True}, {"add_prefix_space": False}):
        out.append({**_family("gpt2"), "config": {"tokenizer_class": "GPT2Tokenizer", **keys}})
        out.append({**_family("qwen"), "config": {"tokenizer_class": "Qwen2Tokenizer", **keys}})
        for legacy in ({}, {"legacy": True}, {"legacy": False}):
            out.append({**_family("llama"), "added_tokens": special, "config": {"tokenizer_class": "LlamaTokenizer", **keys, **legacy}})
    for model_type in ("llama", "qwen2", "qwen3", "gemma3_text", "gemma4_text"):
        for name in ("Qwen2Tokenizer", "PreTrainedTokenizerFast", "LlamaTokenizerFast", None):
            if name is None and model_type == "gemma3_text":
                continue  # The class would build another pipeline than the file describes, whose vocabulary it cannot use.
            out.append({**_family("qwen"), "added_tokens": special, "model_type": model_type, "config": {"tokenizer_class": name} if name else {}})
    out.append({**_family("gemma"), "added_tokens": special, "config": {"tokenizer_class": "GemmaTokenizer", "bos_token": "<s>", "add_bos_token": True}})
    for processor in ({"type": "BertProcessing", **pair}, {"type": "RobertaProcessing", **pair, "trim_offsets": True, "add_prefix_space": True}, {"type": "Sequence", "processors": [bos, {"type": "BertProcessing", **pair}]}):
        out.append({**_family("gpt2"), "added_tokens": special, "post_processor": processor, "config": fast})
    out += [{"model": "plain", "normalizer": _norm(step), "pre_tokenizer": _pre(_PRE_TOKENIZERS[2]), "decoder": _component("decoder", decoders.Metaspace()), "added_tokens": [{"id": 110, **_token("Hello", normalized=True)}], "config": fast} for step in _NORMALIZERS]
    out += [{"model": "plain", "pre_tokenizer": _pre(step), "config": fast} for step in _PRE_TOKENIZERS]
    out += [{"model": "ends", "pre_tokenizer": _pre(pre_tokenizers.WhitespaceSplit()), "decoder": decoder and _component("decoder", decoder), "config": fast} for decoder in _DECODERS]
    return out


def drawn(count, seed):
    rng = random.Random(seed)
    out = []
    for _ in range(count):
        if rng.random() < 0.5:
            base = _family(rng.choice(["gpt2", "smollm", "qwen", "gemma", "llama"]))
            names = ["PreTrainedTokenizerFast", "TokenizersBackend", "OwnTokenizer", None]
            if base["model"] == "bytes" and "normalizer" in base:
                names.append("Qwen2Tokenizer")
        else:
            decoder = rng.choice(_DECODERS)
            base = {"model": rng.choice(["plain", "pieces", "ends"]), "decoder": decoder and _component("decoder", decoder)}
            if rng.random() < 0.7:
                base["normalizer"] = _norm(*rng.sample(_NORMALIZERS, rng.randint(1, 2)))
            if rng.random() < 0.8:
                base["pre_tokenizer"] = _pre(*rng.sample(_PRE_TOKENIZERS, rng.randint(1, 3)))
            names = ["PreTrainedTokenizerFast", None]
        pool = ["<|z|>", "<s>", "</s>", "<pad>", "abc", "Hello", "xyz", "<image>", "2024", "caf\u00e9", "<|endoftext|>"]
        flags = lambda: {key: rng.random() < 0.3 for key in ("single_word", "lstrip", "rstrip", "normalized", "special")}
        base["added_tokens"] = [{"id": 900 + i, **_token(content, **flags())} for i, content in enumerate(rng.sample(pool, rng.randint(0, 4)))]
        config = {}
        for key, value in (("tokenizer_class", rng.choice(names)), ("added_tokens_decoder", {str(rng.randint(0, 999)): _token(content, **flags()) for content in rng.sample(pool, 2)}),
                           ("split_special_tokens", True), ("additional_special_tokens", rng.sample(pool, 2)), ("bos_token", rng.choice(pool)), ("eos_token", {"__type": "AddedToken", **_token(rng.choice(pool), **flags())}),
                           ("pad_token", None), ("image_token", rng.choice(pool)), ("add_bos_token", True), ("clean_up_tokenization_spaces", True)):
            if value is not None and rng.random() < (0.8 if key == "tokenizer_class" else 0.3):
                config[key] = value
        base["config"] = config
        if rng.random() < 0.2:
            base["special_tokens_map"] = {"unk_token": rng.choice(pool), "extra_special_tokens": rng.sample(pool, 1)}
        if rng.random() < 0.2:
            base["added_tokens_json"] = {rng.choice(pool): 950}
        out.append(base)
    return out


def _document(variant, all_models):
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": variant.get("added_tokens", []), "normalizer": variant.get("normalizer"), "pre_tokenizer": variant.get("pre_tokenizer"),
            "post_processor": variant.get("post_processor"), "decoder": variant.get("decoder"), "model": all_models[variant["model"]]}


def _attempt(action):
    try:
        return action()
    except BaseException as error:  # Panics of tokenizers are no Exceptions.
        if isinstance(error, KeyboardInterrupt):
            raise
        return None


def _answers(variant, all_models):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        files = {"tokenizer.json": _document(variant, all_models), "tokenizer_config.json": variant["config"], "special_tokens_map.json": variant.get("special_tokens_map"),
                 "added_tokens.json": variant.get("added_tokens_json"), "config.json": {"model_type": variant["model_type"]} if "model_type" in variant else None}
        for name, value in files.items():
            if value is not None:
                (path / name).write_text(json.dumps(value))
        tokenizer = AutoTokenizer.from_pretrained(folder)
    plain = [_attempt(lambda: tokenizer.encode(text, add_special_tokens=False)) for text in _TEXTS]
    rows = [row for row in plain if row][:4]
    rng = random.Random(len(tokenizer))
    rows += [[rng.randrange(len(tokenizer)) for _ in range(8)] for _ in range(2)]
    return {"plain": plain, "special": [_attempt(lambda: tokenizer.encode(text)) for text in _TEXTS[:2]],
            "decode": [[row, _attempt(lambda: tokenizer.decode(row)), _attempt(lambda: tokenizer.decode(row, skip_special_tokens=True))] for row in rows]}


def main():
    logging.set_verbosity_error()
    all_models = _models()
    variants, path = chosen(), _HERE / "variants.json"
    if len(sys.argv) > 1:
        variants, path = drawn(int(sys.argv[1]), 5), pathlib.Path(sys.argv[2]) / "variants.json"
    cases = []
    for variant in variants:
        answers = _attempt(lambda: _answers(variant, all_models))
        if answers is not None:  # What transformers does not load either has no right value.
            cases.append({**variant, **answers})
    path.write_text(json.dumps({"models": all_models, "texts": _TEXTS, "variants": cases}, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    print(len(cases), "of", len(variants), "variants,", len(cases) * len(_TEXTS), "pairs")


if __name__ == "__main__":
    main()
