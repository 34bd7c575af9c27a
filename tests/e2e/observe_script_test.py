"""deploy/observe.sh: one command, and there is something to see; Ctrl-C, and nothing is left."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request

import daemon
import prometheus

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "observe.sh"
BIN = pathlib.Path(daemon.BINARY).resolve().parent
# In Grafana's place: healthy, and says what it was given.
GRAFANA = """#!/usr/bin/python3
import http.server, json, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path in ("/api/health", "/given") else 404)
        self.end_headers()
        self.wfile.write(json.dumps({"arguments": sys.argv[1:], **os.environ}).encode())
http.server.HTTPServer((os.environ["GF_SERVER_HTTP_ADDR"], int(os.environ["GF_SERVER_HTTP_PORT"])), Handler).serve_forever()
"""
PATIENCE_S = 120


def processes_naming(text):
    """Those whose command line has the text."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if text.encode() in path.read_bytes():
                found.append(path.parent.name)
        except OSError:
            pass  # Ended meanwhile.
    return found


@unittest.skipUnless(prometheus.INSTALLED, "Debian package prometheus is not installed")
class ObserveScriptTest(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="metronome_e2e_")))
        self.temporary = self.directory / "temporary"
        self.temporary.mkdir()
        self.port = prometheus.free_port()

    def start(self, *arguments, path=os.environ["PATH"]):
        process = subprocess.Popen([SCRIPT, "--prometheus-port", str(self.port), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env={**os.environ, "TMPDIR": str(self.temporary), "PATH": path, "HOME": str(self.directory)}, start_new_session=True)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)

    def printed(self, process):
        """What it says until everything runs."""
        text = ""
        while "Ctrl-C" not in text:
            line = process.stdout.readline()
            if not line:
                self.fail(text + process.stderr.read())
            text += line
        return text

    def await_answer(self, query):
        scraper = prometheus.Prometheus(self.directory, "")
        scraper.address = f"127.0.0.1:{self.port}"
        answer = scraper.await_query(query, time.monotonic() + PATIENCE_S)
        self.assertTrue(answer, query)
        return answer

    def test_demonstration_shows_a_load_and_ends_without_a_trace(self):
        programs, grafana_port = self.directory / "programs", prometheus.free_port()
        programs.mkdir()
        (programs / "grafana").write_text(GRAFANA)
        (programs / "grafana").chmod(0o755)
        process = self.start("--bin", str(BIN), "--grafana-port", str(grafana_port), path=f"{programs}:{os.environ['PATH']}")
        text = self.printed(process)
        self.assertIn(f"http://127.0.0.1:{self.port}/alerts", text)
        self.assertIn(f"http://127.0.0.1:{grafana_port}/d/metronome-service", text)
        metrics = re.search(r"http://(\S+)/metrics", text)[1]

        for query in ("up{job='metronome'} == 1", "sum(metronome_generated_tokens_total) > 100", "metronome_benchmark_results_total{outcome='ok'} > 0",
                      "metronome_requests_total{code='NOT_FOUND'}", "metronome:generated_tokens:rate5m"):
            self.await_answer(query)

        with urllib.request.urlopen(f"http://127.0.0.1:{grafana_port}/given", timeout=30) as answer:
            given = json.load(answer)
        self.assertEqual(given["arguments"][:1], ["server"])
        self.assertEqual(given["METRONOME_PROMETHEUS_URL"], f"http://127.0.0.1:{self.port}")
        for name, pattern in (("METRONOME_DASHBOARDS", "*.json"), ("GF_PATHS_PROVISIONING", "*/*.yml")):
            self.assertTrue(list(pathlib.Path(given[name]).glob(pattern)), name)

        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(60), 0, process.stderr.read())
        self.assertEqual(processes_naming(str(self.temporary)), [])
        self.assertEqual(processes_naming(str(programs / "grafana")), [])
        self.assertEqual(list(self.temporary.iterdir()), [])
        with self.assertRaises(OSError):
            urllib.request.urlopen(f"http://{metrics}/metrics", timeout=30)

    def test_watches_a_daemon_that_runs_already(self):
        with daemon.Daemon(self.directory) as server:
            process = self.start("--metrics", server.metrics_address)
            self.assertIn("deploy/grafana/compose.yml", self.printed(process))
            self.assertEqual(self.await_answer("up{job='metronome'} == 1")[0][0]["instance"], server.metrics_address)
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(60), 0)
            self.assertIsNone(server.process.poll())

    def test_says_what_is_wrong(self):
        usage = self.start("--what")
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port_taken = self.start("--metrics", "127.0.0.1:1", "--prometheus-port", str(taken.getsockname()[1]))
            for process, code, said in ((usage, 2, "observe.sh --metrics"), (port_taken, 1, "address already in use")):
                _, errors = process.communicate(timeout=60)
                self.assertEqual(process.returncode, code, errors)
                self.assertIn(said, errors)


if __name__ == "__main__":
    unittest.main()
