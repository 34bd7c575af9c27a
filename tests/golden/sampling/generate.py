#!/usr/bin/env python3
"""Records what HuggingFace's logits processors make of random logits.

Needs torch and transformers; the fixture is committed.
    python3 tests/golden/sampling/generate.py
"""
import json
import pathlib

import torch
from transformers import MinPLogitsWarper, RepetitionPenaltyLogitsProcessor, TopKLogitsWarper, TopPLogitsWarper


def main():
    generator = torch.Generator().manual_seed(11)
    cases = []
    for vocab in (1, 7, 64):
        for repeat in range(4):
            logits = (torch.randn(1, vocab, generator=generator) * 3).round(decimals=3)
            if repeat == 1 and vocab > 1:
                logits[0, : vocab // 2] = logits[0, 0]  # Ties.
            history = torch.randint(0, vocab, (1, 5), generator=generator)
            for name, parameter, processor in (
                ("top_k", 1, TopKLogitsWarper(1)), ("top_k", 5, TopKLogitsWarper(5)), ("top_k", 100, TopKLogitsWarper(100)),
                ("top_p", 0.1, TopPLogitsWarper(0.1)), ("top_p", 0.9, TopPLogitsWarper(0.9)), ("top_p", 0.999, TopPLogitsWarper(0.999)),
                ("min_p", 0.05, MinPLogitsWarper(0.05)), ("min_p", 0.6, MinPLogitsWarper(0.6)),
                ("repetition_penalty", 1.3, RepetitionPenaltyLogitsProcessor(1.3)),
                ("repetition_penalty", 0.7, RepetitionPenaltyLogitsProcessor(0.7)),
            ):
                if repeat == 1 and name == "top_p":
                    continue  # Which of equal tokens stay is the sort's choice.
                expected = processor(history, logits.clone())[0]
                cases.append({"name": name, "parameter": parameter, "history": history[0].tolist(), "logits": logits[0].tolist(),
                              "expected": [None if value == float("-inf") else round(value, 6) for value in expected.tolist()]})
    path = pathlib.Path(__file__).parent / "processors.json"
    path.write_text(json.dumps(cases, separators=(",", ":")) + "\n")
    print(f"{len(cases)} cases, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
