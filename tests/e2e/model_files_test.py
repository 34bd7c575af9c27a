"""Which model files the daemon reads, and what it does when they change while it serves."""
import json
import os
import pathlib
import shutil
import struct
import unittest
from unittest import mock

import grpc

import daemon
import reflection

CHECKPOINT = pathlib.Path(__file__).resolve().parents[1] / "golden" / "models" / "qwen3"
HIDDEN, INTERMEDIATE, LAYERS, VOCAB = 512, 1408, 8, 4096


def write_zeros(directory):
    """A checkpoint of 116 MB whose weights are all zero: it takes no time to write, and a token of it takes milliseconds."""
    directory.mkdir()
    (directory / "config.json").write_text(json.dumps(dict(
        model_type="llama", hidden_size=HIDDEN, intermediate_size=INTERMEDIATE, num_hidden_layers=LAYERS, num_attention_heads=8,
        num_key_value_heads=8, vocab_size=VOCAB, max_position_embeddings=8192, tie_word_embeddings=False, rms_norm_eps=1e-5)))
    shapes = {"model.embed_tokens.weight": (VOCAB, HIDDEN), "lm_head.weight": (VOCAB, HIDDEN), "model.norm.weight": (HIDDEN,)}
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}."
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            shapes[f"{prefix}self_attn.{name}.weight"] = (HIDDEN, HIDDEN)
        for name in ("gate_proj", "up_proj"):
            shapes[f"{prefix}mlp.{name}.weight"] = (INTERMEDIATE, HIDDEN)
        shapes[f"{prefix}mlp.down_proj.weight"] = (HIDDEN, INTERMEDIATE)
        for name in ("input_layernorm", "post_attention_layernorm"):
            shapes[f"{prefix}{name}.weight"] = (HIDDEN,)
    header, end = {}, 0
    for name, shape in shapes.items():
        size = 4 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[name] = dict(dtype="F32", shape=shape, data_offsets=[end, end + size])
        end += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path = directory / "model.safetensors"
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)
    return path


class ModelFilesTest(unittest.TestCase):
    def setUp(self):
        directory = daemon.temporary_directory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.models = self.directory / "models"
        self.models.mkdir()
        # The daemon's home and cache are roots too.
        environment = mock.patch.dict(os.environ, HOME=str(self.directory / "home"), HF_HUB_CACHE=str(self.directory / "cache"))
        environment.start()
        self.addCleanup(environment.stop)

    def serve(self):
        server = self.enter(daemon.Daemon(self.directory, "--model-root", str(self.models)))
        client = reflection.Client(server.address)
        self.addCleanup(client.close)
        return server, client

    def enter(self, context):
        entered = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return entered

    def compile(self, client, model, **options):
        return list(client.inference("Compile", model=str(model), dtype="float32", **options))[-1].model

    def assert_refused(self, code, text, call):
        with self.assertRaises(grpc.RpcError) as raised:
            list(call())
        self.assertEqual(raised.exception.code(), code, raised.exception.details())
        self.assertIn(text, raised.exception.details())

    def test_truncated_under_a_running_stream(self):
        weights = write_zeros(self.models / "zeros")
        server, client = self.serve()
        self.compile(client, weights.parent)
        self.compile(client, "tiny-llama")
        stream = client.inference("Generate", model=str(weights.parent), prompt={"tokens": {"ids": [1, 2, 3]}}, max_tokens=4000)
        next(stream)
        os.truncate(weights, 8192)
        self.assert_refused(grpc.StatusCode.DATA_LOSS, str(weights), lambda: stream)
        self.assertIsNone(server.process.poll())
        self.assertEqual(client.inference("Prefill", model="tiny-llama", prompt={"tokens": {"ids": [1]}}).prompt_tokens, 1)
        info = {model.key: model.error for model in client.inference("GetServerInfo").models}
        self.assertEqual(info["tiny-llama"], "")
        self.assertIn(str(weights), info[str(weights.parent)])
        # Whole again it serves again, once it is compiled.
        shutil.rmtree(weights.parent)
        write_zeros(weights.parent)
        self.compile(client, weights.parent)
        tokens = list(client.inference("Generate", model=str(weights.parent), prompt={"tokens": {"ids": [1]}}, max_tokens=3))
        self.assertEqual(len(tokens), 4)
        server.terminate()
        self.assertEqual(server.wait(), 0)

    def test_overwritten_in_place(self):
        model = self.models / "qwen3"
        shutil.copytree(CHECKPOINT, model)
        _, client = self.serve()
        self.compile(client, model)
        generate = dict(model=str(model), prompt={"tokens": {"ids": [1, 2, 3]}}, max_tokens=8)
        before = [event.token.id for event in client.inference("Generate", **generate)]
        weights = model / "model.safetensors"
        with open(weights, "r+b") as file:
            file.seek(weights.stat().st_size // 2)
            file.write(b"\x3c" * (weights.stat().st_size // 2))
        os.utime(weights, ns=(0, weights.stat().st_mtime_ns + 1))
        self.assert_refused(grpc.StatusCode.DATA_LOSS, str(weights), lambda: client.inference("Generate", **generate))
        self.compile(client, model)
        self.assertNotEqual([event.token.id for event in client.inference("Generate", **generate)], before)

    def test_paths_outside_the_roots_are_refused_alike(self):
        outside = self.directory / "outside"
        shutil.copytree(CHECKPOINT, outside / "qwen3")
        (self.models / "link").symlink_to(outside)
        _, client = self.serve()
        for model in (outside / "qwen3", outside / "none", self.models / "link" / "qwen3", self.models / "link" / "none", "/etc", "/proc/self/root"):
            text = f"'{model}' does not lie, links followed, in a folder that this daemon reads models from (--model-root)"
            for fields in (dict(model=str(model)), dict(model="tiny-llama", weights=str(model))):
                self.assert_refused(grpc.StatusCode.PERMISSION_DENIED, text, lambda: client.inference("Compile", **fields))
        shutil.copytree(CHECKPOINT, self.directory / "home" / "qwen3")
        self.assertEqual(self.compile(client, self.directory / "home" / "qwen3").weights_provenance, "safetensors:qwen3")

    def test_roots_come_from_the_configuration_too(self):
        (self.directory / "m.toml").write_text(f'model_root = ["{self.models}", "{self.directory}/more"]\n')
        shutil.copytree(CHECKPOINT, self.directory / "more" / "qwen3")
        server = self.enter(daemon.Daemon(self.directory, "--config", str(self.directory / "m.toml")))
        client = reflection.Client(server.address)
        self.addCleanup(client.close)
        self.assertEqual(self.compile(client, self.directory / "more" / "qwen3").weights_provenance, "safetensors:qwen3")


if __name__ == "__main__":
    unittest.main()
