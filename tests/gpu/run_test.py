"""run.sh on the CPU: its flow, with the real daemon and client and a stand-in for the kernels' tests, which have their own.

    python3 -B run_test.py BIN_DIRECTORY
"""
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
BIN = pathlib.Path(sys.argv[1]).resolve()
GIVE_UP_S = 120


class RunTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.output = self.directory / "out"
        self.bin = self.directory / "bin"
        self.bin.mkdir()
        for program in ("metronomed", "bench-client"):
            (self.bin / program).symlink_to(BIN / program)

    def kernel_tests(self, body, lists=f'exec "{BIN}/cpu_kernels_test" "$@"'):
        """A program that lists its tests as `lists` does, by default as the real one, and runs them as `body` does."""
        script = self.bin / "cpu_kernels_test"
        script.write_text(f'#!/usr/bin/env bash\ncase "$*" in *--gtest_list_tests*) {lists} ;; esac\n{body}\n')
        script.chmod(0o755)

    def command(self, *arguments):
        return ["bash", HERE / "run.sh", "--backend", "cpu", "--quick", "--bin", self.bin, "--output", self.output, *arguments]

    def environment(self):
        return {**os.environ, "PYTHON": sys.executable, "HOME": str(self.directory), "XDG_CACHE_HOME": str(self.directory)}

    def run_script(self, *arguments):
        return subprocess.run(self.command(*arguments), capture_output=True, text=True, timeout=GIVE_UP_S, env=self.environment())

    def outcomes(self):
        results = json.loads((self.output / "results.json").read_text())
        return {content["step"]: content["outcome"] for name, content in results.items() if name.startswith("step-")}

    def test_calls_with_chosen_steps_gather_in_one_folder_and_one_table(self):
        self.kernel_tests('echo "[       OK ] On/MatmulTest.X/cpu (0 ms)"')
        first = self.run_script("--steps", "smoke,kernels,sanitizer")
        self.assertEqual(first.returncode, 0, first.stdout + first.stderr)
        second = self.run_script("--steps", "latency", "--models", "tiny-llama,tiny-qwen2")
        self.assertEqual(second.returncode, 0, second.stdout + second.stderr)
        self.assertEqual(self.outcomes(), {"smoke": "ok", "kernels": "ok", "sanitizer": "skipped", "latency": "ok"})
        table = (self.output / "table.md").read_text()
        self.assertIn(table, second.stdout)
        for part in ("CPU SELF-TEST", "| kernels ", "1 tests passed", "| tiny-llama ", "| tiny-qwen2 ", "Not run: parity"):
            self.assertIn(part, table)
        self.assertNotIn("| tiny-gemma3 ", table)
        with sqlite3.connect(self.output / "metronome.db") as database:
            self.assertEqual([model for model, in database.execute("SELECT model FROM results ORDER BY result_id")],
                             ["tiny-llama"] * 3 + ["tiny-qwen2"] * 2)
        self.assertEqual(sorted(path.name for path in self.output.iterdir()), ["daemon.log", "log.txt", "metronome.db", "results.json", "table.md"])

    def test_a_pattern_that_matches_no_test_fails_the_step_by_name(self):
        self.kernel_tests('echo "[       OK ] On/A.B/cpu (0 ms)"', lists='case "$*" in *RopeRotates*) ;; *) echo "On/RowTest."; echo "  X/cpu" ;; esac; exit')
        done = self.run_script("--steps", "kernels")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("matches On/RowTest.RopeRotates*, of the family rotary", (self.output / "table.md").read_text())

    def test_tests_that_fail_or_all_skip_fail_the_step_and_the_next_one_is_tried(self):
        for body, reason in (('echo "[  FAILED  ] On/A.B/cpu (1 ms)"; echo "[       OK ] On/A.C/cpu (0 ms)"; exit 1', "[  FAILED  ] On/A.B/cpu"),
                             ('echo "[  SKIPPED ] On/A.B/cpu (0 ms)"', "no test passed"), ("kill -SEGV $$", "0 tests passed")):
            self.kernel_tests(body)
            done = self.run_script("--steps", "kernels,sanitizer")
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertIn(reason, done.stdout)
            self.assertEqual(self.outcomes(), {"kernels": "failed", "sanitizer": "skipped"})

    def sanitize(self, kernel_tests, body='echo "[       OK ] On/A.B/cuda (0 ms)"'):
        """The step with a stand-in for the sanitizer."""
        (self.bin / "cuda_gpu_test").write_text(f"#!/usr/bin/env bash\n{kernel_tests}\n")
        sanitizer = self.directory / "path" / "compute-sanitizer"
        sanitizer.parent.mkdir(exist_ok=True)
        sanitizer.write_text(f"#!/usr/bin/env bash\n{body}\n")
        for program in (self.bin / "cuda_gpu_test", sanitizer):
            program.chmod(0o755)
        environment = {**self.environment(), "PATH": f"{sanitizer.parent}:{os.environ['PATH']}"}
        command = ["bash", HERE / "run.sh", "--bin", self.bin, "--output", self.output, "--steps", "sanitizer"]
        return subprocess.run(command, capture_output=True, text=True, timeout=GIVE_UP_S, env=environment)

    def test_every_tool_of_the_sanitizer_runs_whatever_the_others_find(self):
        done = self.sanitize('echo "On/RowTest."; echo "  X/cuda"',  # Lists a test whatever the pattern.
                             'echo "[       OK ] On/A.B/cuda (0 ms)"\n'
                             'case "$*" in *racecheck*--gtest_filter=On/*) echo "Race reported"; exit 1 ;; esac')
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("memcheck ok, racecheck FAILED, synccheck ok, initcheck ok", (self.output / "table.md").read_text())
        self.assertIn("Race reported", done.stdout)
        self.assertIn("Race reported", (self.output / "sanitizer-racecheck.txt").read_text())

    def test_a_suite_that_no_family_has_fails_the_step_by_name(self):
        done = self.sanitize('echo "On/RowTest."; echo "  X/cuda"; echo "On/NewTest."; echo "  X/cuda"')
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("no family has a test of the suite On/NewTest", (self.output / "table.md").read_text())
        self.assertIn("lists no test", self.sanitize("exit 3").stdout)

    @unittest.skipUnless((BIN / "cuda_gpu_test").exists(), "CUDA is not built")
    def test_families_are_those_of_the_program_for_cuda(self):
        done = self.sanitize(f'exec "{BIN}/cuda_gpu_test" "$@"')
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_a_call_that_is_stopped_records_its_step_and_makes_the_table(self):
        marker = self.directory / "marker"
        self.kernel_tests(f'echo "[ RUN      ] On/A.B/cpu"; echo $$ >{marker}.new; mv {marker}.new {marker}; exec sleep 1000')
        script = subprocess.Popen(self.command("--steps", "smoke,kernels,latency"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  env=self.environment())
        give_up = time.monotonic() + GIVE_UP_S
        while not marker.exists() and script.poll() is None and time.monotonic() < give_up:
            time.sleep(0.02)
        script.send_signal(signal.SIGTERM)
        printed, _ = script.communicate(timeout=GIVE_UP_S)
        self.assertEqual(script.returncode, 143, printed)
        self.assertIn("stopped from outside", printed)
        self.assertIn("| kernels ", (self.output / "table.md").read_text())
        self.assertEqual(self.outcomes(), {"smoke": "ok", "kernels": "failed"})
        self.assertFalse(pathlib.Path(f"/proc/{marker.read_text().strip()}").exists(), "the test program was left behind")

    def test_no_daemon_no_more_steps_but_a_table(self):
        (self.bin / "metronomed").unlink()
        (self.bin / "metronomed").write_text("#!/usr/bin/env bash\necho --backend\nexit 7\n")
        (self.bin / "metronomed").chmod(0o755)
        done = self.run_script("--steps", "smoke,latency")
        self.assertEqual(done.returncode, 4, done.stdout)
        self.assertEqual(self.outcomes(), {"smoke": "failed"})
        self.assertIn("metronomed did not start", (self.output / "table.md").read_text())

    def test_wrong_arguments_are_usage_errors(self):
        for wrong in (["--steps", "smoke,marathon"], ["--backend", "abacus"], ["--budget", "soon"], ["--frobnicate"]):
            self.assertEqual(self.run_script(*wrong).returncode, 2, wrong)
        self.assertFalse(self.output.exists())
        (self.bin / "bench-client").unlink()
        self.assertEqual(self.run_script("--steps", "smoke").returncode, 3)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
