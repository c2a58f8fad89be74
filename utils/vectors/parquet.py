"""Parquet files of vectors, read column by column."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from utils.common.archives import open_parquet
from utils.common.errors import UserError
from utils.common.reading import FileReport
from utils.vectors.arrays import check_number_type
from utils.vectors.columns import (
    VECTOR_COLUMNS,
    VectorTable,
    columns_of,
    document_column,
    label_text,
    leave_out_rows,
    positions_of,
)

ROWS_AT_ONCE = 16_384
MAX_EMPTY_ELEMENTS, MAX_EMPTY_SHARE = 10**8, 20
"""Rows without a vector take memory as the others do. So they may be this many times more than these, once they take as much."""


def read_parquet_vectors(path: str | Path, report: FileReport) -> VectorTable | None:
    """The vectors of a Parquet file, with `document` and optionally `text`, `name` and `position`.

    The vectors are lists of numbers in one column. What is not a list of as many numbers as most is left out.

    Returns:
        the rows as float32; None where the file has no column of vectors.

    Raises:
        UserError: the file cannot be read, does not say which document each vector belongs to, or its numbers are unsigned.
    """
    import pyarrow

    try:
        with open_parquet(path) as file:
            schema = file.schema_arrow
            lists = [field.name for field in schema if _is_list_of_numbers(field.type)]
            vectors = columns_of(path, lists, {"vectors": VECTOR_COLUMNS["vectors"]})
            if not vectors:
                return None
            columns = columns_of(path, schema.names, VECTOR_COLUMNS) | vectors
            label = document_column(path, columns)
            value_type = schema.field(columns["vectors"]).type.value_type
            check_number_type(path, np.dtype(value_type.to_pandas_dtype()), report)
            rows = _Rows(columns | {"label": columns[label]})
            for batch in file.iter_batches(ROWS_AT_ONCE, columns=sorted(set(rows.columns.values()))):
                rows.add(batch)
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise UserError(f"{path}: is not a readable Parquet file ({reason}); write it again") from None
    table = rows.table(report)
    table.is_by_id = label == "id"
    return table


def _is_list_of_numbers(kind) -> bool:
    from pyarrow import types

    is_list = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return is_list and (types.is_integer(kind.value_type) or types.is_floating(kind.value_type))


class _Rows:
    """The rows that were read so far.

    Args:
        columns: our name of each column to its name in the file.
    """

    def __init__(self, columns: dict[str, str]):
        self.columns = columns
        self.elements: list[np.ndarray] = []  # of each batch, one vector after another
        self.lengths: list[np.ndarray] = []
        self.values: dict[str, list] = {name: [] for name in columns if name != "vectors"}

    def add(self, batch) -> None:
        """Add a batch of rows."""
        from pyarrow import compute

        vectors = batch.column(self.columns["vectors"])
        self.lengths.append(compute.fill_null(compute.list_value_length(vectors), 0).to_numpy(zero_copy_only=False))
        with np.errstate(over="ignore"):  # what is too large becomes infinite, which is counted later
            self.elements.append(vectors.flatten().to_numpy(zero_copy_only=False).astype(np.float32))
        for name, values in self.values.items():
            values += batch.column(self.columns[name]).to_pylist()

    def table(self, report: FileReport) -> VectorTable | None:
        """All rows; those whose vector has another length than most are counted and marked."""
        lengths = np.concatenate([np.zeros(0, np.int64), *self.lengths])
        present = lengths[lengths > 0]
        dim = int(np.bincount(present).argmax()) if len(present) else 1
        positions, has_place = None, np.ones(len(lengths), bool)
        if "position" in self.values:
            positions = positions_of(self.values["position"], self.columns["position"], report)
        if positions is not None:
            has_place = np.array([position is not None for position in positions])
        usable = lengths == dim
        leave_out_rows(report, np.flatnonzero(~usable), f"its vector is not a list of {dim} numbers")
        leave_out_rows(report, np.flatnonzero(usable & ~has_place), "its position is not a number")
        parts = [part[np.repeat(size == dim, size)] for part, size in zip(self.elements, self.lengths, strict=True)]
        if len(lengths) * dim > max(MAX_EMPTY_ELEMENTS, MAX_EMPTY_SHARE * usable.sum() * dim):
            raise UserError(
                f"{report.path}: only {usable.sum():,} of {len(lengths):,} rows have a vector; leave the others out"
            )
        vectors = np.zeros((len(lengths), dim), np.float32)
        vectors[usable] = np.concatenate([np.zeros(0, np.float32), *parts]).reshape(-1, dim)
        return VectorTable(
            vectors,
            np.array([label_text(value) for value in self.values["label"]]),
            [str(value or "") for value in self.values["texts"]] if "texts" in self.values else None,
            [str(value or "") for value in self.values["names"]] if "names" in self.values else None,
            None if positions is None else np.array([position or 0 for position in positions]),
            ~(usable & has_place),
        )
