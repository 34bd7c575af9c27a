"""kernel_bench_test.py PROGRAM TABLE: runs kernel_bench over the emulation and reads what it writes."""

import json
import re
import subprocess
import sys
import tempfile
import unittest

PROGRAM, TABLE = sys.argv[1:3]
UNTIMED = {"fused"}  # Compiled at run time.


def run(*arguments):
    """Exit code, output, and what was written as JSON."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        done = subprocess.run([PROGRAM, *arguments, "--output", file.name], capture_output=True, text=True, timeout=200, check=False)
        text = file.read()
        return done.returncode, done.stdout + done.stderr, json.loads(text) if text else None


def table_rows():
    with open(TABLE, encoding="utf-8") as file:
        return [tuple(match) for match in re.findall(r'^\{"([^"]+)", (\d+), (\d+), \d+, \d+, "([^"]+)", "([^"]*)"', file.read(), re.M)]


class KernelBenchTest(unittest.TestCase):
    def test_quick_times_every_launch_of_the_table(self):
        code, output, result = run("--quick")
        self.assertEqual(code, 0, output)
        self.assertGreater(result["probe_bytes_per_second"], 0)
        want = [row for row in table_rows() if row[3] not in UNTIMED]
        got = [(row["model"], str(row["tokens"]), str(row["launches"]), row["kernel"], row["inputs"]) for row in result["rows"]]
        self.assertEqual(got, want)
        self.assertGreater(len(got), 100)
        for row in result["rows"]:
            self.assertGreater(row["us"], 0)
            self.assertGreater(row["floor_us"], 0)
            self.assertEqual(row["tried"], 1)
            self.assertEqual(row["best"], "default")
            self.assertAlmostEqual(row["bytes_per_second"] * row["us"] * 1e-6 / row["bytes"], 1, delta=1e-3)
        self.assertIn("not timed: fused", output)

    def test_sweep_tunes_what_can_be_tuned(self):
        code, output, result = run("--sweep", "--family", "qkv_rope_cache")
        self.assertEqual(code, 0, output)
        self.assertEqual({row["kernel"] for row in result["rows"]}, {"qkv_rope_cache"})
        for row in result["rows"]:
            self.assertGreater(row["tried"], 60 if row["tokens"] == 1 else 12)
            self.assertLessEqual(row["best_us"], row["us"])
        self.assertTrue(any(row["best"] != "default" for row in result["rows"]))

    def test_chain_times_null_kernels(self):
        code, output, result = run("--chain")
        self.assertEqual(code, 0, output)
        self.assertEqual([link["blocks"] for link in result["chain"]], [1, 2, 4])
        self.assertTrue(all(link["us"] > 0 and not link["programmatic"] for link in result["chain"]))

    def test_other_arguments_are_refused(self):
        for arguments in ([], ["--quick", "--sweep"], ["--slow"], ["--quick", "--family"]):
            done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn("usage", done.stderr)

    def test_a_file_that_cannot_be_written_is_a_failure(self):
        done = subprocess.run([PROGRAM, "--chain", "--output", "/nowhere/x.json"], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot write /nowhere/x.json", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
