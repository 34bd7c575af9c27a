#!/usr/bin/env python3
"""What run.sh keeps and shows of its results. Standard library alone.

    summarise.py brief FILE                               one line about a run of bench-client or a peer's result
    summarise.py step FILE NAME OUTCOME SECONDS LOG       records how a step ended
    summarise.py explain FILE MODEL TEXT                  records what bench-client explain printed, prints its headline
    summarise.py environment FILE BACKEND                 records the machine
    summarise.py merge DIRECTORY FROM...                  adds the five files of other calls to those of DIRECTORY, prints the table of all
"""
import importlib.metadata
import json
import pathlib
import platform
import statistics
import subprocess
import sys

STEPS = ("driver", "smoke", "kernels", "explain", "bench", "parity", "latency", "scaling", "search", "generation", "sweep", "ncu", "peers",
         "sanitizer")
KEPT_SAMPLES = 200  # Of one metric of one result, evenly spread over it; medians are computed before.
PEERS = ("hf_eager", "torch_compile")


def output_of(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def version_of(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def environment(file, backend):
    versions = {name: version_of(name) for name in ("torch", "transformers")}
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "")
    gpu = output_of("nvidia-smi", "--query-gpu=name,driver_version,memory.total,clocks.sm,clocks.max.sm,power.limit,"
                                  "clocks_throttle_reasons.active", "--format=csv,noheader")
    pathlib.Path(file).write_text(json.dumps({"backend": backend, "gpu": gpu, "nvcc": output_of("nvcc", "--version").splitlines()[-1:],
                                              "cpu": cpu, "kernel": platform.release(), "glibc": platform.libc_ver()[1], **versions}) + "\n")


def step(file, name, outcome, seconds, log):
    lines = pathlib.Path(log).read_text(errors="replace").strip().splitlines()
    row = {"step": name, "outcome": outcome, "seconds": int(seconds), "text": lines[-1][-400:] if lines else ""}
    pathlib.Path(file).write_text(json.dumps(row) + "\n")


def explain(file, model, text):
    """Keeps the headline and the table of kernels; the rest is in the details."""
    lines = pathlib.Path(text).read_text(errors="replace").splitlines()
    headline = next((line for line in lines if line.startswith("A step of ")), "")
    table = [line.rstrip() for line in lines[lines.index(headline) + 1:]] if headline else []
    end = next((i for i, line in enumerate(table) if line.startswith("unattributed")), -1)
    pathlib.Path(file).write_text(json.dumps({"model": model, "headline": headline, "kernels": "\n".join(table[:end + 1]).strip("\n")}) + "\n")
    print(f"{model}: {headline}")
    if not headline:
        sys.exit(1)


def median_of(result, metric):
    """In milliseconds; None where it was not measured. Of a peer's result, from its samples."""
    if metric in result:
        return result[metric].get("median") or None
    if metric + "_median" in result:
        return result[metric + "_median"]
    values = [sample["value"] for sample in result.get("samples", []) if sample["metric"] == metric]
    return statistics.median(values) if values else None


def milliseconds(value):
    return "-" if value is None else f"{value:.3g} ms"


def brief_result(result):
    if result.get("peer") == "bandwidth" and result.get("outcome") == "ok":
        return f"copy {result['copy_bytes_per_second'] / 1e9:.0f} GB/s, read {result['read_bytes_per_second'] / 1e9:.0f} GB/s"
    if result.get("outcome") != "ok":
        return f"{result.get('outcome', 'no outcome')}: {result.get('error_text', '')}"
    if result.get("positions"):
        last = result["positions"][-1]
        return f"step at position {last['position']} {milliseconds(last['step_ms']['median'])}"
    text = f"TTFT {milliseconds(median_of(result, 'ttft_ms'))}, TPOT {milliseconds(median_of(result, 'tpot_ms'))}"
    fraction = result.get("bandwidth_fraction")
    return text + (f", {fraction:.0%} of bandwidth" if fraction else "")


def path_of(result):
    """With the number of plans that a search tried, where there was one."""
    spec = result.get("spec", {})
    searched = int(spec.get("search_iterations", 0))
    return spec.get("path", "-") + (f", {searched} plans" if searched > 1 else "")


def brief(file):
    content = json.loads(pathlib.Path(file).read_text())
    results = content.get("results", [content])
    print("; ".join((f"{path_of(result)} " if len(results) > 1 else "") + brief_result(result) for result in results))


def thin(samples):
    """At most KEPT_SAMPLES of each metric, in their order."""
    by_metric = {}
    for sample in samples:
        by_metric.setdefault(sample["metric"], []).append(sample)
    return [group[i * len(group) // min(len(group), KEPT_SAMPLES)] for group in by_metric.values()
            for i in range(min(len(group), KEPT_SAMPLES))]


def without_samples(results):
    def strip(content):
        if isinstance(content, dict):
            return {key: strip(value) for key, value in content.items() if key != "samples"}
        return [strip(value) for value in content] if isinstance(content, list) else content
    return strip(results)


def read_results(directory):
    file = directory / "results.json"
    return json.loads(file.read_text()) if file.exists() else {}


def read_raw(file):
    """An object, whatever a program that failed has left."""
    try:
        content = json.loads(file.read_text())
    except ValueError as error:
        return {"outcome": "failed", "error_text": f"{file.name} is not JSON: {error}"}
    return content if isinstance(content, dict) else {"rows": content}


def gather(directory):
    """What there was before (results.json) and what raw/ has now."""
    results = read_results(directory)
    for raw in sorted((directory / "raw").glob("*.json"), key=lambda path: path.stat().st_mtime):
        content = read_raw(raw)
        for result in content.get("results", [content]):
            if isinstance(result, dict) and result.get("samples"):
                for metric in ("ttft_ms", "tpot_ms"):
                    if metric not in result:
                        result[metric + "_median"] = median_of(result, metric)
                result["samples"] = thin(result["samples"])
        results[raw.stem] = content
    return results


def print_grid(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def ratio(peer, ours, metric):
    theirs = median_of(peer, metric)
    return "-" if theirs is None or not ours else f"{theirs / ours:.2f}x"


def model_row(model, result, results, torch_read):
    ttft, tpot = (median_of(result, metric) if result["outcome"] == "ok" else None for metric in ("ttft_ms", "tpot_ms"))
    fraction = result.get("bandwidth_fraction")
    step_ms = median_of(result, "step_ms")
    of_torch = int(result.get("step_bytes", 0)) / (step_ms * 1e-3) / torch_read if torch_read and step_ms else None
    row = [model, path_of(result), milliseconds(ttft) if ttft else result["outcome"], milliseconds(tpot), f"{fraction:.0%}" if fraction else "-",
           f"{of_torch:.0%}" if of_torch else "-"]
    for peer in PEERS:
        measured = results.get(f"peer-{peer}-{model}", {})
        outcome = measured.get("outcome", "-")
        row += [ratio(measured, ttft, "ttft_ms"), ratio(measured, tpot, "tpot_ms")] if outcome == "ok" else [outcome] * 2
    return row


def model_rows(results):
    torch_read = results.get("bandwidth", {}).get("read_bytes_per_second")
    header = ["model", "path", "TTFT", "TPOT", "% of bandwidth", "% of torch's read"]
    header += [f"{peer} {metric}" for peer in PEERS for metric in ("TTFT", "TPOT")]
    rows = [header]
    for name, run in results.items():
        kind, _, model = name.partition("-")
        if kind in ("latency", "search"):
            rows += [model_row(result.get("spec", {}).get("model", model), result, results, torch_read)
                     for result in run.get("results") or [{"outcome": "failed"}]]
    return rows


def machine_parts(results):
    """The machine of each call; calls may have met different ones."""
    machines = {}
    for name, machine in results.items():
        if name.partition("-")[0] == "environment":
            text = machine.get("gpu") or machine.get("cpu") or "not recorded"
            machines.setdefault(text, []).append(name.partition("-")[2] or "steps")
    if len(machines) < 2:
        return [f"Machine: {text}" for text in machines]
    lines = [f"Machine of {', '.join(calls)}: {text}" for text, calls in machines.items()]
    return ["\n".join(lines), "Calls ran on different machines: a ratio or a share of one's bandwidth to another's time says nothing."]


def explain_parts(results):
    steps = [content for name, content in results.items() if name.startswith("explain-")]
    return [f"{step.get('model')}: {step.get('headline')}\n\n```\n{step.get('kernels')}\n```" for step in steps if step.get("headline")]


def text_of(results):
    parts = []
    if any(content.get("backend") == "cpu" for name, content in results.items() if name.startswith("environment")):
        parts.append("CPU SELF-TEST with tiny models: none of this was measured on a GPU.")
    parts += machine_parts(results)
    if "bandwidth" in results:
        parts.append(f"Bandwidth by torch: {brief_result(results['bandwidth'])}")
    steps = [results[f"step-{name}"] for name in STEPS if f"step-{name}" in results]
    if steps:
        parts.append(print_grid([["step", "outcome", "s", "last line"]] +
                                [[s["step"], s["outcome"], str(s["seconds"]), s["text"][:140].replace("|", "/")] for s in steps]))
    not_run = [name for name in STEPS if f"step-{name}" not in results]
    if not_run:
        parts.append(f"Not run: {', '.join(not_run)}.")
    rows = model_rows(results)
    if len(rows) > 1:
        parts.append("Times are medians. A peer's columns are its time divided by Metronome's: above 1x, Metronome is faster.\n\n" + print_grid(rows))
    return "\n\n".join(parts + explain_parts(results)) + "\n"


def merge(directory, *sources):
    import pack  # It needs this module.
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    pack.merge(directory, [pathlib.Path(source) for source in sources])
    print((directory / "table.md").read_text(), end="", flush=True)


COMMANDS = {"brief": brief, "step": step, "explain": explain, "environment": environment, "merge": merge}

if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    COMMANDS[sys.argv[1]](*sys.argv[2:])
