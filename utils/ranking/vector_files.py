"""Vectors of very many texts in a file: encoded a block at a time, and continued where an earlier run has stopped."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from utils.common.progress import with_progress
from utils.text.embedding import embed

ENCODED_TOGETHER = 1 << 14
"""Texts of a block: they are sorted by length among themselves, and written together."""


def vectors_on_disk(encoder, ids: Sequence[Sequence[int]], padding_id: int) -> np.ndarray:
    """The encoder's vector of each text, float32 `(texts, dim)`, in a temporary file without a name.

    Args:
        encoder, ids, padding_id: as for `utils.text.embedding.embed`.
    """
    with tempfile.TemporaryFile() as file:
        dim = _encode(encoder, ids, padding_id, file, np.float32, 0, lambda done: None)
        return np.memmap(file, np.float32, "r", shape=(len(ids), dim))


def encode_to_file(
    encoder,
    ids: Sequence[Sequence[int]],
    padding_id: int,
    path: Path,
    dtype: str,
    num_done: int,
    on_block: Callable[[int], None],
) -> None:
    """Write the encoder's vector of each text to a file, one after another.

    Args:
        encoder, ids, padding_id: as for `utils.text.embedding.embed`.
        path: the file. It may have vectors of an earlier run, which stay.
        dtype: `float32` or `float16`.
        num_done: how many texts the earlier run has encoded for sure, a number that `on_block` was called with, or 0.
        on_block: is called with the number of texts whose vectors are on disk, after each block.
    """
    path.touch()
    with path.open("r+b") as file:
        _encode(encoder, ids, padding_id, file, np.dtype(dtype), num_done, on_block)


def _encode(encoder, ids, padding_id: int, file, dtype, num_done: int, on_block) -> int:
    """Encode texts from `num_done` on; returns the size of a vector, 0 where no text was left."""
    dim = 0
    for start in with_progress(range(num_done, len(ids), ENCODED_TOGETHER), "encoding texts"):
        block = [ids[number] for number in range(start, min(start + ENCODED_TOGETHER, len(ids)))]
        vectors = embed(encoder, block, padding_id)
        dim = vectors.shape[1]
        file.seek(start * dim * np.dtype(dtype).itemsize)
        file.write(np.ascontiguousarray(vectors, dtype).data)
        file.flush()
        os.fsync(file.fileno())
        on_block(start + len(block))
    if dim:
        file.truncate(len(ids) * dim * np.dtype(dtype).itemsize)  # no more than the texts, whatever the file had
    return dim
