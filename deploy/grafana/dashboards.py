#!/usr/bin/python3
"""Grafana's dashboards of Metronome, described once; writes their JSON.

    python3 dashboards.py            # into dashboards/ and sqlite/, which are committed
    python3 dashboards.py --check    # exit code 1, with names, where that is not what is there
"""
import argparse
import json
import pathlib
import sys

from panels import Query, Sql, annotation, choice, dashboard, heatmap, lines, number, row, sql_table, states, table

DIRECTORY = pathlib.Path(__file__).resolve().parent

DAEMON = choice("instance", "Daemon", "label_values(metronome_build_info, instance)")
MODEL = choice("model", "Model", "label_values(metronome_generated_tokens_total, model)")
PATH = choice("path", "Path", "label_values(metronome_generated_tokens_total, path)")
MEASURED = choice("model", "Model", "label_values(metronome_benchmark_result_timestamp_seconds, model)")
CONFIG = choice("config", "Configuration", "label_values(metronome_benchmark_result_timestamp_seconds, config)")

ON = 'instance=~"$instance"'
SERVED = f'{ON}, model=~"$model", path=~"$path", phase="request"'
BENCHMARKED = f'{ON}, model=~"$model", config=~"$config"'
SERIES = "{{model}} {{path}} {{instance}}"
RESULT = "{{model}} {{config}} {{workload}} {{dtype}} {{path}} {{instance}}"

# What recording.yml asks for.
TTFT_LIMIT_S, TPOT_LIMIT_S = 2, 0.1
RESULTS_ARRIVE = annotation("Benchmark results", f"changes(metronome_benchmark_result_timestamp_seconds{{{ON}}}[1m]) > 0", "blue",
                            "{{model}} {{config}} {{path}}")
RESTARTS = annotation("Daemon started", f"changes(metronome_start_time_seconds{{{ON}}}[1m]) > 0", "red", "{{instance}}")


def buckets(name, labels):
    return Query(f"sum by (le) (increase(metronome_{name}_bucket{{{labels}}}[$__rate_interval]))")


def quantiles(name):
    """p50, p95 and p99 as recording.yml has them."""
    return [Query(f"metronome:{name}:{p}_5m{{{SERVED}}}", f"{p} {SERIES}") for p in ("p50", "p95", "p99")]


def share(name, window):
    return Query(f"metronome:{name}_missed:ratio_{window}{{{ON}}}", f"{window} {{{{instance}}}}")


def service():
    seconds_by_rpc = f"histogram_quantile(0.95, sum by (rpc, le) (rate(metronome_request_duration_seconds_bucket{{{ON}}}[$__rate_interval])))"
    queue = f"sum by (le) (rate(metronome_queue_duration_seconds_bucket{{{ON}}}[$__rate_interval]))"
    red_above = lambda limit: [("green", None), ("red", limit)]  # noqa: E731
    return dashboard(
        "metronome-service", "Metronome: service", "What clients of the daemons meet: latency, throughput, load and errors. Benchmarks are left out.",
        [DAEMON, MODEL, PATH],
        [number("Daemons up", "Those that answered the last scrape.", Query(f'sum(up{{job="metronome", {ON}}})'), steps=[("red", None), ("green", 1)]),
         number("Alerts", "Alerts that fire now, of rules/alerts.yml.",
                Query(f'count(ALERTS{{alertstate="firing", alertname=~"Metronome.*", {ON}}}) or vector(0)'), steps=red_above(1)),
         number("TTFT, median", "Time to first token over 5 minutes, of the slowest model shown.",
                Query(f"max(metronome:time_to_first_token_seconds:p50_5m{{{SERVED}}})"), "s", steps=red_above(TTFT_LIMIT_S)),
         number("TTFT, p99", "Likewise; 1 in 100 waits longer.", Query(f"max(metronome:time_to_first_token_seconds:p99_5m{{{SERVED}}})"), "s",
                steps=red_above(TTFT_LIMIT_S)),
         number("TPOT, median", "Time per output token over 5 minutes, of the slowest model shown.",
                Query(f"max(metronome:time_per_output_token_seconds:p50_5m{{{SERVED}}})"), "s", steps=red_above(TPOT_LIMIT_S)),
         number("Tokens/s", "Generated, of all models shown, over 5 minutes.", Query(f"sum(metronome:generated_tokens:rate5m{{{SERVED}}})")),
         number("Waiting", "Requests in the queue of the engine.", Query(f"sum(metronome_requests_waiting{{{ON}}})"), steps=red_above(100)),
         number("Saturation", "The scarcest thing of the busiest daemon: engine, queue, sessions or memory for KV caches.",
                Query(f"max(metronome:saturation:ratio{{{ON}}})"), "percentunit", steps=[("green", None), ("orange", .8), ("red", .95)]),
         row("Latency"),
         heatmap("Time to first token", "From the request's arrival to its first token known on the host: waiting, tokenising and prefill.",
                 buckets("time_to_first_token_seconds", SERVED)),
         lines("Time to first token", "Estimated from the histogram's buckets. Dashed: the objective.", quantiles("time_to_first_token_seconds"), "s",
               limit=TTFT_LIMIT_S),
         heatmap("Time per output token", "(last - first token) / (n - 1), a value a request.", buckets("time_per_output_token_seconds", SERVED)),
         lines("Time per output token", "Estimated from the histogram's buckets. Dashed: the objective.", quantiles("time_per_output_token_seconds"),
               "s", limit=TPOT_LIMIT_S),
         heatmap("Between tokens", "Each token after the one before: what a reader feels as stutter.", buckets("inter_token_latency_seconds", SERVED)),
         lines("Beyond the objectives: first token", "Share of requests; 1% is the budget, alerts ask for multiples of it.",
               [share("time_to_first_token", window) for window in ("5m", "1h", "6h", "3d")], "percentunit", 6, limit=.01),
         lines("Beyond the objectives: output tokens", "Likewise.",
               [share("time_per_output_token", window) for window in ("5m", "1h", "6h", "3d")], "percentunit", 6, limit=.01),
         heatmap("Prefill", "The prompt into the cache, without waiting.", buckets("prefill_duration_seconds", SERVED)),
         heatmap("Decode", "All tokens of a request after the first.", buckets("decode_duration_seconds", SERVED)),
         row("Throughput"),
         lines("Generated tokens per second", "By model and path, over 5 minutes.", [Query(f"metronome:generated_tokens:rate5m{{{SERVED}}}", SERIES)],
               stacked=True),
         lines("Prompt tokens per second", "Likewise.", [Query(f"metronome:prompt_tokens:rate5m{{{SERVED}}}", SERIES)], stacked=True),
         row("Load"),
         lines("Requests", "Being worked on, and queued for the engine. During a measurement all others wait.",
               [Query(f"metronome_requests_running{{{ON}}}", "running {{instance}}"),
                Query(f"metronome_requests_waiting{{{ON}}}", "waiting {{instance}}"),
                Query(f"metronome_requests_waiting_limit{{{ON}}}", "limit {{instance}}")], log=True),
         lines("Waited for the engine", "Of the requests that began.",
               [Query(f"histogram_quantile({p}, {queue})", f"p{p * 100:.0f}") for p in (.5, .95, .99)], "s"),
         lines("Saturation", "Shares of what there is; at 1 the next request waits longer or is refused.",
               [Query(f"metronome:saturation_{what}:ratio{{{ON}}}", f"{what} {{{{instance}}}}") for what in ("engine", "queue", "sessions", "kv_cache")],
               "percentunit", maximum=1),
         lines("Sessions", "Kept for clients between calls.",
               [Query(f"metronome_sessions{{{ON}}}", "open {{instance}}"), Query(f"metronome_sessions_limit{{{ON}}}", "limit {{instance}}")]),
         lines("KV caches", "Used: holds keys and values. Reserved: what open sessions may grow to; new ones are refused where it would pass the limit.",
               [Query(f"metronome_kv_cache_used_bytes{{{ON}}}", "used {{instance}}"),
                Query(f"metronome_kv_cache_capacity_bytes{{{ON}}}", "reserved {{instance}}"),
                Query(f"metronome_kv_cache_limit_bytes{{{ON}}}", "limit {{instance}}")], "bytes"),
         lines("KV caches, filled", "Used of reserved: low where clients ask for longer sessions than they need.",
               [Query(f"metronome_kv_cache_usage_ratio{{{ON}}}", "{{instance}}")], "percentunit", maximum=1),
         row("Requests"),
         lines("By RPC", "Finished per second.",
               [Query(f"sum by (rpc) (rate(metronome_requests_total{{{ON}}}[$__rate_interval]))", "{{rpc}}")], "reqps", 8),
         lines("Not OK", "Finished per second, by RPC and status code.",
               [Query(f'sum by (rpc, code) (rate(metronome_requests_total{{{ON}, code!="OK"}}[$__rate_interval]))', "{{rpc}} {{code}}")], "reqps", 8),
         lines("Refused for want of a token or role", "Per second; the log has who and what.",
               [Query(f"sum by (rpc, code) (rate(metronome_denied_requests_total{{{ON}}}[$__rate_interval]))", "{{rpc}} {{code}}")], "reqps", 8),
         lines("Duration by RPC, p95", "From the call's arrival to its end, streams included.", [Query(seconds_by_rpc, "{{rpc}}")], "s", 8, log=True),
         lines("Compile, p95", "Graph to plan, searches included; of all since the daemon started.",
               [Query(f'histogram_quantile(0.95, sum by (model, path, le) (metronome_compile_duration_seconds_bucket{{{ON}, model=~"$model"}}))',
                      "{{model}} {{path}}")], "s", 8),
         lines("Failed writes to the database", "In 10 minutes. Results wait in a spool meanwhile.",
               [Query(f"increase(metronome_db_write_failures_total{{{ON}}}[10m])", "{{instance}}")], width=8),
         table("Builds", "What runs where.", [(Query(f"metronome_build_info{{{ON}}}"), "Up", "short")], height=5)],
        [RESULTS_ARRIVE, RESTARTS])


def benchmarks():
    def results(name):
        return [Query(f"metronome_benchmark_result_{name}{{{BENCHMARKED}}}", RESULT)]

    def to_median(name):
        return f"metronome:benchmark_{name}:ratio_to_median_7d{{{BENCHMARKED}}}"

    def without_name(expr):
        """So that rows of a table have equal labels."""
        return f"max without () ({expr})"

    def newest(name):
        """A daemon that started anew has none."""
        return without_name(f"last_over_time(metronome_benchmark_result_{name}{{{BENCHMARKED}}}[7d])")

    last = newest("timestamp_seconds")
    return dashboard(
        "metronome-benchmarks", "Metronome: benchmarks",
        "The last result of each model, path, configuration and workload, over time. The runs themselves, with every sample: bench-client runs, show.",
        [DAEMON, MEASURED, CONFIG],
        [number("Since the last result", "Of all daemons shown, in 7 days.", Query(f"time() - max({last})"), "s", 4,
                steps=[("green", None), ("orange", 86400)]),
         number("Kinds of results", "By model, path, configuration, workload and type.", Query(f"count({last})"), width=4),
         number("Results, 24 h", "Stored, whatever their outcome.",
                Query(f"sum(increase(metronome_benchmark_results_total{{{ON}}}[24h]))"), width=4),
         number("Failed, 24 h", "Failed or skipped.",
                Query(f'sum(increase(metronome_benchmark_results_total{{{ON}, outcome!="ok"}}[24h])) or vector(0)'), width=4,
                steps=[("green", None), ("red", 1)]),
         number("Slowest beside its median", "TPOT over the median of the last week; above 1.1 there is an alert.",
                Query(f"max({to_median('time_per_output_token')})"), "short", 4,
                steps=[("green", None), ("orange", 1.05), ("red", 1.1)]),
         number("Best share of bandwidth", "Bytes that a step must read over TPOT, of a plain read of the device.",
                Query(f"max({newest('bandwidth_ratio')})"), "percentunit", 4),
         row("$model", repeat="model"),
         lines("TPOT, median", "Each step is a new result; what it hides, its spread and notes, is in bench-client show.",
               results("time_per_output_token_seconds"), "s", by_path=True, points=True),
         lines("TTFT, median", "Likewise.", results("time_to_first_token_seconds"), "s", by_path=True, points=True),
         lines("Share of bandwidth", "Bytes that a decode step must read over TPOT, of a plain read measured around the benchmark. 1 is the floor.",
               results("bandwidth_ratio"), "percentunit", by_path=True, points=True),
         lines("Beside the median of a week", "TPOT and TTFT over the median of the last 7 days. Dashed: the alert.",
               [Query(to_median("time_per_output_token"), f"TPOT {RESULT}"),
                Query(to_median("time_to_first_token"), f"TTFT {RESULT}")], "short", by_path=True, points=True, limit=1.1),
         row("All"),
         table("Last results", "One row a kind of result.",
               [(Query(newest("time_to_first_token_seconds")), "TTFT", "s"),
                (Query(newest("time_per_output_token_seconds")), "TPOT", "s"),
                (Query(newest("bandwidth_ratio")), "Of bandwidth", "percentunit"),
                (Query(without_name(to_median("time_per_output_token"))), "TPOT of median", "short"),
                (Query(f"{last} * 1000"), "Measured", "dateTimeAsIso")]),
         lines("Results per hour", "By outcome.",
               [Query(f"sum by (outcome) (increase(metronome_benchmark_results_total{{{ON}}}[1h]))", "{{outcome}}")], width=12),
         lines("Compile, mean", "Graph to plan, of all since the daemon started; searches take their budget.",
               [Query(f'metronome_compile_duration_seconds_sum{{{ON}, model=~"$model"}}'
                      f' / metronome_compile_duration_seconds_count{{{ON}, model=~"$model"}}', SERIES)], "s")],
        [RESULTS_ARRIVE, RESTARTS], window="now-7d", refresh="1m")


def gpu():
    power = f"sum by (instance) (metronome_gpu_power_watts{{{ON}}})"
    return dashboard(
        "metronome-gpu", "Metronome: GPU", "What the GPU says of itself, read at each scrape. Empty where the daemon serves from a CPU.", [DAEMON],
        [lines("Clock of the multiprocessors", "Lower than usual under load: see the reasons below.",
               [Query(f"metronome_gpu_sm_clock_hertz{{{ON}}}", "{{instance}}")], "hertz"),
         lines("Clock of the memory", "Decoding is bound by it.", [Query(f"metronome_gpu_memory_clock_hertz{{{ON}}}", "{{instance}}")], "hertz"),
         states("Throttled", "Why clocks are lower than they could be.", Query(f"metronome_gpu_throttled{{{ON}}}", "{{reason}} {{instance}}"),
                [("no", "transparent"), ("throttled", "red")]),
         lines("Temperature", "Of the GPU.", [Query(f"metronome_gpu_temperature_celsius{{{ON}}}", "{{instance}}")], "celsius"),
         lines("Power", "That the board draws.", [Query(f"metronome_gpu_power_watts{{{ON}}}", "{{instance}}")], "watt"),
         lines("Memory", "Held: by models and caches of the daemon. Available: what the device could still give.",
               [Query(f"metronome_device_memory_bytes{{{ON}}}", "held {{backend}} {{instance}}"),
                Query(f"metronome_device_memory_available_bytes{{{ON}}}", "available {{backend}} {{instance}}"),
                Query(f"metronome_device_memory_capacity_bytes{{{ON}}}", "all {{backend}} {{instance}}")], "bytes"),
         lines("Engine busy", "Share of the time in which the engine worked.", [Query(f"metronome:saturation_engine:ratio{{{ON}}}", "{{instance}}")],
               "percentunit", maximum=1),
         lines("Energy per token", "Power over generated tokens per second, benchmarks included: the share of idle power grows as load falls.",
               [Query(f"{power} / (sum by (instance) (metronome:generated_tokens:rate5m{{{ON}}}) > 0)", "{{instance}}")], "joule"),
         lines("Generated tokens per second", "By model and path, benchmarks included.",
               [Query(f"sum by (instance, model, path) (metronome:generated_tokens:rate5m{{{ON}}})", SERIES)], stacked=True)],
        [RESULTS_ARRIVE])


def runs():
    results = Sql("""
        SELECT result_id, created_unix_micros / 1000000 AS time, model, path, config, dtype, outcome, prompt_tokens, decode_tokens, layers, model_layers,
               ttft_ms, tpot_ms, bandwidth_fraction, search_iterations, plan_hash, provenance, run_id, note, error_text
        FROM results WHERE created_unix_micros / 1000 BETWEEN $__from AND $__to ORDER BY result_id DESC LIMIT 1000""", ["time"])
    stored = Sql("""
        SELECT run_id, started_unix_micros / 1000000 AS time, mode, state, caller_git_branch, caller_git_commit, host, gpu_name, cpu_model, build_commit,
               (SELECT count(*) FROM results WHERE results.run_id = runs.run_id) AS results, note
        FROM runs WHERE started_unix_micros / 1000 BETWEEN $__from AND $__to ORDER BY started_unix_micros DESC LIMIT 200""", ["time"])
    return dashboard(
        "metronome-runs", "Metronome: runs (SQLite)", "Read from the daemon's database by the plug-in frser-sqlite-datasource, which is optional.", [],
        [sql_table("Results", "The newest first; every sample: bench-client show RUN -o json.", results,
                   [("ttft_ms", "ms"), ("tpot_ms", "ms"), ("bandwidth_fraction", "percentunit")]),
         sql_table("Runs", "The newest first.", stored, height=10)], window="now-7d", refresh="1m", needs_prometheus=False)


DASHBOARDS = {"dashboards/service.json": service, "dashboards/benchmarks.json": benchmarks, "dashboards/gpu.json": gpu, "sqlite/runs.json": runs}


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--check", action="store_true")
    check = arguments.parse_args().check
    there = {path.relative_to(DIRECTORY).as_posix() for path in DIRECTORY.glob("*/*.json")}
    wrong = sorted(there - DASHBOARDS.keys())
    for name, describe in DASHBOARDS.items():
        path, text = DIRECTORY / name, json.dumps(describe(), indent=1, ensure_ascii=False) + "\n"
        if not check:
            path.write_text(text)
        elif name not in there or path.read_text() != text:
            wrong.append(name)
    if wrong:
        print(f"not what dashboards.py describes: {', '.join(wrong)}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
