"""Writes chats.json and expressions.json beside this file. Needs transformers and jinja2 3.1.6; run it from anywhere."""

import pathlib
import re

import chats
import environment
import expressions
import families

HERE = pathlib.Path(__file__).parent
TOKENS = {"bos_token": "<bos>", "eos_token": "<eos>"}
# Python prints an address, so the text says nothing.
ADDRESS = re.compile(r" at 0x[0-9a-f]{6,}")


def fnv1a(text):
    value = 0xCBF29CE484222325
    for byte in text.encode("utf-8"):
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


def outcome(result):
    """Long texts are told by their size and hash, so that the fixture stays small."""
    if "error" in result:
        return {"error": result["message"]} if result["error"] == "TemplateError" else {"error": ""}
    text = result["text"]
    if any("\ud800" <= c <= "\udfff" for c in text):
        return {"error": ""}  # A text that cannot be written as UTF-8 is refused.
    if len(text) <= 160:
        return {"text": text}
    return {"bytes": len(text.encode("utf-8")), "fnv1a": fnv1a(text)}


def main():
    cases = []
    for name, source in families.TEMPLATES.items():
        for number, chat in enumerate(chats.CHATS):
            variables = {**TOKENS, **chat.get("variables", {})}
            result = environment.render_chat(source, chat["messages"], chat.get("tools"), variables)
            cases.append([name, number, outcome(result)])
    environment.write(HERE / "chats.json", {"tokens": TOKENS, "templates": families.TEMPLATES, "chats": chats.CHATS, "cases": cases})

    results = []
    for source in expressions.sources():
        result = environment.render(source, expressions.VARIABLES)
        if ADDRESS.search(result.get("text", "")):
            continue
        results.append([source, outcome(result)])
    environment.write(HERE / "expressions.json", {"variables": expressions.VARIABLES, "cases": results})


if __name__ == "__main__":
    main()
