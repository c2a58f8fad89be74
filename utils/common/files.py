"""Read text files (UTF-8 or UTF-16, compressed or not), recognise files by their content, and write files whole or not at all."""

from __future__ import annotations

import bz2
import codecs
import contextlib
import csv
import gzip
import io
import json
import lzma
import math
import os
import re
import secrets
import zlib
from collections.abc import Iterator
from pathlib import Path

from utils.common.errors import UserError

MAX_LINE_BYTES = 32 * 2**20
"""Bytes of one line of a text file; a longer one is taken for damage."""
MAX_DOCUMENT_BYTES = 2 * 2**30
"""Bytes of a file that is read as a whole, such as a JSON document, after decompression."""
MAX_COMPRESSION = 50
"""A compressed file that grows more than this many times, and above `MIN_BOMB_BYTES`, is taken for a bomb. Text grows 3 to 30
times."""
MIN_BOMB_BYTES = 32 * 2**20
TYPICAL_COMPRESSION = 4
"""How many times its compressed size a text usually has."""
DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError)
"""What Python raises for files that cannot be read or decompressed."""

_COMPRESSED = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
_NO_DATA_FILES = {
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive; unpack it and name the file in it",
    b"Rar!": "a RAR archive; unpack it and name the file in it",
    b"\x28\xb5\x2f\xfd": "compressed with Zstandard; decompress it",
    b"SQLite format 3\0": "an SQLite database; save its table as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel or Word file; save it as CSV in UTF-8",
    b"version https://git-lfs": "a Git LFS pointer, not the file itself; run `git lfs pull`",
}
"""Files that are often named by mistake: their first bytes, what they are, and what to do about it."""
_BRACKETED_WORD = re.compile(r"\[(?!(?:true|false|null|NaN|Infinity)\b)[^\W\d_]")
"""Matches texts that begin with a name in brackets, such as MetaQA's questions. A JSON list does not match."""
_BLOCK_BYTES = 2**18
_SNIFFED_BYTES = 2**20
"""Bytes at the beginning of a file by which its content is recognised."""


def file_kind(path: str | Path) -> str:
    """The file's extension in lower case without that of a compression: `.json` for `data.JSON.gz`."""
    path = Path(path)
    is_compressed = path.suffix.lower() in (".gz", ".bz2", ".xz")
    return Path(path.stem).suffix.lower() if is_compressed else path.suffix.lower()


def content_kind(path: str | Path) -> str:
    """What is in a file, recognised by its first bytes after decompression and not by its name.

    Returns:
        `folder`, `parquet`, `zip` (also `.npz` and `.keras`), `npy`, `xml`, `json` (one document), `jsonl` (a JSON value per line)
        or `text`; an empty file is `text`.

    Raises:
        UserError: the file cannot be read, or is of a kind that no reader takes: an archive that has to be unpacked first, a
            database, a Git LFS pointer, or UTF-16 without a byte order mark.
    """
    if Path(path).is_dir():
        return "folder"
    with errors_of(path), open_binary(path) as file:
        head = file.read(_SNIFFED_BYTES)
        if head.lstrip()[:1] in (b"{", b"[") and b"\n" not in head:  # a long first line: is it the only one?
            line, rest = file.readline(MAX_LINE_BYTES), file.read(_SNIFFED_BYTES)
            head += line + rest if rest.strip() else b""
    for magic, kind in ((b"PAR1", "parquet"), (b"PK\x03\x04", "zip"), (b"PK\x05\x06", "zip"), (b"\x93NUMPY", "npy")):
        if head.startswith(magic):
            return kind
    for magic, advice in _NO_DATA_FILES.items():
        if head.startswith(magic):
            raise UserError(f"{path}: is {advice}")
    if head[257:262] == b"ustar":
        raise UserError(f"{path}: is a tar archive; unpack it and name the file in it")
    if _is_unmarked_utf_16(head[:200]):
        raise UserError(f"{path}: is UTF-16 without a byte order mark; save it as UTF-8")
    text = head.decode(text_encoding(head), "replace").lstrip("\ufeff \t\r\n")
    if text[:1] in ("{", "[") and not _BRACKETED_WORD.match(text):
        return "jsonl" if _is_json_per_line(text) else "json"
    return "xml" if re.match(r"<(\?xml|!|[A-Za-z_][\w.:-]*(\s|/?>))", text) else "text"


def _is_json_per_line(text: str) -> bool:
    """Whether at least half of the first lines, 2 or more, are JSON objects or lists; some may be damaged."""
    # Not all ends of lines that Python knows: JSON may hold the others within a text.
    lines = [line for line in re.split(r"\r\n|\r|\n", text) if line.strip()][:10]
    if len(lines) < 2:
        return False
    num_values = 0
    for line in lines:
        try:
            num_values += isinstance(json.loads(line), (dict, list))
        except (ValueError, RecursionError):
            continue
    return num_values >= len(lines) / 2


def open_binary(path: str | Path):
    """Open a file for reading bytes, decompressed if its content (not its name) is gzip, bzip2 or xz.

    Raises:
        UserError: it is a folder, or not an ordinary file but a device or a pipe.
        OSError: it cannot be opened.
    """
    if not os.path.isfile(path) and os.path.exists(path):
        if os.path.isdir(path):
            raise UserError(f"{path}: is a folder; name a file")
        raise UserError(
            f"{path}: is not an ordinary file but a pipe or a device; save its content to a file, and name that"
        )
    file = open(path, "rb")  # noqa: SIM115 (the caller closes it)
    try:
        magic = file.read(6)
        file.seek(0)
        for start, decompress in _COMPRESSED.items():
            if magic.startswith(start):
                file.close()
                return io.BufferedReader(_Decompressed(path, decompress), _BLOCK_BYTES)
    except BaseException:
        file.close()
        raise
    return file


def text_bytes(path: str | Path) -> int:
    """About how many bytes of text a file holds: its size, or `TYPICAL_COMPRESSION` times its size if it is compressed.

    Of a folder, or a path that is not there, it is 0: who reads it says so.

    Raises:
        UserError: the file cannot be read.
    """
    if not os.path.isfile(path):
        return 0
    with errors_of(path), open(path, "rb") as file:
        is_compressed = file.read(6).startswith(tuple(_COMPRESSED))
        return os.path.getsize(path) * (TYPICAL_COMPRESSION if is_compressed else 1)


class _Decompressed(io.RawIOBase):
    """The content of a compressed file; an error if it grows beyond `MAX_COMPRESSION`, as a decompression bomb does."""

    def __init__(self, path: str | Path, decompress):
        self.path = path
        self.file = decompress(path)
        self.limit = max(MIN_BOMB_BYTES, MAX_COMPRESSION * os.path.getsize(path))

    def readable(self):
        return True

    def seekable(self):
        return True

    def readinto(self, buffer):
        data = self.file.read(len(buffer))
        if self.file.tell() > self.limit:
            raise UserError(
                f"{self.path}: is a compressed file that grows more than {MAX_COMPRESSION} times, to over "
                f"{self.limit // 2**20:,} MiB; if it is no bomb, decompress it first"
            )
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset, whence=io.SEEK_SET):
        return self.file.seek(offset, whence)

    def close(self):
        self.file.close()
        super().close()


def read_document(path: str | Path) -> str:
    """The text of a file that is read as a whole: UTF-8, or UTF-16 with a byte order mark; decompressed if it is compressed.

    Raises:
        UserError: the file cannot be read, is larger than `MAX_DOCUMENT_BYTES`, grows beyond `MAX_COMPRESSION` when it is
            decompressed, or is not text.
    """
    content = bytearray()
    with errors_of(path), open_binary(path) as file:
        while block := file.read(_BLOCK_BYTES):  # a single call would reserve memory for all that may be read
            content += block
            if len(content) > MAX_DOCUMENT_BYTES:
                limit = MAX_DOCUMENT_BYTES // 2**20
                raise UserError(f"{path}: holds more than {limit:,} MiB of text; split it into smaller files")
    try:
        return content.decode(text_encoding(content))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path}, line {line:,}: is not UTF-8 text ({error.reason}); save the file as UTF-8") from None


def read_json(path: str | Path, object_pairs_hook=None):
    """Parse a JSON file, decompressed if it is compressed.

    Args:
        path: the file.
        object_pairs_hook: makes the value of an object from its pairs, as for `json.loads`; left out, it is a dict.

    Raises:
        UserError: the file cannot be read, is not text, or is not JSON (the message names line and column).
    """
    text = read_document(path)
    if not text.strip():
        raise UserError(f"{path}: the file is empty; copy or download it again")
    try:
        return json.loads(text, object_pairs_hook=object_pairs_hook)
    except json.JSONDecodeError as error:
        raise UserError(
            f"{path}: broken JSON at line {error.lineno:,}, column {error.colno:,} ({error.msg}); "
            "repair the file or download it again"
        ) from None
    except (RecursionError, ValueError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:80]
        raise UserError(f"{path}: cannot be parsed as JSON ({reason}); repair the file") from None


def read_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Yield `(line number from 1, line without its end)` of a text file, which is never held in memory as a whole.

    The text is UTF-8, or UTF-16 with a byte order mark. Lines end in LF, CR LF, or (files of old Macs) in CR.

    Raises:
        UserError: the file cannot be read, or a line is not text or is longer than `MAX_LINE_BYTES`.
    """
    with errors_of(path), open_binary(path) as binary:
        head = binary.read(4096)
        binary.seek(0)
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or (b"\r" in head and b"\n" not in head):
            yield from _read_unusual_lines(path, binary, text_encoding(head))
            return
        number, rest = 0, b""  # lines so far, and the beginning of the next one
        while block := binary.read(_BLOCK_BYTES):
            complete, line_end, end = block.rpartition(b"\n")
            if line_end:
                for line in _decode_lines(path, number, rest + complete):
                    number += 1
                    yield number, line
                rest = end
            else:
                rest += block
            if len(rest) > MAX_LINE_BYTES:
                limit = MAX_LINE_BYTES // 2**20
                raise UserError(f"{path}, line {number + 1:,}: is longer than {limit} MiB; is it a text file?")
        if rest:
            yield from ((number + 1, line) for line in _decode_lines(path, number, rest))


def _decode_lines(path: str | Path, number: int, block: bytes) -> Iterator[str]:
    """Yield the lines of a block, which follow line `number`. Decoding many lines at once is faster than one by one."""
    encoding, message = "utf-8" if number else "utf-8-sig", ""
    try:
        text = block.decode(encoding)
    except UnicodeDecodeError as error:
        text = block[: block.rfind(b"\n", 0, error.start) + 1].decode(encoding)
        line = number + text.count("\n") + 1
        message = f"{path}, line {line:,}: is not UTF-8 text ({error.reason}); save the file as UTF-8"
    lines = text.split("\n")
    if message:
        lines.pop()  # what stands before the broken character in its line
    yield from [line.rstrip("\r") for line in lines] if "\r" in text else lines
    if message:
        raise UserError(message)


def _read_unusual_lines(path: str | Path, binary, encoding: str) -> Iterator[tuple[int, str]]:
    """The lines of a file in UTF-16, or whose lines end in CR."""
    try:
        with io.TextIOWrapper(binary, encoding) as text:  # universal line ends
            number = 0
            while line := text.readline(MAX_LINE_BYTES):
                number += 1
                if len(line) == MAX_LINE_BYTES:
                    raise UserError(
                        f"{path}, line {number:,}: is longer than {MAX_LINE_BYTES:,} characters; is it text?"
                    )
                yield number, line.rstrip("\n")
    except UnicodeError as error:
        raise UserError(f"{path}: is not {encoding.upper()} text ({error}); save the file as UTF-8") from None


def text_encoding(head: bytes) -> str:
    is_utf_16 = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return "utf-16" if is_utf_16 else "utf-8-sig"


def _is_unmarked_utf_16(head: bytes) -> bool:
    """Whether every second byte is zero and no other one is, as in English text in UTF-16.

    Such bytes are valid UTF-8 too, with a zero beside each letter, so decoding them would not fail.
    """
    halves = head[::2], head[1::2]
    return len(head) > 3 and any(not any(zeros) and all(others) for zeros, others in (halves, halves[::-1]))


@contextlib.contextmanager
def errors_of(path: str | Path):
    """Turn the errors of opening, reading and decompressing a file into one line for the user."""
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; check the path") from None
    except EOFError:
        raise UserError(f"{path}: the compressed file is cut short; copy or download it again") from None
    except MemoryError:  # the header of an xz file may ask for 4 GiB
        raise UserError(f"{path}: takes more memory than there is; decompress or split it") from None
    except DAMAGED as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path}: cannot be read ({reason}); name a file that exists and is complete") from None


def has_lone_surrogate(text: str) -> bool:
    """Whether a text holds half a character (a lone surrogate), as broken JSON escapes give. Such a text cannot be encoded.

    >>> has_lone_surrogate("\\ud83d"), has_lone_surrogate("\\U0001f600")
    (True, False)
    """
    return not text.isascii() and _SURROGATE.search(text) is not None


_SURROGATE = re.compile("[\ud800-\udfff]")


def write_atomically(path: Path, data: bytes | str) -> None:
    """Write a file so that a crash or a full disk leaves the old one whole."""
    with atomic_file(path) as file:
        file.write(data.encode("utf-8") if isinstance(data, str) else data)


def temporary_name(path: Path) -> Path:
    """A name beside `path` that no other process takes, on this machine or on another that shares the folder."""
    return path.with_name(f"{path.name}.{secrets.randbits(48)}.tmp")


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[io.BufferedRandom]:
    """A binary file that takes its name when all of it is written; until then, and after an error, the old one stays whole."""
    path = Path(path)
    temporary = temporary_name(path)
    try:
        with open(temporary, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value) -> None:
    """Write `value` as readable JSON, atomically.

    JSON has neither NaN nor infinities: they become null. NumPy's numbers and arrays become plain numbers and lists.
    """
    text = json.dumps(finite_or_none(value), indent=2, ensure_ascii=False, allow_nan=False)
    write_atomically(path, text + "\n")


def finite_or_none(value):
    """The value as plain Python numbers, lists and dicts, with None in the place of NaN and infinities."""
    if hasattr(value, "tolist"):  # a NumPy number or array
        value = value.tolist()
    if isinstance(value, dict):
        return {key: finite_or_none(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite_or_none(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_arrays(path: Path, arrays: dict) -> None:
    """Write arrays as compressed `.npz`, atomically. They may be memory maps that are larger than the memory."""
    import numpy as np

    with atomic_file(path) as file:
        np.savez_compressed(file, **arrays)


def write_csv(path: Path, rows: list[dict]) -> None:
    """Write dicts as CSV, atomically; columns in order of first appearance, empty where a row lacks one."""
    buffer = io.StringIO()
    columns = dict.fromkeys(name for row in rows for name in row)
    writer = csv.DictWriter(buffer, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, buffer.getvalue())
