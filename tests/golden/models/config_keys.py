#!/usr/bin/env python3
"""Writes config_keys.json: what the config classes of transformers hold for every key that a config.json leaves out, by model_type.

    python3 tests/golden/models/config_keys.py

tests/compiler/frontend/config_keys_test.cc compares the readers' tables with it. Needs transformers, and no network.
"""
import dataclasses
import json
import pathlib

from transformers.models.auto.configuration_auto import CONFIG_MAPPING

FAMILIES = ["llama", "qwen2", "qwen3", "qwen3_moe", "gemma3_text", "gemma4_text", "gemma3", "gemma4"]


def default_of(field):
    if field.default is not dataclasses.MISSING:
        return field.default
    return field.default_factory() if field.default_factory is not dataclasses.MISSING else None


def defaults_of(config_class):
    defaults = {field.name: default_of(field) for field in dataclasses.fields(config_class)}
    theta = getattr(config_class, "default_theta", None)  # One number, or one for each kind of layer.
    if isinstance(theta, dict):
        defaults["rope_theta"], defaults["rope_local_base_freq"] = theta["global"], theta["local"]
    elif theta is not None:
        defaults["rope_theta"] = theta
    plain = (type(None), bool, int, float, str, list, dict)
    return {key: value for key, value in sorted(defaults.items()) if isinstance(value, plain)}


def main():
    tables = {family: defaults_of(CONFIG_MAPPING[family]) for family in FAMILIES}
    path = pathlib.Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(tables, indent=1) + "\n")


if __name__ == "__main__":
    main()
