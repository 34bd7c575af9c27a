#!/usr/bin/env python3
"""The five files that a call of run.sh leaves, and the folder it works in. Standard library alone.

    pack.py open OUTPUT WORK     continues in WORK with what earlier calls have left in OUTPUT
    pack.py close WORK OUTPUT    writes the files of OUTPUT from WORK; may be repeated while the daemon writes

WORK has raw/*.json (results of this call), details/ (texts), log.txt, metronome.db and results.json (of earlier calls). OUTPUT gets results.json,
table.md, log.txt, metronome.db and details.tar.gz, each under 16 MB: what is larger loses samples, or the middle of its texts, and says so.
"""
import gzip
import io
import json
import os
import pathlib
import sys
import tarfile
import tempfile

import database
import summarise

LIMIT_BYTES = 15_000_000


def cut(content, limit):
    """The beginning and the end of a text, with a line between them that says what is missing."""
    if len(content) <= limit:
        return content
    half = limit // 2
    return content[:half] + b"\n... %d bytes left out ...\n" % (len(content) - 2 * half) + content[-half:]


def archive(files, limit):
    """The gzipped tar of {name: content}; with each content cut ever shorter until it is within the limit."""
    for kept in (1 << 40, 4_000_000, 1_000_000, 250_000, 60_000, 15_000, 4_000):
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=6) as tar:
            for name, content in sorted(files.items()):
                member = tarfile.TarInfo(name)
                content = cut(content, kept)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        if len(stream.getvalue()) <= limit:
            return stream.getvalue()
    return gzip.compress(b"The details are too large, whatever is cut from them.\n")


def files_below(directory):
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def read_archive(file):
    """{name: content}; nothing from a file that is damaged."""
    try:
        with tarfile.open(file) as tar:
            return {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}
    except (OSError, EOFError, tarfile.TarError):
        return {}


def write_below(directory, files):
    for name, content in files.items():
        path = directory / name
        if directory.resolve() in path.resolve().parents:  # Archives are what somebody brings from another machine.
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def replace(file, content):
    """Readers, and whoever copies the folder, see the old file or the new one."""
    part = file.with_name(file.name + ".part")
    part.write_bytes(content)
    os.replace(part, file)


def write_files(output, results, details, log, work_database, limit=LIMIT_BYTES):
    text = json.dumps(results, separators=(",", ":")) + "\n"
    if len(text) > limit:
        text = json.dumps(summarise.without_samples(results), separators=(",", ":")) + "\n"
    replace(output / "results.json", text.encode())
    replace(output / "table.md", summarise.text_of(results).encode())
    replace(output / "details.tar.gz", archive(details, limit))
    if work_database.exists():
        content = database.thinned(work_database, limit)
        if content is None:
            log += b"metronome.db is too large even without samples and was left out\n"
        else:
            replace(output / "metronome.db", content)
    replace(output / "log.txt", cut(log, limit))


def open_work(output, work):
    output, work = pathlib.Path(output), pathlib.Path(work)
    for name in ("results.json", "log.txt", "metronome.db"):
        if (output / name).exists():
            (work / name).write_bytes((output / name).read_bytes())
    write_below(work / "details", read_archive(output / "details.tar.gz"))


def close_work(work, output):
    work, output = pathlib.Path(work), pathlib.Path(output)
    output.mkdir(parents=True, exist_ok=True)
    log = (work / "log.txt").read_bytes() if (work / "log.txt").exists() else b""
    write_files(output, summarise.gather(work), files_below(work / "details"), log, work / "metronome.db")


def merge(directory, sources):
    """Adds what other calls have left in folders of their own. Their details get the names of those folders."""
    results = summarise.read_results(directory)
    details = read_archive(directory / "details.tar.gz")
    log = (directory / "log.txt").read_bytes() if (directory / "log.txt").exists() else b""
    with tempfile.TemporaryDirectory() as temporary:
        merged = pathlib.Path(temporary) / "metronome.db"
        for source in [directory, *sources]:
            if (source / "metronome.db").exists() and merged.exists():
                database.merge(merged, source / "metronome.db")
            elif (source / "metronome.db").exists():
                merged.write_bytes((source / "metronome.db").read_bytes())
            if source == directory:
                continue
            results.update(summarise.read_results(source))
            details.update({f"{source.name}/{name}": content for name, content in read_archive(source / "details.tar.gz").items()})
            log += (source / "log.txt").read_bytes() if (source / "log.txt").exists() else b""
        write_files(directory, results, details, log, merged)


COMMANDS = {"open": open_work, "close": close_work}

if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    COMMANDS[sys.argv[1]](*sys.argv[2:])
