"""Responses in tables with a row per student, and a column per item or an object with the responses by item."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from utils.common.errors import UserError
from utils.common.reading import FileReport
from utils.common.tables import find_columns
from utils.tracing.columns import ALIASES, missing_columns
from utils.tracing.credit import response_value
from utils.tracing.response_log import ResponseLog
from utils.tracing.sequences import MAX_CATEGORIES
from utils.tracing.tables import Table, cell, wrong_width

ROW_NAMES = ("", "id", "name", "index", "rownames", "unnamed: 0")
"""Names of a first column that holds the students."""
NO_ITEMS = frozenset(
    ("age", "sex", "gender", "race", "country", "group", "class", "school", "grade", "education", "date", "time", "timestamp",
     "duration", "total", "sum", "totalscore", "sumscore", "mean")
)  # fmt: skip
"""Columns, without blanks and punctuation, that describe the students or sum their responses up."""
MIN_RESPONSES = 0.95
"""At least this fraction of the first rows' cells must be responses or empty."""
SEEN = "its student has a row already (if each row is one response, name its columns with --columns)"


def is_matrix(columns: Mapping[str, int], table: Table) -> bool:
    """Whether a table without a column of items is one with a column per item, or one with responses by item."""
    return "item" not in columns and ("response" not in columns or _has_objects(columns, table))


def read_matrix_log(table: Table, columns: Mapping[str, int], report: FileReport) -> ResponseLog:
    """Read a table with a row per student.

    Args:
        table: from `utils.tracing.tables.open_table`.
        columns: from `utils.tracing.columns.find_response_columns`.
        report: counts what is used and what is not, and says how the file was understood.

    Raises:
        UserError: the table is no such table.
    """
    if _has_objects(columns, table):
        items, rows = "responses by item", _rows_of_objects(table, columns, report)
    else:
        others = _other_columns(table, columns)
        student = _place_of_students(table, columns.get("student"), others)
        names = [name for place, name in enumerate(table.header) if place != student and place not in others]
        if others:
            report.remark(
                f"leaves out columns that are not items: {', '.join(repr(table.header[place]) for place in others)}"
            )
        items = f"a column per item ({', '.join(names[:5])}{', ...' if len(names) > 5 else ''})"
        rows = _rows_of_columns(table, student, others, report)
    report.remark(f"read as a row per student with {items}; their order counts as the order of the answers")
    log = ResponseLog(table.path, table.line_word)
    log.read(rows, report)
    return log


def _other_columns(table: Table, columns: Mapping[str, int]) -> list[int]:
    """The places of columns that hold neither the students nor an item: names of `NO_ITEMS`, times, and other names of students."""
    names = {name: () for column in ("student", "time") for name in (column, *ALIASES[column])}
    places = {*columns.values(), *find_columns(table.path, table.header, names).values()}
    places |= {place for place, name in enumerate(table.header) if re.sub(r"[\W_]", "", name.casefold()) in NO_ITEMS}
    return sorted(places - {columns.get("student")})


def _has_objects(columns: Mapping[str, int], table: Table) -> bool:
    known = "student" in columns and "response" in columns
    return known and any(
        isinstance(value, dict) for _, fields in table.sample for value in fields[columns["response"] :][:1]
    )


def _rows_of_objects(table: Table, columns: Mapping[str, int], report: FileReport) -> Iterator[tuple]:
    """The responses of records such as py-irt's `{"subject_id": "ann", "responses": {"item 1": 1}}`."""
    seen = set()
    for line, fields in table.rows:
        student, responses = str(fields[columns["student"]]), fields[columns["response"]]
        if not isinstance(responses, dict):
            report.leave_out(f"{table.line_word} {line:,}", "it has no responses by item")
        elif student in seen:
            report.leave_out(f"{table.line_word} {line:,}", SEEN, max(1, len(responses)))
        else:
            for item, response in responses.items():
                yield line, student, str(item), str(cell(response)), "", ""
        seen.add(student)


def _place_of_students(table: Table, student: int | None, others: Sequence[int]) -> int | None:
    """The column of the students in a table with a column per item; None where the table does not name them.

    Args:
        table: the table.
        student: the column, if its name says so.
        others: places of columns that are no items.

    Raises:
        UserError: the table is no such table.
    """
    rows = [fields for _, fields in table.sample if len(fields) == len(table.header)]
    if student is None and rows:
        first = [str(fields[0]) for fields in rows]
        is_name = len(set(first)) == len(first) and not all(map(_is_response, first))
        is_name &= 0 not in others
        student = 0 if table.header[0].casefold() in ROW_NAMES or is_name else None
    students = [str(fields[student]) for fields in rows] if student is not None else []
    no_items = {student, *others}
    cells = [str(field) for fields in rows for place, field in enumerate(fields) if place not in no_items]
    is_matrix = (
        len(table.header) - len(no_items - {None}) > 1
        and len(set(table.header)) == len(table.header)
        and not all(re.fullmatch(r"[-+.\d]+", name) for name in table.header)  # then the names are missing
        and (len(set(students)) == len(students) or table.header[student].casefold() in ROW_NAMES)
        and bool(cells)
        and sum(map(_is_response, cells)) >= MIN_RESPONSES * len(cells)
    )
    if not is_matrix:
        columns = {} if student is None else {"student": student}
        error = missing_columns(table.path, table.header, columns)
        if len(set(students)) == len(students) > 0:
            raise UserError(
                f"{error}; or, with a column per item, write whole numbers in its cells and remove other columns"
            )
        raise error
    return student


def _is_response(text: str) -> bool:
    value = response_value(text)
    return value is None or 0 <= value < MAX_CATEGORIES


def _rows_of_columns(table: Table, student: int | None, others: Sequence[int], report: FileReport) -> Iterator[tuple]:
    """The responses of a table with a column per item; `others` are the places of columns that are no items."""
    seen, width = set(), len(table.header)
    for line, fields in table.rows:
        if len(fields) != width:
            report.leave_out(f"{table.line_word} {line:,}", wrong_width(width), width - 1)
            continue
        name = f"{table.path.name}:{len(seen)}" if student is None else str(fields[student])
        if name in seen:
            report.leave_out(f"{table.line_word} {line:,}", SEEN, width - 1)
            continue
        seen.add(name)
        for place, field in enumerate(fields):
            if place != student and place not in others:
                yield line, name, table.header[place], str(field), "", ""
