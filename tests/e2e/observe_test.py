"""What people look at, asked of a real Prometheus that scrapes a real daemon under load: every query of every panel, variable and annotation of the
dashboards, every rule and every alert.

The daemon serves from the CPU; what a GPU would say of itself is added on the way to Prometheus, from a file that the tests of DeviceGauges compare
with what the daemon writes.
"""
import hashlib
import http.server
import json
import math
import pathlib
import re
import sqlite3
import threading
import time
import unittest
import urllib.request

import grpc

import daemon
import prometheus
import reflection

ROOT = pathlib.Path(__file__).resolve().parents[2]
GPU = ROOT / "tests" / "golden" / "metrics" / "gpu.txt"
DASHBOARDS = sorted((ROOT / "deploy" / "grafana").glob("*/*.json"))
VARIABLES = {"$__rate_interval": "1m", "$__from": "0", "$__to": "9999999999999"}
OF_PROMETHEUS = {"up", "ALERTS"}
PATIENCE_S = 120
SESSIONS = 3


class WithGpu(http.server.ThreadingHTTPServer):
    """The metrics of a daemon, and what its GPU would add."""

    def __init__(self, metrics_address):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                text = scrape(metrics_address) + GPU.read_bytes()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server_port}"
        self._thread = threading.Thread(target=self.serve_forever)
        self._thread.start()

    def stop(self):
        self.shutdown()
        self._thread.join()
        self.server_close()


def scrape(address):
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=30) as response:
        return response.read()


def config(targets):
    """The one that is deployed, with other targets, and faster."""
    text = (ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text()
    for old, new in ((r"scrape_interval: \S+", "scrape_interval: 500ms"), (r"scrape_timeout: \S+", "scrape_timeout: 500ms"),
                     (r"evaluation_interval: \S+", "evaluation_interval: 500ms"), (r"rules/", f"{ROOT}/deploy/prometheus/rules/"),
                     (r"targets: \[.*\]", f"targets: {json.dumps(targets)}")):
        text, times = re.subn(old, new, text)
        if times != 1:
            raise AssertionError(f"{old} is {times} times in prometheus.yml")
    return text


def without_filters(query):
    """Comparisons as 0 or 1, in place of samples that are not there."""
    return re.sub(r" (==|!=|<=|>=|<|>) (?!bool )", r" \1 bool ", query)


def names_in(query):
    """Metrics that the query asks for."""
    plain = re.sub(r'"[^"]*"', '""', query)
    return set(re.findall(r"\b(?:metronome[a-z_0-9:]*|up|ALERTS)\b", re.sub(r"\bby \([^)]*\)", "", plain)))


class Work:
    """Calls of every kind: good ones, refused ones, benchmarks that measure and that fail."""

    def __init__(self, server):
        self._client = reflection.Client(server.address)
        list(self._client.inference("Compile", model="tiny-llama"))
        self._kept = []

    def close(self):
        self._client.close()

    def again(self):
        prompt = {"synthetic": {"tokens": 33}}
        list(self._client.inference("Generate", model="tiny-llama", prompt=prompt, max_tokens=9))
        self.refused(grpc.StatusCode.NOT_FOUND, "Compile", model="llama-9")
        sessions = [self._client.inference("Prefill", model="tiny-llama", prompt=prompt).session for _ in range(SESSIONS - len(self._kept))]
        self.refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "Prefill", model="tiny-llama", prompt=prompt)
        list(self._client.inference("Decode", session=sessions[0], max_tokens=4))
        self._client.inference("CloseSession", session=sessions.pop())
        self._kept += sessions

    def measure(self):
        run = self._client.benchmark("StartRun").run_id
        outcomes = []
        for model in ("tiny-qwen3", "llama-9"):
            spec = dict(model=model, config="observed", iters=2, decode_tokens=5, prompt_tokens=4)
            outcomes.append(list(self._client.benchmark("RunBenchmark", run_id=run, spec=spec))[-1].result.outcome)
        self._client.benchmark("FinishRun", run_id=run)
        return outcomes

    def refused(self, code, rpc, **fields):
        try:
            answer = self._client.inference(rpc, **fields)
            list(answer) if hasattr(answer, "__iter__") else None
        except grpc.RpcError as error:
            if error.code() == code:
                return
            raise
        raise AssertionError(f"{rpc} was not refused")


@unittest.skipUnless(prometheus.INSTALLED, "Debian package prometheus is not installed")
class ObserveTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = cls.enterClassContext(daemon.temporary_directory())
        cls.directory = pathlib.Path(directory)
        cls.server = cls.enterClassContext(daemon.Daemon(cls.make("open"), "--session-limit", str(SESSIONS)))
        tokens = cls.directory / "tokens"
        tokens.touch(0o600)
        tokens.write_text(f"nobody read {hashlib.sha256(b'secret').hexdigest()}\n")
        guarded = cls.enterClassContext(daemon.Daemon(cls.make("guarded"), "--tokens", str(tokens)))
        exporter = WithGpu(cls.server.metrics_address)
        cls.addClassCleanup(exporter.stop)
        cls.scraper = cls.enterClassContext(prometheus.Prometheus(cls.directory, config([exporter.address, guarded.metrics_address])))
        cls.give_up = time.monotonic() + PATIENCE_S
        cls.scraper.await_query("metronome_build_info", cls.give_up)
        work = Work(cls.server)
        cls.outcomes = work.measure()
        for _ in range(3):
            work.again()
            cls.refuse(guarded)
            cls.await_scrapes(2)
        work.close()
        cls.families = set(re.findall(r"(?m)^# TYPE (\S+) ", (scrape(exporter.address) + scrape(guarded.metrics_address)).decode()))

    @classmethod
    def make(cls, name):
        (cls.directory / name).mkdir()
        return cls.directory / name

    @staticmethod
    def refuse(guarded):
        with grpc.insecure_channel(guarded.address) as channel:
            try:
                channel.unary_unary("/metronome.v1.Inference/ListModels")(b"", timeout=30)
            except grpc.RpcError as error:
                if error.code() == grpc.StatusCode.UNAUTHENTICATED:
                    return
        raise AssertionError("a call without a token was served")

    @classmethod
    def await_scrapes(cls, count):
        """Until Prometheus has asked so many times more."""
        samples = "min(count_over_time(up[1h]))"
        before = cls.scraper.query(samples)[0][1]
        while cls.scraper.query(samples)[0][1] < before + count:
            if time.monotonic() > cls.give_up:
                raise AssertionError("Prometheus does not scrape")
            time.sleep(0.05)

    def assert_data(self, query, where):
        """Some sample is there and is a number."""
        while True:
            values = [value for _, value in self.scraper.query(query)]
            if any(not math.isnan(value) for value in values):
                return
            if time.monotonic() > self.give_up:
                self.fail(f"{where}: {query} gives {values or 'nothing'}")
            time.sleep(0.2)

    def rules(self):
        return [rule for group in self.scraper.get("rules")["groups"] for rule in group["rules"]]

    def dashboards(self):
        for path in DASHBOARDS:
            text = path.read_text()
            for name, value in VARIABLES.items():
                text = text.replace(name, value)
            dashboard = json.loads(text)
            chosen = [variable["name"] for variable in dashboard["templating"]["list"] if variable["type"] == "query"]
            yield json.loads(re.sub(r"\$(" + "|".join(chosen or ["-"]) + r")\b", ".*", text))

    def panel_queries(self):
        for dashboard in self.dashboards():
            for panel in dashboard["panels"]:
                for target in panel.get("targets", ()):
                    if "expr" in target:
                        yield f"{dashboard['title']}: {panel['title']}", target["expr"]

    def annotation_queries(self):
        for dashboard in self.dashboards():
            for annotation in dashboard["annotations"]["list"]:
                yield f"{dashboard['title']}: {annotation['name']}", annotation["expr"]

    def test_the_load_was_what_it_should_be(self):
        self.assertEqual(self.outcomes, ["ok", "failed"])

    def test_every_panel_has_data(self):
        queries = list(self.panel_queries())
        self.assertGreater(len(queries), 60)
        for where, query in queries:
            with self.subTest(where):
                self.assert_data(query, where)

    def test_rows_of_tables_have_equal_labels(self):
        """Grafana puts values into one row where all their labels are equal, the name included."""
        panels = [panel for dashboard in self.dashboards() for panel in dashboard["panels"] if len(panel.get("targets", ())) > 1]
        tables = [panel for panel in panels if panel["type"] == "table"]
        self.assertTrue(tables)
        for panel in tables:
            rows = [{tuple(sorted(labels.items())) for labels, _ in self.scraper.query(target["expr"])} for target in panel["targets"]]
            self.assertEqual(rows, rows[:1] * len(rows), panel["title"])

    def test_every_annotation_can_be_asked(self):
        for where, query in self.annotation_queries():
            with self.subTest(where):
                self.assert_data(without_filters(query), where)

    def test_every_variable_has_values(self):
        for dashboard in self.dashboards():
            for variable in dashboard["templating"]["list"]:
                if variable["type"] == "query":
                    metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"]).groups()
                    with self.subTest(f"{dashboard['title']}: {variable['name']}"):
                        series = self.scraper.get("series", **{"match[]": metric})
                        self.assertTrue([one[label] for one in series if one.get(label)])

    def test_every_rule_works_and_has_data(self):
        rules = self.rules()
        self.assertGreater(len(rules), 40)
        for rule in rules:
            with self.subTest(rule["name"]):
                self.assertEqual((rule["health"], rule.get("lastError", "")), ("ok", ""))
                self.assert_data(without_filters(rule["query"]) if rule["type"] == "alerting" else rule["query"], rule["name"])
                if rule["type"] == "recording":
                    self.assert_data(rule["name"], rule["name"])

    def test_names_are_those_of_the_daemon(self):
        recorded = {rule["name"] for rule in self.rules() if rule["type"] == "recording"}
        asked = {}
        for where, query in [*self.panel_queries(), *self.annotation_queries(), *((rule["name"], rule["query"]) for rule in self.rules())]:
            for name in names_in(query):
                asked.setdefault(re.sub(r"_(bucket|count|sum)$", "", name), where)
        known = self.families | recorded | OF_PROMETHEUS
        self.assertEqual({name: where for name, where in asked.items() if name not in known}, {})
        self.assertEqual(sorted(self.families - asked.keys()), [], "nobody looks at these")

    def test_gauges_of_results_are_those_of_the_database(self):
        with sqlite3.connect(f"file:{self.server.database}?mode=ro", uri=True) as database:
            ttft_ms, tpot_ms, bandwidth, at = database.execute(
                "SELECT ttft_ms, tpot_ms, bandwidth_fraction, created_unix_micros FROM results WHERE outcome = 'ok'").fetchone()
        database.close()
        labels = "{model='tiny-qwen3', path='compiled', backend='cpu', config='observed', dtype='bfloat16', workload='pp4+tg5'}"
        for name, value in (("time_to_first_token_seconds", ttft_ms / 1e3), ("time_per_output_token_seconds", tpot_ms / 1e3),
                            ("bandwidth_ratio", bandwidth)):
            self.assertAlmostEqual(self.scraper.query(f"metronome_benchmark_result_{name}{labels}")[0][1], value, places=9)
        self.assertAlmostEqual(self.scraper.query(f"metronome_benchmark_result_timestamp_seconds{labels}")[0][1], at / 1e6, delta=5)
        self.assertEqual(self.scraper.query("sum(metronome_time_to_first_token_seconds_count{phase='benchmark'})")[0][1], 2)

    def test_runs_can_be_read_from_the_database(self):
        """The optional dashboard of SQLite's plug-in."""
        queries = [target["queryText"] for dashboard in self.dashboards() for panel in dashboard["panels"] for target in panel.get("targets", ())
                   if "queryText" in target]
        self.assertEqual(len(queries), 2)
        with sqlite3.connect(f"file:{self.server.database}?mode=ro", uri=True) as database:
            self.assertEqual([len(database.execute(query).fetchall()) for query in queries], [2, 1])
        database.close()


if __name__ == "__main__":
    unittest.main()
