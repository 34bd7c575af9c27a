"""How the daemon starts, stops, refuses to start, and what a crash leaves."""
import json
import os
import signal
import socket
import sqlite3
import subprocess
import time
import unittest

import grpc

import daemon
import reflection

LONG = dict(model="tiny-gemma3", prompt={"tokens": {"ids": [1, 2, 3]}})


class DaemonProcessTest(unittest.TestCase):
    def setUp(self):
        directory = daemon.temporary_directory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def client(self, server):
        client = reflection.Client(server.address)
        self.addCleanup(client.close)
        return client

    def compile_slow(self, client):
        """A model whose decode of 2000 tokens takes a second or more."""
        list(client.inference("Compile", model=LONG["model"], path="eager", dtype="float32"))

    def test_sigterm_lets_a_running_decode_finish(self):
        with daemon.Daemon(self.directory, "--drain-seconds", "60") as server:
            client = self.client(server)
            self.compile_slow(client)
            stream = client.inference("Generate", max_tokens=600, **LONG)
            next(stream)
            server.terminate()
            rest = list(stream)
            self.assertEqual(sum(event.HasField("token") for event in rest), 599)
            self.assertTrue(rest[-1].HasField("summary"))
            self.assertEqual(server.wait(), 0)
            self.assertIn("stopped", server.log())

    def test_sigterm_refuses_new_work_meanwhile(self):
        with daemon.Daemon(self.directory, "--drain-seconds", "60") as server:
            client = self.client(server)
            self.compile_slow(client)
            stream = client.inference("Generate", max_tokens=2000, **LONG)
            next(stream)
            server.terminate()
            code = None
            while code is None:  # Until the signal has arrived.
                try:
                    client.inference("Unload", model="tiny-llama")
                except grpc.RpcError as error:
                    code = error.code() if error.code() != grpc.StatusCode.NOT_FOUND else None
            self.assertEqual(code, grpc.StatusCode.UNAVAILABLE)
            stream.cancel()
            self.assertEqual(server.wait(), 0)

    def test_second_signal_ends_at_once(self):
        with daemon.Daemon(self.directory, "--drain-seconds", "3600") as server:
            client = self.client(server)
            self.compile_slow(client)
            stream = client.inference("Generate", max_tokens=2000, **LONG)
            next(stream)
            server.terminate()
            while "stopping" not in server.log():
                time.sleep(0.01)
            server.process.send_signal(signal.SIGHUP)  # Changes nothing about the end.
            server.terminate()
            self.assertEqual(server.wait(10), 1)
            self.assertIn("a second signal", server.log())

    def test_hang_up_reloads_and_a_broken_file_changes_nothing(self):
        config = os.path.join(self.directory, "m.toml")
        with open(config, "w") as file:
            file.write('log_level = "warn"\n')
        with daemon.Daemon(self.directory, "--config", config) as server:
            self.assertNotIn("serves gRPC", server.log())
            for content, said in (('log_level = "info"\n', "reloaded: log level info"), ('log_level = 7\n', "not reloaded")):
                with open(config, "w") as file:
                    file.write(content)
                server.process.send_signal(signal.SIGHUP)
                give_up = time.monotonic() + 30
                while said not in server.log() and time.monotonic() < give_up:
                    time.sleep(0.01)
                self.assertIn(said, server.log())
            self.assertTrue(self.client(server).is_serving())

    def test_stops_with_standard_input(self):
        with daemon.Daemon(self.directory, "--stop-with-stdin", stdin=subprocess.PIPE) as server:
            self.assertTrue(self.client(server).is_serving())
            server.process.stdin.close()
            self.assertEqual(server.wait(), 0)

    def test_drain_has_an_end(self):
        with daemon.Daemon(self.directory, "--drain-seconds", "0") as server:
            client = self.client(server)
            self.compile_slow(client)
            sessions = [client.inference("Prefill", **LONG).session for _ in range(40)]
            streams = [client.inference("Decode", session=session, max_tokens=2000) for session in sessions]
            next(streams[0])
            start = time.monotonic()
            server.terminate()
            self.assertEqual(server.wait(), 0)
            self.assertLess(time.monotonic() - start, 30)  # 80000 tokens would take longer.
            with self.assertRaises(grpc.RpcError):
                list(streams[-1])

    def test_cancelled_stream_frees_its_session(self):
        with daemon.Daemon(self.directory) as server:
            client = self.client(server)
            self.compile_slow(client)
            stream = client.inference("Generate", max_tokens=2000, **LONG)
            next(stream)
            self.assertEqual(client.inference("GetServerInfo").sessions, 1)
            stream.cancel()
            give_up = time.monotonic() + 30
            while client.inference("GetServerInfo").sessions and time.monotonic() < give_up:
                time.sleep(0.01)
            self.assertEqual(client.inference("GetServerInfo").sessions, 0)

    def test_kill_leaves_acknowledged_results_and_an_interrupted_run(self):
        spec = dict(model="tiny-llama", iters=2, decode_tokens=3, prompt_tokens=4)
        with daemon.Daemon(self.directory) as server:
            client = self.client(server)
            run = client.benchmark("StartRun").run_id
            acknowledged = [list(client.benchmark("RunBenchmark", run_id=run, spec=spec))[-1].result for _ in range(3)]
            server.process.send_signal(signal.SIGKILL)
            server.wait()
        with daemon.Daemon(self.directory) as server:
            stored = self.client(server).benchmark("GetRun", run_id=run)
            self.assertEqual(stored.state, "interrupted")
            self.assertEqual([result.SerializeToString() for result in stored.results],
                             [result.SerializeToString() for result in acknowledged])

    def test_database_can_be_read_beside_the_daemon(self):
        with daemon.Daemon(self.directory) as server:
            client = self.client(server)
            run = client.benchmark("StartRun").run_id
            spec = dict(model="tiny-llama", iters=2, decode_tokens=3, prompt_tokens=4)
            list(client.benchmark("RunBenchmark", run_id=run, spec=spec))
            database = sqlite3.connect(f"file:{server.database}?mode=ro", uri=True)
            self.assertEqual(database.execute("SELECT state FROM runs").fetchall(), [("running",)])
            rows = database.execute("SELECT outcome, model, ttft_ms FROM results WHERE run_id = ?", (run,)).fetchall()
            self.assertEqual(rows[0][:2], ("ok", "tiny-llama"))
            samples = database.execute("SELECT sum(count) FROM sample_blocks JOIN results USING (result_key)").fetchone()
            self.assertEqual(samples, (2 + 2 + 4 + 4,))
            database.close()

    def test_port_in_use_is_an_error_that_names_it(self):
        with daemon.Daemon(self.directory) as server:
            code, output = daemon.run_to_exit("--listen", server.address, "--metrics-listen", "", "--db",
                                              os.path.join(self.directory, "other.db"))
            self.assertEqual(code, 1, output)
            self.assertIn(f"cannot listen on {server.address}: Address already in use", output)
            code, output = daemon.run_to_exit("--listen", "127.0.0.1:0", "--metrics-listen", server.metrics_address,
                                              "--db", os.path.join(self.directory, "other.db"))
            self.assertEqual(code, 1, output)
            self.assertIn(server.metrics_address, output)
            self.assertTrue(self.client(server).is_serving())

    def test_port_in_use_by_something_else(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            address = f"127.0.0.1:{other.getsockname()[1]}"
            code, output = daemon.run_to_exit("--listen", address, "--metrics-listen", "", "--db",
                                              os.path.join(self.directory, "runs.db"))
        self.assertEqual(code, 1, output)
        self.assertIn(address, output)

    def test_unusable_database_is_an_error_that_names_it(self):
        code, output = daemon.run_to_exit("--listen", "127.0.0.1:0", "--metrics-listen", "", "--db", "/proc/none/runs.db")
        self.assertEqual(code, 1, output)
        self.assertIn("/proc/none", output)

    def test_bad_configuration_is_a_usage_error(self):
        path = os.path.join(self.directory, "bad.toml")
        with open(path, "w") as file:
            file.write("threads = 1\nlisten = 7\n")
        code, output = daemon.run_to_exit("--config", path)
        self.assertEqual(code, 2, output)
        self.assertIn(f"{path}:2:", output)
        self.assertIn("'listen' is not a string", output)
        code, output = daemon.run_to_exit("--no-such-flag")
        self.assertEqual(code, 2, output)
        self.assertIn("--no-such-flag", output)

    @unittest.skipIf(os.path.exists("/dev/nvidia0"), "this machine has a GPU")
    def test_without_a_gpu_it_serves_on_the_cpu_and_says_why(self):
        code, output = daemon.run_to_exit("--backend", "cuda", "--db", os.path.join(self.directory, "runs.db"))
        self.assertEqual(code, 1, output)
        self.assertRegex(output, "no NVIDIA driver|no CUDA device|there is no .*libmetronome_cuda.so")
        code, output = daemon.run_to_exit("--backend", "tpu")
        self.assertEqual(code, 2, output)
        self.assertIn("backend is 'tpu', not auto, cpu or cuda", output)
        with daemon.Daemon(self.directory) as served:
            text = served.log()
        self.assertRegex(text, "backend cpu: .*not cuda: (no NVIDIA driver|no CUDA device|there is no .*libmetronome_cuda.so)")

    def test_version_and_help(self):
        self.assertEqual(daemon.run_to_exit("--version")[0], 0)
        code, output = daemon.run_to_exit("--help")
        self.assertEqual(code, 0)
        self.assertIn("--metrics-listen", output)

    def test_addresses_that_are_none_are_usage_errors(self):
        for address in ("127.0.0.1:99999", "127.0.0.1", "localhost", "unix:", ":", "127.0.0.1:-1", "127.0.0.1:80x"):
            code, output = daemon.run_to_exit("--listen", address, "--db", os.path.join(self.directory, "runs.db"))
            self.assertEqual(code, 2, (address, output))
            self.assertIn("listen is", output)

    def test_requests_that_cannot_be_parsed_are_invalid(self):
        """A text that is not UTF-8, and bytes that are no message; a method that does not exist stays one."""
        with daemon.Daemon(self.directory) as server, grpc.insecure_channel(server.address) as channel:
            def call(method, request):
                stub = channel.unary_unary(method, lambda data: data, lambda data: data)
                with self.assertRaises(grpc.RpcError) as raised:
                    stub(request, timeout=30)
                return raised.exception.code()
            for service, methods in (("Inference", ("Compile", "Unload", "Prefill", "Decode", "CloseSession", "ForkSession", "Generate", "Explain")),
                                     ("Benchmark", ("StartRun", "RunBenchmark", "RecordResult", "FinishRun", "GetRun"))):
                for method in methods:
                    for request in (b"\x0a\x02\xff\xfe", b"\x0a\x7f"):
                        self.assertEqual(call(f"/metronome.v1.{service}/{method}", request), grpc.StatusCode.INVALID_ARGUMENT, method)
            self.assertEqual(call("/metronome.v1.Inference/Nothing", b""), grpc.StatusCode.UNIMPLEMENTED)
            self.assertTrue(self.client(server).is_serving())

    def test_json_log_lines_are_json(self):
        with daemon.Daemon(self.directory, "--log-format", "json") as server:
            with grpc.insecure_channel(server.address) as channel:  # What protobuf logs too.
                unload = channel.unary_unary("/metronome.v1.Inference/Unload", lambda data: data, lambda data: data)
                with self.assertRaises(grpc.RpcError):
                    unload(b"\x0a\x02\xff\xfe", timeout=30)
            server.terminate()
            self.assertEqual(server.wait(), 0)
            lines = [json.loads(line) for line in server.log().splitlines()]
        self.assertEqual(lines[-1]["message"], "stopped")
        self.assertEqual({line["level"] for line in lines}, {"info", "warning"})
        self.assertTrue(any("UTF-8" in line["message"] for line in lines), lines)

    def test_unix_socket(self):
        path = os.path.join(self.directory, "socket")
        with daemon.Daemon(self.directory, listen=f"unix:{path}"):
            client = reflection.Client(f"unix:{path}")
            self.assertTrue(client.is_serving())
            client.close()


if __name__ == "__main__":
    unittest.main()
