"""Mixed traffic for a daemon: good calls of every kind, calls that are given up, and calls that are wrong."""
import random
import threading

import grpc

import reflection

RESIDENT = "tiny-llama"      # Serves tokens.
MEASURED = "tiny-qwen2"      # Benchmarks load and unload it.
RELOADED = "tiny-gemma3"     # Compiled and unloaded by name.
OPTIONS = {"dtype": "float32", "seed": 7}
PROMPT = {"tokens": {"ids": [3, 141, 59, 26, 5]}}
HOSTILE = ["", "/", "/dev/zero", "x" * 60000, "\0", "../../etc", "org/name@main", "[" * 5000]
NUMBERS = [-1, 0, 2**31 - 1, 2**62, 2**63 - 1, -2**63]
# Of good calls: a daemon that hangs shows, a machine that is busy or paused for minutes does not.
PATIENCE_S = 900
# What a wrong call is told; anything else is a fault of the daemon.
REFUSALS = {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.OUT_OF_RANGE, grpc.StatusCode.FAILED_PRECONDITION,
            grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.PERMISSION_DENIED,
            grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}


class Traffic:
    """Calls made one after the other until `stop` is set. `count` says how many of each kind there were, `failures` what went wrong."""

    def __init__(self, address, seed, stop):
        self._client = reflection.Client(address, PATIENCE_S)
        self._random = random.Random(seed)
        self._stop = stop
        self._digest = None
        self.count = {}
        self.failures = []
        self._kinds = [self.generate, self.generate, self.sample, self.decode_and_fork, self.give_up, self.give_up, self.ask_wrongly,
                       self.ask_wrongly, self.explain, self.look_around]
        # One worker's business, as these take a model from under the others.
        self._rare = [self.measure, self.reload] if seed == 0 else []

    def run(self):
        try:
            list(self._client.inference("Compile", model=RESIDENT, **OPTIONS))
            while not self._stop.is_set():
                kind = self._random.choice(self._rare if self._rare and self._random.random() < 0.05 else self._kinds)
                self.count[kind.__name__] = self.count.get(kind.__name__, 0) + 1
                kind()
        except Exception as error:  # A worker that ends early must not pass for one that had nothing to do.
            self.failures.append(repr(error)[:2000])
        finally:
            self._client.close()

    def generate(self):
        last = list(self._client.inference("Generate", model=RESIDENT, prompt=PROMPT, max_tokens=16))[-1]
        self._digest = self._digest or last.summary.digest
        if last.summary.digest != self._digest:
            self.failures.append(f"greedy tokens changed from {self._digest} to {last.summary.digest}")

    def sample(self):
        sampling = {"temperature": 0.8, "top_k": 20, "logprobs": 3, "seed": self._random.randrange(1000)}
        prompt = {"synthetic": {"tokens": self._random.randrange(1, 200), "seed": self._random.randrange(1000)}}
        list(self._client.inference("Generate", model=RESIDENT, prompt=prompt, max_tokens=self._random.randrange(1, 40), sampling=sampling))

    def decode_and_fork(self):
        session = self._client.inference("Prefill", model=RESIDENT, prompt=PROMPT).session
        copy = self._client.inference("ForkSession", session=session).session
        for each in (session, copy):
            list(self._client.inference("Decode", session=each, max_tokens=5))
            self._client.inference("CloseSession", session=each)

    def give_up(self):
        """Cancels at a token, or lets a deadline pass."""
        many = {"model": RESIDENT, "prompt": PROMPT, "max_tokens": 300}
        timeout = self._random.choice([0.001, 0.02, None])
        try:
            stream = self._client.call("metronome.v1.Inference", "Generate", many, timeout=timeout)
            for _ in range(self._random.randrange(1, 6)):
                next(stream)
            stream.cancel()
        except grpc.RpcError as error:
            self._expect_refusal("Generate", error)

    def ask_wrongly(self):
        text, number, session = self._random.choice(HOSTILE), self._random.choice(NUMBERS), "nobody"
        rpc, fields = self._random.choice([
            ("Compile", {"model": text or "llama-9"}), ("Compile", {"model": RELOADED, "dtype": "int8"}),
            ("Prefill", {"model": RESIDENT, "prompt": {"synthetic": {"tokens": -abs(number)}}}),
            ("Prefill", {"model": RESIDENT, "prompt": {"synthetic": {"tokens": 2**62}}, "max_cache_len": number}),
            ("Generate", {"model": text, "prompt": PROMPT, "max_tokens": number}), ("Decode", {"session": session, "max_tokens": 3}),
            ("Generate", {"model": RESIDENT, "prompt": {"text": text}, "max_tokens": 3}), ("Explain", {"model": RESIDENT, "tokens": 2**62}),
            ("Unload", {"model": text}), ("CloseSession", {"session": text}), ("ForkSession", {"session": session})])
        try:
            answer = self._client.inference(rpc, **fields)
            if hasattr(answer, "__iter__"):
                list(answer)
            self.failures.append(f"{rpc} {str(fields)[:200]} was not refused")
        except grpc.RpcError as error:
            self._expect_refusal(rpc, error)

    def explain(self):
        self._client.inference("Explain", model=RESIDENT, tokens=self._random.choice([1, 7]), past=9)

    def look_around(self):
        self._client.inference("ListModels")
        self._client.inference("GetServerInfo")
        self._client.benchmark("ListRuns", limit=5)

    def measure(self):
        run = self._client.benchmark("StartRun").run_id
        spec = {"model": MEASURED, "dtype": "float32", "prompt_tokens": 9, "decode_tokens": 5, "iters": 3}
        result = list(self._client.benchmark("RunBenchmark", run_id=run, spec=spec))[-1].result
        if result.outcome != "ok":
            self.failures.append(f"a benchmark is {result.outcome}: {result.error_text}")
        self._client.benchmark("FinishRun", run_id=run)
        if result.result_id not in [r.result_id for r in self._client.benchmark("GetRun", run_id=run).results]:
            self.failures.append(f"result {result.result_id} is not in its run")

    def reload(self):
        list(self._client.inference("Compile", model=RELOADED, dtype="bfloat16", path="graph"))
        self._client.inference("Unload", model=RELOADED)

    def _expect_refusal(self, rpc, error):
        if error.code() not in REFUSALS:
            self.failures.append(f"{rpc}: {error.code()} {error.details()}"[:2000])


def run_traffic(address, workers, seed):
    """Starts the workers; returns a function that ends them and gives back (count by kind, failures)."""
    stop = threading.Event()
    traffic = [Traffic(address, seed + i, stop) for i in range(workers)]
    threads = [threading.Thread(target=each.run) for each in traffic]
    for thread in threads:
        thread.start()

    def end():
        stop.set()
        for thread in threads:
            thread.join()
        count = {}
        for each in traffic:
            for kind, times in each.count.items():
                count[kind] = count.get(kind, 0) + times
        return count, [failure for each in traffic for failure in each.failures]

    return end
