"""The pages that a daemon serves: what HTTP answers, and a report in a browser that grows with its run.

    METRONOMED=... BENCH_CLIENT=... python3 web_test.py
"""
import base64
import http.client
import json
import os
import pathlib
import subprocess
import sys
import unittest

import browser

browser.require()
import reflection  # noqa: E402
from daemon import Daemon, run_to_exit, temporary_directory  # noqa: E402

SPEC = {"model": "tiny-llama", "iters": 9, "decode_tokens": 5, "seed": 1}


def get(daemon, path, method="GET", **headers):
    connection = http.client.HTTPConnection(daemon.web_address, timeout=30)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        connection.close()


def measure(client, run_id, **changes):
    return list(client.benchmark("RunBenchmark", run_id=run_id, spec={**SPEC, **changes}))[-1].result


class WebTest(unittest.TestCase):
    def start(self, *flags):
        directory = temporary_directory()
        self.addCleanup(directory.cleanup)
        daemon = Daemon(directory.name, "--web-listen", "127.0.0.1:0", *flags)
        daemon.__enter__()
        self.addCleanup(daemon.__exit__)
        return daemon

    def client(self, daemon):
        client = reflection.Client(daemon.address)
        self.addCleanup(client.close)
        return client

    def record(self, client, **changes):
        run_id = client.benchmark("StartRun").run_id
        result = measure(client, run_id, **changes)
        client.benchmark("FinishRun", run_id=run_id)
        return run_id, result


class HttpTest(WebTest):
    def test_pages_and_documents_have_what_is_recorded(self):
        daemon = self.start()
        run_id, result = self.record(self.client(daemon))

        status, headers, page = get(daemon, f"/runs/{run_id}")
        document = json.loads(get(daemon, f"/documents/runs/{run_id}")[2])
        history = json.loads(get(daemon, "/documents/history")[2])

        self.assertEqual((status, headers["Content-Type"]), (200, "text/html; charset=utf-8"))
        self.assertEqual((headers["X-Content-Type-Options"], headers["X-Frame-Options"]), ("nosniff", "DENY"))
        self.assertIn("connect-src 'self'", page)
        self.assertEqual(document["run"]["run_id"], run_id)
        self.assertEqual(document["results"][0]["cell"]["ttft_ms"]["median"], result.ttft_ms.median)
        self.assertEqual(json.loads(get(daemon, "/documents/runs/latest")[2])["run"]["run_id"], run_id)
        self.assertEqual([run["run_id"] for run in history["runs"]], [run_id])
        self.assertAlmostEqual(history["series"][0]["tpot_ms"][0] / result.tpot_ms.median, 1, delta=1e-5)

    def test_what_the_reader_has_is_not_sent_again(self):
        daemon = self.start()
        client = self.client(daemon)
        self.record(client)
        for path in ("/documents/runs/latest", "/documents/history"):
            tag = get(daemon, path)[1]["ETag"]
            status, _, body = get(daemon, path, If_None_Match=tag)
            self.assertEqual((status, body), (304, ""))
        tags = {path: get(daemon, path)[1]["ETag"] for path in ("/documents/runs/latest", "/documents/history")}

        self.record(client)

        for path, tag in tags.items():
            status, headers, _ = get(daemon, path, If_None_Match=tag)
            self.assertEqual(status, 200)
            self.assertNotEqual(headers["ETag"], tag)

    def test_a_history_grows_by_what_was_added(self):
        daemon = self.start()
        client = self.client(daemon)
        run_id = client.benchmark("StartRun").run_id
        points = []
        for seed in (1, 1, 2):
            measure(client, run_id, seed=seed)
            history = json.loads(get(daemon, "/documents/history")[2])
            points.append([len(series["run"]) for series in history["series"]])
        client.benchmark("FinishRun", run_id=run_id)

        self.assertEqual(points, [[1], [1], [1, 1]])
        self.assertEqual(json.loads(get(daemon, "/documents/history")[2])["runs"][0]["state"], "complete")

    def test_what_is_not_there(self):
        daemon = self.start()

        self.assertEqual(get(daemon, "/runs/latest")[0], 404)
        self.assertEqual(get(daemon, "/runs/20200101T000000.000000Z")[0], 404)
        self.assertEqual(get(daemon, "/runs/..%2f..%2fetc%2fpasswd")[0], 404)
        self.assertEqual(get(daemon, "/etc/passwd")[0], 404)
        self.assertEqual(get(daemon, "/")[0], 200)

    def test_it_can_only_be_read(self):
        daemon = self.start()

        for method in ("POST", "PUT", "DELETE", "PATCH"):
            self.assertIn(get(daemon, "/", method=method)[0], (400, 404, 413))
        self.assertEqual(get(daemon, "/", method="HEAD")[2], "")

    def test_another_name_for_this_machine_is_not_its_own(self):
        daemon = self.start()
        port = daemon.web_address.split(":")[1]

        self.assertEqual(get(daemon, "/", Host=f"evil.example:{port}")[0], 421)
        self.assertEqual(get(daemon, "/", Host=f"localhost:{port}")[0], 200)

    def test_where_tokens_are_wanted_they_are_wanted_here(self):
        with temporary_directory() as directory:
            tokens = pathlib.Path(directory) / "tokens"
            made = {}
            for name, roles in (("reader", "read"), ("caller", "infer")):
                done = subprocess.run([os.environ["BENCH_CLIENT"], "token", "new", "--name", name, "--roles", roles], capture_output=True, text=True, check=True)
                made[name] = next(word for word in done.stdout.split() if word.startswith("metronome_"))
                with tokens.open("a") as file:
                    file.write(next(line for line in done.stdout.splitlines() if line.startswith(f"{name} ")) + "\n")
            tokens.chmod(0o600)
            daemon = self.start("--tokens", str(tokens))

            basic = lambda token: "Basic " + base64.b64encode(f"somebody:{token}".encode()).decode()  # noqa: E731
            refused = get(daemon, "/")

            self.assertEqual(refused[0], 401)
            self.assertIn("Basic", refused[1]["WWW-Authenticate"])
            self.assertEqual(get(daemon, "/", Authorization=basic("metronome_wrong"))[0], 401)
            self.assertEqual(get(daemon, "/", Authorization=basic(made["caller"]))[0], 403)
            self.assertEqual(get(daemon, "/", Authorization=basic(made["reader"]))[0], 200)
            self.assertEqual(get(daemon, "/documents/history", Authorization=f"Bearer {made['reader']}")[0], 200)

    def test_silent_connections_keep_nobody_waiting_for_long(self):
        daemon = self.start()
        silent = [http.client.HTTPConnection(daemon.web_address) for _ in range(40)]
        for connection in silent:
            connection.connect()
        self.addCleanup(lambda: [connection.close() for connection in silent])

        self.assertEqual(get(daemon, "/")[0], 200)

    def test_it_stops_with_the_daemon(self):
        daemon = self.start()
        keep = http.client.HTTPConnection(daemon.web_address)
        keep.connect()
        self.addCleanup(keep.close)
        daemon.terminate()

        self.assertEqual(daemon.wait(30), 0)

    def test_it_is_off_unless_asked_for(self):
        with temporary_directory() as directory, Daemon(directory) as daemon:
            self.assertIsNone(daemon.web_address)

    def test_addresses_that_are_refused(self):
        with temporary_directory() as directory:
            flags = ["--listen", "127.0.0.1:0", "--metrics-listen", "", "--db", f"{directory}/runs.db", "--calibration", "off"]
            code, text = run_to_exit(*flags, "--web-listen", "0.0.0.0:0")
            self.assertEqual(code, 1)
            self.assertIn("--insecure", text)
            code, text = run_to_exit(*flags, "--web-listen", "nonsense")
            self.assertEqual(code, 2)
            daemon = self.start()
            code, text = run_to_exit(*flags, "--web-listen", daemon.web_address)
            self.assertEqual(code, 1)
            self.assertIn("in use", text)


class LivePageTest(WebTest):
    @classmethod
    def setUpClass(cls):
        cls.chromium = browser.Browser()

    @classmethod
    def tearDownClass(cls):
        cls.chromium.close()

    def test_a_report_grows_with_its_run(self):
        daemon = self.start()
        client = self.client(daemon)
        run_id = client.benchmark("StartRun").run_id
        measure(client, run_id)
        self.chromium.open(f"http://{daemon.web_address}/runs/{run_id}#theme=dark")
        self.assertIn("still running", self.chromium.run("return document.getElementById('head').textContent"))

        measure(client, run_id, path="eager")

        self.chromium.wait("document.querySelectorAll('#measured tbody tr').length === 2")
        client.benchmark("FinishRun", run_id=run_id)
        self.chromium.wait("!document.getElementById('head').textContent.includes('still running')")
        self.assertEqual(self.chromium.log(), [])
        foreign = [url for url in self.chromium.requests() if not url.startswith((f"http://{daemon.web_address}/", "data:", "about:"))]
        self.assertEqual(foreign, [])

    def test_the_dashboard_leads_to_reports(self):
        daemon = self.start()
        run_id, _ = self.record(self.client(daemon))
        self.chromium.open(f"http://{daemon.web_address}/")

        link = self.chromium.run("return document.querySelector('#latest tbody a').href")

        self.chromium.open(link)
        self.assertIn(run_id, self.chromium.run("return document.querySelector('h1').textContent"))
        self.assertEqual(self.chromium.log(), [])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v", *sys.argv[1:]])
