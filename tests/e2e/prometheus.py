"""A Prometheus of the test's own, as a process."""
import json
import pathlib
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

INSTALLED = bool(shutil.which("prometheus") and shutil.which("promtool"))  # Debian package prometheus.


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Prometheus:
    """Scrapes as the text of its configuration says. Its data are in `directory`; it ends with the with block."""

    def __init__(self, directory, config):
        self._directory = pathlib.Path(directory)
        (self._directory / "prometheus.yml").write_text(config)
        self.address = f"127.0.0.1:{free_port()}"

    def __enter__(self):
        self._log = open(self._directory / "prometheus.log", "wb")
        self._process = subprocess.Popen(
            ["prometheus", f"--config.file={self._directory}/prometheus.yml", f"--storage.tsdb.path={self._directory}/tsdb",
             f"--web.listen-address={self.address}"], stdout=self._log, stderr=self._log)
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait()
        self._log.close()

    def get(self, path, **parameters):
        """The data of an answer of the HTTP API; None while it does not answer. ValueError with what is wrong with the question."""
        try:
            with urllib.request.urlopen(f"http://{self.address}/api/v1/{path}?" + urllib.parse.urlencode(parameters, doseq=True), timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            if error.code == 400:
                raise ValueError(json.load(error)["error"]) from error
        except OSError:
            pass
        return None

    def query(self, text):
        """[(labels, value)] now, in the order of the answer."""
        data = self.get("query", query=text)
        if data is None:
            return []
        if data["resultType"] == "scalar":
            return [({}, float(data["result"][1]))]
        return [(sample["metric"], float(sample["value"][1])) for sample in data["result"]]

    def await_query(self, text, give_up):
        """As query, once there is an answer; [] when the monotonic time `give_up` has passed."""
        while not (answer := self.query(text)) and time.monotonic() < give_up:
            time.sleep(0.1)
        return answer
