"""Writes the tokenizer fixtures: python3 generate.py (needs tokenizers 0.23 and transformers 5; the tests need neither).

Each folder holds a small trained tokenizer and what HuggingFace tokenizers makes of texts.json with it."""

import json
import pathlib
import random

from tokenizers import Tokenizer

import chats
import components
import corpus
import pipelines

_HERE = pathlib.Path(__file__).parent


def _write(path, value):
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


def _decode_cases(tokenizer, encoded, rng):
    size = tokenizer.get_vocab_size()
    sequences = encoded[20:140:3] + [[rng.randrange(size) for _ in range(rng.randint(1, 24))] for _ in range(80)]
    # Unused rows of a padded embedding give no text.
    sequences.append([size + 5, 40, size, 41])
    return [{"ids": ids, "text": tokenizer.decode(ids, skip_special_tokens=False),
             "skipped": tokenizer.decode(ids, skip_special_tokens=True)} for ids in sequences]


def main():
    texts = corpus.test_texts(11)
    _write(_HERE / "texts.json", texts)
    tokenizers = {}
    for name, build in pipelines.ALL.items():
        document, config = build()
        tokenizer = Tokenizer.from_str(json.dumps(document))
        tokenizers[name] = (tokenizer, config)
        plain = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
        special = [tokenizer.encode(text, add_special_tokens=True).ids for text in texts[:12]]
        _write(_HERE / name / "tokenizer.json", document)
        _write(_HERE / name / "tokenizer_config.json", config)
        _write(_HERE / name / "cases.json", {"plain": plain, "special": special,
                                             "decode": _decode_cases(tokenizer, plain, random.Random(name))})
    _write(_HERE / "components.json", {"pre_tokenizers": components.pre_tokenizer_cases(), "normalizers": components.normalizer_cases(),
                                       "decoders": components.decoder_cases()})
    _write(_HERE / "chats.json", {"templates": {name: template for name, (template, _) in chats.TEMPLATES.items()},
                                  "fixtures": {name: fixture for name, (_, fixture) in chats.TEMPLATES.items()},
                                  "cases": chats.chat_cases(tokenizers)})


if __name__ == "__main__":
    main()
