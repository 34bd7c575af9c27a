"""Benchmark runs whose client, daemon, database or disk goes away."""
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import time
import unittest

import grpc

import daemon
import reflection

SPEC = dict(model="tiny-llama", iters=2, decode_tokens=3, prompt_tokens=4)
LONG = dict(model="tiny-gemma3", path="eager", iters=2000, decode_tokens=10, prompt_tokens=4)
SERVICES = ("metronome.v1.Benchmark", "metronome.v1.Inference", "")

# A client that says when it is being measured for.
MEASURING = """
import sys, reflection
client = reflection.Client(sys.argv[1])
for event in client.benchmark("RunBenchmark", run_id=sys.argv[2], spec=eval(sys.argv[3])):
    if event.progress.phase == "measure" and event.progress.fraction > 0:
        print("measuring", flush=True)
"""


class StoreTest(unittest.TestCase):
    def setUp(self):
        directory = daemon.temporary_directory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)

    def start(self, name="one"):
        (self.directory / name).mkdir(exist_ok=True)
        server = daemon.Daemon(self.directory / name, database=self.directory / "runs.db").__enter__()
        self.addCleanup(server.__exit__)
        client = reflection.Client(server.address)
        self.addCleanup(client.close)
        return server, client

    def until(self, condition):
        give_up = time.monotonic() + 30
        while not condition() and time.monotonic() < give_up:
            time.sleep(0.02)
        self.assertTrue(condition())

    def measure(self, client, run, spec=SPEC):
        return list(client.benchmark("RunBenchmark", run_id=run, spec=spec))[-1].result

    def fails_with(self, code, call, *arguments, **fields):
        with self.assertRaises(grpc.RpcError) as caught:
            call(*arguments, **fields)
        self.assertEqual(caught.exception.code(), code, caught.exception.details())
        return caught.exception.details()

    def start_measuring(self, server, run):
        process = subprocess.Popen([sys.executable, "-B", "-c", MEASURING, server.address, run, repr(LONG)], stdout=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline(), b"measuring\n")
        return process

    def test_run_of_a_killed_client_is_interrupted_with_what_was_measured(self):
        server, client = self.start()
        run, other = client.benchmark("StartRun").run_id, client.benchmark("StartRun").run_id
        self.start_measuring(server, run).kill()
        self.until(lambda: client.benchmark("GetRun", run_id=run).state == "interrupted")
        result, = client.benchmark("GetRun", run_id=run).results
        self.assertEqual((result.outcome, result.error_kind), ("failed", "CANCELLED"))
        self.assertGreater(result.sample_count, 0)
        self.assertEqual(client.benchmark("GetRun", run_id=other).state, "running")

    def test_daemons_on_one_database_mark_only_the_runs_of_the_dead(self):
        dying, first = self.start("one")
        _, second = self.start("two")
        lost, kept = first.benchmark("StartRun").run_id, second.benchmark("StartRun").run_id
        acknowledged = self.measure(first, lost)
        dying.process.send_signal(signal.SIGKILL)
        dying.wait()
        self.assertEqual(second.benchmark("GetRun", run_id=lost).state, "running")
        self.measure(second, kept)

        _, third = self.start("three")

        stored = third.benchmark("GetRun", run_id=lost)
        self.assertEqual(stored.state, "interrupted")
        self.assertEqual([result.SerializeToString() for result in stored.results], [acknowledged.SerializeToString()])
        self.assertEqual(third.benchmark("GetRun", run_id=kept).state, "running")
        self.measure(second, kept)
        second.benchmark("FinishRun", run_id=kept)
        self.assertEqual(third.benchmark("GetRun", run_id=kept).state, "complete")

    def test_missing_database_is_noticed_and_used_again(self):
        server, client = self.start()
        run = client.benchmark("StartRun").run_id
        self.measure(client, run)
        os.rename(server.database, self.directory / "away.db")

        text = self.fails_with(grpc.StatusCode.UNAVAILABLE, client.benchmark, "StartRun")
        self.assertIn(f"{server.database} was deleted or moved away", text)
        self.fails_with(grpc.StatusCode.UNAVAILABLE, self.measure, client, run)
        self.until(lambda: [client.is_serving(name) for name in SERVICES] == [False, True, True])
        list(client.inference("Compile", model="tiny-llama"))  # Models are served all the same.

        os.rename(self.directory / "away.db", server.database)
        self.until(lambda: client.is_serving("metronome.v1.Benchmark"))
        self.measure(client, run)
        self.assertEqual(client.benchmark("GetRun", run_id=run).result_count, 2)

    def test_result_whose_database_went_away_meanwhile_is_stored_in_the_next(self):
        server, client = self.start()
        run = client.benchmark("StartRun", note="kept").run_id
        stream = client.benchmark("RunBenchmark", run_id=run, spec=dict(LONG, iters=300))
        while next(stream).progress.phase != "measure":
            pass
        for file in self.directory.glob("runs.db*"):
            if not file.name.endswith(".lock"):
                file.unlink()
        result = list(stream)[-1].result
        self.assertEqual((result.result_id, result.outcome), (0, "ok"), result.error_text)
        self.assertIn("not stored yet", result.note)
        self.assertIn(f"{server.database}.spool", result.note)
        self.assertGreater(result.step_ms.n, 0)

        server.database.touch()  # Begins a new one.
        self.until(lambda: client.is_serving("metronome.v1.Benchmark"))
        stored = client.benchmark("GetRun", run_id=run)
        self.assertEqual((stored.note, stored.state), ("kept", "interrupted"))
        self.assertEqual([r.output_digest for r in stored.results], [result.output_digest])
        self.assertFalse(os.path.exists(f"{server.database}.spool"))

    def limit_files(self, server, size):
        """Files of the daemon that reach this size grow no further: as a full disk, but for one process."""
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def test_full_disk_is_said_and_what_was_measured_is_stored_later(self):
        server, client = self.start()
        run = client.benchmark("StartRun").run_id
        log = pathlib.Path(f"{server.database}-wal").stat().st_size
        self.limit_files(server, log)
        self.assertGreater(log, 50_000)  # So that the spool, which is small, has room.

        text = self.fails_with(grpc.StatusCode.RESOURCE_EXHAUSTED, client.benchmark, "StartRun")
        self.assertIn(str(server.database), text)
        results = [self.measure(client, run) for _ in range(2)]
        self.assertEqual([result.result_id for result in results], [0, 0])
        for result in results:
            self.assertIn("not stored yet", result.note)
        self.assertEqual(client.benchmark("GetRun", run_id=run).result_count, 0)
        self.until(lambda: not client.is_serving("metronome.v1.Benchmark"))
        server.process.send_signal(signal.SIGKILL)
        server.wait()

        _, client = self.start()
        self.until(lambda: client.benchmark("GetRun", run_id=run).result_count == 2)
        self.assertFalse(os.path.exists(f"{server.database}.spool"))

    def test_space_that_is_back_is_used_without_a_start(self):
        server, client = self.start()
        run = client.benchmark("StartRun").run_id
        self.limit_files(server, pathlib.Path(f"{server.database}-wal").stat().st_size)
        result = self.measure(client, run)
        self.assertEqual(result.result_id, 0)
        self.assertIn("File too large", result.note)
        self.limit_files(server, resource.RLIM_INFINITY)
        self.until(lambda: client.benchmark("GetRun", run_id=run).result_count == 1)
        self.until(lambda: client.is_serving("metronome.v1.Benchmark"))
        self.assertGreater(self.measure(client, run).result_id, 1)

    def test_damaged_log_is_said_with_what_was_recovered(self):
        server, client = self.start()
        run = client.benchmark("StartRun").run_id
        for _ in range(6):
            self.measure(client, run)
        server.process.send_signal(signal.SIGKILL)
        server.wait()
        log = pathlib.Path(f"{server.database}-wal")
        content = bytearray(log.read_bytes())
        content[len(content) * 3 // 4] ^= 1
        log.write_bytes(content)

        server, client = self.start()

        self.assertRegex(server.log(), r"runs\.db-wal is damaged: \d+ transactions .* are recovered, \d+ pages after it are lost")
        self.assertLess(client.benchmark("GetRun", run_id=run).result_count, 6)
        self.assertGreater(self.measure(client, client.benchmark("StartRun").run_id).result_id, 0)

    def test_copied_database_is_opened_elsewhere(self):
        server, client = self.start()
        run = client.benchmark("StartRun").run_id
        self.measure(client, run)
        for suffix in ("", "-wal"):
            shutil.copy(f"{server.database}{suffix}", f"{self.directory}/copy.db{suffix}")
        other_directory = self.directory / "other"
        other_directory.mkdir()
        with daemon.Daemon(other_directory, database=self.directory / "copy.db") as other:
            stored = reflection.Client(other.address).benchmark("GetRun", run_id=run)
            self.assertEqual((stored.state, stored.result_count), ("interrupted", 1))


if __name__ == "__main__":
    unittest.main()
