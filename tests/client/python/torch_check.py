#!/usr/bin/env python3
"""What of the Python package needs torch and transformers, compared with them. Not part of ctest.

    python3 torch_check.py [--server ADDRESS]    # default: a metronomed of its own, the one that METRONOMED names or on PATH
"""
import argparse
import os
import pathlib
import sys
import tempfile
import unittest

import metronome
import torch
from metronome import causal_lm, wire
from torch import nn
from transformers import (AutoModelForCausalLM, Gemma3ForCausalLM, Gemma3TextConfig, LlamaConfig, LlamaForCausalLM, Qwen2Config,
                          Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM)

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "golden" / "models"
SIZES = dict(vocab_size=97, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=64)
GEMMA = dict(SIZES, head_dim=16, sliding_window=6, layer_types=["sliding_attention", "full_attention"], query_pre_attn_scalar=16)
MODELS = {"llama": lambda: LlamaForCausalLM(LlamaConfig(**SIZES)), "qwen2": lambda: Qwen2ForCausalLM(Qwen2Config(**SIZES)),
          "qwen3": lambda: Qwen3ForCausalLM(Qwen3Config(head_dim=16, **SIZES)), "gemma3": lambda: Gemma3ForCausalLM(Gemma3TextConfig(**GEMMA))}
CAPACITY = 20
SERVER = None


def random_model(name):
    torch.manual_seed(5)
    model = MODELS[name]().eval().requires_grad_(False)
    for parameter in model.parameters():
        parameter.copy_(torch.randn_like(parameter) * 0.2 + (1 if parameter.dim() == 1 else 0))
    return model


class ExportTest(unittest.TestCase):
    """The exported program itself, run by PyTorch."""

    def check(self, directory, vocabulary, max_tokens):
        reference = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()
        ids = torch.randint(0, vocabulary, (1, CAPACITY))
        with torch.no_grad():
            wanted = reference(ids).logits
        with tempfile.TemporaryDirectory() as scratch:
            path = os.path.join(scratch, "step.pt2")
            metronome.export_causal_lm(directory, path, capacity=CAPACITY, max_tokens=max_tokens, dtype="float32")
            program = torch.export.load(path)
        self.assertTrue(program.graph_signature.buffers_to_mutate)
        self.assertEqual(program.graph_signature.user_inputs, ("ids", "positions"))
        ops = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
        self.assertTrue(all(op.startswith("aten.") or "getitem" in op or op.startswith("<built-in") for op in ops), ops)
        for chunk in (1, max_tokens):
            step = program.module()
            with torch.no_grad():
                parts = [step(ids[:, i:i + chunk], torch.arange(i, i + chunk)) for i in range(0, CAPACITY, chunk)]
            torch.testing.assert_close(torch.cat(parts, 1), wanted, atol=1e-4, rtol=1e-4)

    def test_logits_are_those_of_transformers(self):
        for name in MODELS:
            for max_tokens in (1, 5):
                with self.subTest(name, max_tokens=max_tokens), tempfile.TemporaryDirectory() as directory:
                    random_model(name).save_pretrained(directory)
                    self.check(directory, SIZES["vocab_size"], max_tokens)

    def test_a_multimodal_checkpoint_gives_its_text_model(self):
        from safetensors.torch import load_file
        wanted = load_file(GOLDEN / "gemma3-short-window" / "expected.safetensors")
        with tempfile.TemporaryDirectory() as scratch:
            program = metronome.export_causal_lm(GOLDEN / "gemma3-short-window", os.path.join(scratch, "x.pt2"), capacity=64, dtype="float32")
        ids = wanted["prompt"].long()[None]
        step = program.module()
        with torch.no_grad():
            parts = [step(ids[:, i:i + 1], torch.tensor([i])) for i in range(ids.shape[1])]
        torch.testing.assert_close(torch.cat(parts, 1)[0], wanted["logits"][:ids.shape[1]], atol=1e-4, rtol=1e-4)


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.down = nn.Linear(6, 10), nn.Linear(10, 6)

    def forward(self, x, scale=2.0, *, residual=None):
        hidden = self.down(torch.relu(self.up(x))) * scale
        return {"hidden": hidden, "sum": hidden + residual if residual is not None else hidden, "nothing": None}


class Remembers(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("rows", torch.zeros(8, 4))

    def forward(self, x, position):
        self.rows.index_copy_(0, position.reshape(1), x)
        return self.rows.sum(0)


@unittest.skipUnless("CompileGraph" in wire.METHODS, "the protocol has no exported programs")
class CompileTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.client = metronome.Client(SERVER) if SERVER else metronome.Client.spawn(os.environ.get("METRONOMED"))
        cls.addClassCleanup(cls.client.close)

    def setUp(self):
        torch.manual_seed(3)
        torch._dynamo.reset()

    def test_a_module_with_scalars_and_names(self):
        module, x = Mlp().eval(), torch.randn(3, 6)
        compiled = metronome.compile(module, (x, 2.0), {"residual": x}, client=self.client)
        with torch.no_grad():
            for scale in (2.0, -0.5, 7.25):  # Compiled once.
                x = torch.randn(3, 6)
                torch.testing.assert_close(compiled(x, scale, residual=x), module(x, scale, residual=x), atol=1e-4, rtol=1e-4)
        with self.assertRaises(metronome.InvalidArgument):
            compiled(x)
        with self.assertRaises(metronome.InvalidArgument):
            compiled(torch.randn(4, 6), 1.0, residual=x)
        compiled.close()

    def test_sizes_that_vary(self):
        module = nn.Sequential(nn.Linear(6, 5), nn.GELU()).eval()
        compiled = metronome.compile(module, (torch.randn(3, 6),), dynamic_shapes=({0: torch.export.Dim("batch", max=32)},), client=self.client)
        for batch in (1, 4, 9):
            x = torch.randn(batch, 6)
            torch.testing.assert_close(compiled(x), module(x).detach(), atol=1e-4, rtol=1e-4)

    def test_buffers_stay_on_the_daemon_and_positions_vary(self):
        compiled = metronome.compile(Remembers(), (torch.zeros(1, 4), 0), client=self.client)
        reference = Remembers()
        for position in (0, 1, 2):
            x = torch.randn(1, 4)
            torch.testing.assert_close(compiled(x, position), reference(x, torch.tensor(position)), atol=1e-4, rtol=1e-4)
        compiled.reset()
        x = torch.randn(1, 4)
        torch.testing.assert_close(compiled(x, 0), x[0], atol=1e-4, rtol=1e-4)

    def test_decode_steps_of_transformers(self):
        for name in MODELS:
            with self.subTest(name):
                model = random_model(name)
                ids = torch.randint(0, SIZES["vocab_size"], (1, 8))
                with torch.no_grad():
                    wanted = model(ids).logits
                step = metronome.compile(causal_lm.DecodeStep(model, CAPACITY), (ids[:, :1], torch.tensor([0])), client=self.client)
                got = [step(ids[:, i:i + 1], torch.tensor([i])) for i in range(8)]
                torch.testing.assert_close(torch.cat(got, 1), wanted, atol=1e-4, rtol=1e-4)

    def test_torch_compile(self):
        module = Mlp().eval().requires_grad_(False)
        compiled = torch.compile(module, backend="metronome", options={"client": self.client})
        with torch.no_grad():
            for rows in (3, 4, 7):  # The second size makes Dynamo compile for all.
                x = torch.randn(rows, 6)
                torch.testing.assert_close(compiled(x, residual=x), module(x, residual=x), atol=1e-4, rtol=1e-4)

    def test_torch_compile_writes_back_what_changes(self):
        module, reference = Remembers(), Remembers()
        compiled = torch.compile(module, backend="metronome", options={"client": self.client})
        graphs = torch._dynamo.utils.counters["stats"]
        graphs.clear()
        with torch.no_grad():
            for position in range(4):
                x = torch.randn(1, 4)
                torch.testing.assert_close(compiled(x, torch.tensor(position)), reference(x, torch.tensor(position)), atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(module.rows, reference.rows)
        self.assertEqual(graphs["unique_graphs"], 1)

    def test_gradients_and_unknown_options_are_refused(self):
        x = torch.randn(3, 6)
        with self.assertRaisesRegex(Exception, "no gradients"):
            torch.compile(Mlp(), backend="metronome", options={"client": self.client})(x)
        with self.assertRaisesRegex(metronome.Unimplemented, "no option speed"):
            metronome.compile(Mlp(), (x,), client=self.client, speed=3)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--server")
    arguments, rest = parser.parse_known_args()
    SERVER = arguments.server
    unittest.main(argv=[sys.argv[0], *rest])
