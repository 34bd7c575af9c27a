#!/usr/bin/env python3
"""Measures Metronome beside other engines on this machine, in interleaved rounds, and prints the ratios.

    side_by_side.py --models llama-3.2-1b,gemma3-1b --peers hf_eager
    side_by_side.py --models llama-3.2-1b --llama-bench ~/llama.cpp/build/bin/llama-bench --gguf llama-3.2-1b=llama-3.2-1b-bf16.gguf
    side_by_side.py --table rounds.jsonl          # prints the table of an earlier --output once more

Engines: metronome (bench-client and metronomed of --bin), the peers of client/peers (--peers hf_eager,torch_compile; $PYTHON needs torch), and
llama_cpp (--llama-bench, a GGUF of the same shapes and dtype for each model, which write_gguf.py makes). Each prompt length
is a cell: TTFT of so many tokens, TPOT of the tokens after them. In each round every engine measures every cell once, in an order drawn by --seed, so
that a machine whose speed drifts drifts for all. A ratio is the other engine's time over ours in the same round, above 1 where ours is faster: the table has the median over rounds and a 95%
interval by bootstrap over rounds. An engine that fails is said to, and the others go on. Exit codes: 0 measured, 1 something failed, 2 usage.
"""
import argparse
import datetime
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
OURS = "metronome"
METRICS = ("ttft_ms", "tpot_ms")
BOOTSTRAPS = 2000


def of_bench_client(text):
    """{metric: median} of what `bench-client run -o json` prints for one result."""
    result = json.loads(text)["results"][0]
    if result["outcome"] != "ok":
        raise RuntimeError(f"{result['outcome']}: {result.get('error_text', '')}")
    return {metric: result[metric]["median"] for metric in METRICS}


def of_peer(text):
    """The same of run_peer.py's line."""
    result = json.loads(text)
    if result["outcome"] != "ok":
        raise RuntimeError(f"{result['outcome']}: {result.get('error_text', '')}")
    return {metric: statistics.median(s["value"] for s in result["samples"] if s["metric"] == metric) for metric in METRICS}


def of_llama_bench(text):
    """The same of `llama-bench -o json`: one entry for the prompt, one for the tokens after it. Its times are in nanoseconds for the whole test."""
    times = {}
    for entry in json.loads(text):
        if entry["n_gen"]:
            times["tpot_ms"] = entry["avg_ns"] / entry["n_gen"] * 1e-6
        else:
            times["ttft_ms"] = entry["avg_ns"] * 1e-6
    return {metric: times[metric] for metric in METRICS}


def command_of(engine, model, prompt, options, directory):
    """(argument lists whose outputs belong together, how to read them)"""
    decode = str(options.decode_tokens)
    if engine == OURS:
        return [[options.bin / "bench-client", "run", "--models", model, "--paths", "compiled", "--dtype", options.dtype, "--prompt-tokens", str(prompt),
                 "--decode-tokens", decode, "--iters", str(options.iters), "--warmups", "1", "--db", str(directory / "runs.db"), "-o", "json"]], of_bench_client
    if engine == "llama_cpp":
        common = [options.llama_bench, "-m", options.gguf[model], "-t", str(os.cpu_count()), "-r", str(options.iters), "-o", "json"]
        return [[*common, "-p", str(prompt), "-n", "0"], [*common, "-p", "0", "-n", decode, "-d", str(prompt)]], of_llama_bench
    return [[os.environ.get("PYTHON", sys.executable), "-B", ROOT / "client" / "peers" / "run_peer.py", "--peer", engine, "--model", model,
             "--dtype", options.dtype, "--device", "cpu", "--prompt-tokens", str(prompt), "--decode-tokens", decode,
             "--iters", str(options.iters), "--warmups", "1"]], of_peer


def join(outputs):
    """One JSON text of several commands' outputs: of one as it is, of several the lists they print in a row."""
    return outputs[0] if len(outputs) == 1 else json.dumps([entry for output in outputs for entry in json.loads(output)])


def measure(engine, model, prompt, options, directory):
    commands, read = command_of(engine, model, prompt, options, directory)
    outputs = []
    for command in commands:
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=options.timeout_s, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise RuntimeError(f"exit code {done.returncode}: {(done.stderr.strip().splitlines() or ['nothing said'])[-1]}")
        outputs.append(done.stdout)
    return read(join(outputs))


def ratio_of(rounds, engine, model, prompt, metric, seed=0):
    """(median, low, high) of the engine's time over ours, over the rounds in which both were measured; None where there are none."""
    times = {}
    for row in rounds:
        if (row["model"], row["prompt"]) == (model, prompt) and metric in row:
            times.setdefault(row["round"], {})[row["engine"]] = row[metric]
    ratios = [each[engine] / each[OURS] for _, each in sorted(times.items()) if engine in each and OURS in each]
    if not ratios:
        return None
    draw = random.Random(seed)
    medians = sorted(statistics.median(draw.choices(ratios, k=len(ratios))) for _ in range(BOOTSTRAPS))
    return statistics.median(ratios), medians[int(0.025 * BOOTSTRAPS)], medians[int(0.975 * BOOTSTRAPS) - 1]


def table_of(header, rounds):
    """Markdown: a line for each model, prompt length and metric, our median time, and a column of ratios for each other engine."""
    def distinct(key):
        return list(dict.fromkeys(row[key] for row in rounds))

    others = [engine for engine in distinct("engine") if engine != OURS]
    lines = [f"{header['date']}, {header['cpu']}, {header['threads']} threads, {header['dtype']}, {header['rounds']} rounds. "
             "Ratios are the other engine's time over ours: median [95% interval].", "",
             "| model | test | metronome | " + " | ".join(others) + " |", "| --- | --- | --- |" + " --- |" * len(others)]
    for model in distinct("model"):
        for prompt in distinct("prompt"):
            for metric in METRICS:
                ours = [row[metric] for row in rounds
                        if row["engine"] == OURS and (row["model"], row["prompt"]) == (model, prompt) and metric in row]
                cells = [f"{statistics.median(ours):.4g} ms" if ours else "-"]
                for engine in others:
                    ratio = ratio_of(rounds, engine, model, prompt, metric)
                    cells.append("-" if ratio is None else "{:.2f} [{:.2f}, {:.2f}]".format(*ratio))
                test = f"TTFT of {prompt} tokens" if metric == "ttft_ms" else f"TPOT after {prompt}"
                lines.append(f"| {model} | {test} | " + " | ".join(cells) + " |")
    errors = dict.fromkeys(f"{row['engine']}, {row['model']}, {row['prompt']}: {row['error']}" for row in rounds if "error" in row)
    return "\n".join(lines + ([""] + [f"- {error}" for error in errors] if errors else [])) + "\n"


def cpu_name():
    with open("/proc/cpuinfo") as lines:
        return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown CPU")


def orders(engines, rounds, seed):
    """An order of the engines for each round, no two alike in a row where there are others."""
    draw, previous = random.Random(seed), None
    for _ in range(rounds):
        order = draw.sample(engines, len(engines))
        while len(engines) > 1 and order == previous:
            order = draw.sample(engines, len(engines))
        previous = order
        yield order


def run(options):
    engines = [OURS, *options.peers, *(["llama_cpp"] if options.llama_bench else [])]
    header = {"date": datetime.date.today().isoformat(), "cpu": cpu_name(), "threads": os.cpu_count(), "dtype": options.dtype, "rounds": options.rounds}
    rounds = []
    with tempfile.TemporaryDirectory(prefix="side_by_side_") as directory:
        for number, order in enumerate(orders(engines, options.rounds, options.seed)):
            for model in options.models:
                for prompt in options.prompts:
                    for engine in order:
                        row = {"round": number, "engine": engine, "model": model, "prompt": prompt}
                        try:
                            row.update(measure(engine, model, prompt, options, pathlib.Path(directory)))
                        except (RuntimeError, OSError, KeyError, ValueError, subprocess.TimeoutExpired) as error:
                            row["error"] = f"{type(error).__name__}: {error}"
                        print(json.dumps(row), file=sys.stderr, flush=True)
                        rounds.append(row)
    if options.output:
        options.output.write_text("".join(json.dumps(line) + "\n" for line in [header, *rounds]))
    sys.stdout.write(table_of(header, rounds))
    return 1 if any("error" in row for row in rounds) else 0


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=lambda text: text.split(","), default=["llama-3.2-1b", "qwen3-1.7b", "gemma3-1b"])
    parser.add_argument("--prompts", type=lambda text: [int(part) for part in text.split(",")], default=[21, 256, 1024], help="lengths, in tokens")
    parser.add_argument("--decode-tokens", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--iters", type=int, default=2, help="of each engine in a round, after one warm-up")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--seed", type=int, default=0, help="of the orders")
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build" / "release" / "bin")
    parser.add_argument("--peers", type=lambda text: text.split(",") if text else [], default=[])
    parser.add_argument("--llama-bench", type=pathlib.Path)
    parser.add_argument("--gguf", action="append", default=[], metavar="MODEL=FILE")
    parser.add_argument("--timeout-s", type=float, default=600, help="of one measurement")
    parser.add_argument("--output", type=pathlib.Path, help="JSON lines of all rounds")
    parser.add_argument("--table", type=pathlib.Path, help="print the table of such a file and measure nothing")
    options = parser.parse_args(arguments)
    if any("=" not in pair for pair in options.gguf):
        parser.error("--gguf takes MODEL=FILE")
    options.gguf = dict(pair.split("=", 1) for pair in options.gguf)
    missing = [model for model in options.models if model not in options.gguf] if options.llama_bench else []
    if missing:
        parser.error(f"--llama-bench needs a --gguf for {', '.join(missing)}")
    if min(options.prompts) < 1 or options.decode_tokens < 2 or options.rounds < 1 or options.iters < 1:
        parser.error("--prompts, --rounds and --iters are at least 1, --decode-tokens at least 2")
    return options


def main():
    options = parse(sys.argv[1:])
    if options.table:
        header, *rounds = (json.loads(line) for line in options.table.read_text().splitlines())
        sys.stdout.write(table_of(header, rounds))
        return 0
    return run(options)


if __name__ == "__main__":
    sys.exit(main())
