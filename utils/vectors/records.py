"""Records of vectors or of text: JSON, JSON lines, Parquet, and tables with a header."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from utils.common.errors import UserError
from utils.common.files import content_kind
from utils.common.reading import FileReport
from utils.common.records import read_records
from utils.text.words import shortened
from utils.vectors.columns import (
    MAX_SHOWN,
    SAVE_VECTORS,
    VECTOR_COLUMNS,
    VectorTable,
    columns_of,
    document_column,
    label_text,
    number_or_none,
    positions_of,
    whole_characters,
)
from utils.vectors.parquet import read_parquet_vectors
from utils.vectors.text_records import TEXT_COLUMN_NAMES, TextDocument, text_documents

SAMPLE = 100
"""Records that tell what a file holds."""
NUMBERED, MIN_NUMBERED = r"[A-Za-z_ .-]{0,20}\d{1,5}", 3
"""Names of columns that hold one number of a vector each, and how many there are at least."""
KNOWN_COLUMNS = TEXT_COLUMN_NAMES | {
    name for column, others in VECTOR_COLUMNS.items() for name in (column, *others)
}  # fmt: skip
"""Names of columns, which help to find the separator of a table."""


def read_record_file(path: str | Path, report: FileReport) -> VectorTable | list[TextDocument]:
    """Read a file of records, one for each vector, for each chunk of text or for each document.

    - Vectors: a list of numbers in a column such as `vector`, with a `document`, and optionally `text`, `name` and `position`.
    - Documents: a text in a column such as `text`, and optionally a `name`.
    - Documents that are split already: a list of texts, for example in `sentences`.
    - Chunks: a text in a column such as `chunk` and its `document`; or in `text`, where the documents repeat.

    Raises:
        UserError: the file cannot be read or has no such columns, two documents have one name, or the chunks of a document do not
            stand together and have no position.
    """
    table = read_parquet_vectors(path, report) if content_kind(path) == "parquet" else None
    if table is not None:
        return table
    records = read_records(path, report, KNOWN_COLUMNS)
    sample = list(itertools.islice(records, SAMPLE))
    records = itertools.chain(sample, records)
    values = {}  # name of each column to its first value
    for _, record in sample:
        for name, value in record.items():
            if values.get(name) is None:
                values[name] = value
    values = {name: value for name, value in values.items() if value is not None}
    vectors = columns_of(path, {name for name, value in values.items() if _vector(value) is not None}, VECTOR_COLUMNS)
    if "vectors" in vectors:
        columns = columns_of(path, values, VECTOR_COLUMNS) | vectors
        return _vector_table(path, records, columns, report)
    unread = columns_of(path, values, {"vectors": VECTOR_COLUMNS["vectors"]}).get("vectors")
    if unread:
        raise UserError(
            f"{path}: its {shortened(unread, MAX_SHOWN)} holds {shortened(str(values[unread]), MAX_SHOWN)!r} and no list of "
            "numbers; write it as JSON such as [0.1, 0.2], or remove the column if the texts are to be embedded"
        )
    numbers = [
        name for name, value in values.items() if re.fullmatch(NUMBERED, name) and number_or_none(value) is not None
    ]
    if len(numbers) >= MIN_NUMBERED:
        has_text = any(isinstance(value, str) and number_or_none(value) is None for value in values.values())
        if not has_text:
            raise UserError(
                f"{path}: has a column for each number of a vector ({numbers[0]}, {numbers[1]}, ...); write each vector as a list "
                f"in one column, or save {SAVE_VECTORS}"
            )
        report.remark(
            f"does not use its {len(numbers):,} columns of numbers ({numbers[0]}, {numbers[1]}, ...), but its text; vectors stand "
            "in one column, as lists"
        )
    return text_documents(path, records, values, report)


# --- vectors


def _vector(value) -> np.ndarray | None:
    """A list of numbers, or its JSON, as a vector; None where it is something else."""
    if isinstance(value, str) and value[:1] == "[":
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    if not isinstance(value, list) or len(value) < 2 or isinstance(value[0], str):
        return None
    try:
        with np.errstate(over="ignore"):  # what is too large becomes infinite, which is counted later
            vector = np.array(value, np.float32)
    except (ValueError, TypeError, OverflowError):
        return None
    return vector if vector.ndim == 1 else None


def _vector_table(
    path: str | Path, records: Iterator[tuple[str, dict]], columns: dict[str, str], report: FileReport
) -> VectorTable:
    column = document_column(path, columns)
    places, vectors, labels, texts, names, positions = [], [], [], [], [], []
    for place, record in records:
        places.append(place)
        vectors.append(_vector(record.get(columns["vectors"])))
        labels.append(label_text(record.get(columns[column])))
        texts.append(whole_characters(str(record.get(columns.get("texts")) or "")))
        names.append(label_text(record.get(columns.get("names"))))
        positions.append(record.get(columns.get("position")))
    positions = positions_of(positions, columns["position"], report) if "position" in columns else None
    dim = Counter(len(vector) for vector in vectors if vector is not None).most_common(1)[0][0]
    unusable = np.zeros(len(vectors), bool)
    table = np.zeros((len(vectors), dim), np.float32)
    for row, vector in enumerate(vectors):
        if vector is None or len(vector) != dim:
            report.leave_out(places[row], f"its vector is not a list of {dim} numbers")
        elif positions is not None and positions[row] is None:
            report.leave_out(places[row], "its position is not a number")
        else:
            table[row] = vector
            continue
        unusable[row] = True
    return VectorTable(
        table,
        np.array(labels),
        texts if "texts" in columns else None,
        names if "names" in columns else None,
        None if positions is None else np.array([position or 0 for position in positions]),
        unusable,
        places,
        column == "id",
    )
