"""Files are read as people have them, and written whole or not at all."""

import bz2
import errno
import gzip
import json
import lzma
import os
import re
import tarfile
from pathlib import Path

import numpy as np
import pytest

from utils.common.errors import UserError, some_of
from utils.common.files import (
    content_kind,
    file_kind,
    open_binary,
    read_json,
    read_lines,
    write_arrays,
    write_atomically,
    write_csv,
    write_json,
)

TEXT = "one\nzwei ü\n\nvier"


def write(path, data):
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def error_of(read, path):
    with pytest.raises(UserError) as caught:
        list(read(path))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.json", ".json"),
        ("A.JSON.GZ", ".json"),
        ("b.tar.gz", ".tar"),
        ("c", ""),
        ("d.gz", ""),
        ("e.csv.bz2", ".csv"),
        ("f.csv.XZ", ".csv"),
    ],
)
def test_the_kind_of_a_file_is_that_before_gz(name, kind):
    assert file_kind(f"some.folder/{name}") == file_kind(Path(name)) == kind


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz", "A.GZ"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["unix", "windows"])
def test_lines_of_plain_and_gzipped_files(tmp_path, name, mark, end):
    data = mark + TEXT.replace("\n", end).encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if name.lower().endswith(".gz") else data)
    assert list(read_lines(path)) == [(1, "one"), (2, "zwei ü"), (3, ""), (4, "vier")]
    with open_binary(path) as file:
        assert file.read() == data


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz"])
@pytest.mark.parametrize("line", [1, 2, 3])
def test_bad_utf8_is_reported_with_its_line(tmp_path, name, line):
    lines = [b"one", b"two", b"three"]
    lines[line - 1] = "später".encode("latin-1")
    message = error_of(read_lines, write(tmp_path / name, b"\n".join(lines)))
    assert (
        message.startswith(f"{tmp_path / name}, line {line}: is not UTF-8 text") and "save the file as UTF-8" in message
    )


def test_lines_before_bad_utf8_are_given(tmp_path):
    lines = read_lines(write(tmp_path / "a.txt", b"one\n\xff\n"))
    assert next(lines) == (1, "one")
    with pytest.raises(UserError, match="line 2"):
        next(lines)


def test_files_that_cannot_be_read(tmp_path):
    assert error_of(read_lines, tmp_path / "none.txt").startswith(f"{tmp_path / 'none.txt'}: no such file")
    assert "is a folder" in error_of(read_lines, tmp_path)
    whole = gzip.compress(TEXT.encode() * 1000)
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    for number, data in enumerate((whole[:-4], whole[:20], bytes(flipped))):
        path = tmp_path / f"{number}.gz"
        path.write_bytes(data)
        assert re.match(rf"{path}: (cannot be read|the compressed file is cut short)", error_of(read_lines, path))


@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("name", ["a", "a.txt", "a.gz"])
def test_compression_is_told_by_content_not_by_name(tmp_path, name, compress):
    path = tmp_path / name
    path.write_bytes(compress(TEXT.encode()))
    assert [line for _, line in read_lines(path)] == TEXT.split("\n")
    path.write_bytes(compress(b'{"a": [1]}'))
    assert read_json(path) == {"a": [1]} and content_kind(path) == "json"


def test_a_name_in_brackets_is_no_json(tmp_path):
    for text, kind in (("[REC]\tyear\t2007\n", "text"), ("[true, 1]", "json"), ("[\n1]", "json"), ("[1\n", "json")):
        assert content_kind(write(tmp_path / "a", text.encode())) == kind


def test_other_archives_and_things_that_are_no_files(tmp_path):
    path = tmp_path / "a.7z"
    path.write_bytes(b"7z\xbc\xaf\x27\x1c rest")
    assert "is a 7-Zip archive; unpack it" in error_of(content_kind, path)
    with tarfile.open(path, "w:gz") as archive:
        archive.add(write(tmp_path / "facts.tsv", b"a\tb\tc\n"), "facts.tsv")
    assert "is a tar archive; unpack it" in error_of(content_kind, path)
    for content, problem in (
        (b"SQLite format 3\0...", "is an SQLite database; save its table as CSV"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid",
            "is a Git LFS pointer, not the file itself; run `git lfs pull`",
        ),
        ("a\tb\tc\n".encode("utf-16-le"), "UTF-16 without a byte order mark; save it as UTF-8"),
    ):
        assert problem in error_of(content_kind, write(path, content))
    os.mkfifo(tmp_path / "pipe")
    assert "is not an ordinary file" in error_of(read_lines, tmp_path / "pipe")


@pytest.mark.parametrize(
    "data",
    [
        "eins\nzwei ü\n".encode("utf-16"),
        "eins\r\nzwei ü".encode("utf-16-be").join([b"\xfe\xff", b""]),
        "eins\rzwei ü".encode(),
    ],
    ids=["UTF-16", "UTF-16 big endian", "CR"],
)
def test_lines_of_other_systems(tmp_path, data):
    assert list(read_lines(write(tmp_path / "a.txt", data))) == [(1, "eins"), (2, "zwei ü")]


def test_broken_utf16_is_one_line(tmp_path):
    assert "is not UTF-16 text" in error_of(read_lines, write(tmp_path / "a", b"\xff\xfea\x00b"))


def test_lines_over_many_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("utils.common.files._BLOCK_BYTES", 7)
    lines = [("ä" * (number % 11)) + str(number) for number in range(50)]
    path = write(tmp_path / "a.txt", b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    assert list(read_lines(path)) == list(enumerate(lines, start=1))


def test_lines_and_documents_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("utils.common.files._BLOCK_BYTES", 16)
    monkeypatch.setattr("utils.common.files.MAX_LINE_BYTES", 64)
    monkeypatch.setattr("utils.common.files.MIN_BOMB_BYTES", 1_000)
    path = write(tmp_path / "a.txt", b"short\n" + b"x" * 100)
    assert "line 2: is longer than" in error_of(read_lines, path)
    for read, content in ((read_json, b"[" + b" " * 1_000_000 + b"]"), (read_lines, b"a\n" * 1_000_000)):
        assert "grows more than 50 times" in error_of(read, write(tmp_path / "a.json.gz", content))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b" \n", "the file is empty"),
        (b'{"a": 1,\n}', "broken JSON at line 2, column 1"),
        (b"[" * 100_000, "nested too deeply|broken JSON"),
        (b"[" + b"1" * 10_000 + b"]", "cannot be parsed as JSON"),
        (b'{"a": "\xff"}', "line 1: is not UTF-8 text"),
    ],
)
def test_broken_json_is_one_line(tmp_path, content, problem):
    message = error_of(read_json, write(tmp_path / "a.json", content))
    assert re.search(problem, message) and message.startswith(str(tmp_path / "a.json"))


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"PAR1...", "parquet"),
        (b"PK\x03\x04...", "zip"),
        (b"\x93NUMPY...", "npy"),
        (b"\xef\xbb\xbf <?xml version='1.0'?>", "xml"),
        (b"<posts>\n", "xml"),
        (b"<http://a> <http://b> <http://c> .\n", "text"),
        (b'{"a": 1}\n{"a": 2}\n', "jsonl"),
        (b'["a", "b"]\r\n["a", "b"]', "jsonl"),
        (b'["a", "b"]\r["a", "b"]\r', "jsonl"),
        (b'{"a": 1\n{"a": 2}\n', "jsonl"),
        ('{"a": "x\u2028y\x0cz"}\n{"a": "\x85"}\n{"a": "\u2029"}\n'.encode(), "jsonl"),
        (b'{"a": "' + b"x" * 2**20 + b'"}\n{"a": 2}\n', "jsonl"),
        (b'{"a": "' + b"x" * 2**20 + b'"}\n', "json"),
        (b'{"a": 1}\n\n', "json"),
        (b'{\n"a": 1}', "json"),
        (b'[{"a": 1},\n{"a": 2}]', "json"),
        (b"student,item\n", "text"),
        (b"", "text"),
        ('{"ü": 1}'.encode("utf-16"), "json"),
    ],
)
def test_the_content_tells_the_kind(tmp_path, content, kind):
    assert content_kind(write(tmp_path / "a.whatever", content)) == kind
    assert content_kind(tmp_path) == "folder"


def test_values_that_json_does_not_have_become_null(tmp_path):
    value = {
        "nan": float("nan"),
        "list": [np.float32("inf"), np.float64("nan"), 1.5, (np.float32(0.5), None)],
        "array": np.array([[1.0, np.nan]]),
        "numbers": [np.int64(3), np.bool_(True), np.float16(2), True, 7],
        "text": "NaN ü",
        3: {"deep": -np.inf},
    }
    write_json(tmp_path / "a.json", value)
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads(text, parse_constant=pytest.fail) == {
        "nan": None,
        "list": [None, None, 1.5, [0.5, None]],
        "array": [[1.0, None]],
        "numbers": [3, True, 2.0, True, 7],
        "text": "NaN ü",
        "3": {"deep": None},
    }
    assert "ü" in text and text.endswith("}\n") and text.count("\n") > 10


def test_arrays_and_tables_come_back(tmp_path):
    write_arrays(tmp_path / "a.npz", {"x": np.arange(6).reshape(2, 3), "names": np.array(["ü", "bb"])})
    with np.load(tmp_path / "a.npz", allow_pickle=False) as stored:
        assert stored["x"].tolist() == [[0, 1, 2], [3, 4, 5]] and stored["names"].tolist() == ["ü", "bb"]
    write_csv(tmp_path / "a.csv", [{"a": 1, "b": "x, y"}, {"c": 2.5, "a": 3}])
    assert (tmp_path / "a.csv").read_text() == 'a,b,c\n1,"x, y",\n3,,2.5\n'
    write_csv(tmp_path / "empty.csv", [])
    assert (tmp_path / "empty.csv").read_text().strip() == ""


WRITERS = {
    "bytes": lambda path: write_atomically(path, b"new"),
    "text": lambda path: write_atomically(str(path), "new ü"),
    "json": lambda path: write_json(path, {"a": 1}),
    "arrays": lambda path: write_arrays(path, {"a": np.ones(3)}),
    "csv": lambda path: write_csv(path, [{"a": 1}]),
}


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("write_file", WRITERS.values(), ids=WRITERS)
def test_a_crash_while_writing_leaves_the_old_file(tmp_path, monkeypatch, write_file, call):
    def no_space(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    file = tmp_path / "file"
    file.write_bytes(b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, call, no_space)
        with pytest.raises(OSError, match="No space left"):
            write_file(file)
    assert file.read_bytes() == b"old" and list(tmp_path.iterdir()) == [file]
    write_file(file)
    assert file.read_bytes() != b"old" and list(tmp_path.iterdir()) == [file]


def test_the_first_five_of_many():
    assert some_of([1000, 2]) == "1,000, 2" and some_of(["it's"]) == '"it\'s"'
    assert some_of(tuple("abcde")) == "'a', 'b', 'c', 'd', 'e'" and some_of("abcdef").endswith("'e', ...")
