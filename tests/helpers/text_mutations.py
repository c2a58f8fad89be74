"""Damage texts at random: their words and lines, fields of tables, tags of XML, values of JSON."""

from __future__ import annotations

import json
import re

NUMBERS = (
    *["0", "-0", "-1", "1.0", "0.5", "1e3", "1e308", "1e999999", "-1e999999", "1e-400", "NaN", "Infinity", "-inf", "nan"],
    *("9" * 25, "9" * 5_000, "4294967296", "9223372036854775808", "0x1F", "1_000", "1,5", "٣", "²", "+7", "1e", "--1", "007"),
)  # fmt: skip
"""What may stand in the place of a number."""
TEXTS = (
    "", " ", "\t", "\0", "\x1f", "\x7f", "\u0085", "\u00a0", "\u2028", "\u200b", "\u202e", "\ufeff", "\ufffd", "\ufffe",
    "e\u0301", "\u0301", "हिन्दी", "東京。", "العربية", "👩‍👩‍👧", "🇨🇭", "ﬁ", "İ", "ß", "𝔘𝔫", "\U0010ffff", "a" * 3_000, "Z̸" * 40,
    '"', "'", "\\", "\\u0000", "\\ud83d", "\\", "<b>", "&amp;", "&#0;", "&#xD800;", "{}", "[]", "{s}", "null", "../../x", "-",
    "é", "[CLS]", "[PAD]", "%s%n", "=1+1", "\r", "\n", "\r\n", ";", "|", ",", "_", "|||", "# x", "__label__",
)  # fmt: skip
"""What may stand in the place of a word."""
VALUES = (
    None, True, False, 0, -1, 1, 3, 2**31, 2**63, -(2**70), 10**30, 0.5, 1e308, float("inf"), float("nan"), "", "a", "1", "-1",
    "text", "null", "\0", "\ud83d", "a" * 2_000, [], {}, [None], [[]], [{}], [0], ["a"], ["a", "b"], {"a": 1}, {"text": "a"},
    {"text": ["a"], "answer_start": [0]}, [[["a"]]], {"": {}}, "१", "e\u0301", 1.0, 2.0, "1.0", "true", [1, "a", None],
)  # fmt: skip
"""What may stand in the place of a value of JSON."""


def mutate_text(rng, text):
    kinds = [_mutate_lines, _mutate_words, _mutate_words]
    stripped = text.lstrip()
    if stripped[:1] in ("{", "["):
        kinds += [mutate_json] * 6
    elif stripped[:1] == "<":
        kinds += [_mutate_xml] * 4
    else:
        kinds += [_mutate_table] * 4
    return rng.choice(kinds)(rng, text)


def _mutate_words(rng, text):
    numbers = list(re.finditer(r"-?\d+(\.\d+)?", text))
    words = list(re.finditer(r"[^\W\d]+", text))
    if numbers and rng.random() < 0.5:
        match, new = rng.choice(numbers), rng.choice(NUMBERS)
    elif words:
        match, new = rng.choice(words), rng.choice(TEXTS)
    else:
        return text + rng.choice(TEXTS)
    if rng.random() < 0.1:
        return text.replace(match.group(), new)
    return text[: match.start()] + new + text[match.end() :]


def _mutate_lines(rng, text):
    lines = text.split("\n")
    number, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    kind = rng.randrange(9)
    if kind == 0:
        lines[number], lines[other] = lines[other], lines[number]
    elif kind == 1:
        del lines[number]
    elif kind == 2:
        lines[number:number] = [lines[other]] * rng.choice((1, 1, 3, 200))
    elif kind == 3:
        rng.shuffle(lines)
    elif kind == 4:
        lines.insert(number, rng.choice(TEXTS))
    elif kind == 5:
        lines[number] = lines[number] + rng.choice(("", " ", ",")) + lines[other]
    elif kind == 6:
        lines = [line for line in lines for _ in range(2)]
    elif kind == 7:
        return rng.choice(("\r\n", "\r", "\u2028", "\n\n", "\v")).join(lines)
    else:
        lines = lines[:number]
    return "\n".join(lines)


def _mutate_table(rng, text):
    lines = text.split("\n")
    separator = max("\t,;| ", key=text.count)
    number = rng.randrange(len(lines))
    chosen = range(len(lines)) if rng.random() < 0.3 else [number]
    kind, place, other, new = rng.randrange(10), rng.randrange(8), rng.randrange(8), rng.choice((*TEXTS, *NUMBERS))
    for row in chosen:
        fields = lines[row].split(separator)
        here, there = place % len(fields), other % len(fields)
        if kind == 0:
            del fields[here]
        elif kind == 1:
            fields.insert(here, fields[there])
        elif kind == 2:
            fields[here], fields[there] = fields[there], fields[here]
        elif kind == 3:
            fields[here] = ""
        elif kind == 4:
            fields[here] = new
        elif kind == 5:
            fields[here] = '"' + fields[here] + rng.choice(('"', "", '""', '"x', '\n"', '"\n'))
        elif kind == 6:
            fields = [separator.join(fields).replace(separator, rng.choice("\t,;| :"))]
        elif kind == 7:
            fields[here] = rng.choice(lines).split(separator)[0]
        elif kind == 8:
            fields = fields * rng.choice((2, 50))
        else:
            fields[here] = fields[here] + "." + "0" * rng.randrange(3)
        lines[row] = separator.join(fields)
    return "\n".join(lines)


def _mutate_xml(rng, text):
    tags = list(re.finditer(r"<[^>]*>", text))
    attributes = list(re.finditer(r'\s[\w:]+="[^"]*"', text))
    kind = rng.randrange(7)
    if kind == 0:
        declaration = rng.choice(
            (
                '<!DOCTYPE x [<!ENTITY a "b"><!ENTITY b "&a;&a;">]>',
                '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
                '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">',
                '<?xml version="1.1"?>',
                '<?xml version="1.0" encoding="UTF-7"?>',
            )
        )
        return declaration + text.replace(">", ">&a;", rng.choice((0, 3)))
    if kind == 1:
        return text.replace(
            '"', '"' + rng.choice(("&#0;", "&#x1F;", "&#xD800;", "&b;", "&", "<", "&#x110000;")), rng.choice((1, 9))
        )
    if kind == 2:
        return text.replace(">", ">" + "<a>" * rng.choice((1, 300, 20_000)), 1)
    pool = attributes if attributes and kind in (3, 4) else tags
    if not pool:
        return _mutate_words(rng, text)
    match = rng.choice(pool)
    if kind in (3, 5):
        return text[: match.start()] + text[match.end() :]
    new = rng.choice((*TEXTS, *NUMBERS))
    changed = re.sub(r'"[^"]*"', lambda _: f'"{new}"', match.group(), count=1) if kind == 4 else match.group() * 2
    return text[: match.start()] + changed + text[match.end() :]


# --- JSON


def mutate_json(rng, text):
    try:
        return _json_text(rng, changed_value(rng, json.loads(text)))
    except (ValueError, RecursionError):
        pass
    lines = text.split("\n")  # JSON lines
    number = rng.randrange(len(lines))
    try:
        lines[number] = _json_text(rng, changed_value(rng, json.loads(lines[number])), indent=None)
    except (ValueError, RecursionError):
        return _mutate_words(rng, text)
    return "\n".join(lines)


def _json_text(rng, value, indent=2):
    text = json.dumps(value, ensure_ascii=rng.random() < 0.5, indent=rng.choice((None, indent)))
    chance = rng.random()
    if chance < 0.05:
        depth = rng.choice((3, 900, 100_000))
        value = rng.choice(("[" * depth, "[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth))
        return re.sub(r'"[^"]*"|\d+', lambda _: value, text, count=rng.choice((1, 2)))
    if chance < 0.1 and isinstance(value, str | dict | list):
        return re.sub(r"\d+", lambda _: rng.choice(NUMBERS), text, count=rng.choice((1, 3)))
    if chance < 0.13:
        return re.sub(
            r'("[^"]*"): ', lambda match: f"{match.group()}0, {match.group()}", text, count=rng.choice((1, 5))
        )
    return text


def changed_value(rng, root):
    """The value with one of its parts changed."""
    places = list(_places(root))
    if not places:
        return rng.choice(VALUES)
    parent, key = rng.choice(places)
    value, kind = parent[key], rng.randrange(10)
    if kind <= 3:
        parent[key] = rng.choice(VALUES)
    elif kind == 4:
        del parent[key]
    elif kind == 5:
        other_parent, other_key = rng.choice(places)
        parent[key] = json.loads(json.dumps(other_parent[other_key]))
    elif kind == 6:
        parent[key] = [value] if rng.random() < 0.5 else {rng.choice(("text", "a", "")): value}
    elif kind == 7:
        parent[key] = (
            str(value) if not isinstance(value, str) else rng.choice((len(value), value * 2, value[:-1], value + " "))
        )
    elif kind == 8 and isinstance(parent, dict):
        parent[rng.choice(TEXTS)] = parent.pop(key)
    elif kind == 8 or isinstance(value, list):
        target = value if isinstance(value, list) else parent
        target *= rng.choice((0, 2, 3))
    elif isinstance(value, int | float):
        parent[key] = rng.choice((value + 1, value - 1, -value, value * 1_000, float(value), value + 0.5))
    return root


def _places(value):
    """Yield `(parent, key)` of all parts of a value of JSON."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in pairs:
        yield value, key
        yield from _places(part)
