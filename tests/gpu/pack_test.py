"""The five files of a call: within their limits, and found again by the next call.

    python3 -B pack_test.py
"""
import contextlib
import json
import pathlib
import random
import sqlite3
import struct
import tempfile
import unittest

import database
import pack

SCHEMA = """
CREATE TABLE results (result_id INTEGER PRIMARY KEY, result_key INTEGER, path TEXT);
CREATE TABLE sample_blocks (result_key INTEGER, first INTEGER, count INTEGER, data BLOB, PRIMARY KEY (result_key, first));
"""
# As SampleBlocksTest.FormatIsWhatOthersRead has it: step_ms, ttft_ms, step_ms.
BLOCK = bytes.fromhex("02 07 737465705f6d73 07 747466745f6d73 000100 000002 2a0002 000000000000f83f 0000000000000040 000000000000f0bf")


def steps(values):
    """A block of step_ms samples, whose indices count up from 0."""
    count = len(values)
    return b"\1\7step_ms" + bytes(count) + b"\0" + b"\2" * (count - 1) + bytes(count) + struct.pack(f"<{count}d", *values)


class PackTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.work, self.output = (pathlib.Path(directory.name) / name for name in ("work", "output"))
        for folder in (self.work / "raw", self.work / "details" / "kernels", self.output):
            folder.mkdir(parents=True)
        (self.work / "log.txt").write_text("== smoke\n")
        (self.work / "details" / "kernels" / "shard-0.txt").write_text("[       OK ] On/A.B\n")
        (self.work / "raw" / "step-smoke.json").write_text(json.dumps({"step": "smoke", "outcome": "ok", "seconds": 1, "text": "fine"}))

    def make_database(self, samples):
        with contextlib.closing(sqlite3.connect(self.work / "metronome.db")) as opened:
            opened.execute("PRAGMA journal_mode=WAL")
            opened.executescript(SCHEMA)
            opened.execute("INSERT INTO results VALUES (1, 77, 'graph')")
            for first in range(0, samples, 4096):
                values = [i / 7 for i in range(first, min(samples, first + 4096))]
                opened.execute("INSERT INTO sample_blocks VALUES (77, ?, ?, ?)", (first, len(values), steps(values)))
            opened.commit()

    def samples_left(self, file):
        with contextlib.closing(sqlite3.connect(file)) as opened:
            return opened.execute("SELECT ifnull(sum(count), 0) FROM sample_blocks").fetchone()[0]

    def test_a_call_leaves_five_files_and_the_next_one_finds_all_of_them(self):
        self.make_database(samples=3)
        pack.close_work(self.work, self.output)
        self.assertEqual(sorted(path.name for path in self.output.iterdir()),
                         ["details.tar.gz", "log.txt", "metronome.db", "results.json", "table.md"])
        self.assertIn("| smoke", (self.output / "table.md").read_text())
        next_work = self.work.parent / "next"
        next_work.mkdir()
        pack.open_work(self.output, next_work)
        self.assertEqual((next_work / "details" / "kernels" / "shard-0.txt").read_text(), "[       OK ] On/A.B\n")
        self.assertEqual((next_work / "log.txt").read_text(), "== smoke\n")
        self.assertEqual(json.loads((next_work / "results.json").read_text())["step-smoke"]["text"], "fine")
        self.assertEqual(self.samples_left(next_work / "metronome.db"), 3)

    def test_packing_is_repeated_while_the_daemon_has_the_database_open(self):
        self.make_database(samples=3)
        with contextlib.closing(sqlite3.connect(self.work / "metronome.db")) as daemon:
            daemon.execute("INSERT INTO sample_blocks VALUES (77, 3, 1, ?)", (steps([0.5]),))
            pack.close_work(self.work, self.output)  # What is not committed is not packed.
            self.assertEqual(self.samples_left(self.output / "metronome.db"), 3)
            daemon.commit()
            pack.close_work(self.work, self.output)
        self.assertEqual(self.samples_left(self.output / "metronome.db"), 4)
        self.assertEqual(len(list(self.output.iterdir())), 5)

    def test_what_is_too_large_is_cut_in_the_middle_and_says_so(self):
        noise = random.Random(1)
        for i in range(3):
            (self.work / "details" / f"{i}.txt").write_bytes(b"begin" + noise.randbytes(2_000_000) + b"end")
        (self.work / "log.txt").write_bytes(b"first" + noise.randbytes(1_000_000) + b"last")
        results = {"latency-m": {"results": [{"outcome": "ok", "ttft_ms": {"median": 1}, "samples": [{"metric": "step_ms", "value": noise.random()}] * 40_000}]}}
        self.make_database(samples=3)
        limit = 400_000
        pack.write_files(self.output, results, pack.files_below(self.work / "details"), (self.work / "log.txt").read_bytes(),
                         self.work / "metronome.db", limit)
        for file in self.output.iterdir():
            self.assertLessEqual(file.stat().st_size, limit + 100, file.name)
        details = pack.read_archive(self.output / "details.tar.gz")
        self.assertEqual(details["kernels/shard-0.txt"], b"[       OK ] On/A.B\n")
        for content, ends in ((details["1.txt"], (b"begin", b"end")), ((self.output / "log.txt").read_bytes(), (b"first", b"last"))):
            self.assertTrue(content.startswith(ends[0]) and content.endswith(ends[1]))
            self.assertIn(b" bytes left out ...", content)
        kept = json.loads((self.output / "results.json").read_text())["latency-m"]["results"][0]
        self.assertEqual(kept, {"outcome": "ok", "ttft_ms": {"median": 1}})

    def test_samples_go_before_the_database_does(self):
        self.make_database(samples=5000)
        content = database.thinned(self.work / "metronome.db", 50_000)
        for kept in (database.KEPT_SAMPLES, 100):
            (self.output / "metronome.db").write_bytes(content)
            self.assertEqual(self.samples_left(self.output / "metronome.db"), kept)
            content = database.thinned(self.work / "metronome.db", len(content) - 1)
        self.assertIsNone(content)  # Tables take a page each.
        self.assertEqual(self.samples_left(self.work / "metronome.db"), 5000)

    def test_a_block_is_cut_to_its_first_samples(self):
        self.assertEqual(database.first_samples(BLOCK, 3, 3), BLOCK)
        self.assertEqual(database.first_samples(BLOCK, 3, 2), BLOCK[:17] + bytes.fromhex("0001 0000 2a00 000000000000f83f 0000000000000040"))
        self.assertEqual(database.first_samples(steps([1.0] * 300), 300, 200), steps([1.0] * 200))

    def test_an_archive_from_elsewhere_writes_below_its_folder_only(self):
        pack.write_below(self.output, {"../outside.txt": b"x", "a/b.txt": b"y"})
        self.assertFalse((self.output.parent / "outside.txt").exists())
        self.assertEqual((self.output / "a" / "b.txt").read_bytes(), b"y")
        (self.output / "details.tar.gz").write_bytes(b"not an archive")
        self.assertEqual(pack.read_archive(self.output / "details.tar.gz"), {})


if __name__ == "__main__":
    unittest.main()
