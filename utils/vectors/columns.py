"""The rows of a file of vectors: which columns it has, which rows can be used, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from utils.common.errors import UserError
from utils.common.files import has_lone_surrogate
from utils.common.reading import NUM_EXAMPLES, FileReport
from utils.common.tables import find_columns
from utils.text.words import shortened

VECTOR_COLUMNS = {
    "vectors": ("vector", "embeddings", "embedding", "embs", "emb"),
    "document": (
        "documents", "document_id", "document_ids", "doc", "docs", "doc_id", "doc_ids", "docids", "article", "articles",
        "article_id", "group", "groups",
    ),
    "texts": ("text", "chunks", "chunk", "sentences", "sentence", "passages", "passage", "contents", "content"),
    "names": ("name", "titles", "title"),
    "id": ("ids",),
    "position": ("positions", "chunk_index", "chunk_idx", "chunk_number", "sentence_index", "sentence_idx", "sentence_number"),
}  # fmt: skip
"""Each column and the other names that it may have. `names` or `id` tell documents apart where there is no `document`."""
ROWS_AT_ONCE = 65_536
"""Rows of a file that are read together, so that a file need not fit into memory."""
MIN_SIZE, MAX_SIZE = 1e-15, 1e15
"""Range of a vector's largest absolute element; outside of it the norm leaves the range of float32."""
MAX_SHOWN = 60
"""Characters of a name in a message."""
SAVE_VECTORS = "np.savez(path, vectors=np.stack(vectors).astype('float32'), document=np.array(document))"


@dataclass
class VectorTable:
    """The rows of a file of vectors, as they stand in it.

    Args:
        vectors: numbers, `(count, dim)`; possibly a memory map.
        document: int or str, `(count,)`, what names each row's document.
        texts: the text of each row, or None.
        names: the name of each row's document, or None.
        position: float `(count,)`, the place of each row in its document, or None where the rows stand in order.
        unusable: bool `(count,)`, True for rows that the reader has counted as unusable; None: there are none.
        places: where each row stands, for messages; None: by its number from 0.
        is_by_id: whether `document` comes from a column `id`, which may name vectors and not documents.
    """

    vectors: np.ndarray
    document: np.ndarray
    texts: Sequence[str] | None = None
    names: Sequence[str] | None = None
    position: np.ndarray | None = None
    unusable: np.ndarray | None = None
    places: Sequence[str] | None = field(default=None, repr=False)
    is_by_id: bool = False


def columns_of(path: str | Path, names: Iterable[str], aliases: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The columns that a file has: our name of each to its name in the file (see `utils.common.tables.find_columns`)."""
    names = list(names)
    return {column: names[place] for column, place in find_columns(path, names, aliases).items()}


def document_column(path: str | Path, columns: Mapping[str, str]) -> str:
    """Which of our columns names the documents.

    Raises:
        UserError: none does.
    """
    column = next((column for column in ("document", "names", "id") if column in columns), None)
    if column is None:
        raise UserError(f"{path}: does not say which document each vector belongs to; add a column `document`")
    return column


def usable_rows(table: VectorTable, report: FileReport) -> np.ndarray:
    """The rows whose vector and document can be used, int `(rows,)`. The report counts them and the others."""
    usable = np.ones(len(table.vectors), bool) if table.unusable is None else ~table.unusable

    def leave_out(rows: np.ndarray, reason: str) -> None:
        rows = rows[usable[rows]]
        leave_out_rows(report, rows, reason, table.places)
        usable[rows] = False

    if table.document.dtype.kind == "U":
        leave_out(np.flatnonzero(np.char.str_len(table.document) == 0), "its document is missing")
    for start in range(0, len(table.vectors), ROWS_AT_ONCE):
        sizes = largest_elements(table.vectors[start : start + ROWS_AT_ONCE])
        for reason, is_wrong in (
            ("the vector is zero", sizes == 0),
            ("the vector is not finite", ~np.isfinite(sizes)),
            ("the vector's elements are too large or too small", (sizes <= MIN_SIZE) | (sizes >= MAX_SIZE)),
        ):
            if is_wrong.any():
                leave_out(start + np.flatnonzero(is_wrong), reason)
    rows = np.flatnonzero(usable)
    report.used += len(rows)
    return rows


def largest_elements(vectors: np.ndarray) -> np.ndarray:
    """The largest absolute element of each vector, float64 `(rows,)`; NaN where an element is NaN."""
    block = np.asarray(vectors)
    if block.dtype not in (np.float16, np.float32, np.float64, np.longdouble):  # bfloat16, or whole numbers
        block = block.astype(np.float32)
    return np.abs(block).max(axis=1).astype(np.float64)


def leave_out_rows(report: FileReport, rows: np.ndarray, reason: str, places: Sequence[str] | None = None) -> None:
    """Count rows that cannot be used.

    Args:
        report: the report of their file.
        rows: their numbers.
        reason: what is wrong with them.
        places: where each row of the file stands; None: by its number from 0.
    """
    for number, row in enumerate(rows[: NUM_EXAMPLES + 1]):
        others = len(rows) - NUM_EXAMPLES if number == NUM_EXAMPLES else 1
        report.leave_out(places[row] if places else f"row {row:,}", reason, others)


def in_order(
    path: str | Path,
    rows: np.ndarray,
    labels: np.ndarray,
    position: np.ndarray | None,
    places: Sequence[str] | None = None,
) -> np.ndarray:
    """These rows, so that those of a document follow one another; documents come in the order of their first rows.

    Args:
        path: the file, for messages.
        rows: int `(rows,)`, numbers of rows.
        labels: what names the document of each row of the file.
        position: float, the place of each row of the file in its document; None: the rows of a document must stand together.
        places: where each row of the file stands, for messages; None: by its number from 0.

    Raises:
        UserError: two rows of a document have one position; or without positions, the rows of a document do not follow one another.
    """
    labels = labels[rows]
    if position is None:
        starts = np.flatnonzero(changes(labels))
        _, first = np.unique(labels[starts], return_index=True)
        if len(first) < len(starts):
            row = starts[np.setdiff1d(np.arange(len(starts)), first)[0]]
            place = places[rows[row]] if places else f"row {rows[row]:,}"
            name = shortened(str(labels[row]), MAX_SHOWN)
            raise UserError(
                f"{path}, {place}: document {name} began earlier, and another document stands between; put each document's rows "
                "together, in order, or give each its place in a column `position`"
            )
        return rows
    _, first, document = np.unique(labels, return_index=True, return_inverse=True)
    order = np.lexsort((position[rows], first[document]))
    rows, labels = rows[order], labels[order]
    same = np.flatnonzero(~changes(labels) & ~changes(position[rows]))
    if len(same) and (order != np.arange(len(order))).any():
        name, place = shortened(str(labels[same[0]]), MAX_SHOWN), position[rows[same[0]]]
        raise UserError(
            f"{path}: document {name} has the position {place:g} twice; number the rows of each document, or leave the column out "
            "where they stand in order"
        )
    return rows


def changes(labels: np.ndarray) -> np.ndarray:
    """Whether each element differs from the one before, bool `(count,)`; the first one does."""
    return np.concatenate([np.ones(min(len(labels), 1), bool), labels[1:] != labels[:-1]])


def label_text(value) -> str:
    """A document's id as text, so that 7, 7.0 and "7" are one; empty where there is none.

    >>> label_text(7.0), label_text(" a "), label_text(None), label_text(["a"])
    ('7', 'a', '', '')
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | str):
        return ""
    return whole_characters(str(value)).strip()


def whole_characters(text: str) -> str:
    """The text with a question mark in the place of half characters (lone surrogates), which cannot be printed."""
    return text.encode("utf-8", "replace").decode() if has_lone_surrogate(text) else text


def number_or_none(value) -> float | None:
    """A finite number, also one that is written as text; None where it is something else.

    >>> number_or_none("2"), number_or_none(None), number_or_none("nan")
    (2.0, None, None)
    """
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if np.isfinite(number) else None


def positions_of(values: Sequence, column: str, report: FileReport) -> list[float | None] | None:
    """The numbers in a column of positions; None in the place of each value that is none.

    Where the whole column holds none, the rows stand as they are: the result is None, and a remark says so.

    Args:
        values: of the column, one for each row.
        column: its name in the file.
        report: of the file.
    """
    positions = [number_or_none(value) for value in values]
    if any(position is not None for position in positions):
        return positions
    value = next((value for value in values if value not in (None, "")), None)
    if value is not None:
        shown = [shortened(str(text), MAX_SHOWN) for text in (column, value)]
        report.remark(f"does not use its column {shown[0]}, which holds no numbers, but such as {shown[1]!r}")
    return None
