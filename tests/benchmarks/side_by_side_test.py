"""side_by_side.py without the engines: what it reads, its statistics, its table; and our own engine on a tiny model.

    python3 side_by_side_test.py BIN_DIRECTORY
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import side_by_side as side

BIN = pathlib.Path(sys.argv.pop(1))


def rows(times, model="m", prompt=21):
    """times: {engine: [ttft of each round]}; TPOT is a tenth of it."""
    return [{"round": number, "engine": engine, "model": model, "prompt": prompt, "ttft_ms": value, "tpot_ms": value / 10}
            for engine, values in times.items() for number, value in enumerate(values)]


class SideBySideTest(unittest.TestCase):
    def test_reads_what_the_engines_print(self):
        ours = {"results": [{"outcome": "ok", "ttft_ms": {"median": 20.5, "n": "3"}, "tpot_ms": {"median": 2.5, "n": "3"}}]}
        self.assertEqual(side.of_bench_client(json.dumps(ours)), {"ttft_ms": 20.5, "tpot_ms": 2.5})
        samples = [{"metric": "ttft_ms", "value": value} for value in (3, 1, 2)] + [{"metric": "tpot_ms", "value": 0.5}]
        self.assertEqual(side.of_peer(json.dumps({"outcome": "ok", "samples": samples})), {"ttft_ms": 2, "tpot_ms": 0.5})
        prompt, decode = [{"n_prompt": 21, "n_gen": 0, "avg_ns": 3_000_000}], [{"n_prompt": 0, "n_gen": 32, "n_depth": 21, "avg_ns": 64_000_000}]
        self.assertEqual(side.of_llama_bench(side.join([json.dumps(prompt), json.dumps(decode)])), {"ttft_ms": 3.0, "tpot_ms": 2.0})

    def test_what_was_not_measured_is_an_error_with_its_reason(self):
        with self.assertRaisesRegex(RuntimeError, "skipped: no memory"):
            side.of_bench_client(json.dumps({"results": [{"outcome": "skipped", "error_text": "no memory"}]}))
        with self.assertRaisesRegex(RuntimeError, "failed"):
            side.of_peer(json.dumps({"outcome": "failed"}))

    def test_ratios_are_taken_within_rounds(self):
        # The machine's speed halves and doubles; the ratio is 2 in every round.
        rounds = rows({side.OURS: [10, 20, 5, 40, 10], "other": [20, 40, 10, 80, 20]})
        self.assertEqual(side.ratio_of(rounds, "other", "m", 21, "ttft_ms"), (2, 2, 2))
        self.assertAlmostEqual(side.ratio_of(rounds, "other", "m", 21, "tpot_ms")[0], 2)

    def test_intervals_hold_the_median_and_widen_with_noise(self):
        quiet = rows({side.OURS: [10] * 9, "other": [11, 12, 11, 12, 11, 12, 11, 12, 11]})
        noisy = rows({side.OURS: [10] * 9, "other": [5, 20, 6, 30, 11, 9, 25, 4, 40]})
        widths = []
        for rounds in (quiet, noisy):
            median, low, high = side.ratio_of(rounds, "other", "m", 21, "ttft_ms")
            self.assertLessEqual(low, median)
            self.assertLessEqual(median, high)
            widths.append(high - low)
        self.assertLess(widths[0], widths[1])

    def test_rounds_that_an_engine_missed_do_not_count(self):
        rounds = rows({side.OURS: [10, 10, 10], "other": [30, 30, 30]})
        del rounds[4]["ttft_ms"]
        rounds[0].pop("ttft_ms")
        self.assertEqual(side.ratio_of(rounds, "other", "m", 21, "ttft_ms"), (3, 3, 3))
        self.assertIsNone(side.ratio_of(rounds, "nobody", "m", 21, "ttft_ms"))

    def test_table_has_every_cell_and_says_what_failed(self):
        rounds = rows({side.OURS: [10, 10], "other": [15, 15]})
        rounds.append({"round": 0, "engine": "broken", "model": "m", "prompt": 21, "error": "RuntimeError: exit code 9"})
        header = {"date": "2026-01-02", "cpu": "a CPU", "threads": 2, "dtype": "bfloat16", "rounds": 2}
        table = side.table_of(header, rounds)
        self.assertIn("| m | TTFT of 21 tokens | 10 ms | 1.50 [1.50, 1.50] | - |", table)
        self.assertIn("| m | TPOT after 21 | 1 ms | 1.50 [1.50, 1.50] | - |", table)
        self.assertIn("- broken, m, 21: RuntimeError: exit code 9", table)

    def test_orders_change_and_repeat_by_seed(self):
        engines = ["a", "b", "c"]
        drawn = list(side.orders(engines, 12, seed=3))
        self.assertEqual(drawn, list(side.orders(engines, 12, seed=3)))
        self.assertNotEqual(drawn, list(side.orders(engines, 12, seed=4)))
        for order, following in zip(drawn, drawn[1:]):
            self.assertEqual(sorted(order), engines)
            self.assertNotEqual(order, following)
        self.assertEqual({order[0] for order in drawn}, set(engines))

    def test_measures_a_tiny_model_and_prints_the_same_table_again(self):
        with tempfile.TemporaryDirectory() as directory:
            file = pathlib.Path(directory) / "rounds.jsonl"
            command = [sys.executable, "-B", side.__file__]
            done = subprocess.run([*command, "--bin", BIN, "--models", "tiny-llama", "--prompts", "5,9", "--rounds", "2", "--decode-tokens", "4",
                                   "--output", file], capture_output=True, text=True, timeout=200)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("| tiny-llama | TPOT after 9 |", done.stdout)
            self.assertEqual(len(file.read_text().splitlines()), 1 + 2 * 2)
            again = subprocess.run([*command, "--table", file], capture_output=True, text=True, timeout=60)
            self.assertEqual(again.stdout, done.stdout)

    def test_wrong_arguments(self):
        for arguments in (["--llama-bench", "x", "--models", "m"], ["--gguf", "m"], ["--prompts", "0"], ["--decode-tokens", "1"]):
            done = subprocess.run([sys.executable, "-B", side.__file__, *arguments], capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 2, done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
