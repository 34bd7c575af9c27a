#!/usr/bin/env python3
"""Measures what others feel of one client's heavy work: how long a newcomer waits, and the worst gap of a running stream.

    fairness.py --metronomed build/release/bin/metronomed [--model llama-3.2-1b] [--kinds prompt,search,compile,load] [--seconds 20]

Beside each kind of work (a prompt of 4,096 tokens; a search for plans; a compile of 4,096 small layers; another model's load), one stream decodes
and newcomers with 21 tokens ask for one token, each half a second after the one before was answered. Weights are synthetic. Prints a table:
the longest and the median wait of a newcomer, the stream's worst and median gap, and how long the heavy work itself took ("-": it was
cancelled after --seconds). Exit codes: 0 within --newcomer-seconds and --gap-seconds, 1 beyond them or failed, 2 usage.
"""
import argparse
import json
import os
import pathlib
import statistics
import sys
import tempfile
import threading
import time

import grpc

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
import daemon  # noqa: E402
import reflection  # noqa: E402

KINDS = ("prompt", "search", "compile", "load")
NEWCOMER_TOKENS = 21
PAUSE_S = 0.5
DEEP_LAYERS = 4096


def deep_model(directory):
    """A directory with the config of a model of many layers and few weights."""
    config = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 64, "intermediate_size": 128,
              "num_hidden_layers": DEEP_LAYERS, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "vocab_size": 257,
              "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "max_position_embeddings": 2048, "hidden_act": "silu", "tie_word_embeddings": True}
    path = pathlib.Path(directory) / "deep"
    path.mkdir()
    (path / "config.json").write_text(json.dumps(config))
    return str(path)


def synthetic(tokens, seed=0):
    return {"synthetic": {"tokens": tokens, "seed": seed}}


class Client:
    """A client on a connection of its own."""

    def __init__(self, server, model):
        self._client = reflection.Client(server.address)
        self._model = model

    def inference(self, *arguments, **fields):
        return self._client.inference(*arguments, **fields)

    def compile(self, **fields):
        return self.inference("Compile", weights="synthetic", **fields)

    def heavy(self, kind, directory, other_model):
        """An iterator whose end is the end of the work."""
        if kind == "prompt":
            return self.inference("Generate", model=self._model, prompt=synthetic(4096 - 8), max_tokens=1)
        if kind == "search":
            return self.compile(model=self._model, search_iterations=100000, seed=1)
        if kind == "compile":
            return self.compile(model=deep_model(directory))
        return self.compile(model=other_model)


class Stream(threading.Thread):
    """Decodes until stopped; the times at which tokens came."""

    def __init__(self, client, model):
        super().__init__(daemon=True)
        self.times = []
        self._call = client.inference("Generate", model=model, prompt=synthetic(8), max_tokens=4000)

    def run(self):
        try:
            for event in self._call:
                if event.HasField("token"):
                    self.times.append(time.monotonic())
        except grpc.RpcError:
            pass  # Cancelled.

    def stop(self):
        self._call.cancel()
        self.join()


def measure(server, options, kind, directory):
    """(waits of newcomers, gaps of the stream, seconds of the work or None)"""
    newcomer, heavy_client = Client(server, options.model), Client(server, options.model)
    stream = Stream(Client(server, options.model), options.model)
    stream.start()
    while len(stream.times) < 5:
        time.sleep(0.05)
    heavy = heavy_client.heavy(kind, directory, options.other_model)
    start, ended = time.monotonic(), []

    def follow():
        try:
            for _ in heavy:
                pass
            ended.append(time.monotonic())
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.CANCELLED:
                print(f"{kind}: {error.code().name}: {error.details()}", file=sys.stderr)

    follower = threading.Thread(target=follow, daemon=True)
    follower.start()
    enough = threading.Timer(options.seconds, heavy.cancel)  # Even where no newcomer is answered before.
    enough.start()
    waits = []
    while follower.is_alive():
        time.sleep(PAUSE_S)
        asked = time.monotonic()
        list(newcomer.inference("Generate", model=options.model, prompt=synthetic(NEWCOMER_TOKENS, seed=len(waits)), max_tokens=1))
        waits.append(time.monotonic() - asked)
    enough.cancel()
    end = time.monotonic()
    stream.stop()
    times = [t for t in stream.times if t >= start] + [end]
    gaps = [after - before for before, after in zip([start] + times, times)]
    return waits, gaps, ended[0] - start if ended else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--metronomed", required=True)
    parser.add_argument("--model", default="llama-3.2-1b")
    parser.add_argument("--other-model", default="gemma3-1b")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--newcomer-seconds", type=float, default=1.5)
    parser.add_argument("--gap-seconds", type=float, default=1.0)
    options = parser.parse_args()
    kinds = options.kinds.split(",")
    if not set(kinds) <= set(KINDS):
        parser.error(f"--kinds are among {', '.join(KINDS)}")
    daemon.BINARY = os.path.abspath(options.metronomed)
    within = True
    print(f"{'beside':8}  {'newcomers':>9}  {'worst s':>8}  {'median s':>8}  {'worst gap s':>11}  {'median gap s':>12}  {'work s':>7}")
    for kind in kinds:
        with tempfile.TemporaryDirectory() as directory, daemon.Daemon(directory) as server:
            list(Client(server, options.model).compile(model=options.model))
            waits, gaps, took = measure(server, options, kind, directory)
            within = within and max(waits) <= options.newcomer_seconds and max(gaps) <= options.gap_seconds
            print(f"{kind:8}  {len(waits):9}  {max(waits):8.2f}  {statistics.median(waits):8.2f}  {max(gaps):11.2f}  "
                  f"{statistics.median(gaps):12.3f}  {'-' if took is None else format(took, '.1f'):>7}", flush=True)
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
