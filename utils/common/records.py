"""Read records with named fields from JSON, JSON lines, Parquet, and tables with a header."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

from utils.common.archives import open_parquet
from utils.common.errors import UserError
from utils.common.files import content_kind, read_json, read_lines, text_bytes
from utils.common.json_stream import NotAStream, stream_json
from utils.common.reading import FileReport
from utils.common.tables import read_table

PARQUET_ROWS = 4_096
"""Rows of a Parquet file that are read together."""
STREAMED_BYTES = 64 * 2**20
"""A JSON document of more text is parsed record by record, and not as a whole. A mistake at its end is then found at the end."""


def read_records(
    path: str | Path, report: FileReport, known_columns: Collection[str] = ()
) -> Iterator[tuple[str, dict]]:
    """Yield `(place, record)` of each record of a file. The file's content decides how it is read.

    - JSON lines: an object per line.
    - JSON: a list of objects, an object with such a list under `data`, or an object of columns as pandas and Hugging Face's
      `datasets` write them (`{"a": [1, 2], "b": [3, 4]}`, `{"a": {"0": 1, "1": 2}}`, or `columns` and `data`).
    - Parquet.
    - a table with a header, see `utils.common.tables`; all values are texts.

    Args:
        path: the file, compressed or not.
        report: counts what is not a record.
        known_columns: names that the caller knows; they help to find the separator of a table.

    Raises:
        UserError: the file cannot be read, or is none of these.
    """
    kind = content_kind(path)
    if kind in ("json", "jsonl"):
        for place, value in read_json_values(path, report):
            if isinstance(value, dict):
                yield place, value
            else:
                report.leave_out(place, "it is not a JSON object")
    elif kind == "parquet":
        yield from _parquet_records(path)
    elif kind == "text":
        yield from _table_records(path, report, known_columns)
    else:
        raise UserError(f"{path}: is {KIND_NAMES[kind]}; give JSON, JSON lines, Parquet, or a table with a header")


KIND_NAMES = {
    "folder": "a folder",
    "zip": "a zip archive or an Excel file",
    "npy": "a NumPy array",
    "xml": "XML, or a web page in the place of the file",
}
"""What messages call files that hold no records."""


def read_json_values(path: str | Path, report: FileReport) -> Iterator[tuple[str, object]]:
    """Yield `(place, value)` of each value of JSON lines, or of each record of a JSON document as `read_records` describes it.

    Lines that are not JSON are left out and counted.
    """
    if content_kind(path) == "jsonl":
        for number, line in read_lines(path):
            if line.strip():
                try:
                    value = json.loads(line)
                except (ValueError, RecursionError):
                    report.leave_out(f"line {number:,}", "it is not JSON")
                    continue
                yield f"line {number:,}", value
    else:
        for number, value in enumerate(_document_values(path), start=1):
            yield f"record {number:,}", value


def _document_values(path: str | Path) -> Iterator[object]:
    """The records of a JSON document in a file."""
    if text_bytes(path) > STREAMED_BYTES:
        try:
            yield from stream_json(path)
            return
        except NotAStream:  # columns, or a single record
            pass
    yield from _values_of(read_json(path))


def _values_of(document) -> list:
    """The records of a JSON document."""
    if isinstance(document, list):
        return document
    if not isinstance(document, dict):
        return [document]
    data = document.get("data")
    if isinstance(data, list):
        names = document.get("columns")
        if isinstance(names, list) and all(isinstance(row, list) and len(row) == len(names) for row in data):
            return [dict(zip(map(str, names), row, strict=True)) for row in data]
        return data
    columns = list(document.values())
    if columns and all(isinstance(column, dict) for column in columns) and len({tuple(part) for part in columns}) == 1:
        columns = [list(column.values()) for column in columns]
    if len(columns) > 1 and all(isinstance(column, list) for column in columns) and len(set(map(len, columns))) == 1:
        return [dict(zip(document, row, strict=True)) for row in zip(*columns, strict=True)]
    return [document]


def _parquet_records(path: str | Path) -> Iterator[tuple[str, dict]]:
    import pyarrow

    number = 0
    try:
        with open_parquet(path) as file:
            for batch in file.iter_batches(PARQUET_ROWS):
                for record in _as_python_has_them(batch).to_pylist():
                    number += 1
                    yield f"row {number:,}", record
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise UserError(f"{path}: is not a readable Parquet file ({reason}); write it again") from None


def _as_python_has_them(batch):
    """A batch of rows, with times in microseconds, as Python has no nanoseconds, and with bytes as text where they are UTF-8."""
    import pyarrow
    from pyarrow import types

    columns = []
    for column in batch.columns:
        kind = column.type
        if types.is_timestamp(kind) and kind.unit == "ns":
            column = column.cast(pyarrow.timestamp("us", kind.tz), safe=False)
        elif types.is_duration(kind) and kind.unit == "ns":
            column = column.cast(pyarrow.duration("us"), safe=False)
        elif types.is_time64(kind) and kind.unit == "ns":
            column = column.cast(pyarrow.time64("us"), safe=False)
        elif types.is_binary(kind) or types.is_large_binary(kind):
            with contextlib.suppress(pyarrow.ArrowInvalid):
                column = column.cast(pyarrow.large_string())
        columns.append(column)
    return pyarrow.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _table_records(
    path: str | Path, report: FileReport, known_columns: Collection[str]
) -> Iterator[tuple[str, dict[str, str]]]:
    names = None
    for number, fields in read_table(path, known_columns=known_columns):
        if names is None:
            names = [name.strip() for name in fields]
            twice = [name for name, count in Counter(filter(None, names)).items() if count > 1]
            if twice:
                raise UserError(f"{path}: its first line has the column {twice[0]!r} twice; rename one")
        elif [name.strip() for name in fields] == names:
            report.skip(f"line {number:,}", "it repeats the first line")
        elif len(fields) != len(names):
            report.leave_out(f"line {number:,}", f"it does not have {len(names)} fields as the first line has")
        else:
            yield f"line {number:,}", dict(zip(names, fields, strict=True))
