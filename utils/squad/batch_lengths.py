"""The lengths that batches are padded to on the backend and the device at hand."""

from __future__ import annotations

from utils.squad.windows import LENGTH_MULTIPLE, coarse_lengths
from utils.training.backends import compiles_each_shape, is_on_accelerator

ACCELERATOR_LENGTH_MULTIPLE = 128


def lengths_of_batches(max_length: int) -> tuple[int, ...]:
    """Few lengths where each is compiled on its own, and very few on a GPU; empty where any length will do.

    On a GPU a compilation takes 20 s, while a step of the default model takes hardly longer with more tokens: it is bound by the
    launches of its kernels (docs/scaling.md).

    Args:
        max_length: tokens of the longest window that there can be.
    """
    if not compiles_each_shape():
        return ()
    return coarse_lengths(max_length, ACCELERATOR_LENGTH_MULTIPLE if is_on_accelerator() else LENGTH_MULTIPLE)
