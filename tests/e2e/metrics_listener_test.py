"""Scrapes are answered at once, whoever else is connected, and clients cannot make series without bound."""
import socket
import time
import unittest
import urllib.request

import daemon
import reflection

SILENT = 400


class MetricsListenerTest(unittest.TestCase):
    def setUp(self):
        directory = daemon.temporary_directory()
        self.addCleanup(directory.cleanup)
        self.server = daemon.Daemon(directory.name).__enter__()
        self.addCleanup(self.server.__exit__)
        self.client = reflection.Client(self.server.address)
        self.addCleanup(self.client.close)

    def scrape(self):
        start = time.monotonic()
        with urllib.request.urlopen(f"http://{self.server.metrics_address}/metrics", timeout=30) as response:
            text = response.read().decode()
        self.assertLess(time.monotonic() - start, 1)
        return text

    def connect(self, address, sent):
        connection = socket.create_connection(address.split(":"))
        self.addCleanup(connection.close)
        connection.sendall(sent)

    def test_silent_and_slow_connections_keep_no_scrape_waiting(self):
        for sent in (b"", b"GET /met", b"GET /metrics HTTP/1.1\r\n", b"GET /metrics HTTP/1.1\r\n\r\n"):  # The last never reads.
            for _ in range(SILENT // 4):
                self.connect(self.server.metrics_address, sent)
            self.assertIn("metronome_build_info", self.scrape())

    def test_silent_grpc_connections_keep_no_scrape_waiting(self):
        for _ in range(SILENT):
            self.connect(self.server.address, b"")
        self.assertIn("metronome_build_info", self.scrape())

    def series(self):
        """How many there are, but for those of benchmark results: of the kinds measured last, and their bound is that of BenchmarkGaugesTest."""
        return sum(not line.startswith(("#", "metronome_benchmark_result_")) for line in self.scrape().splitlines())

    def call_with(self, layers):
        list(self.client.inference("Compile", model="tiny-qwen3", layers=layers, seed=layers))
        list(self.client.inference("Generate", model="tiny-qwen3", prompt={"synthetic": {"tokens": 5}}, max_tokens=3))

    def test_series_do_not_grow_with_what_clients_say(self):
        for layers in (1, 2):
            self.call_with(layers)
        list(self.client.inference("Compile", model="tiny-llama"))
        run = self.client.benchmark("StartRun").run_id
        measure = dict(model="tiny-qwen3", layers=1, prompt_tokens=2, decode_tokens=2)
        list(self.client.benchmark("RunBenchmark", run_id=run, spec=measure))
        for call in ("Prefill", "CloseSession"):
            self.fail_with(call, 0)
        while 'rpc="CloseSession"' not in self.scrape():  # A call is counted when its answer is on its way.
            time.sleep(0.01)
        before = self.series()
        for number in range(1, 30):
            self.call_with(1 + number % 2)
            for call in ("Prefill", "CloseSession"):
                self.fail_with(call, number)
        list(self.client.benchmark("RunBenchmark", run_id=run, spec=dict(measure, layers=2, config="another")))
        self.assertEqual(self.series(), before)

    def fail_with(self, call, number):
        name = {"Prefill": "model", "CloseSession": "session"}[call]
        with self.assertRaises(Exception):
            self.client.inference(call, **{name: f"none-{number}"})


if __name__ == "__main__":
    unittest.main()
