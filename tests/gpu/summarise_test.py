"""What run.sh makes of results, on synthetic ones.

    python3 -B summarise_test.py
"""
import contextlib
import io
import json
import pathlib
import sqlite3
import tempfile
import unittest

import pack
import summarise

SCHEMA = """
CREATE TABLE runs (run_id TEXT PRIMARY KEY, mode TEXT);
CREATE TABLE results (result_id INTEGER PRIMARY KEY, result_key INTEGER, run_id TEXT, path TEXT);
CREATE TABLE sample_blocks (result_key INTEGER, first INTEGER, count INTEGER, data BLOB, PRIMARY KEY (result_key, first));
PRAGMA user_version = 3;
"""


def ours(ttft, tpot, fraction=0.85, step_bytes=2_000_000_000):
    result = {"outcome": "ok", "spec": {"path": "graph"}, "ttft_ms": {"median": ttft}, "tpot_ms": {"median": tpot}, "step_ms": {"median": tpot},
              "step_bytes": str(step_bytes), "bandwidth_fraction": fraction}
    return {"run_id": "r", "results": [result]}


def peer(ttft, tpot):
    values = [("ttft_ms", ttft)] * 3 + [("ttft_ms", 1000 * ttft), ("ttft_ms", ttft), ("tpot_ms", tpot)]  # One outlier.
    return {"outcome": "ok", "spec": {"model": "m"}, "samples": [{"metric": metric, "value": value} for metric, value in values]}


class SummariseTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)

    def raw(self, name, content, folder="."):
        path = self.directory / folder / "raw" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))

    def table(self, folder="."):
        """What a call that has these raw results leaves; they are gone from its working folder as they are from a next call's."""
        self.pack(folder)
        for raw in (self.directory / folder / "raw").glob("*"):
            raw.unlink()
        return (self.directory / folder / "table.md").read_text()

    def pack(self, folder="."):
        pack.close_work(self.directory / folder, self.directory / folder)

    def merged(self, *folders):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            summarise.merge(self.directory / "all", *(self.directory / folder for folder in folders))
        self.assertEqual((self.directory / "all" / "table.md").read_text(), printed.getvalue())
        return printed.getvalue()

    def row(self, text, first):
        row, = (line for line in text.splitlines() if line.startswith(f"| {first} "))
        return [cell.strip() for cell in row.strip("|").split("|")]

    def test_a_models_row_has_times_bandwidth_and_ratios_to_each_peer(self):
        self.raw("environment", {"backend": "cuda", "gpu": "G-1"})
        self.raw("bandwidth", {"peer": "bandwidth", "outcome": "ok", "read_bytes_per_second": 4e12, "copy_bytes_per_second": 3.5e12})
        self.raw("latency-big", ours(ttft=10, tpot=0.625))  # 2 GB in 0.625 ms are 3.2 TB/s, 80% of torch's read.
        self.raw("peer-hf_eager-big", peer(ttft=25, tpot=2.5))
        self.raw("peer-torch_compile-big", peer(ttft=9, tpot=0.5))
        text = self.table()
        self.assertEqual(self.row(text, "big"), ["big", "graph", "10 ms", "0.625 ms", "85%", "80%", "2.50x", "4.00x", "0.90x", "0.80x"])
        self.assertIn("Machine: G-1", text)
        self.assertIn("copy 3500 GB/s, read 4000 GB/s", text)
        self.assertNotIn("SELF-TEST", text)
        self.assertIn("Not run: driver, smoke, kernels,", text)

    def test_what_was_not_measured_is_a_word_or_a_dash_and_never_a_number(self):
        self.raw("environment", {"backend": "cpu", "cpu": "C-1"})
        self.raw("latency-skipped", {"results": [{"outcome": "skipped", "error_text": "no memory"}]})
        self.raw("latency-empty", {"results": []})
        self.raw("latency-cut", '{"results": [{"outco')
        self.raw("latency-list", "[]")
        self.raw("latency-one", {"results": [{"outcome": "ok", "ttft_ms": {"median": 5}, "tpot_ms": {"n": "0", "median": 0}}]})
        self.raw("peer-hf_eager-one", {"outcome": "failed", "error_text": "x"})
        text = self.table()
        self.assertIn("SELF-TEST", text)
        for name, outcome in (("skipped", "skipped"), ("empty", "failed"), ("cut", "failed"), ("list", "failed")):
            self.assertEqual(self.row(text, name)[1:], ["-", outcome] + ["-"] * 7)
        self.assertEqual(self.row(text, "one")[1:], ["-", "5 ms", "-", "-", "-", "failed", "failed", "-", "-"])

    def test_every_path_has_a_row_with_ratios_of_its_own(self):
        run = {"results": ours(10, 1)["results"] + ours(10, 4)["results"] + [{"outcome": "failed", "spec": {"path": "eager"}}]}
        run["results"][1]["spec"] = {"path": "compiled"}
        self.raw("latency-m", run)
        self.raw("peer-hf_eager-m", peer(20, 2))
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in self.table().splitlines() if line.startswith("| m ")]
        self.assertEqual([(row[1], row[3], row[7]) for row in rows], [("graph", "1 ms", "2.00x"), ("compiled", "4 ms", "0.50x"), ("eager", "-", "-")])

    def test_calls_into_one_folder_make_one_table_and_a_repeated_step_replaces_its_row(self):
        self.raw("step-kernels", {"step": "kernels", "outcome": "failed", "seconds": 3, "text": "a|b"})
        self.raw("latency-m", ours(10, 1))
        self.assertEqual(self.row(self.table(), "kernels"), ["kernels", "failed", "3", "a/b"])
        self.raw("step-smoke", {"step": "smoke", "outcome": "ok", "seconds": 1, "text": ""})
        self.raw("step-kernels", {"step": "kernels", "outcome": "ok", "seconds": 4, "text": "fine"})
        self.raw("peer-hf_eager-m", peer(20, 3))
        text = self.table()
        self.assertEqual(self.row(text, "kernels"), ["kernels", "ok", "4", "fine"])
        self.assertLess(text.index("| smoke"), text.index("| kernels"))  # In the order of the steps, not of the calls.
        self.assertEqual(self.row(text, "m")[6:8], ["2.00x", "3.00x"])

    def test_samples_are_thinned_after_the_median_was_taken(self):
        samples = [{"metric": "tpot_ms", "value": 1.0 if i < 501 else 9.0} for i in range(1000)]
        self.raw("peer-hf_eager-m", {"outcome": "ok", "samples": samples})
        self.table()
        kept = json.loads((self.directory / "results.json").read_text())["peer-hf_eager-m"]
        self.assertEqual(len(kept["samples"]), summarise.KEPT_SAMPLES)
        self.assertEqual(kept["tpot_ms_median"], 1.0)

    def test_searched_plans_are_rows_of_their_own(self):
        searched = ours(10, 0.5)
        searched["results"][0]["spec"] = {"path": "graph", "model": "m", "search_iterations": 40}
        self.raw("latency-m", ours(10, 1))
        self.raw("search-m", searched)
        rows = [[cell.strip() for cell in line.strip("|").split("|")][:4] for line in self.table().splitlines() if line.startswith("| m ")]
        self.assertEqual(rows, [["m", "graph", "10 ms", "1 ms"], ["m", "graph, 40 plans", "10 ms", "0.5 ms"]])

    def test_a_step_taken_apart_is_shown_as_the_client_printed_it(self):
        text = self.directory / "explain.txt"
        text.write_text("m: bfloat16 on cuda\nA step of 1 token after 64 takes 0.9 ms. Roofline: ...\n\nkernel  calls\n------  -----\nlinear      3\n"
                        "unattributed  0.1 ms\n\nCompiled from 2 blocks\n")
        (self.directory / "raw").mkdir()
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            summarise.explain(self.directory / "raw" / "explain-m-1.json", "m", text)
        self.assertIn("m: A step of 1 token after 64 takes 0.9 ms", printed.getvalue())
        table = self.table()
        self.assertIn("kernel  calls\n------  -----\nlinear      3\nunattributed  0.1 ms\n```", table)
        self.assertNotIn("Compiled from", table)
        text.write_text("bench-client: no daemon\n")
        with contextlib.redirect_stdout(io.StringIO()), self.assertRaises(SystemExit):
            summarise.explain(self.directory / "raw" / "explain-n-1.json", "n", text)

    def make_database(self, folder, runs, samples=3):
        (self.directory / folder).mkdir(exist_ok=True)
        opened = sqlite3.connect(self.directory / folder / "metronome.db")
        opened.executescript(SCHEMA)
        for run, paths in runs.items():
            opened.execute("INSERT INTO runs VALUES (?, 'latency')", (run,))
            for path in paths:
                key = {"compiled": 1, "eager": 2, "hf_eager": 3}[path]
                opened.execute("INSERT INTO results (result_key, run_id, path) VALUES (?, ?, ?)", (key, run, path))
                opened.execute("INSERT INTO sample_blocks VALUES (?, 0, ?, ?)", (key, samples, path.encode()))
        opened.commit()
        opened.close()

    def test_folders_of_several_calls_merge_into_one(self):
        first = {"r1": ["compiled", "eager"]}
        for folder, model, runs in (("a", "first", first), ("b", "second", {**first, "r2": ["hf_eager"]})):
            self.raw(f"latency-{model}", ours(10, 1), folder)
            self.raw(f"environment-call{folder}", {"backend": "cuda", "gpu": "G-1"}, folder)
            self.make_database(folder, runs)
            (self.directory / folder / "details").mkdir()
            (self.directory / folder / "details" / "daemon.log").write_text(folder)
            (self.directory / folder / "log.txt").write_text(f"log of {folder}\n")
            self.pack(folder)
        text = self.merged("a", "b")
        self.assertEqual(self.row(text, "first")[2], "10 ms")
        self.assertEqual(self.row(text, "second")[2], "10 ms")
        self.assertIn("Machine: G-1", text)
        with contextlib.closing(sqlite3.connect(self.directory / "all" / "metronome.db")) as opened:
            rows = opened.execute("SELECT run_id, path, count, data FROM results JOIN sample_blocks USING (result_key) ORDER BY result_id").fetchall()
        self.assertEqual(rows, [("r1", "compiled", 3, b"compiled"), ("r1", "eager", 3, b"eager"), ("r2", "hf_eager", 3, b"hf_eager")])
        self.assertEqual(pack.read_archive(self.directory / "all" / "details.tar.gz"), {"a/daemon.log": b"a", "b/daemon.log": b"b"})
        self.assertEqual((self.directory / "all" / "log.txt").read_text(), "log of a\nlog of b\n")
        self.raw("latency-third", ours(30, 1), "c")
        self.raw("environment-callc", {"backend": "cuda", "gpu": "G-2"}, "c")
        self.pack("c")
        text = self.merged("c")
        self.assertEqual([self.row(text, model)[2] for model in ("first", "second", "third")], ["10 ms", "10 ms", "30 ms"])
        self.assertIn("Machine of calla, callb: G-1\nMachine of callc: G-2", text)
        self.assertIn("different machines", text)

    def test_databases_of_different_schemas_do_not_merge(self):
        self.make_database("a", {"r1": ["compiled"]})
        self.make_database("b", {"r2": ["compiled"]})
        with contextlib.closing(sqlite3.connect(self.directory / "b" / "metronome.db")) as opened:
            opened.execute("PRAGMA user_version = 4")
        with self.assertRaisesRegex(ValueError, "schema version 4"):
            self.merged("a", "b")


if __name__ == "__main__":
    unittest.main()
