#!/usr/bin/env python3
"""Compares what a daemon generates with HuggingFace transformers, on small random models of every family.

    python3 model_parity.py --client build/release/bin/bench-client --server 127.0.0.1:50551 --output parity.json

Shapes are small, but heads and widths are those that the optimised kernels are made for; tests/golden/models has the awkward ones. The
reference runs on the CPU. Weights, prompt and margins come from fixed seeds.

float32: the greedy tokens are those of the reference, and every log-probability shown is within 1e-3 of it. bfloat16: over the tokens that
the daemon chose, the log-probabilities of its most likely tokens have at most 1.5 times the root mean square distance to the reference in
float32 that the reference's own bfloat16 run has. Exit code 1 where one of these does not hold, or a model could not be run.

Needs torch, safetensors and transformers 5.5 or newer.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import torch
from transformers import AutoModelForCausalLM, Gemma3TextConfig, Gemma4TextConfig, LlamaConfig, Qwen2Config, Qwen3Config, Qwen3MoeConfig

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "golden" / "models"), str(ROOT / "client" / "peers")]
import generate as golden  # noqa: E402
from measure import splitmix64_tokens  # noqa: E402

STEPS = 24
LIKELY = 20  # Log-probabilities compared at each step, besides the chosen token's.
FLOAT32_TOLERANCE = 1e-3
BF16_RATIO = 1.5
MIN_MARGIN = 5e-3  # Between the two best logits of every greedy choice: rounding in float32 must not choose.
MIN_DISTINCT = 8  # Greedy tokens: a model that repeats one token shows few errors of decoding.
COMMON = dict(golden.COMMON, vocab_size=512, max_position_embeddings=2048)
GEMMA = dict(hidden_size=256, intermediate_size=512, num_attention_heads=4, num_key_value_heads=2)
PLAIN_ROPE = dict(rope_type="default", rope_theta=1e6)

# name -> (configuration, prompt tokens, how golden.write_* writes it)
MODELS = {
    "llama": (LlamaConfig(hidden_size=256, intermediate_size=512, num_hidden_layers=3, num_attention_heads=8, num_key_value_heads=2, head_dim=64,
                          tie_word_embeddings=False, rope_parameters=golden.LLAMA3, **COMMON), 600, {}),
    "qwen2": (Qwen2Config(hidden_size=768, intermediate_size=1024, num_hidden_layers=3, num_attention_heads=6, num_key_value_heads=1,
                          tie_word_embeddings=True, rope_parameters=PLAIN_ROPE, **COMMON), 33, {}),
    "qwen3": (Qwen3Config(hidden_size=512, intermediate_size=768, num_hidden_layers=3, num_attention_heads=8, num_key_value_heads=2, head_dim=128,
                          tie_word_embeddings=True, rope_parameters=PLAIN_ROPE, **COMMON), 1, {}),
    "qwen3-moe": (Qwen3MoeConfig(hidden_size=256, intermediate_size=512, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
                                 head_dim=128, num_experts=16, num_experts_per_tok=4, moe_intermediate_size=128, norm_topk_prob=True,
                                 tie_word_embeddings=False, rope_parameters=PLAIN_ROPE, **COMMON), 80, dict(experts="hub")),
    "gemma3": (Gemma3TextConfig(num_hidden_layers=8, head_dim=256, query_pre_attn_scalar=256, sliding_window=64,
                                layer_types=golden.gemma_types(6, 8), rope_parameters=golden.gemma_rope(rope_type="linear", factor=8.0),
                                **GEMMA, **COMMON), 150, dict(wrapper=True)),
    "gemma4-moe": (Gemma4TextConfig(num_hidden_layers=4, head_dim=256, global_head_dim=512, num_global_key_value_heads=1, attention_k_eq_v=True,
                                    enable_moe_block=True, num_experts=16, top_k_experts=4, moe_intermediate_size=128,
                                    hidden_size_per_layer_input=0, final_logit_softcapping=30.0, sliding_window=64,
                                    layer_types=golden.gemma_types(2, 4), tie_word_embeddings=True, rope_parameters=golden.gemma4_rope(),
                                    **GEMMA, **COMMON), 150, dict(wrapper=True)),
    "gemma4-dense": (Gemma4TextConfig(num_hidden_layers=3, head_dim=128, global_head_dim=256, hidden_size_per_layer_input=0, sliding_window=200,
                                      layer_types=golden.gemma_types(3, 3), tie_word_embeddings=True, rope_parameters=golden.gemma4_rope(),
                                      **GEMMA, **COMMON), 21, {}),
}


class Reference:
    """A random model whose greedy tokens do not hang on rounding, and its checkpoint in `directory`."""

    def __init__(self, name, directory, seed):
        config, prompt_tokens, options = MODELS[name]
        self.prompt_tokens = prompt_tokens
        for self.seed in range(seed, seed + 200):
            self.prompt = splitmix64_tokens(prompt_tokens, self.seed, config.vocab_size)
            self.float32 = AutoModelForCausalLM.from_config(config, attn_implementation="eager", experts_implementation="eager").float().eval()
            self._randomise()
            self.greedy = self._greedy()
            top = self.logits(self.float32, self.greedy).topk(2).values
            if (top[:, 0] - top[:, 1]).min() >= MIN_MARGIN and len(set(self.greedy)) >= MIN_DISTINCT:
                break
        else:
            raise LookupError(f"{name}: no seed in [{seed}, {seed + 200}) has margins of {MIN_MARGIN}")
        golden.write_config(directory, config, options)
        golden.write_weights(directory, self.float32, options)
        self.bf16 = AutoModelForCausalLM.from_config(config, attn_implementation="eager", experts_implementation="eager").float().eval()
        self.bf16.load_state_dict(self.float32.state_dict())
        self.bf16.to(torch.bfloat16)

    def _randomise(self):
        golden.randomise(self.float32, torch.float32, torch.Generator().manual_seed(self.seed))
        if self.float32.config.tie_word_embeddings:
            # golden's scale is for 48 columns; with more, every token would predict itself.
            self.float32.get_input_embeddings().weight.mul_((48 / self.float32.config.hidden_size) ** 0.5)
        if self.float32.config.model_type == "gemma4_text":
            # Its scores are not divided by the head's root: wide heads would attend to one key alone, and rounding choose which.
            for name, parameter in self.float32.named_parameters():
                if name.endswith("q_norm.weight"):
                    parameter.mul_((16 / parameter.shape[0]) ** 0.5)

    def _greedy(self):
        output, ids = self.float32(torch.tensor([self.prompt]), use_cache=True), []
        while True:
            ids.append(int(output.logits[0, -1].argmax()))
            if len(ids) == STEPS:
                return ids
            output = self.float32(torch.tensor([[ids[-1]]]), past_key_values=output.past_key_values, use_cache=True)

    def logits(self, model, ids):
        """[len(ids), vocab]: from which each of `ids` is chosen after the prompt and those before it."""
        return golden.forward_all(model, self.prompt + ids[:-1])[len(self.prompt) - 1:]


def parse_tokens(text):
    """[(id, log-probability, {id: log-probability of the likely})] from the output of bench-client generate --logprobs. Texts in quotes are
    escaped, so that they hold no quote."""
    tokens = []
    for line in text.splitlines():
        fields = re.sub(r'"(?:\\.|[^"\\])*"', "", line).split()
        if fields:
            numbers = fields[2:]
            tokens.append((int(fields[0]), float(fields[1]), {int(i): float(p) for i, p in zip(numbers[::2], numbers[1::2])}))
    return tokens


def ask_daemon(options, directory, reference, dtype, path):
    command = [options.client, "generate", "--server", options.server, "--model", str(directory), "--dtype", dtype, "--path", path,
               "--prompt-tokens", str(reference.prompt_tokens), "--seed", str(reference.seed), "--max-tokens", str(STEPS),
               "--ignore-eos", "--logprobs", str(LIKELY), "--max-cache-len", "1024"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=options.timeout_s)
    if done.returncode != 0:
        raise RuntimeError(f"bench-client ended with code {done.returncode}: {done.stderr.strip()[-500:]}")
    tokens = parse_tokens(done.stdout)
    if len(tokens) != STEPS or any(len(likely) != LIKELY for _, _, likely in tokens):
        raise RuntimeError(f"bench-client printed {len(tokens)} tokens, not {STEPS} with {LIKELY} likely ones each: {done.stdout[:300]}")
    return tokens


def gather(logits, tokens):
    """Log-probabilities that `logits` give what the daemon showed, [STEPS, 1 + LIKELY]."""
    indices = torch.tensor([[id, *likely] for id, _, likely in tokens])
    return torch.log_softmax(logits.double(), -1).gather(1, indices)


def compare(reference, tokens, dtype):
    ids = [id for id, _, _ in tokens]
    shown = torch.tensor([[logprob, *likely.values()] for _, logprob, likely in tokens], dtype=torch.float64)
    exact = gather(reference.logits(reference.float32, ids), tokens)
    difference = shown - exact
    row = {"max_logprob_error": difference.abs().max().item(), "rms_logprob_error": difference.square().mean().sqrt().item(),
           "tokens_of_reference": sum(a == b for a, b in zip(ids, reference.greedy)), "tokens": STEPS}
    if dtype == "float32":
        row["ok"] = ids == reference.greedy and row["max_logprob_error"] <= FLOAT32_TOLERANCE
    else:
        own = gather(reference.logits(reference.bf16, ids), tokens) - exact
        row["rms_of_reference_bf16"] = own.square().mean().sqrt().item()
        row["ratio"] = row["rms_logprob_error"] / row["rms_of_reference_bf16"]
        row["ok"] = row["ratio"] <= BF16_RATIO
    return row


def describe(row):
    if "error" in row:
        return row["error"]
    text = f"{row['tokens_of_reference']}/{row['tokens']} tokens as the reference's, log-probabilities within {row['max_logprob_error']:.1e}"
    if "ratio" in row:
        text += f", rms {row['rms_logprob_error']:.1e} = {row['ratio']:.2f} of the reference's bf16"
    return text


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--client", required=True, help="bench-client")
    parser.add_argument("--server", required=True, help="host:port of a daemon on this machine")
    parser.add_argument("--models", default=",".join(MODELS), help="comma-separated (default all)")
    parser.add_argument("--paths", default="compiled,graph,eager", help="in float32; bfloat16 runs on the first (default all)")
    parser.add_argument("--timeout-s", type=float, default=120, help="of one call of bench-client")
    parser.add_argument("--output", type=pathlib.Path, help="rows as JSON")
    options = parser.parse_args()
    paths = options.paths.split(",")
    rows = []
    for index, name in enumerate(options.models.split(",")):
        with tempfile.TemporaryDirectory(prefix="metronome_parity_") as temporary:
            directory = pathlib.Path(temporary) / name
            directory.mkdir()
            started = time.monotonic()
            reference = Reference(name, directory, seed=7000 + 1000 * index)
            for dtype, path in [("float32", path) for path in paths] + [("bfloat16", paths[0])]:
                row = {"model": name, "dtype": dtype, "path": path, "prompt_tokens": reference.prompt_tokens, "seed": reference.seed, "ok": False}
                try:
                    row.update(compare(reference, ask_daemon(options, directory, reference, dtype, path), dtype))
                except (RuntimeError, ValueError, subprocess.TimeoutExpired) as error:
                    row["error"] = str(error)
                rows.append(row)
                print(f"{'ok    ' if row['ok'] else 'FAILED'} {name:13} {dtype:9} {path:9} {describe(row)}", flush=True)
            print(f"       {name}: {time.monotonic() - started:.1f} s", flush=True)
            if options.output:
                options.output.write_text(json.dumps(rows, indent=1) + "\n")
    failed = sum(not row["ok"] for row in rows)
    print(f"{len(rows) - failed} of {len(rows)} comparisons hold.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
