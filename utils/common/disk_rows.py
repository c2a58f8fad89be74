"""Rows of different lengths that stay on disk: token ids and texts, one after another in a flat file, read through a memory map."""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from utils.common.archives import open_npy

WRITTEN_TOGETHER = 1 << 20
"""Values that are gathered before they are written."""
ROW_COST = 64
"""What a gathered row counts beside its values, as an object of Python."""


class FlatRows(Sequence):
    """Rows of numbers in one flat array.

    Args:
        values: the numbers of all rows, one row after another, `(numbers,)`; often a memory map.
        ends: where each row ends, integer `(rows,)`.
    """

    def __init__(self, values: np.ndarray, ends: np.ndarray):
        self.values, self.ends = values, ends

    @classmethod
    def write(cls, rows: Iterable[Sequence[int]], dtype, path: Path | None = None) -> FlatRows:
        """Write rows to a file as they come.

        Args:
            rows: the rows.
            dtype: type of their numbers.
            path: the file, to which `.ends.npy` is added for the ends; None is a file without a name, which vanishes with the rows.
        """
        with RowsWriter(dtype, path) as writer:
            for row in rows:
                writer.add(row)
        return writer.rows

    @classmethod
    def open(cls, path: Path, dtype) -> FlatRows:
        """The rows in a file of `write`.

        Raises:
            OSError, ValueError: a file is missing, or the two do not belong together.
        """
        ends = open_npy(_ends_of(path))
        total = int(ends[-1]) if len(ends) else 0
        if path.stat().st_size != total * np.dtype(dtype).itemsize or ends.dtype != np.int64 or ends.ndim != 1:
            raise ValueError(f"{path.name} and {_ends_of(path).name} do not belong together")
        return cls(np.memmap(path, dtype, "r") if total else np.empty(0, dtype), ends)

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, number: int) -> np.ndarray:
        if not -len(self) <= number < len(self):
            raise IndexError(number)
        number %= len(self)
        return np.asarray(self.values[self.ends[number - 1] if number else 0 : self.ends[number]])

    def lengths(self) -> np.ndarray:
        """The length of each row, `(rows,)`."""
        return np.diff(self.ends, prepend=0)


class RowsWriter:
    """Writes rows to a file as they come; afterwards it has them as `rows`.

        with RowsWriter(np.int32) as writer:
            writer.add([1, 2, 3])
        writer.rows[0]

    Args:
        dtype, path: as for `FlatRows.write`.
    """

    def __init__(self, dtype, path: Path | None = None):
        self.dtype, self.path = dtype, path
        self._ends, self._gathered, self._size, self._total = array("q"), [], 0, 0

    def __enter__(self) -> RowsWriter:
        self._file = open(self.path, "w+b") if self.path else tempfile.TemporaryFile()
        return self

    def add(self, row: Sequence[int]) -> None:
        """Add a row."""
        self._total += len(row)
        self._ends.append(self._total)
        self._gathered.append(row)
        self._size += len(row) + ROW_COST
        if self._size >= WRITTEN_TOGETHER:
            self._write()

    def _write(self) -> None:
        if self._gathered:
            np.concatenate([np.asarray(row, self.dtype) for row in self._gathered]).tofile(self._file)
        self._gathered, self._size = [], 0

    def __exit__(self, kind, *details) -> None:
        with self._file:
            if kind is not None:
                return
            self._write()
            self._file.flush()
            values = np.memmap(self._file, self.dtype, "r") if self._total else np.empty(0, self.dtype)
        ends = np.frombuffer(self._ends, np.int64) if len(self._ends) else np.empty(0, np.int64)
        if self.path:
            np.save(_ends_of(self.path), ends)
        self.rows = FlatRows(values, ends)


def text_row(text: str) -> np.ndarray:
    """A text as a row of bytes, for `RowsWriter`."""
    return np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8)


class TextRows(Sequence):
    """Texts in one flat file.

    Args:
        rows: their bytes in UTF-8.
    """

    def __init__(self, rows: FlatRows):
        self.rows = rows

    @classmethod
    def write(cls, texts: Iterable[str], path: Path | None = None) -> TextRows:
        """Write texts to a file as they come, see `FlatRows.write`."""
        return cls(FlatRows.write(map(text_row, texts), np.uint8, path))

    @classmethod
    def open(cls, path: Path) -> TextRows:
        """The texts in a file of `write`; errors as in `FlatRows.open`."""
        return cls(FlatRows.open(path, np.uint8))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, number: int) -> str:
        return self.rows[number].tobytes().decode("utf-8", "surrogatepass")


class ChosenRows(Sequence):
    """Some elements of several sequences, which stay where they are.

    Args:
        parts: the sequences.
        places: integer, the places of the elements, counted through all sequences.
    """

    def __init__(self, parts: Sequence[Sequence], places: np.ndarray):
        self.parts, self.places = parts, places
        self.starts = np.cumsum([0, *map(len, parts)])

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, number: int):
        place = self.places[number]
        part = int(np.searchsorted(self.starts, place, "right")) - 1
        return self.parts[part][int(place - self.starts[part])]


def _ends_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.ends.npy")
