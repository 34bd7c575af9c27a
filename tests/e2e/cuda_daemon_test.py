"""The whole daemon on the CUDA backend over an emulated device, beside one on the CPU.

    python3 cuda_daemon_test.py BIN_DIRECTORY EMULATED_PLUGIN
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

BIN = pathlib.Path(sys.argv[1])
PLUGIN = pathlib.Path(sys.argv[2])
PROGRAMS = pathlib.Path(tempfile.mkdtemp())
# The daemon looks for plugins beside itself.
shutil.copy(BIN / "metronomed", PROGRAMS)
shutil.copy(PLUGIN, PROGRAMS / "libmetronome_cuda.so")
os.environ["METRONOMED"] = str(PROGRAMS / "metronomed")
from daemon import Daemon  # noqa: E402  It reads the variable.


def tearDownModule():
    shutil.rmtree(PROGRAMS)


class CudaDaemonTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.directory)

    def daemon(self, backend):
        directory = pathlib.Path(self.directory) / backend
        directory.mkdir()
        daemon = Daemon(directory, "--backend", backend)
        return self.enterContext(daemon)

    def client(self, daemon, *arguments):
        done = subprocess.run([BIN / "bench-client", *arguments, "--server", daemon.address], capture_output=True, text=True, timeout=200)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def run_models(self, daemon, *arguments):
        return json.loads(self.client(daemon, "run", "--dtype", "float32", "--prompt-tokens", "9", "-o", "json", *arguments))["results"]

    def test_tokens_are_drawn_on_the_device_and_are_those_of_the_cpu(self):
        cuda, cpu = self.daemon("cuda"), self.daemon("cpu")
        self.assertIn("backend cuda: emulated", self.client(cuda, "status"))
        for sampling in ([], ["--temperature", "0.8", "--top-k", "50", "--top-p", "0.9", "--repetition-penalty", "1.1"]):
            flags = ["--models", "tiny-llama,tiny-gemma3", "--decode-tokens", "12", "--iters", "2", "--warmups", "1", *sampling]
            want = self.run_models(cpu, "--paths", "graph", *flags)
            for arguments, on_device in ((["--paths", "compiled,graph"], True), (["--paths", "graph", "--streamed"], False)):
                for result in self.run_models(cuda, *arguments, *flags):
                    self.assertEqual(result["outcome"], "ok", result)
                    same = next(r for r in want if r["spec"]["model"] == result["spec"]["model"])
                    self.assertEqual(result["output_digest"], same["output_digest"])
                    self.assertEqual(result.get("tokens_on_device", False), on_device)
                    self.assertGreater(result["tpot_ms"]["median"], 0)
                    self.assertEqual(int(result["step_ms"]["n"]), 22)

    def test_generates_alike_however_many_tokens_come_at_once(self):
        cuda = self.daemon("cuda")
        flags = ["--model", "tiny-qwen3", "--path", "graph", "--prompt-tokens", "5", "--max-tokens", "20", "--ignore-eos", "--temperature", "1"]
        one = self.client(cuda, "generate", *flags)
        for count in ("3", "64"):
            self.assertEqual(self.client(cuda, "generate", *flags, "--tokens-at-once", count), one)

    def test_explains_kernels_by_device_time(self):
        cuda = self.daemon("cuda")
        for path in ("graph", "eager"):
            text = self.client(cuda, "explain", "tiny-llama", "--path", path)
            self.assertIn("on cuda", text)
            self.assertRegex(text, r"(?m)^(linear|matmul) .*%")

    def test_scales_over_ring_caches(self):
        cuda = self.daemon("cuda")
        result = self.run_models(cuda, "--models", "tiny-gemma3", "--paths", "graph", "--scaling", "--max-cache-len", "40")[0]
        self.assertEqual([int(p["position"]) for p in result["positions"]], [1, 2, 4, 8, 16, 31])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
