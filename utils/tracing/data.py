"""From files to records: students' sequences of answered items, and the true parameters of a simulation."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utils.common.errors import UserError, some_of
from utils.common.files import file_kind, open_binary, read_csv_rows, read_lines
from utils.tracing.simulation import Truth

MAX_CATEGORIES = 100
"""A file with a larger response probably holds scores or ids, not categories."""

REQUIRED_COLUMNS = ("student", "item", "response")
OPTIONAL_COLUMNS = ("time", "skill")


@dataclass(frozen=True)
class ResponseSequence:
    """The responses of one student, in order.

    Args:
        student: the student's name. In a file without names it is the file's name and a number.
        items: name of each answered item.
        responses: category of each response, int64 `(steps,)`, from 0.
        skills: name of each answered item's skill, or None where skills are unknown.
        file: where the sequence comes from, for messages.
        lines: line of the file of each response, for messages.
    """

    student: str
    items: tuple[str, ...]
    responses: np.ndarray
    skills: tuple[str, ...] | None = None
    file: str = ""
    lines: tuple[int, ...] = ()

    def place(self, step: int) -> str:
        """Where the response of a step, from 0, stands, in words."""
        if self.lines:
            return f"{self.file}, line {self.lines[step]:,}"
        return f"student {self.student}, response {step + 1}"


NEW_STUDENT = ResponseSequence("new", (), np.zeros(0, np.int64))
"""A student who has not responded to anything yet."""


def read_responses(path: str | Path) -> tuple[list[ResponseSequence], list[str]]:
    """Read a file in either of two formats, gzipped or not.

    - Three lines for each student (as DKVMN and deep-gpcm have them): the number of responses, the items, the responses; separated
      by commas.
    - A `.csv` that does not begin with a number: a header with the columns `student`, `item`, `response` and optionally `skill` and
      `time`. A student's rows are ordered by time (a number); without that column they keep the order of the file.

    Args:
        path: the file.

    Returns:
        the students' sequences, and notes on what was left out: students without responses.

    Raises:
        UserError: naming file and line, where lines do not fit together, or a response or time is not a usable number.
    """
    path = Path(path)
    _, first_line = next(read_lines(path), (0, ""))
    is_table = file_kind(path) == ".csv" and not first_line.strip(" ,").isdecimal()
    sequences, empty_lines = [], []
    for line, sequence in _read_table(path) if is_table else _read_three_lines(path):
        if len(sequence.responses):
            sequences.append(sequence)
        else:
            empty_lines.append(line)
    if not sequences:
        raise UserError(
            f"{path}: has no responses; give three lines per student, or a .csv with the columns student, item and response"
        )
    if not empty_lines:
        return sequences, []
    lines = some_of(empty_lines)
    return sequences, [f"{path}: {len(empty_lines):,} students without responses left out (line {lines})"]


def _read_three_lines(path: Path) -> Iterator[tuple[int, ResponseSequence]]:
    """Yield each student's first line number and sequence from a file of three lines per student."""
    lines = [(number, line.strip()) for number, line in read_lines(path)]
    while len(lines) % 3 and not lines[-1][1]:  # blank lines at the end
        lines.pop()
    if len(lines) % 3:
        raise UserError(
            f"{path}: has {len(lines):,} lines, which is not a multiple of three; the file may have been cut off"
        )
    for start in range(0, len(lines), 3):
        (count_line, count), (items_line, items), (responses_line, responses) = lines[start : start + 3]
        if not (count or items or responses):
            continue
        count = count.rstrip(", ")
        items, responses = (
            tuple(part.strip() for part in text.split(",")) if text else ()
            for text in (items.rstrip(", "), responses.rstrip(", "))
        )
        for line, entries in ((items_line, items), (responses_line, responses)):
            if "" in entries:
                raise UserError(f"{path}, line {line:,}: has nothing between two commas; fill it in")
            if not count.isdecimal() or int(count) != len(entries):
                raise UserError(
                    f"{path}, line {line:,}: has {len(entries):,} entries, but line {count_line:,} says {count[:20]!r}; "
                    "correct one of them"
                )
        values = _whole_numbers(path, responses_line, responses)
        student = f"{path.name}:{start // 3}"
        yield count_line, ResponseSequence(student, items, values, None, str(path), (responses_line,) * len(values))


def _whole_numbers(path: Path, line: int, texts: Sequence[str]) -> np.ndarray:
    """The responses of one line as numbers of 0 or more."""
    wrong = [text for text in texts if not text.removeprefix("-").isdecimal() or len(text) > 18]
    if wrong:
        raise UserError(f"{path}, line {line:,}: responses must be whole numbers, not {wrong[0][:40]!r}")
    values = np.array([int(text) for text in texts], np.int64)
    if len(values) and values.min() < 0:
        raise UserError(f"{path}, line {line:,}: has the response {values.min()}; categories count from 0")
    return values


def _read_table(path: Path) -> Iterator[tuple[int, ResponseSequence]]:
    """Yield each student's first line number and sequence from a CSV file."""
    columns, width, students = {}, 0, {}
    for line, row in read_csv_rows(path):
        if not any(cell.strip() for cell in row):
            continue
        if not columns:
            columns, width = _columns(path, row), len(row)
            continue
        is_too_short = len(row) <= max(columns[name] for name in REQUIRED_COLUMNS)
        if is_too_short or any(cell.strip() for cell in row[width:]):
            raise UserError(
                f"{path}, line {line:,}: has {len(row)} fields, the first line {width}; correct it, and quote texts with commas"
            )
        cells = {name: row[column].strip() if column < len(row) else "" for name, column in columns.items()}
        if not cells["student"] or not cells["item"]:
            raise UserError(f"{path}, line {line:,}: student or item is empty; fill it in or delete the row")
        time = _time(path, line, cells["time"]) if "time" in cells else 0
        (response,) = _whole_numbers(path, line, [cells["response"]])
        entry = (time, cells["item"], response, cells.get("skill"), line)
        students.setdefault(cells["student"], []).append(entry)
    for student, entries in students.items():
        entries.sort(key=lambda entry: entry[0])  # stable: equal times keep the order of the file
        _, items, responses, skills, lines = zip(*entries, strict=True)
        skills = skills if "skill" in columns else None
        yield lines[0], ResponseSequence(student, items, np.array(responses, np.int64), skills, str(path), lines)


def _columns(path: Path, header: Sequence[str]) -> dict[str, int]:
    """The place of each known column in the header."""
    names = [name.strip().lower() for name in header]
    missing = [name for name in REQUIRED_COLUMNS if name not in names]
    if missing:
        raise UserError(
            f"{path}: its first line has no column {', '.join(missing)}; name the columns student, item and response"
        )
    columns = {name: names.index(name) for name in (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS) if name in names}
    repeated = [name for name in columns if names.count(name) > 1]
    if repeated:
        raise UserError(f"{path}: its first line has the column {repeated[0]} twice; remove one")
    return columns


def _time(path: Path, line: int, text: str) -> float:
    try:
        time = float(text)
    except ValueError:
        time = math.nan
    if not math.isfinite(time):
        raise UserError(f"{path}, line {line:,}: time {text!r} is not a number; give seconds, or remove the column")
    return time


def count_categories(sequences: Iterable[ResponseSequence], num_categories: int = 0) -> tuple[int, list[str]]:
    """Count the response categories.

    Args:
        sequences: all sequences.
        num_categories: the number of categories if it is known, else 0.

    Returns:
        the number of categories (the largest response plus one, unless it is given), and a note on categories without responses.

    Raises:
        UserError: there are fewer than two categories or more than `MAX_CATEGORIES`, or a response is outside the given ones.
    """
    sequences = list(sequences)
    last = max(sequences, key=lambda sequence: sequence.responses.max())
    largest = int(last.responses.max())
    where = f"{last.place(int(last.responses.argmax()))}: a response is {largest}"
    count = num_categories or largest + 1
    if largest >= count:
        raise UserError(
            f"{where}, but there are {count} categories, 0 to {count - 1}; correct it or raise --categories"
        )
    if count > MAX_CATEGORIES:
        raise UserError(
            f"{where}, but categories count from 0 and there may be {MAX_CATEGORIES} of them; is it a score or an id?"
        )
    if count < 2:
        raise UserError("all responses are 0; there is nothing to predict")
    counts = np.bincount(np.concatenate([sequence.responses for sequence in sequences]), minlength=count)
    empty = [str(category) for category in np.flatnonzero(counts == 0)]
    return count, [f"no response is in category {', '.join(empty)}"] if empty else []


def read_truth(path: str | Path) -> Truth:
    """Read the true abilities and items from deep-gpcm's `true_irt_parameters.json`, gzipped or not.

    Raises:
        UserError: the file cannot be read, or does not hold these parameters.
    """
    try:
        with open_binary(path) as file:
            content = json.load(file)
        ability = np.array(content["student_abilities"]["theta"], float)
        discrimination = np.array(content["question_params"]["discrimination"]["alpha"], float)
        thresholds = np.array(content["question_params"]["difficulties"]["beta"], float)
        if ability.ndim != 1 or thresholds.ndim != 2 or len(discrimination) != len(thresholds):
            raise ValueError("alpha and beta must have one row per item")
        if not all(np.isfinite(part).all() for part in (ability, discrimination, thresholds)):
            raise ValueError("a parameter is not a finite number")
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: holds no true parameters ({type(error).__name__}: {str(error)[:80]}); give a true_irt_parameters.json"
        ) from None
    return Truth(ability, discrimination, thresholds, np.zeros(len(ability)), np.zeros(len(thresholds), int))
