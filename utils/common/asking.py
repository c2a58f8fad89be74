"""Answer the records of a file in their order: one answer for each, which is an error where a record cannot be used."""

from __future__ import annotations

import itertools
import json
import os
import re
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from utils.common.errors import UserError, counted
from utils.common.files import atomic_file, finite_or_none, has_lone_surrogate, temporary_name
from utils.common.reading import FileReport

_NOT_ESCAPED_BY_JSON = re.compile("[\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True)
class Request:
    """What is asked on the command line.

    Args:
        reference: the trained model: a run directory, the name of a published model, or `hf://owner/name`.
        question: one question; for tracing, items with commas between; for vectors, a row.
        text: the text that holds the answer.
        file: what to answer from, or to search.
        input: a file of questions.
        output: where the answers to a file are written; None is standard output.
        n_best: answers to list for each question; None is the task's own number.
        max_bad_fraction: fraction of a file's records that may be unusable.
    """

    reference: str
    question: str = ""
    text: str = ""
    file: Path | None = None
    input: Path | None = None
    output: Path | None = None
    n_best: int | None = None
    max_bad_fraction: float = 0.05


@dataclass(frozen=True)
class Record:
    """A record of a file that can be answered.

    Args:
        id: its own id; None where it has none.
        place: where it stands, such as `line 7`.
        value: what is asked.
    """

    id: str | int | None
    place: str
    value: Any


@dataclass(frozen=True)
class UnusableRecord:
    """A record that cannot be answered, and why."""

    id: str | int | None
    place: str
    reason: str


class OrderedReport(FileReport):
    """A report on a file whose unusable records are kept, so that each gets its place in the output.

        report = OrderedReport("questions.jsonl")
        answers = answer_in_order(report.in_order(records), answer, report)

    Args:
        path: the file.
    """

    def __init__(self, path: str | Path):
        super().__init__(path)
        self._unusable: deque[UnusableRecord] = deque()

    def leave_out(self, place: str, reason: str, count: int = 1, id: str | int | None = None) -> None:
        super().leave_out(place, reason, count)
        self._unusable.append(UnusableRecord(id, place, reason))

    def in_order(self, records: Iterable[Record]) -> Iterator[Record | UnusableRecord]:
        """Yield the records that a reader gives, and between them those that it leaves out meanwhile."""
        for record in records:
            yield from self._taken()
            yield record
        yield from self._taken()

    def _taken(self) -> Iterator[UnusableRecord]:
        while self._unusable:
            yield self._unusable.popleft()

    def note_failure(self, record: Record, reason: str) -> None:
        """Count a record that was read but cannot be answered."""
        super().leave_out(record.place, reason)

    @property
    def notes(self) -> list[str]:
        """A line for each reason why records were not answered, and for what else the reader noticed."""
        return [line.replace(" records left out, ", " records not answered: ", 1) for line in super().notes]

    def check_answers(self, max_bad_fraction: float, output: Path | None) -> None:
        """Check that enough records were answered, once all answers are written.

        Raises:
            UserError: more of them than `max_bad_fraction` have an error in the place of an answer, or there are none.
        """
        total = self.used + self.num_bad
        if not total:
            raise UserError(f"{self.path}: has no records; name a file with questions")
        if self.num_bad > max_bad_fraction * total:
            reasons = "; ".join(places.because(reason) for reason, places in self._bad.items())
            raise UserError(
                f"{self.path}: {self.num_bad:,} of {counted(total, 'record')} could not be answered, more than --max-bad-fraction "
                f"{max_bad_fraction:g} allows: {reasons}; the answers to the others are in {output or 'the output'}"
            )


def answer_in_order(
    records: Iterable[Record | UnusableRecord],
    answer: Callable[[list], list[dict]],
    report: OrderedReport,
    batch_size: int,
) -> Iterator[dict]:
    """Yield a dict for each record, in order: its `id`, and what `answer` gives for it, or `error`.

    A record without an id is named after its number, from 1. Where a batch fails, its halves are answered, down to the records that
    fail.

    Args:
        records: from `OrderedReport.in_order`.
        answer: function of a list of values that returns a dict for each. It may raise `UserError` or `ValueError`.
        report: counts what is answered.
        batch_size: records that are answered together.
    """
    number, records = 0, iter(records)
    while batch := list(itertools.islice(records, batch_size)):
        answers = iter(_answers_or_errors([record for record in batch if isinstance(record, Record)], answer, report))
        for record in batch:
            number += 1
            content = next(answers) if isinstance(record, Record) else {"error": f"{record.place}: {record.reason}"}
            yield {"id": number if record.id is None else record.id, **content}


def _answers_or_errors(records: list[Record], answer, report: OrderedReport) -> list[dict]:
    if not records:
        return []
    try:
        answers = answer([record.value for record in records])
    except (UserError, ValueError) as error:
        if len(records) > 1:  # one bad record of many then costs few calls
            half = len(records) // 2
            parts = records[:half], records[half:]
            return [content for part in parts for content in _answers_or_errors(part, answer, report)]
        (record,) = records
        report.note_failure(record, str(error))
        return [{"error": f"{record.place}: {error}"}]
    report.used += len(records)
    return answers


def say_notes(notes: Iterable[str]) -> None:
    """Print what reading a file left out or noticed, beside the answers."""
    for note in notes:
        print(f"note: {note}", file=sys.stderr)


def json_line(value, is_printed: bool = False) -> str:
    """A value as one line of JSON, in which nothing can control a terminal.

    >>> json_line({"answer": "Zoë\\x1b[2J", "probability": float("nan")})
    '{"answer": "Zoë\\\\u001b[2J", "probability": null}'

    Args:
        value: of numbers, texts, lists and dicts; NaN and infinities become null.
        is_printed: whether it goes to standard output, whose encoding may lack characters; those are escaped.
    """
    text = json.dumps(finite_or_none(value), ensure_ascii=False)
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    if has_lone_surrogate(text) or (is_printed and encoding != "utf8"):
        return json.dumps(finite_or_none(value))
    return _NOT_ESCAPED_BY_JSON.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def print_json_lines(values: Iterable) -> None:
    """Print each value as a line of JSON, at once."""
    for value in values:
        print(json_line(value, is_printed=True), flush=True)


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write a text file line by line; it appears under its name when it is complete."""
    with atomic_file(path) as file:
        file.writelines(f"{line}\n".encode() for line in lines)


class JsonObjectFile:
    """A JSON object that is written to a file value by value; it appears under its name when it is complete.

        with JsonObjectFile(Path("predictions.json")) as file:
            file.add("q1", "Ada Lovelace")

    Args:
        path: the file.
    """

    def __init__(self, path: Path):
        self.path = path
        self._temporary = temporary_name(path)
        self._start = "{\n"

    def __enter__(self) -> JsonObjectFile:
        self._file = open(self._temporary, "w", encoding="utf-8")
        return self

    def add(self, name: str, value) -> None:
        """Add a member. Names are not checked: each must be added once."""
        self._file.write(f"{self._start}{json_line(name)}: {json_line(value)}")
        self._start = ",\n"

    def __exit__(self, kind, error, traceback) -> None:
        try:
            self._file.write("{}\n" if self._start == "{\n" else "\n}\n")
            self._file.close()
            if kind is None:
                os.replace(self._temporary, self.path)
        finally:
            self._temporary.unlink(missing_ok=True)
