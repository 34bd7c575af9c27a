"""Writes hub_cache.json: cache layouts and environments, and what huggingface_hub and transformers make of them offline.

    HF_HUB_OFFLINE=1 python hub_cache.py

A layout is what the cache has of one repository, entry by entry; commits and files are numbers into the lists beside it:
"s0.1F" a file in a snapshot, "s0.1L" a link to a blob, "s0.1I" a link to a blob that is not there (its download was interrupted), "s0.1D" a folder in
the file's place, "s0" an empty snapshot, "n0.1" a file that the commit is known not to have, "r<ref>=<text>" a ref, where $0 stands for a commit.
`found` has for each revision asked for the commit that each file comes from, "-" where there is none: what from_pretrained would be given.
"""
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
HERE = pathlib.Path(__file__).parent
FILES = ["config.json", "model.safetensors", "model.safetensors.index.json", "a/b.safetensors"]
HASHES = ["0" * 39 + "1", "a" * 40, "0123456789abcdef0123456789abcdef01234567"]
REPOSITORY = "org/name"


SHARED = {"A": "/va", "A_B": "vb", "DOLLAR": "$A"}  # Of every environment.


def layout(rng):
    entries = []
    for commit in rng.sample(range(3), rng.randint(0, 3)):
        if rng.random() < 0.1:
            entries.append(f"s{commit}")
        for file in range(len(FILES)):
            kind = rng.choices("LFID-", [45, 15, 10, 5, 25])[0]
            if kind != "-":
                entries.append(f"s{commit}.{file}{kind}")
            if rng.random() < 0.08:
                entries.append(f"n{commit}.{file}")
    for ref in ["main", "v1.0", "pr/7", "refs/pr/7"]:
        if rng.random() < (0.8 if ref == "main" else 0.3):
            text = rng.choice(["", "nowhere", ".", ".."]) if rng.random() < 0.05 else f"${rng.randrange(3)}"
            entries.append(f"r{ref}={text}" + rng.choice(["", "", "", "\n", " \n"]))
    if rng.random() < 0.1:
        entries.append(f"r${rng.randrange(3)}=${rng.randrange(3)}")
    return entries


def spell(text):
    """With commits in place of their numbers."""
    for number, commit in enumerate(HASHES):
        text = text.replace(f"${number}", commit)
    return text


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def build(folder, entries):
    for number, entry in enumerate(entries):
        if entry[0] == "r":
            ref, text = entry[1:].split("=")
            write(folder / "refs" / spell(ref), spell(text))
            continue
        commit = HASHES[int(entry[1])]
        if len(entry) == 2:
            (folder / "snapshots" / commit).mkdir(parents=True, exist_ok=True)
            continue
        name = FILES[int(entry[3])]
        if entry[0] == "n":
            write(folder / ".no_exist" / commit / name, "")
            continue
        place = folder / "snapshots" / commit / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if entry[4] == "F":
            place.write_text(name)
        elif entry[4] == "D":
            place.mkdir()
        else:
            write(folder / "blobs" / (f"{number}" + (".incomplete" if entry[4] == "I" else "")), name)
            place.symlink_to("../" * (2 + name.count("/")) + f"blobs/{number}")


def ask(cache, revision):
    """As from_pretrained: the revision is resolved once, then each file is looked for."""
    from transformers.utils.hub import cached_file, resolve_revision
    resolved = resolve_revision(REPOSITORY, revision, local_files_only=True, cache_dir=cache)
    found = ""
    for name in FILES:
        try:
            path = cached_file(REPOSITORY, name, cache_dir=cache, revision=resolved, local_files_only=True,
                               _raise_exceptions_for_missing_entries=False, _raise_exceptions_for_connection_errors=False)
        except (OSError, ValueError):
            path = None
        found += "-" if path is None else str(HASHES.index(pathlib.Path(path).relative_to(cache / "models--org--name" / "snapshots").parts[0]))
    return found


def environments():
    """(variables, cache root): constants.py is run afresh under each."""
    rng = random.Random(5)
    values = {"HOME": ["/home/u", "/", "", "/home/u/"], "XDG_CACHE_HOME": ["/x/cache", "~/c", "$HOME/c", "", "rel"],
              "HF_HOME": ["/hf", "~/hf", "$HOME/hf", "${A}/hf", "$A_B/hf", "$NOPE/hf", "${NOPE}x", "", "~nobody_here/x", "~root/x", "/a$", "/a${b", "$$A", "~"],
              "HUGGINGFACE_HUB_CACHE": ["/legacy", "~/legacy", "$A/legacy", ""], "HF_HUB_CACHE": ["/hub", "~/hub", "${A}$A_B", "$DOLLAR/x", "", "rel/hub"]}
    cases = [{}] + [{name: value} for name, options in values.items() for value in options]
    for _ in range(90):
        cases.append({name: rng.choice(options) for name, options in values.items() if rng.random() < 0.45})
    out = []
    import huggingface_hub
    for case in cases:
        variables = {"HOME": "/home/u", **case}
        if rng.random() < 0.05:
            del variables["HOME"]
        code = ("import importlib.util, sys\n"
                "spec = importlib.util.spec_from_file_location('constants', sys.argv[1])\n"
                "module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)\n"
                "sys.stdout.write(module.HF_HUB_CACHE)")
        constants = pathlib.Path(huggingface_hub.__file__).parent / "constants.py"
        root = subprocess.run([sys.executable, "-S", "-c", code, str(constants)],
                              env={**SHARED, **variables}, capture_output=True, text=True, check=True).stdout
        out.append([variables, root])
    return out


def main():
    rng = random.Random(20261128)
    layouts = []
    for _ in range(400):
        entries = layout(rng)
        revisions = ["main", *rng.sample(["v1.0", "refs/pr/7", "pr/7", "nope", "$0", "$1", "$2", HASHES[1][:8], HASHES[1].upper()], 2)]
        with tempfile.TemporaryDirectory() as temp:
            cache = pathlib.Path(temp).resolve()
            build(cache / "models--org--name", entries)
            layouts.append({"entries": entries, "found": {revision: ask(cache, spell(revision)) for revision in revisions}})
    from huggingface_hub.utils import HFValidationError, validate_repo_id
    names = ["org/name", "name", "a/b/c", "-a/b", "a/-b", "a-/b", "a/b.", "a--b/c", "a..b/c", "a/b.git", "Org.x/N_1-2.3", "a/" + "b" * 96, "a/" + "b" * 97,
             "o" * 97 + "/b", "", "/", "a/", "/b", "a b/c", "a/b@c", "ä/b", "_a/_b", "a/b_", "datasets/a/b", "a.b", "x/y.gitx", "1/2"]
    verdicts = {}
    for name in names:
        try:
            validate_repo_id(name)
            verdicts[name] = True
        except HFValidationError:
            verdicts[name] = False
    result = {"files": FILES, "commits": HASHES, "layouts": layouts, "shared": SHARED, "environments": environments(), "repositories": verdicts}
    (HERE / "hub_cache.json").write_text(json.dumps(result, separators=(",", ":"), ensure_ascii=True).replace('{"entries"', '\n{"entries"') + "\n")


main()
