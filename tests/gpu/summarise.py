#!/usr/bin/env python3
"""What run.sh keeps and shows of its results. Standard library alone.

    summarise.py brief FILE                               one line about a run of bench-client or a peer's result
    summarise.py step FILE NAME OUTCOME SECONDS LOG       records how a step ended
    summarise.py environment FILE BACKEND                 records the machine
    summarise.py table DIRECTORY                          gathers DIRECTORY/raw into results.json, thins the samples, prints the table
    summarise.py merge DIRECTORY FROM...                  adds what other calls kept in folders of their own, prints the table of all
"""
import importlib.metadata
import json
import pathlib
import platform
import shutil
import sqlite3
import statistics
import subprocess
import sys

STEPS = ("smoke", "kernels", "sanitizer", "parity", "latency", "scaling", "generation", "peers")
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
    return result.get("spec", {}).get("path", "-")


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


def read_results(directory):
    file = directory / "results.json"
    return json.loads(file.read_text()) if file.exists() else {}


def write_results(directory, results):
    (directory / "results.json").write_text(json.dumps(results, separators=(",", ":")) + "\n")


def read_raw(file):
    """An object, whatever a program that failed has left."""
    try:
        content = json.loads(file.read_text())
    except ValueError as error:
        return {"outcome": "failed", "error_text": f"{file.name} is not JSON: {error}"}
    return content if isinstance(content, dict) else {"outcome": "failed", "error_text": f"{file.name} is not an object"}


def gather(directory):
    """results.json of what was there before and what raw/ has now, which is then removed."""
    results = read_results(directory)
    raw_files = sorted((directory / "raw").glob("*.json"), key=lambda path: path.stat().st_mtime)
    for raw in raw_files:
        content = read_raw(raw)
        for result in content.get("results", [content]):
            if result.get("samples"):
                for metric in ("ttft_ms", "tpot_ms"):
                    if metric not in result:
                        result[metric + "_median"] = median_of(result, metric)
                result["samples"] = thin(result["samples"])
        results[raw.stem] = content
    write_results(directory, results)
    for raw in raw_files:
        raw.unlink()
    return results


def merge_database(target, source):
    """Copies the runs of `source` that `target` does not have, with their results and samples."""
    database = sqlite3.connect(target)
    database.execute("ATTACH ? AS other", (str(source),))
    versions = [database.execute(f"PRAGMA {schema}.user_version").fetchone()[0] for schema in ("main", "other")]
    if versions[0] != versions[1]:
        raise ValueError(f"{source} has schema version {versions[1]}, {target} has {versions[0]}")
    columns = ", ".join(row[1] for row in database.execute("PRAGMA other.table_info(results)") if row[1] != "result_id")
    with database:
        new = [run for run, in database.execute("SELECT run_id FROM other.runs WHERE run_id NOT IN (SELECT run_id FROM main.runs)")]
        for run in new:
            database.execute("INSERT INTO main.runs SELECT * FROM other.runs WHERE run_id = ?", (run,))
            for old, in database.execute("SELECT result_id FROM other.results WHERE run_id = ? ORDER BY result_id", (run,)).fetchall():
                cursor = database.execute(f"INSERT INTO main.results ({columns}) SELECT {columns} FROM other.results WHERE result_id = ?", (old,))
                database.execute("INSERT INTO main.samples SELECT ?, metric, sample_index, position, value FROM other.samples WHERE result_id = ? "
                                 "ORDER BY rowid", (cursor.lastrowid, old))
    database.close()


def thin_database(file):
    """Keeps the first KEPT_SAMPLES of a metric at a position; `results` keeps the medians of all."""
    database = sqlite3.connect(file)
    with database:
        database.execute("""DELETE FROM samples WHERE rowid IN (SELECT rowid FROM (
            SELECT rowid, row_number() OVER (PARTITION BY result_id, metric ORDER BY rowid) AS number FROM samples) WHERE number > ?)""",
                         (KEPT_SAMPLES,))
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.execute("PRAGMA journal_mode=DELETE")
    database.execute("VACUUM")
    database.close()


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
        if not name.startswith("latency-"):
            continue
        model = name.removeprefix("latency-")
        rows += [model_row(model, result, results, torch_read) for result in run.get("results") or [{"outcome": "failed"}]]
    return rows


def text_of(results):
    machine = results.get("environment", {})
    parts = []
    if machine.get("backend") == "cpu":
        parts.append("CPU SELF-TEST with tiny models: none of this was measured on a GPU.")
    parts.append(f"Machine: {machine.get('gpu') or machine.get('cpu') or 'not recorded'}")
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
    return "\n\n".join(parts) + "\n"


def table(directory):
    directory = pathlib.Path(directory)
    results = gather(directory)
    text = text_of(results)
    (directory / "table.md").write_text(text)
    print(text, end="", flush=True)
    if (directory / "metronome.db").exists():
        thin_database(directory / "metronome.db")


def merge(directory, *sources):
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    results = read_results(directory)
    for source in map(pathlib.Path, sources):
        results.update(read_results(source))
        database = directory / "metronome.db"
        if not (source / "metronome.db").exists():
            continue
        if database.exists():
            merge_database(database, source / "metronome.db")
        else:
            shutil.copy(source / "metronome.db", database)
    write_results(directory, results)
    table(directory)


COMMANDS = {"brief": brief, "step": step, "environment": environment, "table": table, "merge": merge}

if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    COMMANDS[sys.argv[1]](*sys.argv[2:])
