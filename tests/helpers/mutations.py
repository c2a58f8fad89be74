"""Damage files at random, but alike for the same seed: bytes, lines, fields of tables, values of JSON, arrays, archives."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import random
import re
import struct
import zipfile

NUMBERS = (
    *(
        "0",
        "-0",
        "-1",
        "1.0",
        "0.5",
        "1e3",
        "1e308",
        "1e999999",
        "-1e999999",
        "1e-400",
        "NaN",
        "Infinity",
        "-inf",
        "nan",
    ),
    *(
        "9" * 25,
        "9" * 5_000,
        "4294967296",
        "9223372036854775808",
        "0x1F",
        "1_000",
        "1,5",
        "٣",
        "²",
        "+7",
        "1e",
        "--1",
        "007",
    ),
)
"""What may stand in the place of a number."""
TEXTS = (
    *(
        "",
        " ",
        "\t",
        "\0",
        "\x1f",
        "\x7f",
        "\u0085",
        "\u00a0",
        "\u2028",
        "\u200b",
        "\u202e",
        "\ufeff",
        "\ufffd",
        "\ufffe",
    ),
    *(
        "e\u0301",
        "\u0301",
        "हिन्दी",
        "東京。",
        "العربية",
        "👩‍👩‍👧",
        "🇨🇭",
        "ﬁ",
        "İ",
        "ß",
        "𝔘𝔫",
        "\U0010ffff",
        "a" * 3_000,
        "Z̸" * 40,
    ),
    *(
        '"',
        "'",
        "\\",
        "\\u0000",
        "\\ud83d",
        "\\",
        "<b>",
        "&amp;",
        "&#0;",
        "&#xD800;",
        "{}",
        "[]",
        "{s}",
        "null",
        "../../x",
        "-",
    ),
    *("é", "[CLS]", "[PAD]", "%s%n", "=1+1", "\r", "\n", "\r\n", ";", "|", ",", "_", "|||", "# x", "__label__"),
)
"""What may stand in the place of a word."""
VALUES = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1,
        3,
        2**31,
        2**63,
        -(2**70),
        10**30,
        0.5,
        1e308,
        float("inf"),
        float("nan"),
        "",
        "a",
        "1",
        "-1",
    ),
    *(
        "text",
        "null",
        "\0",
        "\ud83d",
        "a" * 2_000,
        [],
        {},
        [None],
        [[]],
        [{}],
        [0],
        ["a"],
        ["a", "b"],
        {"a": 1},
        {"text": "a"},
    ),
    *(
        {"text": ["a"], "answer_start": [0]},
        [[["a"]]],
        {"": {}},
        "१",
        "e\u0301",
        1.0,
        2.0,
        "1.0",
        "true",
        [1, "a", None],
    ),
)
"""What may stand in the place of a value of JSON."""
BYTES = (
    b"\0",
    b"\xff",
    b"\xfe\xff",
    b"\xef\xbb\xbf",
    b"\r",
    b"\n",
    b"\r\n",
    b"\x80",
    b"\xc0\xaf",
    b"\xed\xa0\x80",
    b"\x1a",
    b'"',
)


def mutate(rng: random.Random, content: bytes, others: tuple[bytes, ...] = ()) -> bytes:
    """Damage the content of a file in one to three ways.

    Args:
        rng: decides how.
        content: of a valid file of any format.
        others: contents of other files, parts of which may be put into this one.
    """
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        content = _mutate_once(rng, content, others)
    if rng.random() < 0.03:
        content = rng.choice((gzip_compress, bz2.compress, lzma.compress))(content)
    return content


def gzip_compress(content: bytes) -> bytes:
    """Compressed bytes, the same at any time."""
    return gzip.compress(content, mtime=0)


def _mutate_once(rng, content, others):
    chance = rng.random()
    if others and chance < 0.03:
        return _splice(rng, content, rng.choice(others))
    if chance > 0.15:
        for magic, change in (
            (b"PK\x03\x04", _mutate_zip),
            (b"\x93NUMPY", _mutate_array),
            (b"\x1f\x8b", lambda rng, content: gzip_compress(_mutate_once(rng, gzip.decompress(content), others))),
            (b"PAR1", _mutate_parquet),
        ):
            if content.startswith(magic):
                return _or_bytes(rng, content, change)
        if _is_safetensors(content):
            return _or_bytes(rng, content, _mutate_safetensors)
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            return _mutate_bytes(rng, content)
        return _mutate_text(rng, text).encode("utf-8", "surrogatepass")
    return _mutate_bytes(rng, content) if chance > 0.02 else _encode_anew(rng, content)


def _or_bytes(rng, content, change):
    """Change a file by its structure; one that is too damaged for that, by its bytes."""
    try:
        return change(rng, content)
    except Exception:
        return _mutate_bytes(rng, content)


# --- bytes


def _slice(rng, length, longest=64):
    begin = rng.randrange(length + 1)
    return slice(begin, min(length, begin + rng.randrange(1, longest)))


def _mutate_bytes(rng, content):
    data, part = bytearray(content), _slice(rng, len(content))
    kind = rng.randrange(8)
    if kind == 0:
        return content[: rng.randrange(len(content) + 1)]
    if kind == 1 and data:
        for _ in range(rng.choice((1, 1, 3, 20))):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif kind == 2:
        del data[part]
    elif kind == 3:
        data[part] = data[part] * rng.choice((2, 3, 100))
    elif kind == 4:
        data[part.start : part.start] = rng.choice(BYTES) * rng.choice((1, 1, 2, 50))
    elif kind == 5:
        data[part] = rng.randbytes(part.stop - part.start)
    elif kind == 6 and len(data) >= 4:
        place = rng.randrange(len(data) - 3)
        data[place : place + 4] = rng.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80"))
    else:
        other = _slice(rng, len(content))
        data[part] = content[other]
    return bytes(data)


def _splice(rng, content, other):
    part = _slice(rng, len(other), 1_000)
    place = rng.randrange(len(content) + 1)
    return content[:place] + other[part] + content[place:]


def _encode_anew(rng, content):
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return content[::-1]
    encoding = rng.choice(("utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "utf-8-sig", "cp1251", "gb18030"))
    text = text.replace("\n", rng.choice(("\n", "\r\n", "\r")))
    return text.encode(encoding, "replace")


# --- text


def _mutate_text(rng, text):
    kinds = [_mutate_lines, _mutate_words, _mutate_words]
    stripped = text.lstrip()
    if stripped[:1] in ("{", "["):
        kinds += [_mutate_json] * 6
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


def _mutate_json(rng, text):
    try:
        return _json_text(rng, _changed_value(rng, json.loads(text)))
    except (ValueError, RecursionError):
        pass
    lines = text.split("\n")  # JSON lines
    number = rng.randrange(len(lines))
    try:
        lines[number] = _json_text(rng, _changed_value(rng, json.loads(lines[number])), indent=None)
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


def _changed_value(rng, root):
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


# --- arrays and archives


def _mutate_array(rng, content):
    """Change a NumPy array: mostly its header."""
    length = struct.unpack("<H", content[8:10])[0]
    header, data = content[10 : 10 + length].decode("latin-1"), content[10 + length :]
    if rng.random() < 0.2:
        return content[: 10 + length] + _mutate_bytes(rng, data)
    new = rng.choice(
        ("(3,)", "(2, 2)", "()", "(0,)", "(-1,)", "(1000000000000,)", "(99999999999999999999,)", "(3", "[3]", "(True,)")
    )
    if rng.random() < 0.5:
        new_type = rng.choice(
            ("<f4", ">f8", "<f2", "|O", "<U5", "<U0", "|S3", "<i8", "|b1", "<M8[ns]", "|V4", "<c8", "xx", "")
        )
        header = re.sub(r"'descr': '[^']*'", lambda _: f"'descr': '{new_type}'", header)
    else:
        header = re.sub(r"\([^)]*\)", lambda _: new, header)
    encoded = header.encode("latin-1")
    return content[:8] + struct.pack("<H", len(encoded)) + encoded + data


def _mutate_zip(rng, content):
    """Change one file of an archive, or its name, and write the archive again."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = [(name, archive.read(name)) for name in archive.namelist()]
    place = rng.randrange(len(files))
    name, inner = files[place]
    kind = rng.randrange(8)
    if kind == 0:
        del files[place]
    elif kind == 1:
        files[place] = (rng.choice(("../../evil", "/tmp/evil", "a.npy", "x", name + "x", name.upper(), "é.npy")), inner)
    elif kind == 2:
        files.append((rng.choice(("more.npy", "../evil", "assets/a", "x/")), rng.choice(files)[1]))
    elif kind == 3:
        files[place] = (name, rng.choice(files)[1])
    else:
        files[place] = (name, _mutate_once(rng, inner, ()))
    buffer = io.BytesIO()
    compression = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, inner in files:
            archive.writestr(zipfile.ZipInfo(name), inner, compression)
    return buffer.getvalue()


def _is_safetensors(content):
    return len(content) > 9 and content[8:9] == b"{" and int.from_bytes(content[:8], "little") < len(content)


def _mutate_safetensors(rng, content):
    length = int.from_bytes(content[:8], "little")
    header, data = content[8 : 8 + length], content[8 + length :]
    kind = rng.randrange(5)
    if kind == 0:
        length = rng.choice((0, 1, length - 1, length + 1, 2**31, 2**63, 2**64 - 1))
        return length.to_bytes(8, "little") + header + data
    if kind == 1:
        return content[: 8 + length] + _mutate_bytes(rng, data)
    header = _mutate_json(rng, header.decode()).encode("utf-8", "surrogatepass")
    return len(header).to_bytes(8, "little") + header + data


def _mutate_parquet(rng, content):
    """Change a value of the table and write it again, so that columns change their types."""
    import pyarrow
    from pyarrow import parquet

    rows = parquet.read_table(io.BytesIO(content)).to_pylist()
    if rng.random() < 0.5:
        rows = _changed_value(rng, rows)
    else:
        key, value = rng.choice(list(rows[0])), rng.choice(VALUES)
        rows = [{**row, key: value} for row in rows]
    buffer = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(rows), buffer)
    return buffer.getvalue()
