"""A real Prometheus scrapes the daemon and answers questions about it; promtool finds nothing to say about its metrics."""
import pathlib
import re
import subprocess
import time
import unittest
import urllib.request

import daemon
import prometheus
import reflection

CONFIG = """
global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
scrape_configs:
  - job_name: metronome
    static_configs: [{{targets: ['{target}']}}]
"""


@unittest.skipUnless(prometheus.INSTALLED, "Debian package prometheus is not installed")
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

    def test_bucket_edges_are_those_configured(self):
        directory = self.enterContext(daemon.temporary_directory())
        file = pathlib.Path(directory, "metronomed.toml")
        file.write_text("request_buckets = [0.25, 2]\ntoken_buckets = [9]\n")
        self.server = self.enterContext(daemon.Daemon(directory, "--config", str(file), "--token-buckets", ".001,.1,1"))
        self.client = reflection.Client(self.server.address)
        self.addCleanup(self.client.close)
        self.work()
        edges = {}
        for name, edge in re.findall(r'(?m)^metronome_(\w+)_bucket\{.*\ble="([^"]+)"', self.text().decode()):
            edges.setdefault(name, set()).add(edge)
        tokens = {"inter_token_latency_seconds", "time_per_output_token_seconds"}
        self.assertEqual({name: edges[name] for name in edges if name in tokens}, dict.fromkeys(tokens, {"0.001", "0.1", "1", "+Inf"}))
        self.assertEqual({frozenset(edges[name]) for name in edges if name not in tokens}, {frozenset({"0.25", "2", "+Inf"})})
        self.assertEqual(len(edges), 8)

    def ask(self, server, query, give_up):
        """The single value that answers the query, once there is one."""
        answer = server.await_query(query, give_up)
        self.assertEqual(len(answer), 1, f"{query}: {answer}")
        return answer[0][1]

    def test_prometheus_scrapes_and_answers(self):
        self.work()
        scraper = self.enterContext(prometheus.Prometheus(self.directory, CONFIG.format(target=self.server.metrics_address)))
        give_up = time.monotonic() + 60
        # 33 of Generate and twice 4 of the benchmark; 5 tokens and twice 3.
        self.assertEqual(self.ask(scraper, "sum(metronome_prompt_tokens_total{model='tiny-llama'})", give_up), 33 + 2 * 4)
        self.assertEqual(self.ask(scraper, "sum(metronome_generated_tokens_total)", give_up), 5 + 2 * 3)
        self.assertEqual(self.ask(scraper, "sum(metronome_time_to_first_token_seconds_count{path='compiled'})", give_up), 3)
        self.assertEqual(self.ask(scraper, "metronome_time_to_first_token_seconds_count{phase='benchmark'}", give_up), 2)
        self.assertEqual(self.ask(scraper, "sum(metronome_inter_token_latency_seconds_count)", give_up), 4 + 2 * 2)
        self.assertEqual(self.ask(scraper, "metronome_benchmark_results_total{outcome='ok'}", give_up), 1)
        self.assertEqual(self.ask(scraper, "metronome_requests_total{rpc='Generate',code='OK'}", give_up), 1)
        quantile = "histogram_quantile(0.5, sum by (le) (metronome_time_per_output_token_seconds_bucket))"
        self.assertGreater(self.ask(scraper, quantile, give_up), 0)
        self.assertEqual(self.ask(scraper, "up{job='metronome'}", give_up), 1)


if __name__ == "__main__":
    unittest.main()
