"""run.sh on the CPU: its flow, with the real daemon and client and a stand-in for the kernels' tests, which have their own.

    python3 -B run_test.py BIN_DIRECTORY
"""
import json
import os
import pathlib
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import pack  # noqa: E402

FILES = ["details.tar.gz", "log.txt", "metronome.db", "results.json", "table.md"]
BIN = pathlib.Path(sys.argv[1]).resolve()
GIVE_UP_S = 120


class RunTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.output = self.directory / "out"
        self.cache = self.directory / "cache"
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
        return ["bash", HERE / "run.sh", "--backend", "cpu", "--quick", "--bin", self.bin, "--output", self.output,
                "--cache", self.cache, *arguments]

    def environment(self):
        return {**os.environ, "PYTHON": sys.executable, "HOME": str(self.directory), "XDG_CACHE_HOME": str(self.directory)}

    def run_script(self, *arguments):
        return subprocess.run(self.command(*arguments), capture_output=True, text=True, timeout=GIVE_UP_S, env=self.environment())

    def details(self):
        return {name: content.decode() for name, content in pack.read_archive(self.output / "details.tar.gz").items()}

    def outcomes(self):
        results = json.loads((self.output / "results.json").read_text())
        return {content["step"]: content["outcome"] for name, content in results.items() if name.startswith("step-")}

    def plan(self, *arguments):
        done = subprocess.run(["bash", HERE / "run.sh", "--plan", *arguments], capture_output=True, text=True, timeout=GIVE_UP_S)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.splitlines()
        seconds, start, packing = map(int, re.match(r"call .*: (\d+) s, of them (\d+) to start and (\d+) to pack", lines[0]).groups())
        return seconds, start, packing, [(line.split()[2], int(line.split()[0])) for line in lines[1:]]

    def test_the_steps_of_a_call_end_within_it_and_leave_time_to_pack(self):
        total, steps = 0, []
        for call, minutes in ((1, 6), (2, 8), (3, 7)):
            seconds, before, packing, ends = self.plan("--call", str(call))
            self.assertEqual(seconds, 60 * minutes)
            for step, end in ends:
                self.assertGreaterEqual(end, before + 30, f"{step} has no time of its own")
                before = end
            self.assertLessEqual(before, seconds - packing)
            total, steps = total + seconds, steps + [step for step, _ in ends]
        self.assertLessEqual(total + 3 * 60 + 6 * 60, 30 * 60)  # With three starts of the machine and the reserve.
        self.assertEqual(steps, ["driver", "smoke", "kernels", "explain", "bench", "parity", "latency", "scaling", "search", "sweep", "ncu",
                                 "peers", "sanitizer"])

    def test_a_call_takes_its_steps_and_leaves_five_files_whatever_fails(self):
        self.kernel_tests('echo "[  FAILED  ] On/A.B/cpu (1 ms)"; exit 1')
        (self.bin / "kernel_bench").write_text('#!/usr/bin/env bash\necho "$1: gemv 12 us"\necho "{}" >"$3"\n')
        (self.bin / "kernel_bench").chmod(0o755)
        done = self.run_script("--call", "1")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertEqual(self.outcomes(), {"driver": "skipped", "smoke": "ok", "kernels": "failed", "explain": "ok", "bench": "ok"})
        self.assertEqual(sorted(path.name for path in self.output.iterdir()), FILES)
        table = (self.output / "table.md").read_text()
        for part in ("| tiny-qwen3-moe | graph ", "tiny-llama: A step of 1 token after 64 takes", "tiny-llama: A step of 32 tokens after 0", "linear",
                     "--chain: gemv 12 us"):
            self.assertIn(part, table)
        self.assertEqual(self.details()["bench/quick.txt"], "--quick: gemv 12 us\n")
        self.assertIn("Compiled from", self.details()["explain-tiny-llama-1.txt"])

    def test_a_benchmark_without_a_device_is_skipped(self):
        (self.bin / "kernel_bench").write_text('#!/usr/bin/env bash\necho "no CUDA device"\nexit 77\n')
        (self.bin / "kernel_bench").chmod(0o755)
        self.run_script("--steps", "bench,sweep")
        self.assertEqual(self.outcomes(), {"bench": "skipped", "sweep": "skipped"})
        self.assertIn("no CUDA device", (self.output / "table.md").read_text())

    def test_plans_are_found_again_by_the_next_call_on_the_machine(self):
        for cached in (False, True):
            done = self.run_script("--steps", "search", "--models", "tiny-llama")
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn("| tiny-llama | graph, 8 plans |", done.stdout)
            self.assertEqual(len(list((self.cache / "plans").iterdir())), 1)
            compiled = json.loads((self.output / "results.json").read_text())["search-tiny-llama"]["results"][0]
            self.assertGreater(compiled["compile_ms"], 0)
            plan = compiled["plan_hash"] if not cached else plan
        self.assertEqual(compiled["plan_hash"], plan)

    def test_each_shard_has_its_part_of_the_tests_and_what_they_find_is_one_count(self):
        self.kernel_tests('echo "[       OK ] On/A.B/cpu (0 ms)"; echo "shard $GTEST_SHARD_INDEX of $GTEST_TOTAL_SHARDS"')
        self.assertEqual(self.run_script("--steps", "kernels").returncode, 0)
        shards = min(12, os.cpu_count())
        printed = [content for name, content in self.details().items() if name.startswith("kernels/shard-")]
        self.assertEqual(len(printed), shards)
        for i in range(shards):
            self.assertIn(f"[       OK ] On/A.B/cpu (0 ms)\nshard {i} of {shards}\n", printed)
        self.assertIn(f"{shards} tests passed, 0 skipped", (self.output / "table.md").read_text())

    def test_calls_with_chosen_steps_gather_in_one_folder_and_one_table(self):
        self.kernel_tests('echo "[       OK ] On/MatmulTest.X/cpu (0 ms)"')
        first = self.run_script("--steps", "smoke,kernels,sanitizer")
        self.assertEqual(first.returncode, 0, first.stdout + first.stderr)
        second = self.run_script("--steps", "latency", "--models", "tiny-llama,tiny-qwen2")
        self.assertEqual(second.returncode, 0, second.stdout + second.stderr)
        self.assertEqual(self.outcomes(), {"smoke": "ok", "kernels": "ok", "sanitizer": "skipped", "latency": "ok"})
        table = (self.output / "table.md").read_text()
        self.assertIn(table, second.stdout)
        for part in ("CPU SELF-TEST", "| kernels ", "tests passed, 0 skipped", "| tiny-llama ", "| tiny-qwen2 ", "Not run: driver, explain, bench, parity"):
            self.assertIn(part, table)
        self.assertNotIn("| tiny-gemma3 ", table)
        with sqlite3.connect(self.output / "metronome.db") as database:
            self.assertEqual([model for model, in database.execute("SELECT model FROM results ORDER BY result_id")],
                             ["tiny-llama", "tiny-llama", "tiny-qwen2"])
        self.assertEqual(sorted(path.name for path in self.output.iterdir()), FILES)

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

    def sanitize(self, kernel_tests, body='echo "[       OK ] On/A.B/cuda (0 ms)"', *arguments):
        """The step with a stand-in for the sanitizer."""
        (self.bin / "cuda_gpu_test").write_text(f"#!/usr/bin/env bash\n{kernel_tests}\n")
        sanitizer = self.directory / "path" / "compute-sanitizer"
        sanitizer.parent.mkdir(exist_ok=True)
        sanitizer.write_text(f"#!/usr/bin/env bash\n{body}\n")
        for program in (self.bin / "cuda_gpu_test", sanitizer):
            program.chmod(0o755)
        environment = {**self.environment(), "PATH": f"{sanitizer.parent}:{os.environ['PATH']}"}
        command = ["bash", HERE / "run.sh", "--bin", self.bin, "--output", self.output, "--cache", self.cache, "--steps", "sanitizer", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=GIVE_UP_S, env=environment)

    LISTS_ALL = 'echo "On/RowTest."; echo "  X/cuda"'  # Whatever the pattern.

    def test_tools_of_the_sanitizer_run_side_by_side_whatever_the_others_find(self):
        pipe = self.directory / "pipe"  # Opening it waits for the other tool.
        os.mkfifo(pipe)
        done = self.sanitize(self.LISTS_ALL, f'if [ "$GTEST_SHARD_INDEX" = 0 ]; then case "$*" in *memcheck*) read -r _ <"{pipe}" ;; '
                             f'*) echo met >"{pipe}" ;; esac; fi\necho "[       OK ] On/A.B/cuda (0 ms)"\n'
                             'case "$*" in *racecheck*--gtest_filter=On/*) echo "Race reported"; exit 1 ;; esac')
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("memcheck ok, racecheck FAILED", (self.output / "table.md").read_text())
        self.assertIn("Race reported", done.stdout)
        self.assertIn("Race reported", self.details()["sanitizer/racecheck-0.txt"])

    def test_the_sanitizer_goes_without_the_matrix_library_unless_its_family_failed(self):
        body = 'echo "[       OK ] On/A.B/cuda (0 ms)"; echo "$* library $(readlink "${LD_LIBRARY_PATH%%:*}/libcublasLt.so.13")"'
        self.assertEqual(self.sanitize(self.LISTS_ALL, body).returncode, 0)
        details = self.details()
        self.assertEqual({name.split("-")[0] for name in details if name.startswith("sanitizer/")}, {"sanitizer/memcheck", "sanitizer/racecheck"})
        self.assertIn("/libm.so.6\n", details["sanitizer/memcheck-0.txt"])
        self.assertIn("On/LinearTest.FewRows*", details["sanitizer/memcheck-0.txt"])
        self.assertNotIn("LibraryTest", details["sanitizer/memcheck-0.txt"])
        self.assertEqual(self.sanitize(self.LISTS_ALL, body, "--families", "library,gemv").returncode, 0)
        details = self.details()
        self.assertIn("sanitizer/initcheck-0.txt", details)
        self.assertNotIn("libm.so", details["sanitizer/memcheck-0.txt"])
        self.assertIn("--gtest_filter=On/LinearTest.FewRows*:On/LinearTest.Residual*:On/LibraryTest", details["sanitizer/memcheck-0.txt"])

    def test_a_machine_that_refuses_the_sanitizer_is_skipped_and_one_that_refuses_a_tool_is_not_failed(self):
        refused = 'echo "========= Error: Device not supported. Please refer to the documentation"; exit 1'
        self.assertEqual(self.sanitize(self.LISTS_ALL, refused).returncode, 0)
        self.assertEqual(self.outcomes(), {"sanitizer": "skipped"})
        self.assertIn("memcheck refused by this machine, racecheck refused", (self.output / "table.md").read_text())
        done = self.sanitize(self.LISTS_ALL, f'case "$*" in *racecheck*) {refused} ;; esac; echo "[       OK ] On/A.B/cuda (0 ms)"')
        self.assertEqual((done.returncode, self.outcomes()), (0, {"sanitizer": "ok"}))

    def test_families_that_failed_before_are_those_that_the_sanitizer_takes(self):
        (self.bin / "cuda_gpu_test").write_text("")
        kernels = self.LISTS_ALL.replace("RowTest", "MatmulTest") + '\ncase "$*" in *list_tests*) exit ;; esac\n' \
            'echo "[ RUN      ] On/AttentionTest.X/cuda"; kill -SEGV $$'
        (self.bin / "cuda_gpu_test").write_text(f"#!/usr/bin/env bash\n{kernels}\n")
        (self.bin / "cuda_gpu_test").chmod(0o755)
        command = ["bash", HERE / "run.sh", "--bin", self.bin, "--output", self.output, "--cache", self.cache, "--steps", "kernels"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=GIVE_UP_S, env=self.environment())
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("of the families attention-decode attention-prefill", (self.output / "table.md").read_text())
        done = self.sanitize(kernels)
        self.assertIn("the families that failed: attention-decode attention-prefill", done.stdout)
        self.assertIn("sanitizer/synccheck-0.txt", self.details())

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

    def test_a_call_that_is_killed_at_once_has_left_the_steps_before(self):
        marker = self.directory / "marker"
        self.kernel_tests(f'echo $$ >{marker}.new; mv {marker}.new {marker}; exec sleep 1000')
        script = subprocess.Popen(self.command("--steps", "smoke,kernels,latency"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                  env=self.environment(), start_new_session=True)
        give_up = time.monotonic() + GIVE_UP_S
        while not marker.exists() and script.poll() is None and time.monotonic() < give_up:
            time.sleep(0.02)
        os.killpg(script.pid, signal.SIGKILL)
        script.wait(timeout=GIVE_UP_S)
        os.kill(int(marker.read_text()), signal.SIGKILL)  # Of a group of its own, which `timeout` makes.
        self.assertEqual(self.outcomes(), {"smoke": "ok"})
        self.assertEqual(sorted(path.name for path in self.output.iterdir()), FILES)

    def limits(self, commands, left_s):
        """What bash prints that runs these commands, in a step of this many seconds, with the functions that run.sh runs processes with."""
        script = f'step_deadline=$((SECONDS + {left_s}))\nsource "{HERE}/processes.sh"\nexec 3>/dev/null 4>&3\n{commands}'
        return subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=GIVE_UP_S)

    def test_a_process_has_the_least_of_its_limit_and_what_is_left_of_the_step(self):
        done = self.limits('code=0; limited 100 sleep 100 || code=$?; echo "$code $allowed"; code=0; limited 100 true || code=$?; echo "$code"',
                           left_s=2)
        self.assertIn(done.stdout, ("124 2\n124\n", "124 1\n124\n"))  # Bash counts whole seconds: one may end before the process begins.
        self.assertIn("no time is left for true", done.stderr)
        done = self.limits('begin 9 true; begin 9 false; begin 9 bash -c "exit 7"; wait_all; echo "${codes[*]} ${#children[@]}"',
                           left_s=GIVE_UP_S)
        self.assertEqual(done.stdout, "0 1 7 0\n")

    def test_time_that_is_spent_skips_what_is_left(self):
        done = self.run_script("--steps", "smoke,latency", "--budget", "0")
        self.assertEqual((done.returncode, self.outcomes()), (0, {"smoke": "skipped", "latency": "skipped"}))
        self.assertIn("the time of this call is spent", (self.output / "table.md").read_text())

    def test_no_daemon_fails_the_steps_that_need_it_and_no_others(self):
        (self.bin / "metronomed").unlink()
        (self.bin / "metronomed").write_text("#!/usr/bin/env bash\necho --backend\nexit 7\n")
        (self.bin / "metronomed").chmod(0o755)
        self.kernel_tests('echo "[       OK ] On/A.B/cpu (0 ms)"')
        done = self.run_script("--steps", "smoke,latency,kernels")
        self.assertEqual(done.returncode, 4, done.stdout)
        self.assertEqual(self.outcomes(), {"smoke": "failed", "latency": "failed", "kernels": "ok"})
        self.assertIn("metronomed did not start", (self.output / "table.md").read_text())
        self.assertLess(done.stdout.count("did not start"), 6, "a daemon that does not start is tried again and again")

    def test_wrong_arguments_are_usage_errors(self):
        for wrong in (["--steps", "smoke,marathon"], ["--backend", "abacus"], ["--budget", "soon"], ["--frobnicate"], ["--call", "4"],
                      ["--call", "1", "--steps", "smoke"]):
            self.assertEqual(self.run_script(*wrong).returncode, 2, wrong)
        self.assertFalse(self.output.exists())
        (self.bin / "bench-client").unlink()
        self.assertEqual(self.run_script("--steps", "smoke").returncode, 3)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
