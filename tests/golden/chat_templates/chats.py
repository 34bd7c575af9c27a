"""Chats that the templates are tried on."""

WEATHER = {"type": "function", "function": {
    "name": "get_weather", "description": "Weather <now> & \"here\" \u00e9\u6a21.",
    "parameters": {"type": "object", "properties": {
        "city": {"type": "string", "description": "Where"},
        "unit": {"type": "string", "enum": ["c", "f"], "default": "c"},
        "days": {"type": "array", "items": {"type": "integer"}, "default": [1, 2.5, None, True]},
        "where": {"type": ["number", "null"]}}, "required": ["city"]}}}
NOW = {"type": "function", "function": {"name": "now", "description": "", "parameters": {"type": "object", "properties": {}}}}


def _m(role, content, **more):
    return {"role": role, "content": content, **more}


def _call(name, arguments, call_id="abcdefghi"):
    return {"type": "function", "id": call_id, "function": {"name": name, "arguments": arguments}}


U, S, A = (lambda c, **k: _m("user", c, **k)), (lambda c: _m("system", c)), (lambda c, **k: _m("assistant", c, **k))

CHATS = [
    {"messages": [U("Hello")]},
    {"messages": [U("  spaced \u00a0\n")]},
    {"messages": [U("")]},
    {"messages": [S("Be brief."), U("Why?")]},
    {"messages": [S("  padded\n"), U("\u00e9\u00e8 \u6a21\u578b \U0001f600\n\nline")]},
    {"messages": [S(""), U("x")]},
    {"messages": [S("Only the system.")]},
    {"messages": [U("One"), A("Two "), U("Three")]},
    {"messages": [U("One"), U("Two")]},
    {"messages": [U("One"), A("Two"), S("Later."), U("Three")]},
    {"messages": [U("One"), A("Two")]},
    {"messages": [A("First"), U("x")]},
    {"messages": [U("One"), A("Two")], "variables": {"add_generation_prompt": False}},
    {"messages": [U("One"), A("Two and")], "variables": {"continue_final_message": True}},
    {"messages": [U("One"), A("Two and ")], "variables": {"continue_final_message": True}},
    {"messages": [U("q")], "variables": {"enable_thinking": False}},
    {"messages": [U("q")], "variables": {"enable_thinking": True}},
    {"messages": [U("q")], "variables": {"enable_thinking": None}},
    {"messages": [S("S"), U("1+1"), A("<think>\nadd\n</think>\n\n2"), U("again")]},
    {"messages": [U("1+1"), A("<think>\nadd\n</think>\n\n2")], "variables": {"add_generation_prompt": False}},
    {"messages": [U("q"), A("answer", reasoning_content="why\n"), U("w")]},
    {"messages": [U("q"), A("answer", thinking="because")], "variables": {"add_generation_prompt": False}},
    {"messages": [U("q"), A("<think>\nlook\n</think>\n\ncall"), U("<tool_response>\n7\n</tool_response>")]},
    {"messages": [U("Weather?")], "tools": [WEATHER, NOW]},
    {"messages": [S("Sys"), U("Weather?")], "tools": [WEATHER]},
    {"messages": [U("Weather?")], "tools": []},
    {"messages": [U("Weather?"), _m("assistant", None, tool_calls=[_call("get_weather", {"city": "Z\u00fcrich", "days": [1]})]),
                  _m("tool", "{\"t\": 7}", tool_call_id="abcdefghi", name="get_weather"), A("It is 7."), U("Thanks")], "tools": [WEATHER]},
    {"messages": [U("Weather?"), A("Let me see.", tool_calls=[_call("now", {}), _call("get_weather", {"city": "x\"y"}, "123456789")]),
                  _m("tool", "12:00", tool_call_id="abcdefghi"), _m("tool", "sun", tool_call_id="123456789")], "tools": [WEATHER, NOW]},
    {"messages": [U("x"), A("", tool_calls=[_call("now", {})]), _m("tool", "1", tool_call_id="abcdefghi")],
     "tools": [NOW], "variables": {"tools_in_user_message": False, "builtin_tools": ["now", "code_interpreter"]}},
    {"messages": [U([{"type": "text", "text": " part "}, {"type": "image"}, {"type": "text", "text": "two"}])]},
    {"messages": [S([{"type": "text", "text": "sys"}]), U([{"type": "text", "text": "hi"}])]},
    {"messages": [U("What is in them?")], "variables": {"documents": [{"title": "T", "text": "one"}, {"title": "U", "text": "two"}],
                                                        "controls": {"length": "long"}, "reasoning_effort": "high"}},
    {"messages": [_m("narrator", "Once")]},
    {"messages": [{"role": "user"}]},
    {"messages": [U("x")], "variables": {"date_string": "1 Jan 2000", "bos_token": "<B>"}},
    {"messages": [U("{{ 7 * 7 }}{% raw %} <|im_end|>")]},
    {"messages": [U("\x1c\u2003trimmed\u3000\x1f"), A("\r\ny\r\n"), U("'\"\\")]},
]
