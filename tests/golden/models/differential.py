#!/usr/bin/env python3
"""Compares random config variants of every family with HuggingFace transformers: logits at every position, greedy tokens, refusals.

    ninja -C build/dev checkpoint_logits
    python3 tests/golden/models/differential.py --program build/dev/bin/checkpoint_logits --count 400

Each variant is a config.json of config_variants.py with random weights, loaded by transformers as a user would load it. In float32 and on one chunk and
token by token, our logits are within 1e-4 of the reference's (times the largest logit, where that is above 1), and the greedy tokens are equal. What
transformers refuses we refuse too; what it runs, we run or refuse by name (REFUSALS). Prints every variant for which this does not hold, with its
config, and ends with code 1. Needs torch, transformers and safetensors, and no network.
"""
import argparse
import collections
import contextlib
import json
import logging
import pathlib
import re
import subprocess
import sys
import tempfile
import warnings

import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

import config_variants
import generate as golden

TOLERANCE = 1e-4
STEPS = 8
MIN_MARGIN = 2e-4  # Between the two best logits: below it rounding may choose.
# What transformers runs and we refuse, each by a message that says so.
REFUSALS = [r"rope_type is \"longrope\"", r"type is \"longrope\"", r"hidden_act.* is \"(laplace|xielu|gelu_10)\"; supported are",
            r"layer_types is .*this family has one window for all layers"]


class Case:
    """One variant: its directory, and what transformers computes or why it does not."""

    def __init__(self, seed, directory):
        self.seed, self.directory, self.error = seed, directory, None
        self.config = config_variants.variant(seed)
        directory.mkdir()
        (directory / "config.json").write_text(json.dumps(self.config, indent=1))
        try:
            self._compute()
        except Exception as error:  # transformers refuses in many ways.
            self.error = f"{type(error).__name__}: {' '.join(str(error).split())[-200:]}"

    def _compute(self):
        generator = torch.Generator().manual_seed(self.seed)
        config = AutoConfig.from_pretrained(self.directory)
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="eager", experts_implementation="eager").eval()
        self.type = type(model).__name__
        golden.randomise(model, torch.float32, generator)
        if "Gemma4" in self.type:  # Its scores are not divided by the head's root: sharper ones blow rounding up from layer to layer.
            for name, parameter in model.named_parameters():
                parameter.mul_(0.3 if name.endswith("q_norm.weight") else 1.0)
        vocab = model.get_input_embeddings().weight.shape[0]
        self.prompt = torch.randint(0, vocab, (int(torch.randint(1, 41, (1,), generator=generator)),), generator=generator).tolist()
        self.rest, _ = golden.greedy_with_cache(model, self.prompt, STEPS)
        self.logits = golden.forward_all(model, self.prompt + self.rest)
        if not torch.isfinite(self.logits).all():
            raise ValueError("logits are not finite")
        tied = bool(model.config.tie_word_embeddings)
        tensors = {name: value.detach().clone().contiguous() for name, value in model.state_dict().items()
                   if "vision" not in name and "multi_modal" not in name and not (tied and name == "lm_head.weight")}
        save_file(tensors, self.directory / "model.safetensors", metadata={"format": "pt"})
        save_file({"prompt": torch.tensor(self.prompt, dtype=torch.int32), "rest": torch.tensor(self.rest, dtype=torch.int32)},
                  self.directory / "tokens.safetensors")

    def judge(self, answer):
        """(class of the result, whether it is as it should be, what to say)."""
        if self.error is not None:
            accepted = answer.startswith("NOT_FOUND")  # Where transformers has failed there are no weights.
            return ("ours alone accepts", False, self.error) if accepted else ("both refuse", True, answer)
        if answer != "ok":
            known = any(re.search(pattern, answer) for pattern in REFUSALS)
            return ("known refusal" if known else "ours alone refuses", known, answer)
        ours = torch.frombuffer(bytearray((self.directory / "logits.bin").read_bytes()), dtype=torch.float32).view(-1, self.logits.shape[1])
        first = len(self.prompt) - 1
        expected = torch.cat([self.logits[first:], self.logits])
        if ours.shape != expected.shape:
            return "logits differ", False, f"{tuple(ours.shape)} logits, not {tuple(expected.shape)}"
        gap = (ours - expected).abs().max().item()
        top = self.logits[first:].topk(2).values
        sure = (top[:, 0] - top[:, 1]) >= MIN_MARGIN
        greedy = ours[:len(self.rest) + 1].argmax(-1) == self.logits[first:].argmax(-1)
        good = gap <= TOLERANCE * max(1.0, self.logits.abs().max().item()) and bool(greedy[sure].all())
        return ("agrees" if good else "logits differ"), good, f"within {gap:.1e} of logits up to {self.logits.abs().max():.1f}"


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, help="checkpoint_logits")
    parser.add_argument("--first", type=int, default=0, help="number of the first variant")
    parser.add_argument("--count", type=int, default=400, help="variants (default 400)")
    parser.add_argument("--verbose", action="store_true", help="print every variant, not only those that differ")
    options = parser.parse_args()
    transformers.utils.logging.set_verbosity(logging.CRITICAL + 1)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", FutureWarning)
    results, wrong = collections.Counter(), 0
    with tempfile.TemporaryDirectory(prefix="metronome_differential_") as temporary, contextlib.closing(
            open(pathlib.Path(temporary) / "directories", "w+")) as listing:
        cases = [Case(seed, pathlib.Path(temporary) / str(seed)) for seed in range(options.first, options.first + options.count)]
        listing.write("".join(f"{case.directory}\n" for case in cases))
        listing.seek(0)
        answers = subprocess.run([options.program], stdin=listing, capture_output=True, text=True, check=True).stdout.splitlines()
        for case, answer in zip(cases, answers, strict=True):
            result, good, text = case.judge(answer)
            results[case.config["model_type"], result] += 1
            wrong += not good
            if not good or options.verbose:
                print(f"{'ok   ' if good else 'WRONG'} {case.seed} {result}: {text.replace(temporary, '')}")
                if case.error and good:
                    print(f"      transformers: {case.error}")
                if not good:
                    print(f"      {json.dumps(case.config)}")
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, variants {options.first} to {options.first + options.count - 1}")
    for (family, result), count in sorted(results.items()):
        print(f"{family:12} {result:18} {count}")
    print(f"{wrong} of {options.count} are not as they should be.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
