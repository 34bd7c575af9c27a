"""A metronomed that belongs to this process."""
import pathlib
import shutil
import subprocess
import tempfile
import time
import weakref

from metronome import errors, model_paths

_POLL_S = 0.02


class Daemon:
    """Listens on a free port of the loopback interface and ends with this process, however that ends: its standard input is a pipe that
    the system closes. `stop` ends it before."""

    def __init__(self, program=None, *, threads=0, database=None, model_roots=(), flags=(), timeout=60.0):
        program = program or shutil.which("metronomed")
        if program is None:
            raise errors.FailedPrecondition("there is no metronomed on PATH: give program=")
        self._folder = tempfile.mkdtemp(prefix="metronome-")
        ports, log = pathlib.Path(self._folder, "ports"), pathlib.Path(self._folder, "log")
        command = [str(program), "--listen", "127.0.0.1:0", "--metrics-listen", "", "--stop-with-stdin", "--port-file", str(ports)]
        command += ["--db", str(database)] if database else []
        command += ["--threads", str(threads)] if threads else []
        for root in model_paths.with_link_targets(model_roots):
            command += ["--model-root", root]
        try:
            with open(log, "wb") as output:
                self.process = subprocess.Popen([*command, *map(str, flags)], stdin=subprocess.PIPE, stdout=output, stderr=output)
        except OSError as error:
            shutil.rmtree(self._folder)
            raise errors.FailedPrecondition(f"cannot start {program}: {error.strerror}") from None
        self._finalizer = weakref.finalize(self, _end, self.process, self._folder)
        try:
            self.address = f"127.0.0.1:{self._wait_for_port(ports, log, time.monotonic() + timeout)}"
        except BaseException:
            self.process.kill()
            self.stop()
            raise

    def _wait_for_port(self, ports, log, give_up):
        while time.monotonic() < give_up:
            lines = ports.read_text().splitlines() if ports.exists() else []
            if any(line.startswith("metrics=") for line in lines):  # The last line.
                return next(line.removeprefix("grpc=") for line in lines if line.startswith("grpc="))
            if self.process.poll() is not None:
                said = " ".join(log.read_text(errors="replace").splitlines()[-3:]) or "it printed nothing"
                raise errors.FailedPrecondition(f"metronomed did not start: {said}")
            time.sleep(_POLL_S)
        raise errors.Unavailable("metronomed did not serve in time")

    def stop(self):
        """Ends it in good order, and waits until it is gone."""
        self._finalizer()


def _end(process, folder):
    process.terminate()
    process.wait()
    process.stdin.close()  # Not before: to the daemon it would be a second request to stop, which does not wait for calls.
    shutil.rmtree(folder, ignore_errors=True)
