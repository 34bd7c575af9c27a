"""Documents of the pages as server/pages writes them, made up so that every section has data, also what no daemon stores yet."""
import math
import random

HOSTILE = ["</script><script>document.body.dataset.broken=1</script>", "<img src=x onerror=\"document.body.dataset.broken=1\">", "\"'`&amp;<!--",
           "\u202egnikam tuoba\u2066\u200f", "x" * 10000, "line\nbreak\ttab\u2028separator", "]]>\\u003c/script\\u003e", "__proto__"]
START = 1_795_000_000_000_000


def statistics(values):
    values = sorted(values)
    n, mean = len(values), sum(values) / len(values)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / max(1, n - 1))
    median = values[n // 2] if n % 2 else (values[n // 2 - 1] + values[n // 2]) / 2
    return {"n": n, "median": median, "mean": mean, "stddev": deviation, "min": values[0], "max": values[-1],
            "ci95_low": mean - deviation / math.sqrt(n) * 2.2, "ci95_high": mean + deviation / math.sqrt(n) * 2.2}


def result(source, model, path, tpot, *, ttft=None, config="", budget=1, outcome="ok", provenance="server", scenario="latency", prompt=21,
           decode=32, **more):
    spec = {"model": model, "config": config, "scenario": scenario, "path": path, "dtype": "bfloat16", "prompt_tokens": prompt, "iters": 10,
            "decode_tokens": decode, "search_iterations": budget}
    cell = {"result_id": source.randrange(1, 10**6), "spec": spec, "outcome": outcome, "provenance": provenance}
    made = {"model": model, "path": path + (" (external)" if provenance == "external" else ""), "device": "AMD EPYC", "cell": cell, **more}
    if provenance == "server":
        made["command"] = f"bench-client run --models {model} --paths {path} --iters 10 --decode-tokens {decode}"
    if outcome != "ok":
        cell.update(error_kind="RESOURCE_EXHAUSTED", error_text="the weights need 61.1 GB and there are 24.6 GB", bytes_needed=61_100_000_000)
        return made
    tpots = [tpot * source.uniform(0.97, 1.04) for _ in range(10)]
    ttfts = [(ttft or 8 * tpot) * source.uniform(0.96, 1.05) for _ in range(10)]
    cell.update(ttft_ms=statistics(ttfts), tpot_ms=statistics(tpots), prompt_tokens=prompt, weight_bytes=2_470_000_000, peak_memory_bytes=2_900_000_000,
                plan_hash="27d131cbd844ca05", output_digest="d333e52d8ee41190")
    made["iterations"] = {"ttft_ms": ttfts, "tpot_ms": tpots}
    made["intervals"] = {"ttft_ms": [min(ttfts), max(ttfts)], "tpot_ms": [min(tpots), max(tpots)]}
    if provenance == "server":
        cell.update(bandwidth_fraction=0.76, step_bytes=2_470_000_000, bandwidth_bytes_per_second=40e9, compile_ms=40 + 9 * budget * (1 + 0.1 * source.random()))
        made["floor"] = {"tpot_ms": tpot * 0.76, "ttft_ms": tpot * 0.75}
    return made


def scaling(source, model, path, base, growth):
    made = result(source, model, path, base, scenario="scaling")
    made["cell"]["positions"] = []
    for power in range(0, 16):
        steps = [(base + growth * 2 ** power) * source.uniform(0.98, 1.05) for _ in range(3)]
        made["cell"]["positions"].append({"position": 2 ** power, "step_ms": statistics(steps), "step_bytes": 10 ** 9})
    for name in ("ttft_ms", "tpot_ms"):
        del made["cell"][name]
    return made


def timeline(source, tpot):
    position = list(range(22, 22 + 240))
    median = [tpot * (1 + 0.0004 * index) * source.uniform(0.99, 1.01) for index in range(240)]
    return {"position": position, "low": [0.96 * value for value in median], "median": median, "high": [1.07 * value for value in median],
            "outliers": [{"position": 60, "iteration": 2, "ms": 1.9 * tpot, "cause": "other processes took 14% of the processor"},
                         {"position": 171, "iteration": 7, "ms": 2.6 * tpot, "cause": ""}]}


def search(source, block):
    trials, incumbent = [], 1.4
    for number in range(1, 60):
        if source.random() < 0.15:
            trials.append({"number": number, "outcome": source.choice(["numeric", "resource", "build"]), "detail": "differs from the unfused graph by 0.3"})
            continue
        candidate = incumbent * source.uniform(0.93, 1.35)
        accepted = candidate < incumbent
        trials.append({"number": number, "outcome": "accepted" if accepted else "slower", "candidate_ms": candidate, "incumbent_ms": incumbent})
        incumbent = min(candidate, incumbent)
    return {"block": block, "tokens": 1, "past": 256, "budget": 60, "tried": 59, "default_ms": 1.4, "best_ms": incumbent, "trials": trials}


def explanation(source, label):
    kernels = [{"kernel": name, "operands": "bfloat16[1, 2048] x [8192, 2048]", "calls": calls, "bytes": size, "flops": flops, "ms": ms, "roofline": share}
               for name, calls, size, flops, ms, share in (("gated_linear", 16, 1_070_000_000, 1_070_000_000, 25.9, 0.991), ("linear", 1, 526_000_000, 525_000_000, 12.7, 0.987),
                                                           ("linear", 16, 537_000_000, 536_000_000, 13.2, 0.96), ("qkv_rope_cache", 16, 201_000_000, 201_000_000, 5.4, 0.92),
                                                           ("attention", 16, 2_100_000, 8_400_000, 0.5, 0.11), ("argmax", 1, 256_000, 128_256, 0.04, 0.2))]
    return {"label": label, "model_label": label.split(",")[0], "tokens": 1, "past": 64, "step_ms": 60.0, "read_bytes_per_second": 41.8e9, "matmul_flops_per_second": 858e9, "kernels": kernels,
            "searches": [search(source, 1)]}


def report():
    source = random.Random(17)
    results = []
    for model, base in (("llama-3.2-1b", 63.5), ("qwen3-1.7b", 88.0), ("gemma3-1b", 52.0)):
        for path, factor in (("compiled", 1.0), ("graph", 0.97), ("eager", 1.42)):
            results.append(result(source, model, path, base * factor))
    results[0]["timeline"] = timeline(source, 63.5)
    results[2]["timeline"] = timeline(source, 90.1)
    for index, scale in ((0, 1.0), (1, 0.95), (2, 1.4)):
        results[index]["stages"] = [{"name": "queue", "ms": 0.3}, {"name": "tokenize", "ms": 1.2}, {"name": "prefill", "ms": 480 * scale}, {"name": "sample", "ms": 3.1}, {"name": "first write", "ms": 0.4}]
    results += [result(source, "llama-3.2-1b", path, tpot, provenance="external") for path, tpot in (("hf_eager", 101.0), ("torch_compile", 78.0), ("llama_cpp", 70.0))]
    results += [result(source, "llama-3.2-1b", "compiled", 66.0 - 1.4 * math.log10(budget), budget=budget, config="search-sweep") for budget in (10, 100, 500)]
    for config, prompt, decode in (("short", 64, 64), ("medium", 256, 256), ("prefill", 1024, 64), ("decode", 64, 1024), ("long", 1024, 1024)):
        for model, base in (("llama-3.2-1b", 64.0), ("qwen3-1.7b", 90.0)):
            results.append(result(source, model, "compiled", base + prompt / 300, ttft=prompt * 2.1, config=config, prompt=prompt, decode=decode))
    results += [scaling(source, "qwen2.5-1.5b", "compiled", 70.0, 0.0011), scaling(source, "qwen2.5-1.5b", "eager", 101.0, 0.0043)]
    results.append(result(source, "qwen3-30b-a3b", "compiled", 0, outcome="skipped"))
    failed = result(source, "qwen3-30b-a3b", "eager", 0, outcome="failed")
    failed["cell"].update(error_kind="INTERNAL", error_text="the kernel linear gave NaN")
    results.append(failed)
    results[1]["cell"].update(foreign_cpu_fraction=0.14, note="other processes took 14% of the machine's processor time")
    return {
        "kind": "report", "format": 1, "version": "0.1.0", "title": "Run 20261120T101500.123456Z", "generated_unix_micros": START + 9_000_000_000, "device": "AMD EPYC",
        "run": {"run_id": "20261120T101500.123456Z", "started_unix_micros": START, "finished_unix_micros": START + 600_000_000, "mode": "ur-test", "state": "complete", "note": "before the new attention kernel",
                "caller": {"git_commit": "0123456789abcdef0123", "git_branch": "main", "host": "laptop"},
                "server": {"build_commit": "0123456789ab", "host": "bench-1", "os": "Linux 6.1", "cpu_model": "AMD EPYC", "threads": 2, "instruction_set": "avx512_bf16", "memory_total_bytes": 25_000_000_000,
                           "memory_available_bytes": 24_600_000_000, "load_average": 0.12}},
        "answers": [{"result": 1, "comparisons": [{"metric": "tpot_ms", "against": 2, "ratio": 1.46, "low": 1.42, "high": 1.5, "verdict": "faster", "reason": "the interval is above 1"},
                                                  {"metric": "tpot_ms", "run_id": "20261119T101500.123456Z", "ratio": 0.996, "low": 0.98, "high": 1.01, "verdict": "unchanged", "reason": "less than a hundredth"}]},
                    {"result": 4, "comparisons": [{"metric": "tpot_ms", "against": 5, "ratio": 1.44, "low": 1.39, "high": 1.5, "verdict": "faster", "reason": "the interval is above 1"}]},
                    {"result": 7, "comparisons": []}],
        "concerns": [{"text": "Other processes took more than a tenth of the processor", "severe": False, "results": [1]},
                     {"text": "Results that failed", "severe": True, "results": [len(results) - 1]}, {"text": "Results that could not be attempted here", "severe": False, "results": [len(results) - 2]}],
        "results": results, "explanations": [explanation(source, "llama-3.2-1b, compiled, bfloat16")],
    }


def hostile_report():
    """Every text that somebody else chooses is hostile."""
    source = random.Random(5)
    document = report()
    document["results"] = [result(source, name, "compiled" if index % 2 else name[:80], 10.0 + index, config=name) for index, name in enumerate(HOSTILE)]
    for made, name in zip(document["results"], HOSTILE):
        made["cell"]["note"] = made["command"] = made["device"] = name
    document["results"].append(result(source, HOSTILE[0], "eager", 1.0, outcome="failed"))
    document["results"][-1]["cell"].update(error_kind=HOSTILE[1], error_text=HOSTILE[4])
    document["title"], document["run"]["note"], document["run"]["server"]["host"] = HOSTILE[0], HOSTILE[3], HOSTILE[1]
    document["concerns"] = [{"text": HOSTILE[0], "severe": True, "results": [0]}]
    document["answers"] = [{"result": index, "comparisons": [{"metric": "tpot_ms", "run_id": HOSTILE[0], "ratio": 1.0, "verdict": HOSTILE[2], "reason": HOSTILE[0]}]} for index in range(3)]
    document["explanations"][0]["label"] = HOSTILE[0]
    document["explanations"][0]["kernels"][0]["kernel"] = HOSTILE[1]
    return document


def dashboard(runs=60, models=3, hostile=False):
    """A history in which the second third of the runs is a twentieth slower."""
    source = random.Random(23)
    paths, hosts = ("compiled", "graph", "eager"), ("bench-1", "bench-1", "bench-2")
    made = [{"run_id": f"20261120T{index:06d}.000000Z", "started_unix_micros": START + index * 3_600_000_000, "mode": "latency", "state": "complete",
             "note": "a new driver" if index == runs // 2 else "", "branch": "main" if index % 4 else "attention", "commit": f"{index:040x}", "host": hosts[index % 3],
             "device": "AMD EPYC"} for index in range(runs)]
    series, changes = [], []
    for model in [f"model-{number}" for number in range(models)]:
        for path_index, path in enumerate(paths):
            for host in sorted(set(hosts)):
                own = [index for index in range(runs) if made[index]["host"] == host]
                tpot = [40 * (1 + 0.3 * path_index) * (1.06 if len(own) // 3 <= place < 2 * len(own) // 3 else 1) * source.uniform(0.99, 1.01) for place in range(len(own))]
                series.append({"model": model, "path": path, "config": "", "scenario": "latency", "tokens": "21+32", "dtype": "bfloat16", "budget": 1, "other": "", "host": host, "device": "AMD EPYC",
                               "run": own, "result": [source.randrange(1, 10**6) for _ in own], "tpot_ms": tpot, "ttft_ms": [7 * value for value in tpot], "search_ms": [900 + value for value in tpot],
                               "share": [30 / value for value in tpot], "plan": [0 if place < len(own) // 3 else 1 for place in range(len(own))]})
                if len(own) > 8:
                    for at, ratio in ((len(own) // 3, 1.06), (2 * len(own) // 3, 1 / 1.06)):
                        changes.append({"series": len(series) - 1, "metric": "tpot_ms", "before_run": own[at - 1], "after_run": own[at], "before": tpot[at - 1], "after": tpot[at], "ratio": ratio})
    for budget in (10, 100, 500) if series else ():
        own = list(range(0, runs, 5))
        series.append({**series[0], "config": "search-sweep", "budget": budget, "run": own, "result": own, "tpot_ms": [45 - math.log10(budget) + source.random() for _ in own],
                       "ttft_ms": [300.0 for _ in own], "search_ms": [9.0 * budget for _ in own], "share": [0.7 for _ in own], "plan": [0 for _ in own]})
    document = {"kind": "dashboard", "format": 1, "version": "0.1.0", "title": "History", "generated_unix_micros": START, "runs": made, "series": series, "changes": changes,
                "plans": ["27d131cbd844ca05", "9a71f1cbd844ca05"], "notes": [{"unix_micros": made[runs // 4]["started_unix_micros"] - 1, "text": "memory was replaced"}] if runs else []}
    if hostile:
        for index, name in enumerate(HOSTILE):
            made[index].update(note=name, branch=name, host=name, device=name, commit=name)
            series[index].update(model=name, config=name, host=name)
        document["title"] = document["notes"][0]["text"] = HOSTILE[0]
    return document
