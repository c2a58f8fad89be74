"""Responses in tables, JSON and Parquet: a row per response, per student with lists, or per student with a column per item."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from utils.common.errors import UserError
from utils.common.files import content_kind, read_lines
from utils.common.reading import FileReport
from utils.common.records import read_records
from utils.common.tables import find_columns, read_table
from utils.tracing.columns import (
    KNOWN_COLUMNS,
    REQUIRED,
    columns_in_words,
    find_response_columns,
    is_skill,
    quoted,
)
from utils.tracing.credit import response_value
from utils.tracing.response_log import ResponseLog
from utils.tracing.sequences import MAX_CATEGORIES

SAMPLE_ROWS = 50
"""Rows that tell how a table is laid out."""
ROW_NAMES = ("", "id", "name", "index", "rownames", "unnamed: 0")
"""Names of a first column that holds the students in a table with a column per item."""
PADDING = "-1"
"""pyKT fills lists up with it."""


def read_table_log(path: Path, chosen: Mapping[str, str], report: FileReport, needs_chosen: bool = True) -> ResponseLog:
    """Read a table, JSON, JSON lines or Parquet.

    Args:
        path: the file.
        chosen: names of columns that the user gives, from `utils.tracing.columns.parse_columns`.
        report: counts what is used and what is not, and says how the file was understood.
        needs_chosen: a chosen name that the file does not have is an error.

    Raises:
        UserError: the file cannot be read, or its columns are not known.
    """
    is_text = content_kind(path) == "text"
    line_word, rows = ("line", _table_rows(path, chosen)) if is_text else _record_rows(path, report)
    _, header = next(rows, (0, []))
    sample = list(itertools.islice(rows, SAMPLE_ROWS))
    rows = itertools.chain(sample, rows)
    header = [str(name).strip() for name in header]
    if not needs_chosen:
        chosen = {column: name for column, name in chosen.items() if find_columns(path, header, {name: []}) or not name}
    columns = find_response_columns(path, header, chosen)
    if "item" not in columns and {"student", "response"} <= columns.keys() and _has_dicts(sample, columns["response"]):
        report.remark(
            "read as a row per student with responses by item; their order counts as the order of the answers"
        )
        log = ResponseLog(path, line_word)
        log.read(_rows_of_dicts(rows, columns, report, log), report)
        return log
    if "item" not in columns and "response" not in columns:
        student = _student_of_wide_table(path, header, sample, columns.get("student"))
        names = [name for place, name in enumerate(header) if place != student]
        report.remark(
            f"read as a row per student and a column per item ({', '.join(names[:5])}{', ...' if len(names) > 5 else ''}); "
            "their order counts as the order of the answers"
        )
        log = ResponseLog(path, line_word)
        log.read(_rows_of_wide_table(rows, header, student, report, log), report)
        return log
    missing = [column for column in REQUIRED if column not in columns]
    if missing:
        raise _missing_columns(path, header, missing)
    items_are_skills = is_skill(header[columns["item"]])
    if any(header[place].casefold() != column for column, place in columns.items()):
        report.remark(f"read with --columns {columns_in_words(header, columns)}")
    if items_are_skills:
        untold = (
            "" if "time" in columns else "; without times, answers that are repeated for several skills cannot be told"
        )
        report.remark(f"skills count as items{untold}")
    has_lists = _has_lists(sample, columns)
    if has_lists:
        columns = {name: place for name, place in columns.items() if name in REQUIRED or _is_filled(sample, place)}
    log = ResponseLog(path, line_word, "time" in columns, "skill" in columns, items_are_skills)
    if has_lists:
        masks = find_columns(path, header, {"selectmasks": ["selectmask", "masks", "mask"]}).get("selectmasks")
        log.read(_rows_of_lists(rows, columns, masks, report, log), report)
    else:
        rows = rows if is_text else _rows_of_texts(rows, report, log)
        log.read(_rows(rows, columns, len(header), report, log), report)
    return log


def _table_rows(path: Path, chosen: Mapping[str, str]) -> Iterator[tuple[int, list[str]]]:
    known = {*KNOWN_COLUMNS, *chosen.values()}
    (_, first_line) = next(((number, line) for number, line in read_lines(path) if line.strip()), (0, ""))
    is_blank_separated = not any(mark in first_line for mark in "\t|;,") and len(first_line.split()) > 2
    return read_table(path, separator=" " if is_blank_separated else None, known_columns=known)


def _record_rows(path: Path, report: FileReport) -> tuple[str, Iterator[tuple[int, list]]]:
    """What counts the records, and the records as rows of a table; the first one holds the names."""
    records = read_records(path, report)
    sample = list(itertools.islice(records, SAMPLE_ROWS))
    names = list(dict.fromkeys(name for _, record in sample for name in record))
    line_word = sample[0][0].partition(" ")[0] if sample else "record"

    def rows():
        yield 0, names
        for place, record in itertools.chain(sample, records):
            number = int(place.rpartition(" ")[2].replace(",", ""))
            yield number, [_cell(record.get(name)) for name in names]

    return line_word, rows()


def _cell(value):
    """A value of JSON or Parquet as a table has it; lists and dicts stay what they are."""
    if isinstance(value, str | dict):
        return value
    if isinstance(value, list):
        return [_cell(part) for part in value]
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _rows(rows, columns: Mapping[str, int], width: int, report: FileReport, log: ResponseLog) -> Iterator[tuple]:
    """The rows of a table with a row per response, as `ResponseLog.read` takes them."""
    student, item, response = (columns[column] for column in REQUIRED)
    time, skill = columns.get("time", student), columns.get("skill", student)  # the log ignores what it does not have
    shortest = max(columns.values()) + 1
    for line, fields in rows:
        if len(fields) != width and (len(fields) < shortest or any(field.strip() for field in fields[width:])):
            report.leave_out(log.place(line), f"it does not have {width} fields as the first line has")
        else:
            yield line, fields[student], fields[item], fields[response], fields[time], fields[skill]


def _rows_of_texts(rows, report: FileReport, log: ResponseLog) -> Iterator[tuple[int, list[str]]]:
    """The rows without those that have a list or an object of JSON in the place of a text."""
    for line, fields in rows:
        if all(isinstance(field, str) for field in fields):
            yield line, fields
        else:
            report.leave_out(log.place(line), "a value is a list or an object")


def _has_lists(sample: Sequence[tuple[int, list]], columns: Mapping[str, int]) -> bool:
    """Whether a row holds lists: as such, or as texts like `1,0,1` of as many items as responses."""
    for _, fields in sample:
        if len(fields) > max(columns.values()):
            items, responses = (_split(fields[columns[column]]) for column in ("item", "response"))
            if isinstance(fields[columns["response"]], list) or len(items) == len(responses) > 1:
                return True
    return False


def _is_filled(sample: Sequence[tuple[int, list]], place: int) -> bool:
    """Whether a column of lists holds anything; pyKT writes NA where it does not."""
    return any(_split(fields[place]) not in ([], ["NA"]) for _, fields in sample if len(fields) > place)


def _rows_of_lists(
    rows, columns: Mapping[str, int], masks: int | None, report: FileReport, log: ResponseLog
) -> Iterator[tuple]:
    """The responses of rows with lists, as pyKT writes them: without its padding, and without what `selectmasks` leaves out.

    A student may have several rows, which follow one another. In pyKT's windows the same response stands in many rows, and the mask
    selects it in one.
    """
    names = [column for column in columns if column != "student"]
    for line, fields in rows:
        if len(fields) <= max(columns.values()):
            report.leave_out(log.place(line), "it has fewer fields than the first line")
            continue
        lists = {column: _split(fields[columns[column]]) for column in names}
        selected = _split(fields[masks]) if masks is not None and masks < len(fields) else None
        count = len(lists["response"])
        empty = [""] * count
        if {len(entries) for entries in lists.values()} | ({len(selected)} if selected is not None else set()) != {
            count
        }:
            report.leave_out(log.place(line), "its lists differ in length", max(1, count))
            continue
        student, items, responses = str(fields[columns["student"]]), lists["item"], lists["response"]
        times, skills = lists.get("time", empty), lists.get("skill", empty)
        while count and responses[count - 1] in (PADDING, "-1.0", "") and items[count - 1] in (PADDING, "-1.0", ""):
            count -= 1
        for step in range(count):
            if selected is None or selected[step] not in (PADDING, "0", "-1.0", "False"):
                yield line, student, items[step], responses[step], times[step], skills[step]


def _split(cell) -> list[str]:
    """The entries of a list, or of a text such as `1,0,1` or `[1, 0, 1]`."""
    if isinstance(cell, list):
        return [entry if isinstance(entry, str) else str(entry) for entry in cell]
    text = str(cell).strip().removeprefix("[").removesuffix("]").rstrip(", ")
    entries = text.split(",") if "," in text else text.split(";") if ";" in text else text.split()
    return [entry.strip(" '\"") for entry in entries]


def _has_dicts(sample: Sequence[tuple[int, list]], place: int) -> bool:
    return any(isinstance(fields[place], dict) for _, fields in sample)


def _rows_of_dicts(rows, columns: Mapping[str, int], report: FileReport, log: ResponseLog) -> Iterator[tuple]:
    """The responses of records such as py-irt's `{"subject_id": "ann", "responses": {"item 1": 1}}`."""
    seen = set()
    for line, fields in rows:
        student, responses = str(fields[columns["student"]]), fields[columns["response"]]
        if not isinstance(responses, dict) or student in seen:
            reason = (
                "its student has a record already" if isinstance(responses, dict) else "it has no responses by item"
            )
            report.leave_out(log.place(line), reason)
            continue
        seen.add(student)
        for item, response in responses.items():
            yield line, student, str(item), str(_cell(response)), "", ""


def _student_of_wide_table(
    path: Path, header: Sequence[str], sample: Sequence[tuple[int, list]], student: int | None
) -> int | None:
    """The column of the students in a table with a column per item; None where the table does not name them.

    Raises:
        UserError: the table is no such table.
    """
    full_rows = [fields for _, fields in sample if len(fields) == len(header)]
    if student is None and full_rows:
        first = [str(fields[0]) for fields in full_rows]
        is_named = header[0].casefold() in ROW_NAMES or not all(_is_response(text) for text in first)
        student = 0 if is_named and len(set(first)) == len(first) else None
    cells = [str(cell) for fields in full_rows for place, cell in enumerate(fields) if place != student]
    names = [fields[student] for fields in full_rows] if student is not None else []
    is_wide = (
        len(header) - (student is not None) > 1
        and len(set(header)) == len(header)
        and not all(re.fullmatch(r"[-+.\d]+", name) for name in header)  # then the names are missing
        and cells
        and sum(_is_response(cell) for cell in cells) >= 0.95 * len(cells)
        and len(set(names)) == len(names)
    )
    if not is_wide:
        found = {} if student is None else {"student": student}
        raise _missing_columns(path, header, [column for column in REQUIRED if column not in found])
    return student


def _is_response(text: str) -> bool:
    value = response_value(text)
    return value is None or 0 <= value < MAX_CATEGORIES


def _rows_of_wide_table(
    rows, header: Sequence[str], student: int | None, report: FileReport, log: ResponseLog
) -> Iterator[tuple]:
    """The responses of a table with a column per item."""
    seen = set()
    for line, fields in rows:
        name = f"{log.path.name}:{len(seen)}" if student is None else fields[student] if len(fields) > student else ""
        if len(fields) != len(header):
            reason = f"it does not have {len(header)} fields as the first line has"
            report.leave_out(log.place(line), reason, len(header) - 1)
            continue
        if name in seen:
            reason = "its student has a row already (--columns tells what is what in a row per response)"
            report.leave_out(log.place(line), reason, len(header) - 1)
            continue
        seen.add(name)
        for place, cell in enumerate(fields):
            if place != student:
                yield line, name, header[place], str(cell), "", ""


def _missing_columns(path: Path, header: Sequence[str], missing: Sequence[str]) -> UserError:
    listed = ", ".join(map(quoted, header[:12])) + (", ..." if len(header) > 12 else "")
    example = " ".join(f"{column}=NAME" for column in missing)
    return UserError(
        f"{path}: its first line names no column of {' and '.join(missing)}, but {listed[:200] or 'nothing'}; say which they are "
        f"with --columns {example}"
    )
