#!/usr/bin/env python3
"""The peers on the CPU with tiny models. Skipped without torch and transformers, which no package of deploy/packages.txt brings.

    python3 -B peers_test.py
"""
import importlib.util
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
PROTO = HERE.parents[1] / "proto"
HAS_TORCH = all(importlib.util.find_spec(name) for name in ("torch", "transformers"))
HAS_PROTOC = shutil.which("protoc") and importlib.util.find_spec("google") and importlib.util.find_spec("google.protobuf")


def run_peer(*arguments, timeout_s=600):
    done = subprocess.run([sys.executable, "-B", HERE / "run_peer.py", "--device", "cpu", *arguments], capture_output=True, text=True,
                          timeout=timeout_s)
    return done


def result_of(*arguments):
    done = run_peer("--prompt-tokens", "20", "--decode-tokens", "6", "--iters", "2", "--warmups", "1", "--dtype", "float32", *arguments)
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and len(lines) == 1, (done.returncode, done.stdout, done.stderr)
    return json.loads(lines[0])


def benchmark_result_class():
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    with tempfile.NamedTemporaryFile() as file:
        subprocess.run(["protoc", f"-I{PROTO}", "--include_imports", f"--descriptor_set_out={file.name}", "metronome/v1/benchmark.proto"],
                       check=True)
        files = descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(file.name).read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for description in files.file:
        pool.Add(description)
    descriptor = pool.FindMessageTypeByName("metronome.v1.BenchmarkResult")
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(pool).GetPrototype(descriptor)  # protobuf before 4.22.


@unittest.skipUnless(HAS_TORCH, "needs torch and transformers")
class PeersTest(unittest.TestCase):
    def test_samples_are_of_every_iteration_and_step(self):
        result = result_of("--peer", "hf_eager", "--model", "tiny-llama")
        self.assertEqual(result["outcome"], "ok", result)
        values = {metric: [s["value"] for s in result["samples"] if s["metric"] == metric] for metric in ("ttft_ms", "tpot_ms", "step_ms")}
        self.assertEqual({metric: len(v) for metric, v in values.items()}, {"ttft_ms": 2, "tpot_ms": 2, "step_ms": 10})
        self.assertAlmostEqual(statistics.mean(values["step_ms"][:5]), values["tpot_ms"][0], places=6)
        self.assertEqual([s["position"] for s in result["samples"] if s["metric"] == "step_ms" and s["index"] == 1], [20, 21, 22, 23, 24])
        self.assertNotEqual(result["output_digest"], "mixed")

    def test_compiled_and_eager_generate_the_same_tokens(self):
        eager = result_of("--peer", "hf_eager", "--model", "tiny-gemma3")
        compiled = result_of("--peer", "torch_compile", "--model", "tiny-gemma3")
        self.assertEqual(compiled["outcome"], "ok", compiled)
        self.assertEqual(eager["output_digest"], compiled["output_digest"])
        self.assertGreater(compiled["compile_ms"], 0)
        self.assertIn(" 0 of them compiled while measuring", compiled["note"])

    def test_tokens_are_those_of_transformers_generate(self):
        sys.path.insert(0, str(HERE))
        import catalogue
        import measure
        import torch
        cpu = torch.device("cpu")
        for key in ("tiny-llama", "tiny-qwen2", "tiny-qwen3", "tiny-qwen3-moe", "tiny-gemma3", "tiny-gemma4"):
            with self.subTest(key):
                config = measure.text_config(catalogue.config_of(key))
                model = measure.build(config, torch.float32, cpu, seed=1)
                prompt = measure.splitmix64_tokens(20, 1, config.vocab_size)
                decoder = measure.GreedyDecoder(model, 32, cpu, compiled=False)
                first, _ = decoder.generate(prompt, 8)
                again, _ = decoder.generate(prompt, 8)
                expected = model.generate(torch.tensor([prompt]), do_sample=False, max_new_tokens=8, min_new_tokens=8, eos_token_id=None,
                                          pad_token_id=0)
                self.assertEqual(first, expected[0, 20:].tolist())
                self.assertEqual(again, first, "the cache was not emptied")

    def test_a_model_has_as_many_parameters_as_the_catalogue_says(self):
        sys.path.insert(0, str(HERE))
        import catalogue
        import measure
        # Not the tiny ones: transformers turns the last layer of tiny-gemma4 into one with full attention.
        entries = {key: entry for key, entry in catalogue.read().items() if not key.startswith("tiny-")}
        self.assertEqual(len(entries), 9)
        for key, (config, parameters) in entries.items():
            self.assertEqual(measure.parameters_of(measure.text_config(config)), parameters, key)

    def test_a_model_larger_than_memory_is_skipped_before_it_is_built(self):
        with tempfile.TemporaryDirectory() as directory:
            file = pathlib.Path(directory) / "config.json"
            file.write_text(json.dumps({"model_type": "llama", "vocab_size": 1 << 20, "hidden_size": 1 << 18, "num_hidden_layers": 1,
                                        "intermediate_size": 1 << 20}))
            result = result_of("--peer", "hf_eager", "--config", str(file))
        self.assertEqual((result["outcome"], result["error_kind"]), ("skipped", "RESOURCE_EXHAUSTED"), result)
        self.assertGreater(result["bytes_needed"], result["bytes_available"])

    def test_failures_and_timeouts_are_results(self):
        with tempfile.TemporaryDirectory() as directory:
            file = pathlib.Path(directory) / "config.json"
            file.write_text('{"model_type": "no-such-model"}')
            result = result_of("--peer", "hf_eager", "--config", str(file))
        self.assertEqual(result["outcome"], "failed")
        self.assertIn("no-such-model", result["error_text"])
        late = result_of("--peer", "hf_eager", "--model", "tiny-llama", "--timeout-s", "0.01")
        self.assertEqual((late["outcome"], late["error_kind"]), ("failed", "DEADLINE_EXCEEDED"))
        self.assertEqual(run_peer("--peer", "hf_eager").returncode, 2)

    def test_bandwidth_counts_a_copy_in_and_out(self):
        result = result_of("--peer", "bandwidth", "--buffer-mib", "64")
        self.assertEqual(result["outcome"], "ok", result)
        self.assertGreater(result["copy_bytes_per_second"], 1e8)
        self.assertGreater(result["read_bytes_per_second"], 1e8)

    @unittest.skipUnless(HAS_PROTOC, "needs protoc and google.protobuf")
    def test_a_line_is_a_benchmark_result(self):
        from google.protobuf import json_format
        result = result_of("--peer", "hf_eager", "--model", "tiny-qwen2")
        message = json_format.ParseDict(result, benchmark_result_class()())  # Refuses unknown fields.
        self.assertEqual((message.spec.path, message.outcome, len(message.samples)), ("hf_eager", "ok", 14))


if __name__ == "__main__":
    unittest.main()
