"""The Python package, as pip installed it, against a daemon with tiny models. PYTHONPATH has the package, METRONOMED names the daemon."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import metronome

DAEMON = os.environ["METRONOMED"]
GOLDEN = pathlib.Path(os.environ["METRONOME_GOLDEN"]).resolve()
ENDLESS = 400000  # Tokens, more than any test waits for.


def spawn(directory, *flags, **options):
    return metronome.Client.spawn(DAEMON, threads=2, database=pathlib.Path(directory) / "runs.db",
                                  flags=("--plan-cache", "off", "--calibration", "off", *flags), **options)


class ClientTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory(prefix="metronome_python_")
        cls.addClassCleanup(directory.cleanup)
        cls.directory = pathlib.Path(directory.name)
        cls.client = spawn(directory.name, model_roots=[GOLDEN])
        cls.addClassCleanup(cls.client.close)
        cls.phases = []
        cls.model = cls.client.compile("tiny-llama", dtype="float32", seed=3, on_progress=cls.phases.append)

    def test_compile_tells_progress_and_the_model(self):
        self.assertIsInstance(self.model, metronome.ModelInfo)
        self.assertEqual((self.model.key, self.model.dtype, self.model.weights_provenance), ("tiny-llama", "float32", "synthetic:3"))
        self.assertIn("graph", {progress.phase for progress in self.phases})
        self.assertTrue(all(isinstance(progress, metronome.CompileProgress) for progress in self.phases))

    def test_models_and_status(self):
        models = {model.key: model for model in self.client.models()}
        self.assertEqual(models["tiny-llama"].loaded.plan_hash, self.model.plan_hash)
        self.assertIsNone(models["llama-3-8b"].loaded)
        status = self.client.status()
        self.assertIn("cpu", [backend.name for backend in status.backends if backend.available])
        self.assertIn("tiny-llama", [model.key for model in status.models])
        self.assertEqual(status.database, str(self.directory / "runs.db"))

    def test_generate_streams_tokens_then_a_summary(self):
        generation = self.client.generate(self.model, [1, 2, 3], 5)
        first = next(generation)
        self.assertEqual((first.position, generation.ids, generation.summary), (3, [first.id], None))
        rest = list(generation)
        self.assertEqual([token.position for token in rest], [4, 5, 6, 7])
        self.assertEqual((generation.summary.finish_reason, generation.summary.tokens), ("length", 5))
        self.assertGreater(generation.summary.ttft_ms, 0)
        again = self.client.generate("tiny-llama", (1, 2, 3), 5).wait()
        self.assertEqual((again.ids, again.summary.digest), (generation.ids, generation.summary.digest))

    def test_sampling_and_stops_reach_the_daemon(self):
        greedy = self.client.generate("tiny-llama", [5, 6], 6, sampling=metronome.Sampling(logprobs=2)).wait()
        self.assertTrue(all(len(token.top_logprobs) == 2 and token.logprob < 0 for token in greedy.tokens))
        self.assertIsNone(self.client.generate("tiny-llama", [5, 6], 1).wait().tokens[0].logprob)
        stopped = self.client.generate("tiny-llama", [5, 6], 6, stop_token_ids=[greedy.ids[2]]).wait()
        self.assertEqual(stopped.summary.finish_reason, "stop")
        self.assertEqual(stopped.ids, greedy.ids[:greedy.ids.index(greedy.ids[2]) + 1])
        drawn = [self.client.generate("tiny-llama", metronome.SyntheticPrompt(tokens=4), 12,
                                      sampling=metronome.Sampling(temperature=1.5, seed=seed)).wait().ids for seed in (1, 2, 1)]
        self.assertEqual(drawn[0], drawn[2])
        self.assertNotEqual(drawn[0], drawn[1])

    def test_sessions_go_on_and_forks_go_their_own_way(self):
        whole = self.client.generate("tiny-llama", [7, 8, 9], 7).wait().ids
        with self.client.prefill("tiny-llama", [7, 8, 9], mode="sequential") as session:
            self.assertEqual((session.first_token.id, session.prefill.prompt_tokens), (whole[0], 3))
            with session.fork() as fork:
                self.assertEqual([token.id for token in session.decode(3)], whole[1:4])
                self.assertEqual(fork.decode(6).wait().ids, whole[1:])
            self.assertEqual(session.decode(3, tokens_at_once=3).wait().ids, whole[4:])
        with self.assertRaises(metronome.NotFound):
            session.decode(1).wait()
        with self.assertRaises(metronome.NotFound):
            session.close()

    def test_errors_are_exceptions_with_the_daemons_text(self):
        cases = ((metronome.NotFound, "NOT_FOUND", "no-such-model", lambda: self.client.compile("no-such-model")),
                 (metronome.PermissionDenied, "PERMISSION_DENIED", "/etc", lambda: self.client.compile("/etc")),
                 (metronome.InvalidArgument, "INVALID_ARGUMENT", "float3", lambda: self.client.compile("tiny-llama", dtype="float3")),
                 (metronome.NotFound, "NOT_FOUND", "qwen3-4b", lambda: self.client.unload("qwen3-4b")),
                 (metronome.OutOfRange, "OUT_OF_RANGE", "", lambda: self.client.generate("tiny-llama", [4000000], 1).wait()),
                 (metronome.InvalidArgument, "INVALID_ARGUMENT", "", lambda: self.client.generate("tiny-llama", [], 1).wait()),
                 (metronome.FailedPrecondition, "FAILED_PRECONDITION", "tokenizer", lambda: self.client.generate("tiny-llama", "x", 1).wait()),
                 (metronome.NotFound, "NOT_FOUND", "never", lambda: self.client.get_run("never")),
                 (metronome.InvalidArgument, "INVALID_ARGUMENT", "", lambda: list(self.client.runs(page_size=-1))),
                 (metronome.DeadlineExceeded, "DEADLINE_EXCEEDED", "", lambda: self.client.compile("tiny-qwen2", timeout=1e-4)))
        for kind, code, said, call in cases:
            with self.subTest(kind=kind.__name__, said=said):
                with self.assertRaises(kind) as raised:
                    call()
                self.assertIsInstance(raised.exception, metronome.Error)
                self.assertEqual(raised.exception.code, code)
                self.assertIn(said, str(raised.exception))

    def test_fields_that_do_not_fit_are_named(self):
        for error, call in ((TypeError, lambda: self.client.compile("tiny-llama", speed=3)),
                            (TypeError, lambda: self.client.compile("tiny-llama", layers="two")),
                            (ValueError, lambda: self.client.compile("tiny-llama", layers=1 << 40))):
            with self.assertRaisesRegex(error, "speed|layers"):
                call()

    def test_cancelled_generation_stops_and_closes_its_session(self):
        model = self.client.compile("tiny-qwen3", dtype="float32")
        session = self.client.prefill(model, [1, 2])
        with session.decode(2000) as generation:
            next(generation)
        with self.assertRaises(metronome.Cancelled):
            generation.wait()
        self.assertLess(len(generation.tokens), 2000)
        give_up = time.monotonic() + 60
        with self.assertRaises(metronome.NotFound):
            while time.monotonic() < give_up:  # Until the daemon has come to its next token.
                try:
                    session.fork().close()
                except metronome.FailedPrecondition:
                    pass  # Still in use.

    def test_a_callback_that_raises_ends_the_measurement(self):
        def interrupt(progress):
            raise KeyboardInterrupt

        with self.assertRaises(KeyboardInterrupt):
            self.client.run_benchmark(model="tiny-llama", dtype="float32", decode_tokens=200, iters=ENDLESS // 200, on_progress=interrupt)
        # The daemon's queue is free again: it stopped measuring.
        self.assertEqual(self.client.generate("tiny-llama", [1], 2).wait().summary.tokens, 2)

    def test_benchmarks_with_progress_results_and_samples(self):
        phases = []
        result = self.client.run_benchmark(metronome.BenchmarkSpec(model="tiny-llama", dtype="float32", iters=3, decode_tokens=4, seed=3),
                                           note="of python", on_progress=phases.append)
        self.assertEqual((result.outcome, result.ttft_ms.n, result.spec.iters), ("ok", 3, 3))
        self.assertIsNone(result.ttft_ms.p95)
        self.assertIn("measure", {progress.phase for progress in phases})
        run = next(self.client.runs())
        self.assertEqual((run.state, run.note, run.mode, run.results), ("complete", "of python", "latency", []))
        self.assertEqual(run.caller.host, os.uname().nodename)
        self.assertEqual([stored.result_id for stored in self.client.results(run.run_id)], [result.result_id])
        samples = list(self.client.samples(result.result_id, page_size=4))
        self.assertEqual(len(samples), result.sample_count)
        self.assertEqual(sorted(sample.value for sample in samples if sample.metric == "ttft_ms")[1], result.ttft_ms.median)

    def test_runs_group_results_and_fail_with_their_block(self):
        with self.client.start_run("sweep") as run:
            self.assertEqual([run.measure(model="tiny-llama", dtype="float32", path=path, decode_tokens=2).outcome for path in ("compiled", "eager")],
                             ["ok", "ok"])
            skipped = run.measure(model="no-such-model")
            self.assertEqual((skipped.outcome, skipped.error_kind), ("failed", "NOT_FOUND"))
        self.assertEqual(len(self.client.results(run.id)), 3)
        with self.assertRaises(metronome.FailedPrecondition):
            run.finish()
        with self.assertRaisesRegex(RuntimeError, "mine"), self.client.start_run() as run:
            raise RuntimeError("mine")
        self.assertEqual(self.client.get_run(run.id).state, "failed")

    def test_results_measured_elsewhere_are_recorded(self):
        result = metronome.BenchmarkResult(
            spec=metronome.BenchmarkSpec(model="tiny-llama", dtype="float32", path="hf_eager"), prompt_tokens=4,
            samples=[metronome.Sample(metric="ttft_ms", index=i, value=value) for i, value in enumerate((1.0, 2.0, 6.0))])
        with self.client.start_run() as run:
            self.assertEqual(run.record(result, validate_only=True), 0)
            stored = run.record(result)
        (found,) = self.client.results(run.id)
        self.assertEqual((found.result_id, found.provenance, found.ttft_ms.median), (stored, "external", 2.0))

    def test_pages_are_fetched_as_they_are_needed(self):
        ids = []
        for _ in range(5):
            with self.client.start_run() as run:
                ids.append(run.id)
        self.assertEqual([run.run_id for run, _ in zip(self.client.runs(page_size=2), range(5))], ids[::-1])

    def test_explain(self):
        explained = self.client.explain(self.model, past=4, dumps=True)
        self.assertEqual((explained.tokens, explained.past), (1, 4))
        self.assertGreater(sum(explained.rules_fired.values()), 0)
        self.assertTrue(explained.kernels and explained.plan_text)

    def test_directories_are_those_of_the_client_and_of_model_roots(self):
        checkpoint = self.directory / "checkpoint"
        shutil.copytree(GOLDEN / "models" / "qwen3", checkpoint)
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir(GOLDEN / "models")
        for name in ("qwen3", "./qwen3/", "../models/qwen3"):
            self.assertEqual(self.client.compile(name, dtype="float32").key, str(GOLDEN / "models" / "qwen3"))
        with self.assertRaises(metronome.PermissionDenied):
            self.client.compile(checkpoint)
        with tempfile.TemporaryDirectory() as other, spawn(other, model_roots=[checkpoint]) as own:
            model = own.compile(checkpoint, dtype="float32")
            self.assertEqual(model.key, str(checkpoint))

    def test_nobody_answers(self):
        with self.assertRaisesRegex(metronome.Unavailable, "no daemon answers at 127.0.0.1:1 "):
            metronome.Client("127.0.0.1:1", timeout=0.2)

    def test_calls_of_several_threads(self):
        alone = self.client.generate("tiny-llama", [3], 8).wait().ids
        found = []
        threads = [threading.Thread(target=lambda: found.append(self.client.generate("tiny-llama", [3], 8).wait().ids)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(found, [alone] * 6)


class SpawnTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="metronome_python_")
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def test_close_ends_the_daemon_in_good_order(self):
        client = spawn(self.directory)
        process = client._daemon.process
        client.close()
        self.assertEqual(process.returncode, 0)

    def test_it_ends_with_a_process_that_is_killed(self):
        program = ("import metronome, os, signal, sys\n"
                   "client = metronome.Client.spawn(sys.argv[1], database=sys.argv[2], flags=('--calibration', 'off'))\n"
                   "print(client._daemon.process.pid, flush=True)\n"
                   "os.kill(os.getpid(), signal.SIGKILL)\n")
        killed = subprocess.run([sys.executable, "-c", program, DAEMON, os.path.join(self.directory, "x.db")], capture_output=True, text=True)
        pid = int(killed.stdout)
        for _ in range(6000):
            try:
                with open(f"/proc/{pid}/stat") as file:
                    if file.read().rpartition(")")[2].split()[0] == "Z":
                        return
            except FileNotFoundError:
                return
            threading.Event().wait(0.01)
        self.fail(f"metronomed {pid} outlived its client")

    def test_why_it_does_not_start(self):
        with self.assertRaisesRegex(metronome.FailedPrecondition, "cannot start /nowhere/metronomed: No such file"):
            metronome.Client.spawn("/nowhere/metronomed")
        with self.assertRaisesRegex(metronome.FailedPrecondition, "did not start: .*--no-such-flag"):
            spawn(self.directory, "--no-such-flag")


if __name__ == "__main__":
    unittest.main()
