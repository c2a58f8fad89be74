"""Damage files at random, but alike for the same seed: bytes, arrays, archives, and texts (`text_mutations.py`)."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import re
import struct
import zipfile

from tests.helpers.text_mutations import VALUES, changed_value, mutate_json, mutate_text

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
        return mutate_text(rng, text).encode("utf-8", "surrogatepass")
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
    header = mutate_json(rng, header.decode()).encode("utf-8", "surrogatepass")
    return len(header).to_bytes(8, "little") + header + data


def _mutate_parquet(rng, content):
    """Change a value of the table and write it again, so that columns change their types."""
    import pyarrow
    from pyarrow import parquet

    rows = parquet.read_table(io.BytesIO(content)).to_pylist()
    if rng.random() < 0.5:
        rows = changed_value(rng, rows)
    else:
        key, value = rng.choice(list(rows[0])), rng.choice(VALUES)
        rows = [{**row, key: value} for row in rows]
    buffer = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(rows), buffer)
    return buffer.getvalue()
