"""Tell what a text file without a known header holds: judgements, rows of texts with tabs between, documents, or plain lines."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from utils.common.errors import UserError
from utils.common.files import read_lines
from utils.common.reading import FileReport
from utils.common.tables import find_columns, read_table
from utils.ranking.formats.collection import has_judgement_header, is_trec_judgement
from utils.ranking.formats.fields import DOCUMENT_FIELDS, FIELDS, KNOWN_NAMES, find_fields, parse_grade

SAMPLE = 100
"""Rows that decide."""
FEATURES = re.compile(r"[-+]?\d+(\.\d+)?\s+(qid:\S+\s+)?1:[-+.\d]")
"""A line of LETOR's files: the grade, the question and numbered features."""
MAX_GRADES = 8
"""Different grades of judgements, at most."""
ROWS = {
    "pairs": "query and positive",
    "triples": "query, positive and negative",
    "graded": "query, candidate and relevance",
}
"""Layouts of rows without header, and how their columns are read."""


def text_layout(path: Path) -> str:
    """What a text file holds.

    Returns:
        `records` (a table whose header has known names), `judgements` (TREC's or BEIR's qrels), one of `ROWS`, `documents` (id and
        text, perhaps with a title between them) or `lines`.

    Raises:
        UserError: it is a TREC run, holds ids alone, or has columns that cannot be understood.
    """
    header = next(read_table(path, known_columns=KNOWN_NAMES), (1, []))[1]
    if not header:
        raise UserError(f"{path}: is empty; name another file")
    if has_judgement_header(path):
        return "judgements"
    fields = set(find_fields(path, header))
    columns = find_columns(path, header, DOCUMENT_FIELDS).keys()
    if columns == {"text"} and len(header) == 1 and _has_one_column(path):
        return "documents"
    # A text and one more known name: a sentence may begin with "Body, mind and soul".
    if "text" in columns and columns & {"id", "title"} and not fields & {"query", "positive", "relevance"}:
        return "documents"
    if len(header) > 1 and fields & {"query", "candidate", "relevance", "positive", "negative"}:
        return "records"
    lines = list(itertools.islice((line for _, line in read_lines(path) if line.strip()), SAMPLE))
    if lines and all(map(is_trec_judgement, lines)):
        return "judgements"
    if lines and all(len(line.split()) == 6 and line.split()[1] in ("Q0", "0") for line in lines):
        raise UserError(
            f"{path}: is a TREC run, which has no judgements; name the qrels, with the collection and the queries"
        )
    if lines and all(FEATURES.match(line) for line in lines):
        raise UserError(
            f"{path}: holds numbers that describe documents (LETOR, SVMlight) and no texts; give texts, as query, candidate and "
            "relevance"
        )
    rows = [fields for _, fields in itertools.islice(read_table(path, "\t"), SAMPLE)]
    width = len(rows[0]) if rows else 1
    if width < 2 or sum(len(row) == width for row in rows) < 0.9 * len(rows):
        return "lines"
    return _row_layout(path, [row for row in rows if len(row) == width])


def _has_one_column(path: Path) -> bool:
    """Whether a file is a table of one column; commas and tabs that are not quoted are those of plain lines."""
    rows = itertools.islice(read_table(path, known_columns=KNOWN_NAMES), SAMPLE)
    return all(len(fields) == 1 for _, fields in rows)


def _row_layout(path: Path, rows: list[list[str]]) -> str:
    columns = list(zip(*rows, strict=True))
    are_ids = [all(" " not in field.strip() and field.isascii() for field in column) for column in columns]
    is_grade = [is_number(field) for field in columns[-1]]
    if all(are_ids) and len(columns) == 3 and len(set(columns[2])) <= MAX_GRADES < len(rows) and all(is_grade):
        return "judgements"  # BEIR's without a header; ids in the last column would differ
    if all(are_ids) and len(columns) == 3:
        raise UserError(
            f"{path}: holds three columns of ids, as MS MARCO's qidpidtriples do, and no texts; give triples of texts, or a folder "
            "with corpus, queries and qrels"
        )
    if len(columns) == 3 and sum(is_grade) >= 0.9 * len(rows) and not are_ids[1]:
        if not is_grade[0] and all(is_grade[1:]) and len(rows) > 1:
            raise UserError(
                f"{path}: its first line {rows[0]} has unknown names; name the columns query, candidate and relevance"
            )
        return "graded"
    if len(columns) <= 3 and are_ids[0] and not are_ids[-1]:
        return "documents"
    ids = next((column for column in columns[1:] if all(re.fullmatch(r"[\d\s,]+", field) for field in column)), None)
    if ids:
        raise UserError(
            f"{path}: has a column of numbers alone, such as {ids[0][:40]!r}, which look like ids of answers; write the texts of "
            "the answers in their place"
        )
    if len(columns) <= 3 and not are_ids[-1]:
        return "pairs" if len(columns) == 2 else "triples"
    raise UserError(
        f"{path}: its columns cannot be understood, as no known name is in its first line {str(rows[0])[:100]}; name them "
        f"query (or {', '.join(FIELDS['query'][:2])}), candidate (or {', '.join(FIELDS['candidate'][:2])}) and relevance (or "
        f"{', '.join(FIELDS['relevance'][:2])})"
    )


def is_number(text: str) -> bool:
    """Whether a text is a number that can be a grade."""
    grade = parse_grade(text)
    return grade is not None and grade == grade


def read_rows(path: Path, layout: str, report: FileReport) -> Iterator[tuple[str, object]]:
    """Yield `(place, record)` of each row of a table without header, in one of the layouts `ROWS`."""
    report.remark(f"has no header; its columns are read as {ROWS[layout]}")
    width = 2 if layout == "pairs" else 3
    for number, fields in read_table(path, "\t"):
        if len(fields) != width:
            report.leave_out(f"line {number:,}", f"it does not have {width} fields as the first line has")
        elif layout == "graded":
            record = dict(zip(("query", "candidate", "relevance"), fields, strict=True))
            yield f"line {number:,}", record
        else:
            yield f"line {number:,}", list(fields)
