"""Paths as a daemon can use them, whose working directory is another; the rules of bench-client."""
import os
import pathlib

_MAX_ENTRIES = 4096  # A checkpoint has some hundred files, in a folder or two.
_MAX_DEPTH = 2


def _is_written_as_path(text):
    return text in (".", "..") or text.startswith(("./", "../"))


def absolute_if_path(text):
    """`text` made absolute where it names a directory here, or can name nothing but a path. Names of models and repositories stay."""
    path = os.fspath(text)
    if path == "~" or path.startswith("~/"):
        path = os.path.expanduser(path)
    if not path or path.startswith("/") or (not _is_written_as_path(path) and not os.path.isdir(path)):
        return path
    return os.path.abspath(path)


def is_ambiguous(text, path):
    """Whether a word is a directory here, and may be a model of the catalogue."""
    return path != text and "/" not in text and not _is_written_as_path(text)


def with_link_targets(directories):
    """The directories, and where links in them lead, as those of a HuggingFace cache do."""
    roots = []
    for directory in map(absolute_if_path, directories):
        roots.append(directory)
        entries = 0
        for folder, folders, files in os.walk(directory):
            depth = len(pathlib.Path(folder).relative_to(directory).parts)
            for name in folders + files:
                entries += 1
                path = os.path.join(folder, name)
                if os.path.islink(path) and os.path.exists(path):
                    roots.append(os.path.realpath(path))
            if depth >= _MAX_DEPTH:
                folders.clear()
            if entries > _MAX_ENTRIES:
                break
    return roots
