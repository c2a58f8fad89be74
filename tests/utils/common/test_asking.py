"""Answers in the order of their records, one for each, and the files that they are written to."""

import io
import json
import sys

import pytest

from utils.common.asking import (
    JsonObjectFile,
    OrderedReport,
    Record,
    UnusableRecord,
    answer_in_order,
    json_line,
    print_json_lines,
    write_lines,
)
from utils.common.errors import UserError


def answer_words(words):
    if "bad" in words:
        raise UserError("bad words have no answer")
    return [{"length": len(word)} for word in words]


def read_words(words, report):
    for number, word in enumerate(words, start=1):
        if word:
            yield Record(f"id {number}" if word == "named" else None, f"line {number}", word)
        else:
            report.leave_out(f"line {number}", "it is empty", id=f"empty {number}")


@pytest.mark.parametrize("batch_size", [1, 2, 3, 100])
def test_every_record_has_its_line(batch_size):
    report = OrderedReport("words.txt")
    words = ["", "one", "named", "bad", "four", "", "", "seven", ""]
    answers = list(answer_in_order(report.in_order(read_words(words, report)), answer_words, report, batch_size))
    assert answers == [
        {"id": "empty 1", "error": "line 1: it is empty"},
        {"id": 2, "length": 3},
        {"id": "id 3", "length": 5},
        {"id": 4, "error": "line 4: bad words have no answer"},
        {"id": 5, "length": 4},
        {"id": "empty 6", "error": "line 6: it is empty"},
        {"id": "empty 7", "error": "line 7: it is empty"},
        {"id": 8, "length": 5},
        {"id": "empty 9", "error": "line 9: it is empty"},
    ]
    assert (report.used, report.num_bad) == (4, 5)
    assert report.notes == [
        "words.txt: 4 of 9 records not answered: it is empty (line 1, line 6, line 7, line 9)",
        "words.txt: 1 of 9 records not answered: bad words have no answer (line 4)",
    ]
    report.check_answers(0.6, None)
    with pytest.raises(UserError, match=r"5 of 9 records could not be answered, .* --max-bad-fraction 0.5 allows"):
        report.check_answers(0.5, None)


def test_records_are_read_as_they_are_answered():
    def endless(report):
        for number in range(1_000_000_000):
            yield Record(None, f"line {number}", "word")

    report = OrderedReport("words.txt")
    answers = answer_in_order(report.in_order(endless(report)), answer_words, report, 7)
    assert next(answers) == {"id": 1, "length": 4} and report.used == 7


def test_a_file_without_records_is_an_error():
    with pytest.raises(UserError, match="has no records"):
        OrderedReport("words.txt").check_answers(0.5, None)
    assert UnusableRecord(None, "line 1", "it is empty").place == "line 1"


def test_lines_of_json_cannot_control_a_terminal(monkeypatch):
    value = {"text": "Zoë \x1b[31m\x9b\x7f\u2028 北", "half": "\ud800", "number": float("inf")}
    for encoding in ("utf-8", "latin-1"):
        stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        monkeypatch.setattr(sys, "stdout", stream)
        print_json_lines([value])
        stream.flush()
        line = stream.buffer.getvalue().decode(encoding)
        assert json.loads(line) == {**value, "number": None}
        assert line.rstrip("\n").isprintable()
    del value["half"]
    assert "Zoë" in json_line(value) and "北" in json_line(value)


def test_files_appear_when_they_are_complete(tmp_path):
    def broken_lines():
        yield "one"
        raise ValueError("no more")

    path = tmp_path / "lines.txt"
    path.write_text("before")
    with pytest.raises(ValueError):
        write_lines(path, broken_lines())
    with pytest.raises(ValueError), JsonObjectFile(path) as file:
        file.add("a", 1)
        raise ValueError("no more")
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]
    write_lines(path, ["one", "two"])
    assert path.read_text() == "one\ntwo\n"
    for members in ({}, {"a": [1, "é"], 'b"': None}):
        with JsonObjectFile(path) as file:
            for name, value in members.items():
                file.add(name, value)
        assert json.loads(path.read_text(encoding="utf-8")) == members
