"""Responses in tables, JSON and Parquet: with a row per response, or a row per student with lists."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from utils.common.files import content_kind, read_lines
from utils.common.reading import FileReport
from utils.common.records import read_records
from utils.common.tables import find_columns, read_table
from utils.tracing.columns import KNOWN_COLUMNS, REQUIRED, columns_in_words, is_skill
from utils.tracing.credit import is_response
from utils.tracing.response_log import ResponseLog

SAMPLE_ROWS = 50
"""Rows that tell how a table is laid out."""
MASKS = {"selectmasks": ["selectmask", "masks", "mask"]}
"""pyKT's column that tells which entries of a row's lists count."""
PADDING = ("-1", "-1.0", "")
"""pyKT fills lists up with -1."""
UNSELECTED = (*PADDING, "0", "False")


@dataclass
class Table:
    """A file as rows of cells.

    Args:
        path: the file.
        line_word: what counts its rows: `line`, `row` or `record`.
        header: the names of its columns.
        sample: its first rows, which also stand in `rows`; pairs of line number and cells.
        rows: all rows.
        texts_only: all cells are texts; in JSON and Parquet they may also be lists and dicts.
    """

    path: Path
    line_word: str
    header: list[str]
    sample: list[tuple[int, list]]
    rows: Iterable[tuple[int, list]]
    texts_only: bool


def open_table(path: Path, chosen: Mapping[str, str], report: FileReport) -> Table:
    """Open a table, JSON, JSON lines or Parquet.

    Args:
        path: the file.
        chosen: names of columns that the user gives, which help to find the separator.
        report: counts what is no record.

    Raises:
        UserError: the file cannot be read.
    """
    texts_only = content_kind(path) == "text"
    if texts_only:
        first_line = next((line for _, line in read_lines(path) if line.strip()), "")
        has_blanks = not any(mark in first_line for mark in "\t|;,") and len(first_line.split()) > 2
        rows = read_table(path, " " if has_blanks else None, known_columns={*KNOWN_COLUMNS, *chosen.values()})
        line_word, (_, header) = "line", next(rows, (0, []))
    else:
        records = read_records(path, report)
        first = list(itertools.islice(records, SAMPLE_ROWS))
        header = list(dict.fromkeys(name for _, record in first for name in record))
        line_word = first[0][0].partition(" ")[0] if first else "record"
        rows = _rows_of_records(itertools.chain(first, records), header)
    sample = list(itertools.islice(rows, SAMPLE_ROWS))
    header = [str(name).strip() for name in header]
    if texts_only and _has_row_names(header, sample):
        report.remark("its rows have a field more than its first line, as R writes names of rows")
        header = ["", *header]
    return Table(path, line_word, header, sample, itertools.chain(sample, rows), texts_only)


def _has_row_names(header: Sequence[str], sample: Sequence[tuple[int, list]]) -> bool:
    """Whether each row begins with a name that the first line has no column for, as R's `write.table` writes tables."""
    rows = [fields for _, fields in sample]
    return (
        bool(header)
        and len(rows) > 1
        and all(len(fields) == len(header) + 1 for fields in rows)
        and len({fields[0] for fields in rows}) == len(rows)
        and any(fields[-1].strip() for fields in rows)  # else each row ends in a separator
    )


def _rows_of_records(records: Iterable[tuple[str, dict]], names: Sequence[str]) -> Iterator[tuple[int, list]]:
    for place, record in records:
        number = int(place.rpartition(" ")[2].replace(",", ""))
        yield number, [cell(record.get(name)) for name in names]


def cell(value):
    """A value of JSON or Parquet as a table has it; lists and dicts stay what they are."""
    if isinstance(value, str | dict):
        return value
    if isinstance(value, list):
        return [cell(part) for part in value]
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def read_table_log(table: Table, columns: Mapping[str, int], report: FileReport) -> ResponseLog:
    """Read a table with a row per response, or with lists.

    Args:
        table: from `open_table`.
        columns: from `utils.tracing.columns.find_response_columns`.
        report: counts what is used and what is not, and says how the file was understood.
    """
    if any(table.header[place].casefold() != column for column, place in columns.items()):
        report.remark(f"read with --columns {columns_in_words(table.header, columns)}")
    items_are_skills = is_skill(table.header[columns["item"]])
    if items_are_skills:
        untold = "; without times, answers that are repeated for several skills cannot be recognised"
        report.remark("skills count as items" + ("" if "time" in columns else untold))
    has_lists = _has_lists(table, columns)
    if has_lists:
        columns = {name: place for name, place in columns.items() if name in REQUIRED or _is_filled(table, place)}
    log = ResponseLog(table.path, table.line_word, "time" in columns, "skill" in columns, items_are_skills)
    log.read((_rows_of_lists if has_lists else _rows)(table, columns, report), report)
    return log


def _rows(table: Table, columns: Mapping[str, int], report: FileReport) -> Iterator[tuple]:
    """The rows of a table with a row per response, as `ResponseLog.read` takes them."""
    student, item, response = (columns[column] for column in REQUIRED)
    time, skill = columns.get("time", student), columns.get("skill", student)  # the log ignores what it does not have
    width, shortest = len(table.header), max(columns.values()) + 1
    student_name, item_name = table.header[student], table.header[item]
    for line, fields in table.rows if table.texts_only else _rows_of_texts(table, columns, report):
        if len(fields) != width and (len(fields) < shortest or any(field.strip() for field in fields[width:])):
            report.leave_out(f"{table.line_word} {line:,}", wrong_width(width))
        elif fields[student].strip() == student_name and fields[item].strip() == item_name:
            report.skip(f"{table.line_word} {line:,}", "it repeats the first line")  # files that were put together
        else:
            yield line, fields[student], fields[item], fields[response], fields[time], fields[skill]


def wrong_width(width: int) -> str:
    """What is wrong with a row that has more or fewer fields than the header."""
    return f"it does not have {width} fields as the first line has"


def _rows_of_texts(table: Table, columns: Mapping[str, int], report: FileReport) -> Iterator[tuple[int, list[str]]]:
    """The rows without those that have a list or an object of JSON in the place of a text. A list of skills becomes their names in
    alphabetical order with a plus between, as a merged answer has them."""
    skill = columns.get("skill")
    for line, fields in table.rows:
        if skill is not None and isinstance(fields[skill], list):
            fields[skill] = "+".join(sorted(set(map(str, fields[skill]))))
        wrong = next((name for name, place in columns.items() if not isinstance(fields[place], str)), None)
        if wrong is None:
            yield line, fields
        else:
            report.leave_out(
                f"{table.line_word} {line:,}", f"its {wrong} is a list or an object; write a row per response"
            )


def _has_lists(table: Table, columns: Mapping[str, int]) -> bool:
    """Whether a row holds lists: as such, or as texts like `1,0,1` of as many items as responses."""
    cells = [
        [fields[columns[column]] for column in ("item", "response")]
        for _, fields in table.sample
        if len(fields) > max(columns.values())
    ]
    is_pykt = table.header[columns["response"]].casefold() == "responses"
    return any(isinstance(response, list) or _are_lists(str(item), str(response), is_pykt) for item, response in cells)


def _are_lists(item: str, response: str, is_pykt: bool) -> bool:
    """Whether an item and a response as a text are lists of as many items as responses, and not `Aufgabe 1` and `0,5`.

    A response that may have a decimal comma is a list only in a column with pyKT's name, beside items with a comma.
    """
    entries = split_list(response)
    return (
        len(split_list(item)) == len(entries) > 1
        and all(map(is_response, entries))
        and (not is_response(response) or (is_pykt and "," in item))
    )


def _is_filled(table: Table, place: int) -> bool:
    """Whether a column of lists holds anything; pyKT writes NA where it does not."""
    return any(split_list(fields[place]) not in ([], ["NA"]) for _, fields in table.sample if len(fields) > place)


def _rows_of_lists(table: Table, columns: Mapping[str, int], report: FileReport) -> Iterator[tuple]:
    """The responses of rows with lists, as pyKT writes them: without its padding, and without what `selectmasks` leaves out.

    A student may have several rows, which follow one another. In pyKT's windows the same response stands in many rows, and the mask
    selects it in one.
    """
    columns = columns | find_columns(table.path, table.header, MASKS)
    for line, fields in table.rows:
        if len(fields) != len(table.header):
            report.leave_out(f"{table.line_word} {line:,}", wrong_width(len(table.header)))
            continue
        lists = {column: split_list(fields[place]) for column, place in columns.items() if column != "student"}
        items, responses = lists["item"], lists["response"]
        count = len(responses)
        if any(len(entries) != count for entries in lists.values()):
            report.leave_out(f"{table.line_word} {line:,}", "its lists differ in length", max(1, count))
            continue
        student, empty = str(fields[columns["student"]]), [""] * count
        times, skills, masks = lists.get("time", empty), lists.get("skill", empty), lists.get("selectmasks")
        while count and responses[count - 1] in PADDING and items[count - 1] in PADDING:
            count -= 1
        for step in range(count):
            if masks is None or masks[step] not in UNSELECTED:
                yield line, student, items[step], responses[step], times[step], skills[step]


def split_list(value) -> list[str]:
    """The entries of a list, or of a text such as `1,0,1` or `[1, 0, 1]`.

    >>> split_list("1,0,1"), split_list("[3, 4]"), split_list(["a", "b"])
    (['1', '0', '1'], ['3', '4'], ['a', 'b'])
    """
    if isinstance(value, list):
        return [entry if isinstance(entry, str) else str(entry) for entry in value]
    text = str(value).strip().removeprefix("[").removesuffix("]").rstrip(", ")
    entries = text.split(",") if "," in text else text.split(";") if ";" in text else text.split()
    return [entry.strip(" '\"") for entry in entries]
