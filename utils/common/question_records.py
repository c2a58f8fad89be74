"""Questions that stand alone, without answers and texts, from files in any common format."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from utils.common.asking import OrderedReport, Record
from utils.common.files import content_kind, has_lone_surrogate, read_lines
from utils.common.records import read_json_values, read_records

QUESTION = ("question", "query", "text", "query_text", "question_text", "q", "title")
IDENTIFIER = ("id", "_id", "qid", "query_id", "question_id", "topic_id")
"""The names of each field, in the order in which they are looked for."""
PARTS_OF_ARTICLES = ("paragraphs", "context", "qas")
"""Names that an article of SQuAD and its parts have beside the title."""
_SEPARATORS = re.compile(r"[\t,;|]")


def read_plain_questions(path: str | Path, report: OrderedReport) -> Iterator[Record]:
    """Yield the questions of a file.

    - JSON, JSON lines, Parquet or a table with a header: a field with a name as in `QUESTION`, and perhaps one as in `IDENTIFIER`;
      other fields are ignored. In JSON, texts alone are questions too.
    - text without a header: a question per line; or where each of the first lines has one tab, an id, the tab and a question.

    Args:
        path: the file, compressed or not.
        report: counts what is not a question.

    Raises:
        UserError: the file cannot be read.
    """
    if content_kind(path) == "text" and not _has_header(path):
        records = _lines(path)
    elif content_kind(path) in ("json", "jsonl"):
        records = _values(read_json_values(path, report))
    else:
        records = _values(read_records(path, report, (*QUESTION, *IDENTIFIER)))
    for place, identifier, question in records:
        if not isinstance(question, str) or not question.strip():
            report.leave_out(place, "it has no question", id=identifier)
        elif has_lone_surrogate(question):
            report.leave_out(place, "the question holds half a character (a lone surrogate)", id=identifier)
        else:
            yield Record(identifier, place, question.strip())


def record_id(record: dict) -> str | int | None:
    """The id of a record, under one of the names in `IDENTIFIER`; None where it has none.

    >>> record_id({"qid": 7, "question": "Who?"}), record_id({"id": ""})
    (7, None)
    """
    names = {str(name).strip().lower(): name for name in record}
    for name in IDENTIFIER:
        value = record.get(names.get(name))
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return value
    return None


def _values(values: Iterator[tuple[str, object]]) -> Iterator[tuple]:
    for place, value in values:
        if isinstance(value, dict):
            names = {str(name).strip().lower(): name for name in value}
            is_text = not names.keys().isdisjoint(PARTS_OF_ARTICLES)  # whose title is no question
            known = [name for name in QUESTION if name in names and not (is_text and name == "title")]
            question = value[names[known[0]]] if known else None
            yield place, record_id(value), question
        else:
            yield place, None, value


def _has_header(path: str | Path) -> bool:
    """Whether the first line names a column of questions."""
    line = next((line for _, line in read_lines(path) if line.strip()), "")
    return any(name.strip().strip('"').lower() in QUESTION for name in _SEPARATORS.split(line))


def _lines(path: str | Path) -> Iterator[tuple]:
    sample = [line for _, line in itertools.islice(read_lines(path), 50) if line.strip()]
    has_ids = all(line.count("\t") == 1 for line in sample)
    for number, line in read_lines(path):
        if line.strip():
            identifier, _, question = line.partition("\t") if has_ids else ("", "", line)
            yield f"line {number:,}", identifier.strip() or None, question
