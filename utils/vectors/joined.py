"""The vectors of several files as one array, which is not made."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from utils.common.scratch import MAX_BYTES_IN_MEMORY


def join_vectors(arrays: Sequence[np.ndarray]) -> np.ndarray | JoinedVectors:
    """The rows of some arrays one after another; large ones stay where they are."""
    size = sum(array.nbytes for array in arrays)
    return JoinedVectors(arrays) if size > MAX_BYTES_IN_MEMORY else np.concatenate(arrays)


class JoinedVectors:
    """The rows of several arrays `(rows, dim)`, one after another. Taken rows are those of `np.concatenate`.

    Args:
        arrays: the arrays, often memory maps; all have one `dim`.
    """

    def __init__(self, arrays: Sequence[np.ndarray]):
        self._arrays = list(arrays)
        self._ends = np.cumsum([len(array) for array in arrays])
        self.shape = (int(self._ends[-1]), arrays[0].shape[1])
        self.dtype = np.result_type(*arrays)

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """Bytes of all rows."""
        return self.shape[0] * self.shape[1] * self.dtype.itemsize

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        """Rows by a slice, or by an array of numbers from 0."""
        numbers = np.arange(*rows.indices(len(self))) if isinstance(rows, slice) else np.asarray(rows)
        place = np.searchsorted(self._ends, numbers, side="right")
        taken = np.empty((*numbers.shape, self.shape[1]), self.dtype)
        for number in np.unique(place):
            is_here = place == number
            array = self._arrays[number]
            taken[is_here] = array[numbers[is_here] - (self._ends[number] - len(array))]
        return taken
