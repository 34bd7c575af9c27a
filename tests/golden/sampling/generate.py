#!/usr/bin/env python3
"""Records what HuggingFace's logits processors, alone and in a chain, and torch.log_softmax make of random logits.

Needs torch and transformers; the fixtures are committed.
    python3 tests/golden/sampling/generate.py
"""
import json
import pathlib

import torch
from transformers import (MinPLogitsWarper, RepetitionPenaltyLogitsProcessor, TemperatureLogitsWarper, TopKLogitsWarper,
                          TopPLogitsWarper)

# In the order in which they apply.
PROCESSORS = {"repetition_penalty": RepetitionPenaltyLogitsProcessor, "temperature": TemperatureLogitsWarper, "top_k": TopKLogitsWarper,
              "top_p": TopPLogitsWarper, "min_p": MinPLogitsWarper}


def values(tensor, decimals):
    return [None if value == float("-inf") else round(value, decimals) for value in tensor.tolist()]


def case(history, logits, **options):
    expected = logits.clone()
    for name, processor in PROCESSORS.items():
        if name in options:
            expected = processor(options[name])(history, expected)
    return {"options": options, "history": history[0].tolist(), "logits": values(logits[0], 3), "expected": values(expected[0], 6)}


def alone(generator):
    for vocab in (1, 7, 64):
        for repeat in range(4):
            logits = (torch.randn(1, vocab, generator=generator) * 3).round(decimals=3)
            if repeat == 1 and vocab > 1:
                logits[0, : vocab // 2] = logits[0, 0]  # Ties.
            history = torch.randint(0, vocab, (1, 5), generator=generator)
            for name, parameters in (("top_k", (1, 5, 100)), ("top_p", (0.1, 0.9, 0.999)), ("min_p", (0.05, 0.6)),
                                     ("repetition_penalty", (1.3, 0.7))):
                if repeat == 1 and name == "top_p":
                    continue  # Which of equal tokens stay is the sort's choice.
                for parameter in parameters:
                    yield case(history, logits, **{name: parameter})


def at_boundaries(generator):
    """top_p and min_p a little on either side of where a token falls out."""
    for vocab in (2, 17):
        logits = (torch.randn(1, vocab, generator=generator) * 2).round(decimals=3)
        history = torch.zeros((1, 0), dtype=torch.long)
        probabilities = logits[0].double().softmax(dim=-1).sort(descending=True).values
        for rank in range(min(vocab - 1, 6)):
            for offset in (-1e-4, 1e-4):
                yield case(history, logits, top_p=round(float(probabilities.cumsum(dim=-1)[rank]) + offset, 7))
                yield case(history, logits, min_p=round(float(probabilities[rank + 1] / probabilities[0]) * (1 + 10 * offset), 7))


def penalised_signs(generator):
    """Negative, zero and positive logits, each penalised once however often it was seen."""
    for sign in (-1, 1):
        logits = (torch.randn(1, 17, generator=generator).abs() * 3 * sign).round(decimals=3)
        logits[0, 3] = 0
        for penalty in (1.1, 0.5, 3.0):
            yield case(torch.tensor([[3, 5, 5, 5, 16, 0, 3]]), logits, repetition_penalty=penalty)


def combined(generator):
    for vocab in (1, 2, 17, 500):
        for options in ({"temperature": 0.8, "top_k": 50, "top_p": 0.9},
                        {"repetition_penalty": 1.1, "temperature": 0.8, "top_k": 10, "top_p": 0.9, "min_p": 0.05},
                        {"repetition_penalty": 1.5, "temperature": 2.5, "top_p": 0.95, "min_p": 0.02},
                        {"repetition_penalty": 0.8, "temperature": 0.3, "top_k": 400},
                        {"temperature": 1.7, "top_k": 3, "min_p": 0.3}):
            logits = (torch.randn(1, vocab, generator=generator) * 3).round(decimals=3)
            if vocab > 2:
                logits[0, torch.randperm(vocab, generator=generator)[: vocab // 4]] = float("-inf")
            yield case(torch.randint(0, vocab, (1, 9), generator=generator), logits, **options)


def log_probabilities(generator):
    for vocab, scale, shift in ((1, 3, 0), (2, 3, 5), (17, 3, -40), (300, 0.01, 0), (300, 12, 100), (300, 3, 0)):
        logits = (torch.randn(vocab, generator=generator) * scale + shift).round(decimals=4)
        if vocab == 17:
            logits[4] = float("-inf")
        top = logits.double().log_softmax(dim=-1).topk(min(vocab - 1, 20))
        yield {"logits": values(logits, 4), "float64": values(logits.double().log_softmax(dim=-1), 9),
               "float32": values(logits.log_softmax(dim=-1), 9), "top": top.indices.tolist() if scale > 1 else []}


def write(name, cases):
    path = pathlib.Path(__file__).parent / name
    cases = list(cases)
    path.write_text(json.dumps(cases, separators=(",", ":")) + "\n")
    print(f"{name}: {len(cases)} cases, {path.stat().st_size} bytes")


def main():
    generator = torch.Generator().manual_seed(11)
    write("processors.json", [test for kind in (alone, at_boundaries, penalised_signs, combined) for test in kind(generator)])
    write("log_probabilities.json", log_probabilities(generator))


if __name__ == "__main__":
    main()
