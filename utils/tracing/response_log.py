"""The responses of one file as columns of numbers, which hold tens of millions of rows in little memory."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from utils.common.files import has_lone_surrogate
from utils.common.reading import NUM_EXAMPLES, FileReport
from utils.tracing.credit import MISSING, response_value
from utils.tracing.names import Names, plain_name
from utils.tracing.sequences import ResponseSequence

NO_RESPONSE, NO_NUMBER, NEGATIVE = -1, -2, -3
"""Codes of response texts that are not used."""
REASONS = {
    NO_NUMBER: "the response is neither a number nor a word such as correct, false or no",
    NEGATIVE: "the response is less than 0",
}


class ResponseLog:
    """The rows of one file. Names and responses are stored once; a row holds their numbers.

    Args:
        path: the file.
        line_word: what counts its rows, `line` or `record`.
        has_time: whether the rows have times, which order a student's rows.
        has_skills: whether the rows have skills.
        items_are_skills: whether the file names skills in the place of items.

    Attributes:
        students, items, skills: dicts of names to numbers from 0, in order of first appearance.
        values: the number that each different response stands for.
        columns: column to its NumPy array `(rows,)`, after `read`: `student`, `item`, `response` (a place in `values`), `line`, and
            `time` and `skill` where the file has them.
    """

    def __init__(self, path: Path, line_word="line", has_time=False, has_skills=False, items_are_skills: bool = False):
        self.path = path
        self.line_word = line_word
        self.has_time = has_time
        self.has_skills = has_skills
        self.items_are_skills = items_are_skills
        self.students: dict[str, int] = {}
        self.items: dict[str, int] = {}
        self.skills: dict[str, int] = {}
        self.values: list[float] = []
        self.columns: dict[str, np.ndarray] = {}

    def read(self, rows: Iterable[tuple], report: FileReport) -> None:
        """Take rows in. Those that cannot be used are left out and counted.

        Args:
            rows: tuples of line number, student, item, response, time and skill, all texts but the first. Time and skill are
                ignored where the log has none.
            report: counts what is used and what is not.
        """
        # The loop runs for every row of a log. It looks texts up as they are, and cleans each different text once.
        columns = [array(kind) for kind in "iiiIdi"]
        add_student, add_item, add_response, add_line, add_time, add_skill = (column.append for column in columns)
        student_of_text, item_of_text, response_of_text, skill_of_text = {}, {}, {}, {}
        has_time, has_skills, time_number, isfinite = self.has_time, self.has_skills, None, math.isfinite
        for line, student, item, response, time, skill in rows:
            student_number = student_of_text.get(student)
            if student_number is None:
                student_number = student_of_text[student] = _number(student, self.students)
            item_number = item_of_text.get(item)
            if item_number is None:
                item_number = item_of_text[item] = _number(item, self.items)
            response_number = response_of_text.get(response)
            if response_number is None:
                response_number = response_of_text[response] = self._response_number(response)
            if response_number < 0 or student_number < 0 or item_number < 0:
                self._report_unused(report, line, response_number, student_number)
                continue
            if has_time:
                try:
                    time_number = time_number or number_of_times(time)
                    moment = time_number(time)
                except ValueError:
                    moment = math.nan
                if not isfinite(moment):
                    report.leave_out(self.place(line), _reason_for_time(time_number))
                    continue
                add_time(moment)
            if has_skills:
                skill_number = skill_of_text.get(skill)
                if skill_number is None:
                    skill_number = skill_of_text[skill] = _number(skill, self.skills)
                add_skill(skill_number)
            add_student(student_number)
            add_item(item_number)
            add_response(response_number)
            add_line(line)
        report.used += len(columns[0])
        names = ("student", "item", "response", "line", "time", "skill")
        kinds = (np.int32, np.int32, np.int32, np.uint32, np.float64, np.int32)
        self.columns = {
            name: np.frombuffer(column, kind)
            for name, column, kind in zip(names, columns, kinds, strict=True)
            if (name != "time" or has_time) and (name != "skill" or has_skills)
        }

    def __len__(self) -> int:
        return len(self.columns["student"])

    def place(self, line: int) -> str:
        """A row of the file in words."""
        return f"{self.line_word} {line:,}"

    def responses(self) -> np.ndarray:
        """The number of each row's response, `(rows,)`."""
        return np.array(self.values)[self.columns["response"]]

    def used_values(self) -> np.ndarray:
        """The numbers of all responses that some row has, without repetition."""
        return np.unique(np.array(self.values)[np.unique(self.columns["response"])])

    def keep(self, rows: np.ndarray) -> None:
        """Keep these rows, in this order.

        Args:
            rows: places of rows, or a boolean array `(rows,)`.
        """
        for name in self.columns:  # one by one: the old array is freed before the next is copied
            self.columns[name] = self.columns[name][rows]

    def sort(self) -> None:
        """Order the rows by student and time. Rows of a student with the same time keep the order of the file."""
        student, time = self.columns["student"], self.columns.get("time")
        steps = np.diff(student)
        is_sorted = (steps > 0) | ((steps == 0) & (True if time is None else np.diff(time) >= 0))
        if not is_sorted.all():
            self.keep(np.argsort(student, kind="stable") if time is None else np.lexsort((time, student)))

    def leave_out(self, rows: np.ndarray, reason: str, report: FileReport) -> None:
        """Leave out rows that turned out to be unusable.

        Args:
            rows: boolean array `(rows,)`.
            reason: why.
            report: counts them.
        """
        self.count_rows(report.leave_out, rows, reason)
        report.used -= int(rows.sum())
        self.keep(~rows)

    def count_rows(self, count: Callable[[str, str, int], None], rows: np.ndarray, reason: str) -> None:
        """Count rows in a report; the first ones with their places.

        Args:
            count: a method of the report.
            rows: places of rows, or a boolean array `(rows,)`.
            reason: why they are counted.
        """
        lines = self.columns["line"][rows]
        for line in lines[:NUM_EXAMPLES].tolist():
            count(self.place(line), reason, 1)
        if len(lines) > NUM_EXAMPLES:
            count(self.place(int(lines[NUM_EXAMPLES])), reason, len(lines) - NUM_EXAMPLES)

    def leave_out_mixed_responses(self, report: FileReport) -> None:
        """Leave out what does not fit: fractions among categories above 1, or numbers above 1 among fractions of credit."""
        values = np.array(self.values)
        is_fraction, is_above = (values != np.floor(values)), values > 1
        counts = np.bincount(self.columns["response"], minlength=len(values))
        if not (counts[is_fraction].any() and counts[is_above].any()):
            return
        if counts[is_fraction].sum() <= counts[is_above & ~is_fraction].sum():
            reason = "the response is not a whole number, where others are above 1 (divide scores by the full score)"
            unusable = is_fraction
        else:
            reason = "the response is above 1, where others are fractions (divide scores by the full score)"
            unusable = is_above
        self.leave_out(unusable[self.columns["response"]], reason, report)

    def sequences(self, categories: Callable[[np.ndarray], np.ndarray]) -> list[ResponseSequence]:
        """The students' sequences; the rows are given up.

        Args:
            categories: function of responses that gives their categories.
        """
        self.columns.pop("time", None)
        category_of_value = categories(np.array(self.values))
        if category_of_value.max(initial=0) < 2**31:  # a larger one is a user's error, and is reported as what it is
            category_of_value = category_of_value.astype(np.int32)
        responses = category_of_value[self.columns.pop("response")]
        student = self.columns.pop("student")
        bounds = np.append(np.flatnonzero(np.append(True, np.diff(student) != 0)), len(student))
        student_names, lines = list(self.students), self.columns.pop("line")
        # The code of a missing name is -1, which is the empty one.
        items, item_names = self.columns.pop("item"), [*self.items, ""]
        skills, skill_names = self.columns.pop("skill", None), [*self.skills, ""]
        return [
            ResponseSequence(
                student_names[student[start]],
                Names(items[start:end], item_names),
                responses[start:end],
                None if skills is None else Names(skills[start:end], skill_names),
                str(self.path),
                lines[start:end],
                self.line_word,
            )
            for start, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
        ]

    def _response_number(self, text: str) -> int:
        value = response_value(text)
        if value is None:
            return NO_RESPONSE
        if math.isnan(value):
            return NO_NUMBER
        if value < 0:
            return NEGATIVE
        self.values.append(value)
        return len(self.values) - 1

    def _report_unused(self, report: FileReport, line: int, response: int, student: int) -> None:
        if response == NO_RESPONSE:
            report.skip(self.place(line), "there is no response")
        elif response < 0:
            report.leave_out(self.place(line), REASONS[response])
        elif student < 0:
            report.leave_out(self.place(line), "the student is empty or no valid text")
        elif self.items_are_skills:
            report.skip(self.place(line), "there is no skill, which counts as the item")
        else:
            report.leave_out(self.place(line), "the item is empty or no valid text")


def _number(text: str, names: dict[str, int]) -> int:
    """The number of a name, which is new if need be; -1 for a cell without a name, or with one that cannot be written again."""
    name = plain_name(text)
    return -1 if name.casefold() in MISSING or has_lone_surrogate(name) else names.setdefault(name, len(names))


def number_of_times(text: str) -> Callable[[str], float]:
    """A function that turns the times of a file into numbers, told by the first one: a number, or a date in ISO 8601.

    A file has times of one kind: numbers, dates with a time zone, or dates without one. Others raise a ValueError.

    >>> number_of_times("1600000000")("1600000060")
    1600000060.0
    >>> seconds = number_of_times("2020-09-13T12:26:40Z")
    >>> seconds("2020-09-13T14:26:41+02:00") - seconds("2020-09-13T12:26:40Z")
    1.0

    Raises:
        ValueError: the text is of none of these kinds.
    """
    if text.strip().casefold() in MISSING:
        raise ValueError("there is no time")
    try:
        float(text)
    except ValueError:
        return _seconds if _date(text).tzinfo is None else _seconds_with_zone
    return float


def _date(text: str) -> datetime:
    # Other orders of day and month are unclear.
    text = re.sub(r"^(\d{4})/(\d\d)/(\d\d)(?!\d)", r"\1-\2-\3", text.strip())
    return datetime.fromisoformat(f"{text[:-4]}Z" if text.endswith(" UTC") else text)


def _seconds(text: str) -> float:
    time = _date(text)
    if time.tzinfo is not None:
        raise ValueError("it has a time zone")
    return (time - datetime(1970, 1, 1)).total_seconds()


def _seconds_with_zone(text: str) -> float:
    time = _date(text)
    if time.tzinfo is None:
        raise ValueError("it has no time zone")
    return (time - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()


def _reason_for_time(time_number: Callable | None) -> str:
    kinds = {float: "a number", _seconds: "a date without a time zone", _seconds_with_zone: "a date with a time zone"}
    expected = (
        f"{kinds[time_number]} as others are" if time_number else "a number or a date such as 2020-09-13 12:26:40"
    )
    return f"the time is not {expected} (--columns time= keeps the order of the file instead)"
