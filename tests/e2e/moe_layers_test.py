"""The first 8 layers of each mixture-of-experts model, at full width, through the bench tools.

    python3 moe_layers_test.py BIN_DIRECTORY
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

BIN = pathlib.Path(sys.argv[1])


def qwen3_parameters(layers):
    hidden, vocabulary = 2048, 151936
    attention = 2 * hidden * 32 * 128 + 2 * hidden * 4 * 128 + 2 * 128
    experts = 128 * hidden + 128 * 3 * hidden * 768
    return layers * (attention + experts + 2 * hidden) + 2 * vocabulary * hidden + hidden


def gemma4_parameters(layers):
    hidden, vocabulary = 2816, 262144
    sliding = 2 * hidden * 16 * 256 + 2 * hidden * 8 * 256 + 2 * 256
    whole = 2 * hidden * 16 * 512 + hidden * 2 * 512 + 2 * 512  # Values are the keys.
    dense = 3 * hidden * 2112
    experts = 128 * hidden + hidden + 128 + 128 * 3 * hidden * 704
    attention = sum(whole if layer % 6 == 5 else sliding for layer in range(layers))
    return attention + layers * (dense + experts + 7 * hidden + 1) + vocabulary * hidden + hidden


# Layers of the model, parameters of the first so many.
MODELS = {"qwen3-30b-a3b": (48, qwen3_parameters), "gemma4-26b-a4b": (30, gemma4_parameters)}


def available_bytes():
    with open("/proc/meminfo", encoding="ascii") as meminfo:
        fields = dict(line.split(":") for line in meminfo)
    return int(fields["MemAvailable"].split()[0]) * 1024


class MoeLayersTest(unittest.TestCase):
    def measure(self, model):
        layers, parameters = MODELS[model]
        with tempfile.TemporaryDirectory() as directory:
            environment = {**os.environ, "HOME": directory, "XDG_DATA_HOME": directory, "XDG_CACHE_HOME": directory}
            result = subprocess.run(
                [BIN / "bench-client", "run", "--models", model, "--layers", "8", "--prompt-tokens", "24", "--iters", "2",
                 "--decode-tokens", "4", "-o", "json", "--db", os.path.join(directory, "runs.db")],
                capture_output=True, text=True, timeout=280, env=environment, stdin=subprocess.DEVNULL)
        self.assertEqual(result.returncode, 0, result.stderr)
        measured = json.loads(result.stdout)["results"][0]
        self.assertEqual((measured["spec"]["layers"], measured["model_layers"]), (8, layers))
        if measured["outcome"] == "skipped":
            self.assertGreater(int(measured["bytes_needed"]), available_bytes())
            self.skipTest(measured["error_text"])
        self.assertEqual(measured["outcome"], "ok", measured["error_text"])
        self.assertEqual(int(measured["weight_bytes"]), 2 * parameters(8))
        self.assertEqual(int(measured["step_ms"]["n"]), 6)
        self.assertNotEqual(measured["output_digest"], "mixed")
        # A step must not read what its 8 of 128 experts do not need.
        self.assertLess(int(measured["step_bytes"]), int(measured["weight_bytes"]) / 3)

    def test_qwen3_30b_a3b(self):
        self.measure("qwen3-30b-a3b")

    def test_gemma4_26b_a4b(self):
        self.measure("gemma4-26b-a4b")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
