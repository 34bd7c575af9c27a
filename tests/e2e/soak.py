"""Mixed traffic against a daemon for as long as you like, and whether its memory, descriptors and threads come to rest.

    METRONOMED=build/release/bin/metronomed python3 soak.py [--minutes 15] [--workers 4] [--seed 0] [--csv FILE]

Exits with 1 where something grew, a good call failed or a bad one met an error that is the daemon's own.
"""
import argparse
import csv
import pathlib
import sys
import time

import daemon
from plateau import has_plateau
from traffic import run_traffic

# What may differ between the middle third of a soak and the last (plateau.py): (share of the middle, and on top of it). Allocators give
# pages back unevenly, so that memory has a share; descriptors and threads follow the calls of the moment.
TOLERANCES = {"rss_mb": (0.05, 8), "descriptors": (0.0, 4), "threads": (0.0, 4)}


def look(pid):
    """What the process holds now."""
    process = pathlib.Path("/proc") / str(pid)
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    return {"rss_mb": int(status["VmRSS"].split()[0]) / 1024, "threads": int(status["Threads"]),
            "descriptors": len(list((process / "fd").iterdir()))}


def soak(server, seconds, workers, seed, samples=120):
    """Returns (count by kind of call, failures, samples)."""
    taken = []
    end = run_traffic(server.address, workers, seed)
    begin = time.monotonic()
    while time.monotonic() - begin < seconds and server.process.poll() is None:
        time.sleep(seconds / samples)  # Between samples, not for something to happen.
        taken.append({"second": time.monotonic() - begin, **look(server.process.pid)})
    count, failures = end()
    if server.process.poll() is not None:
        failures.append(f"the daemon ended with {server.process.returncode}: {server.log()[-2000:]}")
    return count, failures, taken


def growing(taken):
    """What did not come to rest, in words."""
    return [f"{name} grew: {[round(sample[name]) for sample in taken]}" for name, (relative, absolute) in TOLERANCES.items()
            if not has_plateau([sample[name] for sample in taken], relative, absolute)]


def report(count, taken):
    total = sum(count.values())
    print(f"{total} calls or series of calls: " + ", ".join(f"{kind} {times}" for kind, times in sorted(count.items())))
    thirds = [taken[i * len(taken) // 3:(i + 1) * len(taken) // 3] for i in range(3)]
    for name in TOLERANCES:
        levels = [sorted(sample[name] for sample in third)[len(third) // 2] for third in thirds]
        print(f"{name}: median by thirds " + ", ".join(f"{level:.0f}" for level in levels) +
              f", most {max(sample[name] for sample in taken):.0f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--csv", help="writes the samples there")
    arguments = parser.parse_args()
    with daemon.temporary_directory() as directory, daemon.Daemon(directory, "--session-idle-seconds", "30") as server:
        count, failures, taken = soak(server, arguments.minutes * 60, arguments.workers, arguments.seed)
        report(count, taken)
        if arguments.csv:
            with open(arguments.csv, "w", newline="") as file:
                writer = csv.DictWriter(file, taken[0])
                writer.writeheader()
                writer.writerows(taken)
    wrong = failures + growing(taken)
    print("\n".join(wrong) or "steady")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
