"""A run of benchmarks that is being made."""
import socket
import subprocess

from metronome import errors, messages


def _git(*arguments):
    try:
        return subprocess.run(["git", "rev-parse", *arguments], capture_output=True, text=True, timeout=10).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def caller():
    return messages.CallerEnvironment(git_commit=_git("HEAD"), git_branch=_git("--abbrev-ref", "HEAD"), host=socket.gethostname())


def spec_of(spec, fields):
    if spec is None:
        return messages.BenchmarkSpec(**fields)
    if fields:
        raise TypeError(f"give a BenchmarkSpec or its fields, not both: {', '.join(sorted(fields))}")
    return spec


class BenchmarkRun:
    """Groups results made together. A `with` block finishes it: complete, or failed where an exception leaves the block."""

    def __init__(self, client, connection, mode, note):
        self._client, self._connection = client, connection
        request = messages.StartRunRequest(mode=mode, note=note, caller=caller())
        self.id = connection.call("StartRun", request).run_id

    def measure(self, spec=None, *, on_progress=None, timeout=None, **fields):
        """Measures one BenchmarkSpec, given as such or by its fields. The BenchmarkResult's outcome says whether it could be measured;
        samples come by Client.samples."""
        spec = self._client.with_absolute_paths(spec_of(spec, fields))
        request = messages.RunBenchmarkRequest(run_id=self.id, spec=spec)
        return self._connection.last_of_progress("RunBenchmark", request, "result", on_progress, timeout)

    def record(self, result, *, validate_only=False):
        """Stores a BenchmarkResult that was measured elsewhere, with its samples; gives its result_id."""
        request = messages.RecordResultRequest(run_id=self.id, result=result, validate_only=validate_only)
        return self._connection.call("RecordResult", request).result_id

    def finish(self, state="complete"):
        self._connection.call("FinishRun", messages.FinishRunRequest(run_id=self.id, state=state))

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.finish()
            return
        try:
            self.finish("failed")
        except errors.Error:
            pass  # What leaves the block says more.
