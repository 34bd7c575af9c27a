"""The configurations of the catalogue's models, read where they are written: compiler/frontend/catalogue.cc."""
import json
import pathlib
import re

SOURCE = pathlib.Path(__file__).resolve().parents[2] / "compiler" / "frontend" / "catalogue.cc"
_ENTRY = re.compile(r'\{\.key = "([^"]+)",.*?\.config =\s*R"\((.*?)\)",\s*\.parameters = ([\d\']+)', re.DOTALL)


def read():
    """{key: (config as a dictionary, parameters)}"""
    entries = {key: (json.loads(config), int(parameters.replace("'", ""))) for key, config, parameters in _ENTRY.findall(SOURCE.read_text())}
    if not entries:
        raise LookupError(f"no models found in {SOURCE}")
    return entries


def config_of(key):
    entries = read()
    if key not in entries:
        raise LookupError(f"no model '{key}' in the catalogue; there are: {', '.join(entries)}")
    return entries[key][0]
