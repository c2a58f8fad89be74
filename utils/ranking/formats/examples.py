"""Read records that name a question and its candidates: graded rows, pairs, triplets, and lists with or without labels."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from utils.common.errors import UserError
from utils.common.files import has_lone_surrogate
from utils.common.reading import FileReport
from utils.ranking.formats.fields import FIELDS, find_fields, parse_grade
from utils.ranking.formats.items import (
    LAYOUTS,
    Item,
    as_record,
    first_value,
    items_of,
    layout_of,
    num_labels,
    plain_text,
    used_fields,
)
from utils.ranking.records import Candidate, Query

MAX_UNKNOWN = 20
"""Records without known fields after which a file is given up, if none had them."""
LABEL = re.compile(r"label|grade|relevan|judg|entailment|verdict")
"""Part of the name of a field that may hold the grades."""
MAX_GRADES = 11
"""A field with so many different numbers or fewer may be the grade."""


@dataclass
class _Question:
    """A question whose candidates are still collected, by id or by text."""

    number: str
    place: str
    text: str
    candidates: dict[str, Candidate] = field(default_factory=dict)


def read_examples(
    path: Path, values: Iterable[tuple[str, object]], report: FileReport, needs_grades: bool = True
) -> Iterator[Query]:
    """Yield the questions of records.

    A record is an object with known fields (`utils.ranking.formats.fields`), or a list:

    - `query`, `candidate`, `relevance`: a graded candidate. Records of one `query_id`, or without it of one text, belong together.
    - `query`, `candidates`, `labels`: lists of candidates and grades.
    - `query`, `positive`, and perhaps `negative`: texts or lists of texts. Positives have grade 1, negatives 0.
    - `query`, `candidate`: the candidate counts as a positive.
    - `[query, positive, negative, ...]`, `[query, candidate, grade]`, `{"set": [...]}` or `{"texts": [...]}`.

    A text that stands twice among the candidates of a question is one candidate, unless the candidates have ids.

    Args:
        path: the file, for messages.
        values: the records with their places, such as `line 7`.
        report: counts what is left out.
        needs_grades: leave out candidates whose grade is empty; otherwise their grade is 0.

    Raises:
        UserError: no record has a question with candidates, or a field without a known name may be the grade.
    """
    return _Examples(path, report, needs_grades).read(values)


class _Examples:
    def __init__(self, path: Path, report: FileReport, needs_grades: bool):
        self.path = path
        self.report = report
        self.needs_grades = needs_grades
        self.layout = ""  # of the first record: graded, listed or paired
        self.questions: dict[str, _Question] = {}
        self.fields: dict[tuple, dict[str, list[str]]] = {}  # by the names of a record
        self.unknown: list[str] = []  # the first names of records without known fields
        self.num_unknown = 0
        self.numbers: dict[str, set] = {}  # values of fields that are not used, in records without grades
        self.labels: set[str] = set()  # fields that are not used and are named like a grade
        self.num_ungraded = 0
        self.has_decimal_comma = False
        self.grade_names: set[str] = set()  # in candidates that are objects

    def read(self, values: Iterable[tuple[str, object]]) -> Iterator[Query]:
        for place, value in values:
            self._add(place, value)
        if not self.layout and self.unknown:
            self._raise_unknown()
        self._describe()
        has_ids = any("query_id" in fields for fields in self.fields.values())
        for key, question in self.questions.items():
            if question.candidates:  # those that were left out are counted
                id_, candidates = key if has_ids else question.number, tuple(question.candidates.values())
                yield Query(id_, question.text, candidates, question.place)

    def _add(self, place: str, value) -> None:
        record = as_record(value)
        names = tuple(record)
        if names not in self.fields:
            self.fields[names] = find_fields(self.path, names)
        fields = self.fields[names]
        layout = layout_of(record, fields)
        if not layout:
            self.num_unknown += 1
            self.unknown = self.unknown or list(names)
            if not self.layout and self.num_unknown >= MAX_UNKNOWN:
                self._raise_unknown()
            self.report.leave_out(place, "it has no question with candidates")
            return
        self.layout = self.layout or layout
        if layout != self.layout:
            self.report.leave_out(place, f"it is not {LAYOUTS[self.layout]}, as the first record is")
            return
        number = place.rsplit(" ", 1)[-1].replace(",", "")
        query, items = plain_text(first_value(record, fields, "query")), list(items_of(record, fields, layout, number))
        if not query:
            self.report.leave_out(place, "its question is empty or no text")
        elif has_lone_surrogate(query):
            self.report.leave_out(place, "its question contains half a character (a lone surrogate)")
        elif not items or (layout == "paired" and not items[0].grade):
            self.report.leave_out(place, "it has no candidate" if layout == "listed" else "it has no right answer")
        elif layout == "listed" and num_labels(record, fields) > len(items):
            self.report.leave_out(place, "it has more labels than candidates")
        elif (question := self._question(place, number, query, record, fields)) is not None:
            has_ids = layout == "graded" and "candidate_id" in fields
            for item in items:
                self._add_candidate(place, question, item, has_ids)
            if layout == "paired" and "positive" not in fields:
                self._look_for_grades(record, used_fields(layout, fields))

    def _question(self, place: str, number: str, text: str, record: dict, fields: dict) -> _Question | None:
        key = text
        if "query_id" in fields:
            key = plain_text(first_value(record, fields, "query_id"))
            if not key:
                self.report.leave_out(place, "its query_id is empty")
                return None
        question = self.questions.get(key)
        if question is None:
            question = self.questions[key] = _Question(number, f"{self.path}, {place}", text)
        if question.text != text:
            self.report.leave_out(place, "its question differs from an earlier one with the same query_id")
            return None
        return question

    def _add_candidate(self, place: str, question: _Question, item: Item, has_ids: bool) -> None:
        text, grade = plain_text(item.text), parse_grade(item.grade)
        if grade is None and not self.needs_grades:
            grade = 0.0
        if grade is None:
            self.report.skip(place, "a candidate has no grade")
        elif math.isnan(grade):
            self.report.leave_out(place, "its grade is not a number that can be used")
        elif not text:
            self.report.leave_out(place, "a candidate is empty or no text")
        elif has_ids and not item.id:
            self.report.leave_out(place, "its candidate_id is empty")
        else:
            if grade < 0:
                self.report.note(place, "a grade is negative, which counts as 0")
            self.has_decimal_comma |= isinstance(item.grade, str) and "," in item.grade
            self.grade_names |= {item.grade_name} if item.grade_name and self.layout == "listed" else set()
            candidate, key = Candidate(item.id, text, max(grade, 0.0)), item.id if has_ids else text
            earlier = question.candidates.setdefault(key, candidate)
            if earlier is not candidate:
                self._repeat(place, question, key, earlier, candidate)

    def _repeat(self, place: str, question: _Question, key: str, earlier: Candidate, candidate: Candidate) -> None:
        """Count a candidate that the question has already."""
        if (earlier.text, earlier.relevance) == (candidate.text, candidate.relevance):
            if self.layout == "graded":  # pairs and triplets repeat their texts
                self.report.skip(place, "it repeats an earlier candidate of its question")
        elif earlier.text != candidate.text:
            self.report.leave_out(place, "its candidate_id belongs to another candidate of its question")
        else:
            self.report.note(place, "a candidate has two grades for one question; the higher one counts")
            question.candidates[key] = max(earlier, candidate, key=lambda either: either.relevance)

    def _look_for_grades(self, record: dict, fields: dict) -> None:
        """Remember the numbers in fields that are not used: one of them may be the grade."""
        self.num_ungraded += 1
        used = {name for names in fields.values() for name in names}
        self.labels |= {name for name in record.keys() - used if LABEL.search(name.casefold())}
        for name, value in record.items():
            values = self.numbers.setdefault(name, set()) if name not in used else None
            if values is not None and len(values) <= MAX_GRADES:
                grade = parse_grade(value) if isinstance(value, str | int | float) else math.nan
                values.add("no number" if grade is None or math.isnan(grade) else grade)

    def _describe(self) -> None:
        """Say how the fields were understood where their names leave a doubt."""
        for name in sorted(self.labels):
            raise UserError(
                f"{self.path}: its records have no grade under a known name, but {name!r} looks like one; name that field "
                "relevance, with numbers, or remove it if every candidate is a right answer"
            )
        for name, values in self.numbers.items():
            is_number = all(isinstance(value, float) for value in values)
            if is_number and 1 < len(values) <= min(MAX_GRADES, self.num_ungraded / 3):
                raise UserError(
                    f"{self.path}: its records have no grade under a known name, but {name!r} may hold them; "
                    "name that field relevance, or remove it if every candidate is a right answer"
                )
        fields = [used_fields(self.layout, fields) for fields in self.fields.values()]
        names = {field: names for part in fields for field, names in part.items()}
        renamed = [
            f"{field} from {', '.join(map(repr, columns[:3]))}"
            for field, columns in names.items()
            if re.sub(r"[\W_]+|\d+$", "", columns[0].lower()) != field.replace("_", "")
        ]
        others = list(dict.fromkeys(name for record in self.fields for name in record))
        unused = [repr(name) for name in others if not any(name in columns for columns in names.values())]
        renamed += [f"relevance from {name!r} of each candidate" for name in sorted(self.grade_names)]
        if renamed:
            self.report.remark(f"reads {', '.join(renamed)}")
        if unused:
            self.report.remark(f"does not use {', '.join(unused[:8])}{', ...' if len(unused) > 8 else ''}")
        if self.layout == "paired" and "positive" not in names:
            self.report.remark("has no grades: every candidate counts as a right answer")
        if self.has_decimal_comma:
            self.report.remark("writes grades with a decimal comma")

    def _raise_unknown(self) -> None:
        known = {field: ", ".join(FIELDS[field][:3]) for field in ("query", "candidate", "relevance", "positive")}
        raise UserError(
            f"{self.path}: its records have the fields {', '.join(map(repr, self.unknown))[:200] or 'none'}; needed are a query "
            f"(or {known['query']}) with a candidate (or {known['candidate']}) and its relevance (or {known['relevance']}), "
            f"or with a positive (or {known['positive']}); rename yours"
        )
