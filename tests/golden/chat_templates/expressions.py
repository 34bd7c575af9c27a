"""Small templates: written ones that cover the language, and random ones that combine it."""

import random
import re

VARIABLES = {
    "s": "Hello, W\u00f6rld", "e": "", "n": 7, "z": 0, "f": 2.5, "neg": -3, "t": True, "no": False, "nil": None,
    "l": [3, 1, 2], "w": ["b", "A", "c", "a"], "empty": [], "d": {"b": 1, "a": "x", "items": [1], "n": None},
    "m": [{"role": "user", "content": "hi", "n": 2}, {"role": "assistant", "content": "yo", "n": 1}, {"role": "user", "content": "", "n": 3}],
    "nest": {"a": [{"b": [1, {"c": "deep"}]}]}, "html": "<a href='x'>&\"</a>", "multi": "one\n  two\r\n\nthree\u2028four",
}

EXPRESSIONS = """
1 + 2 * 3 - 4 / 2 | 7 // 2, -7 // 2, 7 % 3, -7 % 3, 7 % -3, 2 ** 10, 2 ** -1, -2 ** 2 | 7.0 // 2, -7.5 % 2, 1e16, 1e15, 0.1 + 0.2, 1e-5, 0.0001, 5e-324, 1.5e300 * 10
1 / 0 | 1 // 0 | 1 % 0 | 1.0 / 0 | 0 ** -1 | 1_000 + 0x1f + 0b11 + 0o17 | 00 | 1e3 | 9223372036854775807 | true + 1, True == 1, false < true
"a" + 1 | "a" ~ 1 ~ none ~ true ~ 1.0 ~ [1, "x"] ~ {"k": ("t",)} | "ab" * 3, 2 * "x", [1] * 2, (1,) * 2, "a" * -1 | [1] + [2] | (1,) + (2,) | [1] + (2,)
1 < 2 < 3 | 1 < 3 < 2 | 1 == 1.0 | "a" < "b" | "a" < 1 | [1, 2] < [1, 3] | (1,) < (1, 2) | none == none | none < 1 | {"a": 1} == {"a": 1.0} | [1] == (1,) | 1 in [1, 2] | "a" in "cab" | 1 in "1" | "a" in {"a": 1} | 1 not in [2] | x in [1] | "a" in x | 1 in 2
not true or true and false | 1 and 2, 0 and 2, 0 or 2, "" or "x" | not not 1 | 1 if 2 else 3 | 1 if 0 | (1 if 0) is defined | "a" if false else "b" if false else "c"
s[0], s[-1], s[7], s[1:4], s[::-1], s[::2], s[-3:], s[:-3], s[10:2:-2], s[5:100] | s[100] | s[1.5] | l[::-1], l[1:], l[:1], l[-1], l[5] | l["0"] | d["b"], d.b, d.items, d["items"], d.nope | d[1:2] | nil[0] | nil.x | x.y | x["y"] | x[1:] | n[0] | n.x | (1, 2)[1] | [1, 2, 3][::0]
m[0].role, m.0.role, m[-1]["n"], m[9], m[9].x | nest.a[0].b[1].c | nest["a"][0]["b"][1]["c"] | nest.a.b
x | x.y.z | x is defined, x is undefined, s is defined, s.x is defined, d.zz is defined | x + 1 | x == y, x == none, x != 1 | -x | x < 1 | x() | x | length | x | list | x | default("d") | e | default("d") | e | default("d", true) | nil | d("q", boolean=true) | x ~ "y"
nil is none, n is number, t is number, f is float, n is integer, t is integer, t is boolean, s is string, l is sequence, d is mapping, d is sequence, s is iterable, n is iterable, l is iterable | range is callable, x is callable, s is callable | 3 is odd, 4 is even, 9 is divisibleby 3, 9 is divisibleby(2) | 3 is eq 3, 3 is ne 3, 3 is gt 2, 3 is ge 3, 3 is lt 2, 3 is le 3, 3 is greaterthan 1, 3 is lessthan 1 | 3 is equalto 3 | "a" is in "abc" | 1 is in [1] | nil is sameas none, true is sameas true | "abc" is lower, "ABC" is upper, "Abc" is lower, "1" is lower | t is true, no is false, 1 is true, 0 is false | "upper" is filter, "nope" is filter, "odd" is test | 3 is not odd | s is not string | x is nothing | "a" is odd | html is escaped
s | upper, s | lower, s | title, s | capitalize, "hello wOrld-foo (bar" | title | "  x " | trim, "xxaxx" | trim("x") | s | replace("l", "L"), s | replace("l", "L", 1), s | replace("", "-"), 123 | replace(2, "x") | s | length, l | count, d | length | n | length
l | first, l | last, empty | first, s | first, s | last, d | first, d | last | l | sort, l | sort(reverse=true), w | sort, w | sort(case_sensitive=true), m | sort(attribute="n") | map(attribute="n") | list | [1, "a"] | sort | m | sort(attribute="role,n") | map(attribute="content") | list | l | reverse | list, s | reverse | l | sum, [] | sum, [1.5, 2] | sum, m | sum(attribute="n"), [[1], [2]] | sum(start=[]) | ["a"] | sum | l | min, l | max, [] | max, w | min, w | max(case_sensitive=true), m | max(attribute="n")
l | join, l | join(", "), w | join("-") | upper, m | join(", ", attribute="role") | 5 | join | w | unique | list, ["a", "A", "b"] | unique | join, [1, 1.0, true] | unique | list | l | batch(2) | list, l | batch(2, "-") | list, l | slice(2) | list, l | slice(2, "x") | list | d | items | list | d.items() | d | dictsort | {"b": 2, "A": 1} | dictsort, {"b": 2, "A": 1} | dictsort(true), {"b": 1, "A": 2} | dictsort(by="value"), {"b": 1} | dictsort(by="x")
m | map(attribute="role") | list, m | map("length") | list, m | map(attribute="zz", default="-") | list, w | map("upper") | join, w | map("replace", "a", "b") | list | l | map | list | m | selectattr("role", "equalto", "user") | list | length, m | rejectattr("content") | list | length, l | select("odd") | list, l | reject("gt", 1) | list, [0, 1, ""] | select | list | m | selectattr("role", "in", ["user"]) | map(attribute="n") | join | l | select("nope") | list | m | groupby("role") | m | groupby("role") | map(attribute="grouper") | list | (m | groupby("role"))[0].list | length
m | selectattr("role", "equalto", "user") | length | (m | map(attribute="role")) is iterable, (m | map(attribute="role")) is sequence | (l | map("string"))[0] | "yes" if l | select("gt", 99) else "no" | l | reverse | first
"42" | int, "4.7" | int, "x" | int, "x" | int(5), "0x1f" | int(base=16), "ff" | int(0, 16), " 7 " | int, "1_000" | int, nil | int, f | int, true | int | x | int | "1.5" | float, "x" | float, 3 | float, " 1e3 " | float | 2.5 | round, 3.5 | round, 2.675 | round(2), 42 | round, 42.55 | round(1, "floor"), 42.51 | round(0, "ceil"), 1234 | round(-2), 1250.0 | round(-2) | s | round | -3 | abs, 3.5 | abs | "a" | abs | 3 | string ~ "x" | s | list | d | list | 5 | list
multi | indent, multi | indent(2, true), multi | indent("> ", blank=true), "" | indent | "foo bar baz qux" | truncate(9), "foo bar baz qux" | truncate(9, true), "foo bar baz qux" | truncate(11), "foo bar" | truncate(3, end="") | "ab" | center(7) ~ "|" | s | wordcount | html | escape, html | e | length, html | safe, html | string, (html | safe) + "<b>", "<i>" + (html | safe), html | forceescape
"%s-%s" | format(1, "x"), "%(a)s" | format(a=2), "%5d|%-5d|%05d|%+d|%x|%X|%o" | format(1, 2, 3, 4, 255, 255, 8), "%.2f|%8.3f|%e|%g|%g" | format(1.005, 2.5, 12345.678, 1e10, 0.0001), "%r %s %%" | format("q", [1]), "%c%c" | format(65, "b") | "%d" | format("x") | "%s" | format | "%s" % "a", "%s %s" % (1, 2), "%(k)s" % {"k": 1} | "%s" % (1, 2) | "%.3s|%6.2s|" % ("abcdef", "xyz")
"{} {}".format(1, "a"), "{1}{0}".format("x", "y"), "{k!r:>6}".format(k="v"), "{:>5}|{:<5}|{:^5}|{:05d}|{:,}|{:.2f}|{:x}|{:%}|{:e}".format("a", "b", "c", 42, 1234567, 3.14159, 255, 0.25, 12345.6), "{{}}".format(), "{0[a]} {0.b}".format(d), "{:*^9}".format("mid") | "{}".format() | "{0}{}".format(1, 2) | "{:d}".format("x")
s.upper(), s.lower(), s.title(), s.capitalize(), s.swapcase(), s.casefold() | s.strip("H"), "  a ".strip(), "xxay".lstrip("x"), "ayy".rstrip("y"), "abc".strip("cab") | "a,b,,c".split(","), "a b  c ".split(), "a,b,c".split(",", 1), "a,b,c".rsplit(",", 1), " a b c ".split(none, 1), " a b c ".rsplit(none, 1), "".split(), "".split(","), "abc".split("") | multi.splitlines(), multi.splitlines(true) | s.startswith("He"), s.startswith(("x", "H")), s.endswith("d"), s.startswith("l", 2), s.endswith("H", 0, 1) | s.startswith(1) | s.find("l"), s.rfind("l"), s.find("zz"), s.index("W"), s.count("l"), s.count(""), s.find("r", 3, 11) | s.index("zz") | s.replace("l", "L", 2) | s.replace("l") | ", ".join(w), "".join([]), "-".join("abc") | ",".join([1]) | "42".zfill(5), "-42".zfill(5), "a".ljust(3) ~ "|", "a".rjust(3, "*"), "ab".center(5, ".") | "abc".removeprefix("a"), "abc".removesuffix("c"), "abc".removeprefix("x") | "12".isdigit(), "a1".isalnum(), "ab".isalpha(), " ".isspace(), "AB".isupper(), "ab".islower(), "Ab Cd".istitle(), "\u00b2".isdigit(), "\u00b2".isdecimal(), "".isdigit(), "a b".isprintable(), "x1".isidentifier(), "\u00e9".isascii() | "a-b-c".partition("-"), "a-b-c".rpartition("-"), "abc".partition("-") | "a\tb".expandtabs(4) | s.nope | s.nope() | s.__class__ | s.__class__.x | s._x
d.get("b"), d.get("zz"), d.get("zz", 5), d.get("items") | d.keys(), d.values(), d.items() | d.keys() | list | d.pop("b") | d.update({}) | l.append(1) | l.index(1), l.count(3), (1, 2, 1).count(1) | l.index(9) | d.copy() | l.copy() | l.pop | d.clear is defined | "b" in d.keys(), 1 in d.values(), ("b", 1) in d.items() | d.keys() | first | {1: "a", 1.0: "b", true: "c"} | {none: 1, (1, 2): 3}[(1, 2)] | {[1]: 2}
range(3) | list, range(1, 4) | list, range(5, 0, -2) | list, range(0) | list | range(3), range(0, 9, 2) | range(3)[1], range(9)[2:5], range(3) | length, 2 in range(3), range(3) | last | range(200000) | range(1.5) | range(1, 2, 0) | dict(a=1, b=2), dict({"x": 1}, y=2), dict([("a", 1)]) | namespace(a=1), namespace(a=1).a, namespace({"q": 2}).q, namespace().zz | namespace(_a=1) | cycler("a", "b").next(), joiner(",")() | raise_exception("own <words>") | raise_exception() | strftime_now("%d %b %Y"), strftime_now("%Y-%m-%d %H:%M:%S.%f %j %A %B %-d %p %y%%") | nosuch() | s() | range
{"a": [1, 2.0, none, true, "\u00e9\\"<&>'\\n\\u2028"]} | tojson, {"a": {"b": []}, "c": {}} | tojson(indent=2), [1, {"z": 1, "a": 2}] | tojson(sort_keys=true), "\u00e9\U0001f600" | tojson(ensure_ascii=true), [1, 2] | tojson(separators=(",", ":")), {"k": [1]} | tojson(indent=0), (1, 2) | tojson, {1: 2, none: 3, true: 4, 1.5: 5} | tojson, d | tojson, "\\x7f\\x01" | tojson, [] | tojson(indent=1), {"a": 1} | tojson(indent=1, separators=(";", "="))
x | tojson | {(1, 2): 3} | tojson | range(2) | tojson | (l | map("string")) | tojson
["a'b", 'a"b', "a'\\"b", "\\n\\t\\\\", "\u00e9\\x00\\x7f\\u200b\\u00a0", 1.0, none, true, {"k": "v"}, (1,), ()] | [x] | "\\d\\.\\'" | 'it''s' "joined" | "\\x41\\u00e9\\101" | "a\\
b" | "\\u12" | "\\ud800" | "\\q\\\u00e9"
s | nofilter | 1 2 | (1 | [1 | {1} | {"a" 1} | 1 + | | upper | s | | x. | x.y z | f(1, a=2, 3) | f(**{}, 1) | "unclosed | a ! b | a = b | 1..2 | $ | @ | 1 is odd is even | (1, 2 | [1, 2,] | {"a": 1,} | (1,) | () | 1,
""".strip("\n")

TEMPLATES = [
    "{% for i in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ i }};{% endfor %}",
    "{% for i in l %}{{ loop.previtem }}<{{ i }}>{{ loop.nextitem }}{{ loop.cycle('a', 'b') }}{{ loop.changed(i // 2) }} {% endfor %}{{ loop }}",
    "{% for i in [] %}x{% else %}none{{ loop is defined }}{% endfor %}", "{% for i in l if i > 1 %}{{ loop.index }}/{{ loop.length }}:{{ i }} {% else %}no{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "{% for a, b in [(1, 2, 3)] %}{% endfor %}", "{% for a, b in [1] %}{% endfor %}", "{% for i in 5 %}{% endfor %}", "{% for i in nil %}{% endfor %}", "{% for i in x %}{% else %}e{% endfor %}",
    "{% for c in s %}{{ c }}.{% endfor %}{% for k in d %}{{ k }}{% endfor %}", "{% for i in range(9) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 5 %}{% break %}{% endif %}{{ i }}{% endfor %}",
    "{% for i in l %}{% for j in l %}{{ i * j }}{% if loop.last %}|{% endif %}{% endfor %}{{ loop.index }}{% endfor %}", "{% break %}", "{% for i in l %}{% macro q() %}{% break %}{% endmacro %}{% endfor %}",
    "{% for i in [[1, [2, [3]]], 4] recursive %}{{ loop.depth }}{{ loop(i) if i is iterable else i }}{% endfor %}", "{% for i in l %}{{ loop(l) }}{% endfor %}",
    "{% set x = 1 %}{% for i in l %}{{ x }}{% set x = x + 1 %}{{ x }}{% endfor %}{{ x }}", "{% set ns = namespace(x=1) %}{% for i in l %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}{{ ns }}",
    "{% set ns = 1 %}{% set ns.x = 2 %}", "{% set ns = namespace() %}{% set ns._x = 2 %}", "{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set a, b = b, a %}{{ a }}{{ b }}", "{% set t = 1, 2 %}{{ t }}", "{% set a, b = 1 %}",
    "{% if x %}a{% elif n %}b{% else %}c{% endif %}{% if x is not defined %}{% set q = 1 %}{% endif %}{{ q }}", "{% if true %}{{ 1 }}{% endif", "{% if %}{% endif %}", "{% if true %}", "{% endif %}", "{% nosuch %}",
    "{% set v %}a{{ n }}{% endset %}{{ v }}{% set u | upper | trim %} b {% endset %}[{{ u }}]", "{% filter upper %}a{{ s }}{% endfilter %}{% filter replace('a', 'b') | upper %}aa{% endfilter %}",
    "{% with a=1, b=n %}{{ a }}{{ b }}{% endwith %}{{ a }}", "{% with %}{% set n = 1 %}{{ n }}{% endwith %}{{ n }}", "{% set a = 5 %}{% with a=1, b=a %}{{ b }}{% endwith %}",
    "{% macro f(a, b=2, c='x') %}[{{ a }}{{ b }}{{ c }}{{ varargs }}{{ kwargs }}]{% endmacro %}{{ f() }}{{ f(1) }}{{ f(1, 2, 3, 4, z=5) }}{{ f(c=1, a=0) }}",
    "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, 2) }}", "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(b=2) }}", "{% macro f(a, a) %}{% endmacro %}", "{% macro f(a=1, b) %}{% endmacro %}", "{% macro f(a, b=a) %}{{ b }}{% endmacro %}{{ f(3) }}{{ f }}{{ f.name }}",
    "{% macro f() %}<{{ caller() }}>{% endmacro %}{% call f() %}in{{ n }}{% endcall %}", "{% macro f() %}{{ caller(1, b=2) }}{% endmacro %}{% call(a, b) f() %}{{ a }}{{ b }}{% endcall %}", "{% macro f() %}{{ caller is defined }}{% endmacro %}{{ f() }}", "{% macro f() %}{{ caller() }}{% endmacro %}{{ f() }}",
    "{% macro fact(n) %}{{ n if n < 2 else n * (fact(n - 1) | int) }}{% endmacro %}{{ fact(6) }}", "{% macro f() %}{{ q }}{% endmacro %}{% set q = 1 %}{{ f() }}{% set q = 2 %}{{ f() }}", "{% macro f() %}{% set n = 1 %}{{ n }}{% endmacro %}{{ f() }}{{ n }}",
    "{% generation %}a{{ n }}{% endgeneration %}b", "{% raw %}{{ x }} {% if %}{% endraw %}", "  {% raw %}  x  {% endraw %}\n y", "{%- raw -%}  x  {%- endraw -%}  y", "{% raw %}", "{# comment #}a{#- b -#} c {#+ d #}\n e", "{# open",
    "  {% if true %}\n  a\n  {% endif %}\nb\n", "  {%- if true -%}\n  a\n  {%- endif -%}\nb\n", "  {%+ if true +%}\n  a\n  {%+ endif +%}\nb", "x  {% if true %}y{% endif %}  \n z", "{{ 1 }}\n{{- 2 -}}\n {{ 3 }}  {{- 4 }}", "a\r\nb\rc\n", "a\n\n", "\n", "", "{{ 'a\r\nb' }}", "\u00a0{%- if true %}\u2003{% endif -%}\u3000x",
    "{% autoescape false %}{{ html }}{% set n = 1 %}{% endautoescape %}{{ n }}", "{% print n, s %}", "{% set loop = 1 %}{{ loop }}", "{% for loop in l %}{% endfor %}", "{% set true = 1 %}", "{% set 1 = 2 %}", "{{ {'a': {'b': 1}} }}", "{{ {'a':{}}}}", "{{ [1,2][0] }}{{ ((1)) }}", "{{ }}", "{{ 1 }", "{{ 1", "{% for i in l %}", "{% else %}",
    "{% set g = m | selectattr('role', 'equalto', 'user') %}{% for i in g %}{{ i.n }}{% endfor %}{% for i in g %}{{ i.n }}{% endfor %}|{{ g | list }}", "{% set g = l | map('string') %}{% for i in g %}{{ loop.length }}{{ loop.last }}{{ i }}{% endfor %}", "{% set r = l | reverse %}{{ r | list }}{{ r | list }}",
    "{% set c = cycler(1, 2) %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.reset() }}{{ c.current }}", "{% set j = joiner('|') %}{% for i in l %}{{ j() }}{{ i }}{% endfor %}", "{% for i in l %}{% if loop.index is nofilter %}{% endif %}{% endfor %}", "{% if false %}{{ s | nofilter }}{% endif %}ok", "{% if false %}{% for i in l %}{{ s | nofilter }}{% endfor %}{% endif %}ok", "{{ (s | nofilter) if false else 1 }}",
    "{% set messages = l %}{% for i in messages %}{{ i }}{% set messages = 1 %}{% endfor %}{{ messages }}", "{% set ns = namespace(found=false) %}{% for i in l if not ns.found %}{{ i }}{% if i == 1 %}{% set ns.found = true %}{% endif %}{% endfor %}", "{{ m == m }}{{ m[0] == m[1] }}{{ [m[0]] == m[:1] }}", "{% for i in l %}{% set outer = loop %}{% for j in w %}{{ outer.index }}{{ loop.index }}{% endfor %}{% endfor %}",
    "{{ namespace(a=l).a[0] }}{% set n2 = namespace(b=namespace(c=1)) %}{{ n2.b.c }}", "{{ d.items() | map('first') | list }}", "{%- set x -%} a {%- endset -%}[{{ x }}]", "{{ '%s' % x }}{{ '%s' % none }}", "{{ f.is_nothing }}{{ l.nope }}{{ (1).nope }}", "{% call f() %}{% endcall %}", "{% macro f(caller) %}{{ caller() }}{% endmacro %}",
]


def _random_expression(rng, depth):
    names = ["s", "e", "n", "z", "f", "neg", "t", "no", "nil", "l", "w", "empty", "d", "m", "x", "html", "multi"]
    literals = ["1", "0", "-2", "2.5", "'ab'", "''", "none", "true", "[1, 2]", "{'a': 1}", "('a', 2)", "[]"]
    if depth == 0:
        return rng.choice(names + literals)
    sub = lambda: _random_expression(rng, depth - 1)  # noqa: E731
    binary = ["+", "-", "*", "/", "//", "%", "~", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or"]
    filters = ["upper", "lower", "length", "list", "first", "last", "sort", "string", "int", "float", "abs", "join", "join('-')", "default('d')", "default('d', true)",
               "tojson", "trim", "reverse | list", "unique | list", "sum", "min", "max", "round", "title", "capitalize", "items | list", "indent", "replace('a', 'b')",
               "map('string') | list", "select | list", "batch(2) | list", "dictsort", "wordcount", "truncate(5)", "escape"]
    tests = ["defined", "none", "string", "number", "mapping", "iterable", "sequence", "integer", "float", "boolean", "true", "odd", "lower", "eq 1", "in [1, 'ab']", "callable", "sameas none"]
    methods = ["upper()", "strip()", "split()", "split('b')", "items()", "get('a')", "keys()", "index(1)", "count('a')", "startswith('a')", "replace('a', 'c')", "splitlines()", "nope", "a", "role"]
    form = rng.randrange(8)
    if form == 0:
        return f"({sub()} {rng.choice(binary)} {sub()})"
    if form in (1, 2):
        return f"({sub()} | {rng.choice(filters)})"
    if form == 3:
        return f"({sub()} is {rng.choice(['', 'not '])}{rng.choice(tests)})"
    if form == 4:
        return f"({sub()}).{rng.choice(methods)}"
    if form == 5:
        # Jinja computes what has no variables beforehand, where a slice that fails is undefined: nobody slices constants.
        subject = sub()
        if not re.search(r"\b(" + "|".join(names) + r")\b(?!')", subject):
            subject = rng.choice(names)
        return f"({subject})[{rng.choice(['0', '-1', '1:', '::-1', ':2', repr('a'), repr('role'), '5', '::2'])}]"
    if form == 6:
        return f"({sub()} if {sub()} else {sub()})"
    return f"[{sub()}, {sub()}]"


def sources():
    rng = random.Random(20250203)
    found = []
    for line in EXPRESSIONS.splitlines():
        # A bar stands between cases where what follows is not a filter of what precedes: both readings are tried.
        parts = line.split(" | ")
        found += ["{{ " + part + " }}" for part in parts]
        found += ["{{ " + " | ".join(parts[i:i + 2]) + " }}" for i in range(len(parts) - 1)]
        found.append("{{ " + line + " }}")
    found += TEMPLATES
    found += ["{{ " + _random_expression(rng, rng.randint(1, 3)) + " }}" for _ in range(650)]
    return list(dict.fromkeys(found))
