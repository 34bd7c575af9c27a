"""HuggingFace's rendering of chat templates, with a clock that stands still."""

import copy
import datetime
import json
from unittest import mock

from transformers.utils import chat_template_utils
from transformers.utils.chat_template_utils import _compile_jinja_template, _normalize_chat_messages, render_jinja_template

NOW = datetime.datetime(2025, 2, 3, 14, 5, 9, 123456)


class _Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


def _reason(error):
    return {"error": type(error).__name__, "message": str(error)[:200]}


def render(source, variables):
    """What a template makes of its variables: its text, or its error."""
    # Jinja's indent changes a list that it is given before it fails.
    try:
        with mock.patch.object(chat_template_utils, "datetime", _Clock):
            return {"text": _compile_jinja_template(source).render(**copy.deepcopy(variables))}
    except Exception as error:  # Whatever Python raises, the interpreter must refuse too.
        return _reason(error)


def render_chat(source, messages, tools, variables):
    """What apply_chat_template(tokenize=False) makes of a chat."""
    arguments = {"add_generation_prompt": not variables.get("continue_final_message", False), **variables}
    try:
        with mock.patch.object(chat_template_utils, "datetime", _Clock):
            rendered, _ = render_jinja_template([_normalize_chat_messages(messages)], tools=tools, chat_template=source,
                                                **arguments)
        return {"text": rendered[0]}
    except Exception as error:
        return _reason(error)


def write(path, value):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")
