"""A real Prometheus scrapes the daemon and answers questions about it; promtool finds nothing to say about its metrics."""
import json
import os
import shutil
import socket
import subprocess
import time
import unittest
import urllib.parse
import urllib.request

import daemon
import reflection

CONFIG = """
global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
scrape_configs:
  - job_name: metronome
    static_configs: [{{targets: ['{target}']}}]
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@unittest.skipUnless(shutil.which("prometheus") and shutil.which("promtool"), "Debian package prometheus is not installed")
class PrometheusTest(unittest.TestCase):
    def setUp(self):
        directory = daemon.temporary_directory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.server = daemon.Daemon(self.directory).__enter__()
        self.addCleanup(self.server.__exit__)
        self.client = reflection.Client(self.server.address)
        self.addCleanup(self.client.close)

    def work(self):
        list(self.client.inference("Compile", model="tiny-llama"))
        list(self.client.inference("Generate", model="tiny-llama", prompt={"synthetic": {"tokens": 33}}, max_tokens=5))
        run = self.client.benchmark("StartRun").run_id
        spec = dict(model="tiny-llama", iters=2, decode_tokens=3, prompt_tokens=4)
        list(self.client.benchmark("RunBenchmark", run_id=run, spec=spec))

    def text(self):
        with urllib.request.urlopen(f"http://{self.server.metrics_address}/metrics", timeout=30) as response:
            return response.read()

    def test_promtool_accepts_the_metrics(self):
        self.work()
        checked = subprocess.run(["promtool", "check", "metrics"], input=self.text(), stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, timeout=60)
        self.assertEqual((checked.returncode, checked.stdout.decode()), (0, ""))

    def test_no_label_is_unbounded(self):
        self.work()
        for label in (b"run_id", b"session", b"prompt"):
            self.assertNotIn(label + b"=", self.text())

    def start_prometheus(self):
        config = os.path.join(self.directory, "prometheus.yml")
        with open(config, "w") as file:
            file.write(CONFIG.format(target=self.server.metrics_address))
        address = f"127.0.0.1:{free_port()}"
        log = open(os.path.join(self.directory, "prometheus.log"), "wb")
        process = subprocess.Popen(
            ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.directory}/tsdb",
             f"--web.listen-address={address}"], stdout=log, stderr=log)

        def stop():
            process.terminate()
            process.wait()
            log.close()
        self.addCleanup(stop)
        return address

    def ask(self, address, query, give_up):
        """The single value that answers the query, once there is one."""
        url = f"http://{address}/api/v1/query?" + urllib.parse.urlencode({"query": query})
        while time.monotonic() < give_up:
            try:
                with urllib.request.urlopen(url, timeout=5) as response:
                    result = json.load(response)["data"]["result"]
            except OSError:
                result = []  # Not listening yet.
            if result:
                self.assertEqual(len(result), 1, query)
                return float(result[0]["value"][1])
            time.sleep(0.1)
        self.fail(f"no answer to {query}")

    def test_prometheus_scrapes_and_answers(self):
        self.work()
        address = self.start_prometheus()
        give_up = time.monotonic() + 60
        # 33 of Generate and twice 4 of the benchmark; 5 tokens and twice 3.
        self.assertEqual(self.ask(address, "sum(metronome_prompt_tokens_total{model='tiny-llama'})", give_up), 33 + 2 * 4)
        self.assertEqual(self.ask(address, "sum(metronome_generated_tokens_total)", give_up), 5 + 2 * 3)
        self.assertEqual(self.ask(address, "metronome_time_to_first_token_seconds_count{path='compiled'}", give_up), 3)
        self.assertEqual(self.ask(address, "metronome_inter_token_latency_seconds_count", give_up), 4 + 2 * 2)
        self.assertEqual(self.ask(address, "metronome_benchmark_results_total{outcome='ok'}", give_up), 1)
        self.assertEqual(self.ask(address, "metronome_requests_total{rpc='Generate',code='OK'}", give_up), 1)
        quantile = "histogram_quantile(0.5, sum by (le) (metronome_time_per_output_token_seconds_bucket))"
        self.assertGreater(self.ask(address, quantile, give_up), 0)
        self.assertEqual(self.ask(address, "up{job='metronome'}", give_up), 1)


if __name__ == "__main__":
    unittest.main()
