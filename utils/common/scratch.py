"""Arrays for results that may be larger than the memory."""

from __future__ import annotations

import math
import os
import tempfile

import numpy as np

from utils.common.errors import UserError

MAX_BYTES_IN_MEMORY = 256 * 2**20
"""A larger array is kept on the disk."""


def scratch_array(shape: tuple[int, ...], dtype=np.float32) -> np.ndarray:
    """An array of zeros; a large one is mapped from an unnamed file in the system's temporary folder, which `TMPDIR` names.

    The system removes the file with the array, or with the process, however that ends.

    Raises:
        UserError: there is no room for it.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size <= MAX_BYTES_IN_MEMORY:
        return np.zeros(shape, dtype)
    try:
        with tempfile.TemporaryFile() as file:
            _reserve(file.fileno(), size)
            return np.asarray(np.memmap(file, dtype, "r+", shape=shape))
    except OSError as error:
        raise UserError(
            f"{tempfile.gettempdir()}: no room for {size / 2**20:,.0f} MiB of results ({error.strerror}); "
            "name another folder with TMPDIR"
        ) from None


def _reserve(file: int, size: int) -> None:
    """Make a file that large. A disk that is full says so here, and not as a crash when the array is written to."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)
    else:
        os.ftruncate(file, size)
