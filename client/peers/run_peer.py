#!/usr/bin/env python3
"""Measures a peer in a process of its own and prints one line of JSON: what RecordResult takes, a v1.BenchmarkResult.

    python3 run_peer.py --peer hf_eager --config config.json --prompt-tokens 128 --decode-tokens 64 --iters 5 --warmups 2
    python3 run_peer.py --peer torch_compile --model llama-3.2-1b
    python3 run_peer.py --peer bandwidth

hf_eager: transformers, StaticCache, greedy. torch_compile: the same with its decode step through torch.compile(mode="reduce-overhead").
Both build a model of the configuration with random weights on the device; nothing is downloaded. bandwidth: plain copies and reads of the
device's memory, and a line of its own kind.

A peer without the memory it needs is "skipped", one that fails or dies "failed", both with the reason. The exit code is 0 whenever a line
was printed, 2 for wrong arguments.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import traceback

PEERS = ("hf_eager", "torch_compile", "bandwidth")


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", choices=PEERS, required=True)
    parser.add_argument("--config", type=pathlib.Path, help="config.json of a HuggingFace model")
    parser.add_argument("--model", help="catalogue key instead of --config, or the name of the result beside it")
    parser.add_argument("--dtype", choices=("float32", "bfloat16", "float16"), default="bfloat16")
    parser.add_argument("--device", default="auto", help="cuda, cpu or auto (default auto)")
    parser.add_argument("--prompt-tokens", type=int, default=128)
    parser.add_argument("--decode-tokens", type=int, default=64)
    parser.add_argument("--iters", type=int, default=5)
    parser.add_argument("--warmups", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="of weights and prompt")
    parser.add_argument("--timeout-s", type=float, default=600)
    parser.add_argument("--buffer-mib", type=int, default=0, help="of bandwidth (default 4096 on CUDA, 256 on the CPU)")
    parser.add_argument("--result-file", type=pathlib.Path, help=argparse.SUPPRESS)  # Given to the inner process alone.
    options = parser.parse_args(arguments)
    if min(options.prompt_tokens, options.decode_tokens, options.iters) < 1 or options.warmups < 0:
        parser.error("--prompt-tokens, --decode-tokens and --iters are at least 1, --warmups at least 0")
    if options.peer != "bandwidth" and not (options.config or options.model):
        parser.error("give --config or --model")
    return options


def read_config(options):
    if options.config:
        return json.loads(options.config.read_text())
    import catalogue
    return catalogue.config_of(options.model)


def blank_result(options):
    if options.peer == "bandwidth":
        return {"peer": "bandwidth", "outcome": "failed"}
    return {"spec": {"model": options.model or options.config.resolve().parent.name, "scenario": "latency", "path": options.peer,
                     "dtype": options.dtype, "prompt_tokens": options.prompt_tokens, "iters": options.iters, "warmups": options.warmups,
                     "decode_tokens": options.decode_tokens, "seed": options.seed},
            "outcome": "failed", "provenance": "external", "weights_provenance": f"random:{options.seed}", "kv_state": "cold",
            "prompt_tokens_requested": options.prompt_tokens, "prompt_tokens": options.prompt_tokens,
            "prompt_tokens_padded": options.prompt_tokens, "samples": []}


def work(options):
    """The inner process. Its standard output goes to standard error: libraries print."""
    os.dup2(2, 1)
    result = blank_result(options)
    try:
        import measure
        import torch
        name = options.device if options.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
        device = torch.device(name)
        device_name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
        try:
            if options.peer == "bandwidth":
                buffer_mib = options.buffer_mib or (4096 if device.type == "cuda" else 256)
                result.update(measure.bandwidth(device, buffer_mib << 20), outcome="ok", device=device_name)
            else:
                measure.measure(read_config(options), options, device, result)
                result["note"] += f"; on {device_name}"
        except Exception as error:
            if not measure.is_out_of_memory(error):
                raise
            result.update(outcome="skipped", error_kind="RESOURCE_EXHAUSTED", error_text=str(error))
    except Exception as error:
        traceback.print_exc()
        result.update(outcome="failed", error_kind="INTERNAL", error_text=f"{type(error).__name__}: {error}"[:2000])
    options.result_file.write_text(json.dumps(result))


def failure(options, kind, text):
    return {**blank_result(options), "error_kind": kind, "error_text": text}


def supervise(options, arguments):
    """Runs the peer in a process of its own, so that its crash, its memory and its clocks are its own."""
    with tempfile.TemporaryDirectory(prefix="metronome_peer_") as directory:
        file = pathlib.Path(directory) / "result.json"
        try:
            inner = subprocess.run([sys.executable, "-B", __file__, *arguments, "--result-file", str(file)], timeout=options.timeout_s,
                                   stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            return failure(options, "DEADLINE_EXCEEDED", f"not done after {options.timeout_s:g} s")
        if file.exists() and inner.returncode == 0:
            return json.loads(file.read_text())
        how = f"was killed by signal {-inner.returncode}" if inner.returncode < 0 else f"exited with code {inner.returncode}"
        return failure(options, "INTERNAL", f"the peer's process {how}")


def main():
    options = parse(sys.argv[1:])
    if options.result_file:
        work(options)
    else:
        print(json.dumps(supervise(options, sys.argv[1:])), flush=True)


if __name__ == "__main__":
    main()
