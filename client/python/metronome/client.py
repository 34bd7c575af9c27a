"""The client of a daemon."""
import dataclasses
import os

from metronome import benchmark_run, errors, generation, graph, messages, model_paths
from metronome.connection import DEFAULT_ADDRESS, Connection
from metronome.credentials import Credentials
from metronome.daemon import Daemon


class Client:
    """Calls of a daemon that serves at `address`, "host:port" or "unix:/path". Thread-safe.

    Certificates and tokens: Credentials. Errors are those of metronome.errors, InvalidArgument and its like, with the daemon's text;
    `timeout` of a call is in seconds, and without one the daemon's own limits end it."""

    def __init__(self, address=DEFAULT_ADDRESS, *, timeout=10.0, **credentials):
        self._daemon = None
        self._connection = Connection(address, Credentials(**credentials), timeout)

    @classmethod
    def spawn(cls, program=None, *, threads=0, database=None, model_roots=(), flags=(), timeout=60.0):
        """A client of a metronomed of its own, the one on PATH by default, which ends with the client or with this process. It reads models
        from the HuggingFace cache, the home and `model_roots`; `flags` are more of its flags."""
        daemon = Daemon(program, threads=threads, database=database, model_roots=model_roots, flags=flags, timeout=timeout)
        try:
            client = cls(daemon.address, timeout=timeout, tls_ca="", tls_cert="", tls_key="", token="")
        except BaseException:
            daemon.stop()
            raise
        client._daemon = daemon
        return client

    @property
    def address(self):
        return self._connection.address

    def close(self):
        """Ends running calls, and the daemon where this client started it."""
        self._connection.close()
        if self._daemon is not None:
            self._daemon.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # Models.

    def status(self):
        """What the daemon is and runs on: a GetServerInfoResponse."""
        return self._connection.call("GetServerInfo", messages.GetServerInfoRequest())

    def models(self):
        """The CatalogueModels known by name, and those loaded."""
        return self._connection.call("ListModels", messages.ListModelsRequest()).models

    def compile(self, model, *, on_progress=None, timeout=None, **options):
        """Compiles and loads a model: a catalogue key, a directory or a HuggingFace repository. `options` are fields of CompileRequest;
        `on_progress` gets each CompileProgress. The ModelInfo's key names it in other calls."""
        request = messages.CompileRequest(model=self._model_argument(model), **options)
        if request.weights not in ("auto", "synthetic"):
            request.weights = model_paths.absolute_if_path(request.weights)
        return self._connection.last_of_progress("Compile", request, "model", on_progress, timeout)

    def unload(self, model):
        """Frees a model; gives how many sessions were closed with it."""
        return self._connection.call("Unload", messages.UnloadRequest(model=self._model_argument(model))).sessions_closed

    def explain(self, model, *, tokens=0, past=0, dumps=False, timeout=None):
        """Where the time of a step goes: an ExplainResponse."""
        request = messages.ExplainRequest(model=self._model_argument(model), tokens=tokens, past=past, dumps=dumps)
        return self._connection.call("Explain", request, timeout)

    # Tokens.

    def generate(self, model, prompt, max_tokens, *, sampling=None, timeout=None, **options):
        """A Generation: iterate over it for tokens as they come, or `.wait()` for all. The prompt is text, token ids, ChatMessages, a Chat
        or a SyntheticPrompt; `options` are fields of GenerateRequest: mode, stop_at_eos, stop_token_ids, tokens_at_once."""
        request = messages.GenerateRequest(model=self._model_argument(model), prompt=generation.prompt_of(prompt), max_tokens=max_tokens,
                                           sampling=sampling, **options)
        return generation.Generation(self._connection.stream("Generate", request, timeout))

    def prefill(self, model, prompt, *, sampling=None, timeout=None, **options):
        """A Session that holds the prompt. `options` are fields of PrefillRequest: mode, max_cache_len."""
        request = messages.PrefillRequest(model=self._model_argument(model), prompt=generation.prompt_of(prompt), sampling=sampling, **options)
        answer = self._connection.call("Prefill", request, timeout)
        return generation.Session(self._connection, answer.session, answer)

    # Exported programs.

    def compile_graph(self, path, *, upload=False, on_progress=None, timeout=None, **options):
        """Compiles what torch.export.save wrote: a Graph. The file is sent where the daemon cannot read it itself, or with `upload`.
        `options` are fields of CompileGraphRequest."""
        return graph.compile_graph(self._connection, path, upload=upload, on_progress=on_progress, timeout=timeout, options=options)

    # Benchmarks.

    def start_run(self, mode="", note=""):
        """A BenchmarkRun, for a `with` block."""
        return benchmark_run.BenchmarkRun(self, self._connection, mode, note)

    def run_benchmark(self, spec=None, *, mode="", note="", on_progress=None, timeout=None, **fields):
        """Measures one BenchmarkSpec, given as such or by its fields, in a run of its own."""
        spec = benchmark_run.spec_of(spec, fields)
        with self.start_run(mode, note) as run:
            return run.measure(spec, on_progress=on_progress, timeout=timeout)

    def runs(self, page_size=0):
        """Iterates over all Runs, the newest first, without their results."""
        return self._connection.pages("ListRuns", messages.ListRunsRequest(limit=page_size), "runs")

    def get_run(self, run_id):
        """A Run with all its results."""
        request = messages.GetRunRequest(run_id=run_id)
        run = page = self._connection.call("GetRun", request)
        while page.next_page_token:
            request.page_token = page.next_page_token
            page = self._connection.call("GetRun", request)
            run.results += page.results
        run.next_page_token = ""
        return run

    def results(self, run_id):
        """The BenchmarkResults of a run."""
        return self.get_run(run_id).results

    def samples(self, result_id, page_size=0):
        """Iterates over the Samples of a result, in the order they were taken."""
        return self._connection.pages("ListSamples", messages.ListSamplesRequest(result_id=result_id, page_size=page_size), "samples")

    # Paths.

    def with_absolute_paths(self, spec):
        """A copy of a BenchmarkSpec for a daemon whose working directory is another."""
        weights = spec.weights if spec.weights in ("auto", "synthetic") else model_paths.absolute_if_path(spec.weights)
        return dataclasses.replace(spec, model=self._model_argument(spec.model), weights=weights)

    def _model_argument(self, model):
        model = model.key if isinstance(model, messages.ModelInfo) else os.fspath(model)
        path = model_paths.absolute_if_path(model)
        if model_paths.is_ambiguous(model, path) and any(known.key == model for known in self.models()):
            return model
        return path
