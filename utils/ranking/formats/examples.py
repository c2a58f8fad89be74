"""Read records that name a question and its candidates: graded rows, pairs, triplets, and lists with or without labels."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from utils.common.errors import UserError
from utils.common.files import has_lone_surrogate
from utils.common.reading import FileReport
from utils.ranking.formats.fields import DOCUMENT_FIELDS, FIELDS, find_fields, parse_grade
from utils.ranking.records import Candidate, Query

MAX_UNKNOWN = 20
"""Records without known fields after which a file is given up, if none had them."""
MAX_GRADES = 11
"""A field with so many different numbers or fewer may be the grade."""


class Item(NamedTuple):
    """A candidate as a record names it."""

    id: str
    text: object
    grade: object = None


@dataclass
class _Question:
    """A question whose candidates are still collected, by id or by text."""

    number: str
    place: str
    text: str
    candidates: dict[str, Candidate] = field(default_factory=dict)


def read_examples(path: Path, values: Iterable[tuple[str, object]], report: FileReport) -> Iterator[Query]:
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

    Raises:
        UserError: no record has a question with candidates, or a field without a known name may be the grade.
    """
    return _Examples(path, report).read(values)


class _Examples:
    def __init__(self, path: Path, report: FileReport):
        self.path = path
        self.report = report
        self.layout = ""  # of the first record: graded, listed or paired
        self.questions: dict[str, _Question] = {}
        self.fields: dict[tuple, dict[str, list[str]]] = {}  # by the names of a record
        self.unknown: list[str] = []  # the first names of records without known fields
        self.num_unknown = 0
        self.numbers: dict[str, set] = {}  # values of fields that are not used, in records without grades
        self.num_ungraded = 0
        self.has_decimal_comma = False

    def read(self, values: Iterable[tuple[str, object]]) -> Iterator[Query]:
        for place, value in values:
            self._add(place, value)
        if not self.layout and self.unknown:
            self._raise_unknown()
        self._describe()
        for key, question in self.questions.items():
            candidates = tuple(question.candidates.values())
            yield Query(key if self._has_ids() else question.number, question.text, candidates, question.place)

    def _has_ids(self) -> bool:
        return any("query_id" in fields for fields in self.fields.values())

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
        query, items = _text(_first(record, fields, "query")), list(items_of(record, fields, layout, number))
        if not query:
            self.report.leave_out(place, "its question is empty or no text")
        elif has_lone_surrogate(query):
            self.report.leave_out(place, "its question contains half a character (a lone surrogate)")
        elif (question := self._question(place, number, query, record, fields)) is not None:
            has_ids = layout == "graded" and "candidate_id" in fields
            for item in items:
                self._add_candidate(place, question, item, has_ids)
            if layout == "paired" and "positive" not in fields:
                self._look_for_grades(record, used_fields(layout, fields))

    def _question(self, place: str, number: str, text: str, record: dict, fields: dict) -> _Question | None:
        key = text
        if "query_id" in fields:
            key = _text(_first(record, fields, "query_id"))
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
        text, grade = _text(item.text), parse_grade(item.grade)
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
        for name, value in record.items():
            values = self.numbers.setdefault(name, set()) if name not in used else None
            if values is not None and len(values) <= MAX_GRADES:
                grade = parse_grade(value) if isinstance(value, str | int | float) else math.nan
                values.add(value if grade is None or math.isnan(grade) else grade)

    def _describe(self) -> None:
        """Say how the fields were understood where their names leave a doubt."""
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
            f"{field} from {', '.join(map(repr, found[:3]))}"
            for field, found in names.items()
            if re.sub(r"[\W_]+|\d+$", "", found[0].lower()) != field.replace("_", "")
        ]
        others = list(dict.fromkeys(name for record in self.fields for name in record))
        unused = [repr(name) for name in others if not any(name in found for found in names.values())]
        if renamed:
            self.report.remark(
                f"reads {', '.join(renamed)}" + (f"; not used: {', '.join(unused[:8])}" if unused else "")
            )
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


LAYOUTS = {
    "graded": "a graded candidate",
    "listed": "a list of candidates with labels",
    "paired": "a question with right answers",
}


def as_record(value) -> dict:
    """The record as an object with known fields; an empty one where it is neither an object nor a list."""
    if isinstance(value, dict):
        texts = value.get("set") or value.get("texts")
        if not isinstance(texts, list) or not texts:
            return value
        if "set" in value:
            return {"query": texts[0], "positive": texts[1:]}
        grade = next((value[name] for name in ("label", "score") if value.get(name) is not None), None)
        return as_record([*texts, grade] if len(texts) == 2 and isinstance(grade, int | float) else texts)
    if not isinstance(value, list) or len(value) < 2:
        return {}
    if len(value) == 3 and isinstance(value[2], int | float):
        return dict(zip(("query", "candidate", "relevance"), value, strict=True))
    return {"query": value[0], "positive": value[1], **({"negative": value[2:]} if value[2:] else {})}


def layout_of(record: dict, fields: dict[str, list[str]]) -> str:
    """`graded`, `listed` or `paired` (see `LAYOUTS`); empty for a record without a question or candidates."""
    if "query" not in fields:
        return ""
    if "positive" in fields:
        return "paired"
    if "candidates" in fields and isinstance(_first(record, fields, "candidates"), list | dict):
        items = list(_items(_first(record, fields, "candidates"), ""))
        has_labels = "labels" in fields or any(item.grade is not None for item in items)
        return "listed" if has_labels else "paired"
    if "candidate" not in fields:
        return ""
    return "graded" if "relevance" in fields else "paired"


def used_fields(layout: str, fields: dict[str, list[str]]) -> dict[str, list[str]]:
    """The fields that are read from a record of this layout."""
    if layout == "graded":
        used = {"query", "candidate", "relevance", "query_id", "candidate_id"}
    elif layout == "listed":
        used = {"query", "candidates", "labels", "query_id"}
    else:
        answer = next((field for field in ("positive", "candidates", "candidate") if field in fields), "")
        used = {"query", answer, "negative", "query_id"}
    return {field: names for field, names in fields.items() if field in used}


def items_of(record: dict, fields: dict[str, list[str]], layout: str, number: str) -> Iterator[Item]:
    """The candidates of a record with their grades."""
    if layout == "graded":
        id_ = _text(_first(record, fields, "candidate_id")) if "candidate_id" in fields else number
        yield Item(id_, _first(record, fields, "candidate"), _first(record, fields, "relevance"))
    elif layout == "listed":
        items = list(_items(_first(record, fields, "candidates"), number))
        labels = _first(record, fields, "labels") if "labels" in fields else None
        if isinstance(labels, list):
            labels += [None] * (len(items) - len(labels))
            items = [item._replace(grade=label) for item, label in zip(items, labels, strict=False)]
        yield from items
    else:
        answer = next(field for field in ("positive", "candidates", "candidate") if field in fields)
        positives = list(_items(_first(record, fields, answer), number))
        yield from (item._replace(grade=1.0) for item in positives)
        start = len(positives)
        for name in fields.get("negative", ()):
            negatives = list(_items(record[name], number, start))
            start += len(negatives)
            yield from (item._replace(grade=0.0) for item in negatives)


def _items(value, number: str, start: int = 0) -> Iterator[Item]:
    """The candidates in a text, a list of texts or objects, or an object of lists; without ids of their own they are numbered."""
    if value is None or value == "":
        return
    if isinstance(value, dict) and any(isinstance(column, list) for column in value.values()):
        columns = {name: column for name, column in value.items() if isinstance(column, list)}
        length = max(map(len, columns.values()))
        value = [{name: column[row] for name, column in columns.items() if row < len(column)} for row in range(length)]
    values = value if isinstance(value, list) else [value]
    for place, part in enumerate(values, start=start + 1):
        name = number if place == 1 else f"{number}-{place}"
        if not isinstance(part, dict):
            yield Item(name, part)
            continue
        found = {field: next((part[key] for key in (field, *others) if key in part), None)
                 for field, others in (*DOCUMENT_FIELDS.items(), ("relevance", FIELDS["relevance"]))}  # fmt: skip
        texts = [_text(found["title"]), _text(found["text"])]
        yield Item(_text(found["id"]) or name, " ".join(filter(None, texts)) if texts[1] else "", found["relevance"])


def _first(record: dict, fields: dict[str, list[str]], field: str):
    """The value of a field; None where the record lacks it."""
    return record.get(fields[field][0])


def _text(value) -> str:
    """A text or a number as text without white space around it; empty for anything else."""
    return str(value).strip() if type(value) in (str, int, float) else ""
