"""A metronomed of the test's own, as a process."""
import os
import pathlib
import signal
import subprocess
import tempfile
import time

BINARY = os.environ.get("METRONOMED", "metronomed")
START_TIMEOUT_S = 60


class Daemon:
    """Started with free ports and a database in `directory`; killed at the end of the with block if still there."""

    def __init__(self, directory, *flags, listen="127.0.0.1:0", stdin=None, database=None):
        self.directory = pathlib.Path(directory)
        self.log_path = self.directory / "daemon.log"
        self.database = pathlib.Path(database or self.directory / "runs.db")
        self._listen = listen
        self._flags = flags
        self._stdin = stdin

    def __enter__(self):
        port_file = self.directory / "ports"
        port_file.unlink(missing_ok=True)
        self._log = open(self.log_path, "wb")
        self.process = subprocess.Popen(
            [BINARY, "--listen", self._listen, "--metrics-listen", "127.0.0.1:0", "--db", str(self.database),
             "--plan-cache", str(self.directory / "plans"), "--calibration", "off", "--port-file", str(port_file), *self._flags],
            stdin=self._stdin, stderr=self._log, stdout=self._log,
            env=dict(os.environ, XDG_STATE_HOME=str(self.directory / "state")))
        give_up = time.monotonic() + START_TIMEOUT_S
        while not (port_file.exists() and "metrics=" in port_file.read_text() and port_file.read_text().endswith("\n")):
            if self.process.poll() is not None or time.monotonic() > give_up:
                self.__exit__()
                raise AssertionError(f"daemon did not start: {self.log()}")
            time.sleep(0.02)
        ports = dict(line.split("=") for line in port_file.read_text().split())
        self.address = f"127.0.0.1:{ports['grpc']}"
        self.metrics_address = f"127.0.0.1:{ports['metrics']}"
        self.web_address = f"127.0.0.1:{ports['web']}" if "web" in ports else None
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._log.close()

    def log(self):
        return self.log_path.read_text()

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait(self, timeout_s=60):
        return self.process.wait(timeout_s)


def run_to_exit(*flags, timeout_s=60):
    """Runs metronomed with these flags alone; returns (exit code, what it printed)."""
    done = subprocess.run([BINARY, *flags], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout_s)
    return done.returncode, done.stdout.decode()


def temporary_directory():
    return tempfile.TemporaryDirectory(prefix="metronome_e2e_")
