"""The database of a daemon, as calls of run.sh bring it back. Standard library alone."""
import contextlib
import pathlib
import sqlite3
import tempfile

KEPT_SAMPLES = 500  # Of one result; `results` keeps the medians of all.


def merge(target, source):
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
                database.execute(f"INSERT INTO main.results ({columns}) SELECT {columns} FROM other.results WHERE result_id = ?", (old,))
            database.execute("INSERT INTO main.sample_blocks SELECT * FROM other.sample_blocks WHERE result_key IN "
                             "(SELECT result_key FROM other.results WHERE run_id = ?)", (run,))
    database.close()


def _after_varints(data, at, count):
    while count:
        count -= data[at] < 0x80
        at += 1
    return at


def first_samples(data, count, kept):
    """The first `kept` samples of a block of `count`, as a block; server/store/sample_blocks.h says what one holds."""
    at = 1
    for _ in range(data[0]):
        at += 1 + data[at]
    block = data[:at] + data[at:at + kept]
    at += count
    for _ in ("index", "position"):
        block += data[at:_after_varints(data, at, kept)]
        at = _after_varints(data, at, count)
    return block + data[at:at + 8 * kept]


def keep_first(database, count):
    """Keeps the first `count` samples of each result. A daemon that has just begun has no tables."""
    if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'sample_blocks'").fetchone():
        return
    with database:
        database.execute("DELETE FROM sample_blocks WHERE first >= ?", (count,))
        for row, first, block_count, data in database.execute(
                "SELECT rowid, first, count, data FROM sample_blocks WHERE first + count > ?", (count,)).fetchall():
            database.execute("UPDATE sample_blocks SET count = ?, data = ? WHERE rowid = ?",
                             (count - first, first_samples(data, block_count, count - first), row))
    database.execute("PRAGMA journal_mode=DELETE")
    database.execute("VACUUM")


def thinned(file, limit):
    """The bytes of a copy with as many samples as the limit allows, KEPT_SAMPLES at most; None where even one without samples is larger. The daemon
    may write to `file` meanwhile."""
    with tempfile.TemporaryDirectory() as directory:
        copy = pathlib.Path(directory) / "copy.db"
        with contextlib.closing(sqlite3.connect(file)) as source, contextlib.closing(sqlite3.connect(copy)) as target:
            source.backup(target)
            for count in (KEPT_SAMPLES, 100, 20, 0):
                keep_first(target, count)
                if copy.stat().st_size <= limit:
                    return copy.read_bytes()
    return None
