"""bench-client as its users run it: exit codes, outputs, and what is in the database afterwards.

    python3 bench_client_test.py BIN_DIRECTORY GOLDEN_DIRECTORY
"""
import collections
import json
import os
import pathlib
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import unittest
from unittest import mock

BIN = pathlib.Path(sys.argv[1]).resolve()
GOLDEN = pathlib.Path(sys.argv[2]).resolve()
CHECKPOINT = GOLDEN / "models" / "qwen3"
PEERS = GOLDEN / "peers" / "tiny-llama.jsonl"  # Of hf_eager and of torch_compile.
os.environ["METRONOMED"] = str(BIN / "metronomed")
from daemon import Daemon  # noqa: E402  It reads the variable.
CACHE = tempfile.mkdtemp()  # Of all daemons here: the first calibrates the CPU.


def tearDownModule():
    shutil.rmtree(CACHE)


class BenchClientTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.directory)
        self.database = os.path.join(self.directory, "deep", "runs.db")

    def run_client(self, *arguments, own_daemon=True, stdin="", cwd=None, **variables):
        command = [BIN / "bench-client", *arguments]
        if own_daemon:
            command += ["--db", self.database]
        environment = {**os.environ, "HOME": self.directory, "XDG_DATA_HOME": self.directory,
                       "XDG_CACHE_HOME": CACHE, **variables}
        return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, input=stdin, cwd=cwd)

    def test_json_has_every_sample_of_many(self):
        run = self.run_client("run", "--models", "tiny-llama", "--iters", "60", "--decode-tokens", "1500", "--prompt-tokens", "1", "-o", "json")
        self.assertEqual(run.returncode, 0, run.stderr)
        shown = self.run_client("show", "-o", "json")
        self.assertEqual(shown.returncode, 0, shown.stderr)
        for text in (run.stdout, shown.stdout):
            result = json.loads(text)["results"][0]
            self.assertEqual((len(result["samples"]), int(result["sample_count"])), (2 * 60 + 2 * 60 * 1499,) * 2)
            self.assertEqual(sum(sample["metric"] == "step_ms" for sample in result["samples"]), 60 * 1499)

    def test_relative_directories_are_those_of_the_client(self):
        for model, cwd in (("qwen3", GOLDEN / "models"), ("./models/qwen3/", GOLDEN), ("models/qwen3", GOLDEN), (".", CHECKPOINT)):
            compiled = self.run_client("compile", model, "--dtype", "float32", cwd=cwd)
            self.assertEqual(compiled.returncode, 0, (model, compiled.stderr))
            self.assertTrue(compiled.stdout.startswith(str(CHECKPOINT.resolve()) + ":"), compiled.stdout)
        missing = self.run_client("compile", "./none", cwd=GOLDEN)
        self.assertEqual(missing.returncode, 1)
        self.assertIn(f"no directory {GOLDEN.resolve()}/none on ", missing.stderr)

    def test_repositories_come_from_the_hugging_face_cache(self):
        storage = pathlib.Path(self.directory) / "cache" / "models--org--name"
        commit = "0123456789abcdef0123456789abcdef01234567"
        shutil.copytree(CHECKPOINT, storage / "snapshots" / commit)
        (storage / "refs").mkdir()
        (storage / "refs" / "main").write_text(commit)
        generated = self.run_client("generate", "--model", "org/name@main", "--prompt-tokens", "3", "--max-tokens", "4", HF_HUB_CACHE=str(storage.parent))
        self.assertEqual(generated.returncode, 0, generated.stderr)
        compiled = self.run_client("compile", "org/name", HF_HOME="~/nowhere", HUGGINGFACE_HUB_CACHE="$HOME/cache")
        self.assertEqual(compiled.returncode, 0, compiled.stderr)
        self.assertIn(f"safetensors:org/name@{commit}", compiled.stdout)

    def test_a_daemon_of_its_own_reads_what_the_command_names(self):
        """Directories outside the home, links of a cache that is elsewhere included; a daemon that others started does not."""
        elsewhere = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, elsewhere)
        snapshot, blobs = elsewhere / "models--org--name" / "snapshots" / "abc", elsewhere / "models--org--name" / "blobs"
        shutil.copytree(CHECKPOINT, blobs)
        snapshot.mkdir(parents=True)
        for file in blobs.iterdir():
            (snapshot / file.name).symlink_to(f"../../blobs/{file.name}")
        for arguments in (["compile", str(snapshot), "--dtype", "float32"],
                          ["generate", "--model", str(snapshot), "--prompt-tokens", "3", "--max-tokens", "2"],
                          ["explain", str(snapshot)],
                          ["run", "--models", str(snapshot), "--weights", str(snapshot), "--prompt-tokens", "3"]):
            done = self.run_client(*arguments)
            self.assertEqual(done.returncode, 0, done.stderr)
        with mock.patch.dict(os.environ, HOME=self.directory), Daemon(self.directory) as daemon:
            refused = self.run_client("compile", str(snapshot), "--server", daemon.address, own_daemon=False)
        self.assertEqual(refused.returncode, 1, refused.stderr)
        self.assertIn("--model-root", refused.stderr)

    def test_sampling_as_the_model_has_it(self):
        model = pathlib.Path(self.directory) / "model"
        shutil.copytree(CHECKPOINT, model)
        arguments = ["generate", "--model", str(model), "--prompt-tokens", "5", "--max-tokens", "60", "--dtype", "float32"]
        without = self.run_client(*arguments, "--sampling", "model")
        self.assertEqual(without.returncode, 1)
        self.assertIn("no generation_config.json", without.stderr)
        greedy = self.run_client(*arguments)
        (model / "generation_config.json").write_text(json.dumps({"do_sample": True, "temperature": 2.0, "top_k": 0, "eos_token_id": [130]}))
        same = self.run_client(*arguments)
        sampled = self.run_client(*arguments, "--sampling", "model", "--sampling-seed", "3")
        stated = self.run_client(*arguments, "--temperature", "2", "--sampling-seed", "3")
        self.assertEqual(sampled.returncode, 0, sampled.stderr)
        self.assertEqual(same.stdout, greedy.stdout)
        self.assertEqual(sampled.stdout, stated.stdout)
        self.assertNotEqual(sampled.stdout, greedy.stdout)
        ids = greedy.stdout.split()
        (model / "generation_config.json").write_text(json.dumps({"eos_token_id": int(ids[7])}))
        ended = self.run_client(*arguments)
        self.assertEqual(ended.stdout.split(), ids[:ids.index(ids[7]) + 1])
        self.assertIn("(eos)", ended.stderr)

    def test_daemon_does_not_outlive_a_client_that_is_killed(self):
        environment = {**os.environ, "HOME": self.directory, "XDG_CACHE_HOME": self.directory}
        client = subprocess.Popen([BIN / "bench-client", "run", "--models", "tiny-gemma3", "--paths", "eager", "--iters", "100000",
                                   "--db", self.database], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        with client:
            started = client.stderr.readline()
            self.assertIn("started metronomed", started)
            child = int(pathlib.Path(f"/proc/{client.pid}/task/{client.pid}/children").read_text())
            client.kill()
        give_up = time.monotonic() + 60
        while self.is_running(child) and time.monotonic() < give_up:
            time.sleep(0.02)
        self.assertFalse(self.is_running(child), "the daemon that the client started is still there")

    @staticmethod
    def is_running(pid):
        try:
            return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
        except FileNotFoundError:
            return False

    def test_run_measures_stores_and_shows(self):
        result = self.run_client("run", "--models", "tiny-llama,tiny-gemma3", "--iters", "3", "--warmups", "1", "--decode-tokens", "4",
                                 "--paths", "compiled,eager", "-o", "json")
        self.assertEqual(result.returncode, 0, result.stderr)
        run = json.loads(result.stdout)
        self.assertEqual([(r["spec"]["model"], r["spec"]["path"]) for r in run["results"]],
                         [("tiny-llama", "compiled"), ("tiny-llama", "eager"), ("tiny-gemma3", "compiled"), ("tiny-gemma3", "eager")])
        for measured in run["results"]:
            self.assertEqual(measured["outcome"], "ok", measured)
            self.assertEqual(int(measured["ttft_ms"]["n"]), 3)
            self.assertEqual(int(measured["step_ms"]["n"]), 9)
            self.assertGreater(measured["ttft_ms"]["median"], 0)
            self.assertNotEqual(measured["output_digest"], "mixed")
        self.assertNotIn("\r", result.stderr, "no bar where there is no terminal")

        with sqlite3.connect(self.database) as database:
            self.assertEqual(database.execute("SELECT state, count(*) FROM runs").fetchone(), ("complete", 1))
            self.assertEqual(database.execute("SELECT count(*) FROM results WHERE tpot_ms > 0").fetchone(), (4,))
        samples = self.stored_samples()
        self.assertEqual(collections.Counter(sample["metric"] for sample in samples), {"sampling_ms": 36, "step_ms": 36, "tpot_ms": 12, "ttft_ms": 12})
        self.assertTrue(all(sample["value"] > 0 for sample in samples if sample["metric"] != "sampling_ms"))

        shown = self.run_client("show", run["run_id"], "-o", "json")
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertEqual(json.loads(shown.stdout)["results"][0]["ttft_ms"]["median"], run["results"][0]["ttft_ms"]["median"])
        self.assertIn(run["run_id"], self.run_client("runs").stdout)
        self.assertIn("| tiny-llama |", self.run_client("show", "-o", "md").stdout)

    def test_scaling_lists_positions_of_each_path(self):
        result = self.run_client("run", "--models", "tiny-gemma3", "--scaling", "--max-cache-len", "600", "--paths", "compiled,graph")
        self.assertEqual(result.returncode, 0, result.stderr)
        for part in ("x compiled", "\n     512 ", "\n     599 ", "compiled: position 599 costs", "synthetic:0"):
            self.assertIn(part, result.stdout)
        with sqlite3.connect(self.database) as database:
            self.assertEqual(database.execute("SELECT mode FROM runs").fetchall(), [("scaling",)])
        positions = {int(sample["position"]) for sample in self.stored_samples() if sample["metric"] == "step_ms"}
        self.assertEqual(sorted(positions), [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 599])

    def test_the_first_layers_are_labelled_in_every_output(self):
        label = "tiny-qwen3-moe [2 of 3 layers]"
        result = self.run_client("run", "--models", "tiny-qwen3-moe", "--layers", "2", "--config", "as-fast-as-possible")
        self.assertEqual(result.returncode, 0, result.stderr)
        outputs = [result.stdout, self.run_client("show").stdout, self.run_client("show", "-o", "md").stdout,
                   self.run_client("compile", "tiny-qwen3-moe", "--layers", "2").stdout,
                   self.run_client("explain", "tiny-qwen3-moe", "--layers", "2").stdout,
                   self.run_client("generate", "--model", "tiny-qwen3-moe", "--layers", "2", "--prompt-tokens", "3").stderr]
        for output in outputs:
            self.assertIn(label, output)
        with sqlite3.connect(self.database) as database:
            self.assertEqual(database.execute("SELECT layers, model_layers FROM results").fetchall(), [(2, 3)])
        refused = self.run_client("run", "--models", "tiny-qwen3-moe", "--layers", "4")
        self.assertEqual(refused.returncode, 1, refused.stdout)
        self.assertIn("layers is 4, not in [1, 3]", refused.stdout)

    def test_models_that_cannot_run_are_skipped_and_the_rest_goes_on(self):
        with tempfile.TemporaryDirectory() as directory:
            (pathlib.Path(directory) / "config.json").write_text('{"model_type": "mamba"}')
            result = self.run_client("run", "--models", f"{directory},tiny-qwen2", "--config", "as-fast-as-possible")
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn(f"{directory} was skipped", result.stdout)
        self.assertIn("tiny-qwen2", result.stdout)

    def stored_samples(self):
        """Of all results of the newest run."""
        shown = self.run_client("show", "-o", "json")
        self.assertEqual(shown.returncode, 0, shown.stderr)
        return [sample for result in json.loads(shown.stdout)["results"] for sample in result["samples"]]

    def query(self, sql):
        with sqlite3.connect(self.database) as database:
            return database.execute(sql).fetchall()

    def test_results_of_peers_are_recorded_and_shown_as_external(self):
        recorded = self.run_client("record", str(PEERS), "--note", "beside ours")
        self.assertEqual(recorded.returncode, 0, recorded.stderr)
        for part in ("hf_eager (external)", "torch_compile (external)", "; on cpu", " is complete."):
            self.assertIn(part, recorded.stdout)
        self.assertNotIn("inside the daemon", recorded.stdout)
        self.assertEqual(self.query("SELECT mode, state, note FROM runs"), [("external", "complete", "beside ours")])
        self.assertEqual(self.query("SELECT path, provenance, outcome FROM results ORDER BY result_id"),
                         [("hf_eager", "external", "ok"), ("torch_compile", "external", "ok")])
        self.assertEqual(collections.Counter(sample["metric"] for sample in self.stored_samples()), {"step_ms": 18, "tpot_ms": 6, "ttft_ms": 6})

        shown = json.loads(self.run_client("show", "-o", "json").stdout)
        for line, result in zip(PEERS.read_text().splitlines(), shown["results"]):
            given = json.loads(line)
            median = statistics.median(s["value"] for s in given["samples"] if s["metric"] == "tpot_ms")
            self.assertAlmostEqual(result["tpot_ms"]["median"], median)
            self.assertAlmostEqual(result["decode_tokens_per_second"], 1e3 / median)
            self.assertEqual(result["output_digest"], given["output_digest"])
        self.assertIn("torch_compile (external)", self.run_client("show", "-o", "md").stdout)
        self.assertIn(" external ", self.run_client("runs").stdout)

    def test_a_run_measured_elsewhere_can_be_recorded_from_standard_input(self):
        measured = self.run_client("run", "--models", "tiny-qwen2", "--decode-tokens", "3", "-o", "json").stdout
        recorded = self.run_client("record", "-", "-o", "json", stdin=measured)
        self.assertEqual(recorded.returncode, 0, recorded.stderr)
        result, = json.loads(recorded.stdout)["results"]
        original = json.loads(measured)
        self.assertEqual((result["provenance"], result["spec"]["path"]), ("external", "compiled"))
        self.assertEqual(result["ttft_ms"], original["results"][0]["ttft_ms"])
        self.assertIn("from run " + original["run_id"], result["note"])

    def test_a_malformed_file_is_refused_before_anything_is_recorded(self):
        self.run_client("runs")  # The database is there.
        good, other = PEERS.read_text().splitlines()
        spoiled = {**json.loads(other), "samples": [{"metric": "ttft_ms", "value": -3}]}
        unknown = {**json.loads(other), "spec": {**json.loads(other)["spec"], "path": "scenic"}}
        file = pathlib.Path(self.directory) / "bad.jsonl"
        for bad, reason in ((other[:-7], "not JSON"), (json.dumps({"modle": "x"}), "modle"), (json.dumps({"peer": "bandwidth"}), "bandwidth"),
                            (json.dumps(spoiled), "samples[0].value is -3"), (json.dumps(unknown), "spec.path is 'scenic'"),
                            (json.dumps({**json.loads(other), "spec": {}}), "spec.model is empty")):
            file.write_text(good + "\n" + bad + "\n")
            refused = self.run_client("record", str(PEERS), str(file))
            self.assertEqual(refused.returncode, 2, (reason, refused.stdout))
            self.assertIn(f"{file}:2: ", refused.stderr)
            self.assertIn(reason, refused.stderr)
        for wrong in (["record"], ["record", str(file) + ".not-there"], ["record", self.directory], ["record", os.devnull],
                      ["record", str(PEERS), "--run", "r", "--note", "n"]):
            self.assertEqual(self.run_client(*wrong).returncode, 2, wrong)
        self.assertEqual(self.query("SELECT count(*) FROM runs"), [(0,)])

    def test_results_are_added_to_an_open_run_until_it_is_finished(self):
        good, other = PEERS.read_text().splitlines()
        failed = {**json.loads(other), "outcome": "failed", "error_kind": "INTERNAL", "error_text": "torch fell over", "samples": []}
        with Daemon(self.directory) as daemon:
            def record(stdin, *flags):
                return self.run_client("record", "-", "--server", daemon.address, *flags, own_daemon=False, stdin=stdin)

            opened = record(good, "--open", "-o", "json")
            self.assertEqual(opened.returncode, 0, opened.stderr)
            run_id, state = (json.loads(opened.stdout)[field] for field in ("run_id", "state"))
            self.assertEqual(state, "running")
            finished = record(json.dumps(failed), "--run", run_id)
            self.assertEqual(finished.returncode, 1, finished.stderr)
            for part in ("hf_eager (external)", "torch fell over", f"Run {run_id} is failed."):
                self.assertIn(part, finished.stdout)
            late, unknown = record(good, "--run", run_id), record(good, "--run", "no-such-run")
            self.assertEqual((late.returncode, unknown.returncode), (1, 1))
            self.assertIn("is failed, not running", late.stderr)
            self.assertIn("no run 'no-such-run'", unknown.stderr)
            self.database = str(daemon.database)
            self.assertEqual(self.query("SELECT state, count(*) FROM runs JOIN results USING (run_id)"), [("failed", 2)])
        self.assertEqual(self.run_client("record", str(PEERS), "--server", "127.0.0.1:1", own_daemon=False).returncode, 4)

    def test_explain_accounts_for_a_step_and_prints_the_program_at_each_stage(self):
        result = self.run_client("explain", "tiny-llama", "--search-iterations", "12", "--past", "20")
        self.assertEqual(result.returncode, 0, result.stderr)
        for part in ("unattributed", "attention-causal", "saturated after", "Searched for", "gated_linear"):
            self.assertIn(part, result.stdout)
        stages = {"graph": "reduce_max", "blocks": "3 times", "fused": "attention", "plan": "qkv_rope_cache"}
        for stage, part in stages.items():
            shown = self.run_client("explain", "tiny-llama", "--stage", stage)
            self.assertEqual(shown.returncode, 0, shown.stderr)
            self.assertIn(part, shown.stdout)
        self.assertEqual(self.run_client("explain", "tiny-llama", "--stage", "nothing").returncode, 2)

    def test_a_model_that_was_explained_is_measured_as_it_lies_until_it_is_unloaded(self):
        same = ["--weights", "synthetic", "--seed", "42", "--layers", "2"]
        with Daemon(self.directory) as daemon:
            server = ["--server", daemon.address]

            def call(*arguments):
                done = self.run_client(*arguments, *server, own_daemon=False)
                return done.returncode, done.stdout

            def loaded():
                return [line.split(":")[0] for line in call("status")[1].splitlines() if line.startswith("model ")]

            self.assertEqual(call("explain", "tiny-llama", "--path", "graph", *same)[0], 0)
            code, printed = call("run", "--models", "tiny-llama", "--paths", "graph", *same, "--decode-tokens", "4", "-o", "json")
            self.assertEqual((code, len(loaded())), (0, 1), "the benchmark has loaded a copy of its own")
            self.assertIn("2 of", json.dumps(loaded()))
            self.assertEqual(json.loads(printed)["results"][0]["spec"]["path"], "graph")
            code, printed = call("unload", "tiny-llama")
            self.assertEqual((code, printed, loaded()), (0, "tiny-llama unloaded, 0 sessions closed\n", []))
            self.assertEqual(call("unload", "tiny-llama")[0], 1)

    def test_a_checkpoint_directory_compiles_generates_and_is_named_in_results(self):
        compiled = self.run_client("compile", str(CHECKPOINT), "--dtype", "float32")
        self.assertEqual(compiled.returncode, 0, compiled.stderr)
        self.assertIn("safetensors:qwen3", compiled.stdout)
        generate = ["generate", "--model", str(CHECKPOINT), "--dtype", "float32", "--prompt-tokens", "6", "--max-tokens", "5"]
        first, second = self.run_client(*generate), self.run_client(*generate)
        self.assertEqual(first.returncode, 0, first.stderr)
        self.assertEqual(len(first.stdout.split()), 5)
        self.assertEqual(first.stdout, second.stdout)

    def test_text_without_a_tokenizer_is_a_clear_failure(self):
        result = self.run_client("generate", "--model", "tiny-llama", "hello")
        self.assertEqual(result.returncode, 1)
        self.assertIn("'tiny-llama' has no tokenizer", result.stderr)

    def test_a_daemon_calibrates_the_cpu_once(self):
        first = self.run_client("status").stdout
        self.assertRegex(first, r"backend cpu: calibration (measured in [0-9.]+ s|kept from an earlier start)\n")
        later = self.run_client("status").stdout
        self.assertIn("backend cpu: calibration kept from an earlier start\n", later)
        tuned = [line for line in first.splitlines() if ": tuned " in line]
        self.assertEqual([line for line in later.splitlines() if ": tuned " in line], tuned)

    def test_exit_codes(self):
        self.assertEqual(self.run_client("runs", "--server", "127.0.0.1:1", own_daemon=False).returncode, 4)
        for wrong in (["run"], ["run", "--models", "tiny-llama", "--config", "no-such"], ["run", "--models", "nothing*"],
                      ["run", "--models", "tiny-llama", "--dtype", "int4"], ["run", "--models", "tiny-llama", "--iters", "-1"],
                      ["runs", "-o", "xml"], ["frobnicate"], []):
            result = self.run_client(*wrong, own_daemon=bool(wrong) and wrong[0] != "frobnicate")
            self.assertEqual(result.returncode, 2, (wrong, result.stderr))
            self.assertTrue(result.stderr, wrong)
        self.assertEqual(self.run_client("show", "no-such-run").returncode, 1)
        self.assertEqual(self.run_client("compile", "no-such-model").returncode, 1)
        self.assertEqual(self.run_client("--help", own_daemon=False).returncode, 0)

    def test_a_database_that_cannot_be_written_is_named(self):
        self.database = "/proc/no/such/place.db"
        result = self.run_client("runs")
        self.assertEqual(result.returncode, 1)
        self.assertIn("/proc/no/such", result.stderr)

    def test_a_broken_checkpoint_fails_its_result_and_leaves_the_run(self):
        broken = pathlib.Path(self.directory) / "broken"
        shutil.copytree(CHECKPOINT, broken)
        weights = broken / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-100])
        result = self.run_client("run", "--models", f"{broken},tiny-qwen3", "--decode-tokens", "2")
        self.assertEqual(result.returncode, 1)
        self.assertIn("past the", result.stdout)
        with sqlite3.connect(self.database) as database:
            self.assertEqual(database.execute("SELECT state FROM runs").fetchone(), ("failed",))
            self.assertEqual([row[0] for row in database.execute("SELECT outcome FROM results ORDER BY result_id")], ["failed", "ok"])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
