"""Documents as sequences of vectors, and the files that hold them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from utils.common.errors import UserError
from utils.common.files import content_kind, file_kind, read_json
from utils.common.reading import FileReport, Reading
from utils.common.tables import read_table
from utils.text.words import shortened
from utils.vectors.arrays import read_arrays
from utils.vectors.columns import MAX_SHOWN, VECTOR_COLUMNS, VectorTable, changes, columns_of, in_order, usable_rows
from utils.vectors.joined import join_vectors
from utils.vectors.plain_text import read_plain_text, refuse_other_formats
from utils.vectors.records import KNOWN_COLUMNS, read_record_file
from utils.vectors.text_records import CHUNK_NAMES, TEXT_NAMES

TABLES = (".csv", ".tsv")
"""Endings of files that are tables, even if nothing in them says so."""
_WHOLE_NUMBER = re.compile(r"-?\d+")
NAME_AN_ENCODER = "name the encoder that turns it into vectors with --embed-with FOLDER"


@dataclass(frozen=True)
class VectorDocuments:
    """The vectors of some documents, in order.

    Args:
        vectors: numbers `(rows, dim)`, possibly a memory map. Norms are arbitrary.
        document: int `(count,)`, the number of each vector's document, from 0 and never decreasing.
        texts: the text of each vector, or None.
        names: the name of each document.
        file: where the vectors come from, for messages.
        rows: int `(count,)`, the row of `vectors` where each vector stands, where some are left out or stand in another order.
            None: all are used as they stand. None of those that are used is zero.
        ids: what the file tells its documents apart by, one for each; None where it has no ids.
    """

    vectors: np.ndarray
    document: np.ndarray
    texts: Sequence[str] | None
    names: Sequence[str]
    file: str
    rows: np.ndarray | None = None
    ids: Sequence[str] | None = None

    @property
    def dim(self) -> int:
        """The number of elements of a vector."""
        return self.vectors.shape[1]

    @property
    def count(self) -> int:
        """The number of vectors that are used."""
        return len(self.document)

    @cached_property
    def starts(self) -> np.ndarray:
        """The first vector of each document, followed by the number of all vectors."""
        return np.append(np.flatnonzero(np.diff(self.document, prepend=-1)), len(self.document))

    def file_rows(self, numbers: np.ndarray) -> np.ndarray:
        """The rows of the file where these vectors stand."""
        return np.asarray(numbers) if self.rows is None else self.rows[numbers]

    def take(self, numbers: np.ndarray) -> np.ndarray:
        """These vectors as float32, scaled to unit norm."""
        vectors = np.asarray(self.vectors[self.file_rows(numbers)], np.float32)
        return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def as_documents(arrays: Sequence[np.ndarray]) -> VectorDocuments:
    """Documents from arrays of their vectors.

    >>> as_documents([np.eye(3), np.ones((2, 3))]).document
    array([0, 0, 0, 1, 1])

    Args:
        arrays: numbers `(rows, dim)` of each document, in order.

    Raises:
        ValueError: they are something else, differ in `dim`, or have vectors that are zero or not finite.
    """
    arrays = [np.asarray(array, np.float32) for array in arrays]
    if not arrays or any(array.ndim != 2 or not array.size or array.shape[1] != arrays[0].shape[1] for array in arrays):
        raise ValueError("documents are a list of arrays (rows, dim) with one dim and at least a row each")
    vectors = np.concatenate(arrays)
    norms = np.linalg.norm(vectors, axis=1)
    if not np.isfinite(norms).all() or not norms.all():
        raise ValueError("a vector is zero or not finite")
    names = [str(number) for number in range(len(arrays))]
    return VectorDocuments(
        vectors, np.repeat(np.arange(len(arrays)), [len(array) for array in arrays]), None, names, "data"
    )


def read_file(
    path: str | Path, reading: Reading, embed: Callable | None = None, advice: str = NAME_AN_ENCODER
) -> VectorDocuments:
    """Read the documents of a file of vectors or of text; what is in the file decides how it is read.

    - arrays (`.npz`, `.npy`): see `utils.vectors.arrays`
    - records of vectors or of text (JSON, JSON lines, Parquet, a table with a header): see `utils.vectors.records`
    - plain text: one document

    Vectors that are zero or not finite are left out and counted.

    Args:
        path: the file.
        reading: counts what is left out, and holds remarks.
        embed: turns the documents of a file of text into vectors: a function of path, documents and report, such as
            `utils.vectors.text_vectors.text_embedder` returns. None: text is refused.
        advice: what to do about a file of text where there is no encoder.

    Raises:
        UserError: the file cannot be used.
    """
    with reading.file(path) as report:
        kind = content_kind(path)
        if kind in ("npy", "zip"):
            contents = read_arrays(path, report)
        elif kind == "folder":
            raise UserError(f"{path}: is a folder; name its files")
        elif kind == "xml":
            raise UserError(f'{path}: is XML or HTML; extract its text, for example as JSON lines of {{"text": "..."}}')
        elif kind in ("json", "jsonl", "parquet") and not _is_text_in_brackets(path, kind):
            contents = read_record_file(path, report)
        else:
            refuse_other_formats(path)
            is_table = kind == "text" and _is_table(path)
            contents = read_record_file(path, report) if is_table else read_plain_text(path, report)
            if not is_table and contents and file_kind(path) in TABLES:
                raise UserError(
                    f"{path}: its first line has no known name for a column of text; name that column `text`"
                )
        if isinstance(contents, VectorTable):
            if embed is not None:
                report.remark("holds vectors, which are used as they are; the encoder is not")
            return _documents(path, contents, report)
        if embed is None:
            raise UserError(f"{path}: is text; {advice}")
        report.check()  # before the work of embedding
        return embed(path, contents, report)


def _is_text_in_brackets(path: str | Path, kind: str) -> bool:
    """Whether a file begins like JSON, but is a text whose first character is a bracket."""
    if kind != "json" or file_kind(path) == ".json":
        return False
    try:
        read_json(path)
    except UserError:
        return file_kind(path) != ".jsonl"
    return False


def _is_table(path: str | Path) -> bool:
    """Whether a file of text is a table with a header that names a column of text or of vectors."""
    rows = list(itertools.islice(read_table(path, known_columns=KNOWN_COLUMNS), 2))
    min_columns = 1 if file_kind(path) in TABLES else 2
    if len(rows) < 2 or len(rows[0][1]) < min_columns or len(rows[0][1]) != len(rows[1][1]):
        return False
    header = rows[0][1]
    return all(re.fullmatch(r"[\w .-]{1,40}", name.strip()) for name in header) and bool(
        columns_of(path, header, {"vectors": VECTOR_COLUMNS["vectors"], "text": (*TEXT_NAMES, *CHUNK_NAMES)})
    )


def _documents(path: str | Path, table: VectorTable, report: FileReport) -> VectorDocuments:
    """The rows of a file that can be used, as documents."""
    rows = usable_rows(table, report)
    report.check()
    order = in_order(path, rows, table.document, table.position, table.places)
    if table.position is not None and (order != rows).any():
        report.remark("its rows are put in the order of their positions")
    labels = table.document[order]
    starts = changes(labels)
    if table.is_by_id and len(labels) > 1 and starts.all():
        raise UserError(
            f"{path}: has another `id` for each vector; add a column `document` that tells what belongs together"
        )
    if len(labels) > 1 and starts.all():
        report.remark("has another document for each vector; if several belong together, give them the same `document`")
    firsts = order[starts]
    labels = labels[starts].tolist()
    names = (
        [table.names[row] or str(label) for row, label in zip(firsts, labels, strict=True)]
        if table.names
        else map(str, labels)
    )
    return VectorDocuments(
        table.vectors,
        np.cumsum(starts) - 1,
        [table.texts[row] for row in order] if table.texts else None,
        list(names),
        str(path),
        None if len(order) == len(table.vectors) and (order == np.arange(len(order))).all() else order,
        list(map(str, labels)),
    )


def join(files: Sequence[VectorDocuments]) -> VectorDocuments:
    """The documents of several files as one; a single file stays as it is, and so do the vectors of large ones.

    Raises:
        UserError: their vectors differ in size, or two files have one document (`shared_ids` that are no numbers).
    """
    first = files[0]
    if len(files) == 1:
        return first
    for data in files[1:]:
        check_same_dim(data, first)
    for name, (one, other) in shared_ids(files).items():
        if not _WHOLE_NUMBER.fullmatch(name):
            raise UserError(
                f"{other}: has the document {shortened(name, MAX_SHOWN)!r}, as {one} has; put all of its rows into one file, or "
                "give each its own id if they are two documents"
            )
    offsets = np.cumsum([0] + [len(data.names) for data in files[:-1]])
    document = np.concatenate([data.document + offset for data, offset in zip(files, offsets, strict=True)])
    texts = [text for data in files for text in data.texts] if all(data.texts for data in files) else None
    names = [name for data in files for name in data.names]
    offsets = np.cumsum([0] + [len(data.vectors) for data in files[:-1]])
    rows = np.concatenate(
        [data.file_rows(np.arange(data.count)) + offset for data, offset in zip(files, offsets, strict=True)]
    )
    vectors = join_vectors([data.vectors for data in files])
    is_whole = all(data.rows is None for data in files)
    return VectorDocuments(
        vectors, document, texts, names, ", ".join(data.file for data in files), None if is_whole else rows
    )


def shared_ids(files: Sequence[VectorDocuments]) -> dict[str, tuple[str, str]]:
    """The ids of documents that several files have, each with the first two of these files.

    A text, such as `doc7`, names one document in all files. A whole number need not, because files often count theirs from 0.
    """
    file_of: dict[str, int] = {}
    shared = {}
    for number, data in enumerate(files):
        for name in data.ids or ():
            first = file_of.setdefault(name, number)
            if first != number:
                shared.setdefault(name, (files[first].file, data.file))
    return shared


def check_same_dim(data: VectorDocuments, other: VectorDocuments) -> None:
    """Check that the vectors of two files have the same number of elements."""
    if data.dim != other.dim:
        raise UserError(
            f"{data.file}: its vectors have {data.dim} elements, those of {other.file} {other.dim}; embed both with one model"
        )
