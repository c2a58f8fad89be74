"""Batches whose order is a pure function of seed and epoch, so that a resumed run sees the same ones."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np


def epochs_from(first_step: int, steps_per_epoch: int) -> Iterator[tuple[int, int]]:
    """Yield `(epoch, first step within it)` without end, beginning at global step `first_step`.

    >>> it = epochs_from(7, steps_per_epoch=5)
    >>> next(it), next(it)
    ((1, 2), (2, 0))
    """
    epoch, step = divmod(first_step, steps_per_epoch)
    yield epoch, step
    yield from ((later, 0) for later in itertools.count(epoch + 1))


def length_sorted_batches(
    lengths: Sequence[int], batch_size: int, rng: np.random.Generator, pool_batches: int, order=None
) -> list[np.ndarray]:
    """The batches of one epoch: examples of similar length together, batches in random order.

    Examples are shuffled, sorted by length within pools of `pool_batches` batches, and the batches are shuffled again. Less
    padding makes a step cheaper, and the pools keep batches different from epoch to epoch.

    Args:
        lengths: length of each example.
        batch_size: examples per batch; the last batch of the last pool may be smaller.
        rng: made from seed and epoch.
        pool_batches: batches per pool.
        order: example numbers in their shuffled order; left out, it is drawn here.

    Returns:
        arrays of example numbers.
    """
    lengths = np.asarray(lengths)
    order = rng.permutation(len(lengths)) if order is None else order
    batches = []
    for start in range(0, len(order), pool_batches * batch_size):
        pool = order[start : start + pool_batches * batch_size]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        batches += [pool[first : first + batch_size] for first in range(0, len(pool), batch_size)]
    return [batches[number] for number in rng.permutation(len(batches))]


def round_up(length: int, multiple: int) -> int:
    """The smallest multiple of `multiple` that is at least `length`."""
    return -(-length // multiple) * multiple


def pad_rows(
    rows: Sequence[Sequence[int]], padding: int = 0, multiple: int = 1, longest: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of different lengths as one array, and the mask of what is real.

    Args:
        rows: integer sequences, at least one.
        padding: value of the padded places.
        multiple: the common length is rounded up to a multiple of this.
        longest: the common length is at least this, before it is rounded up; for rows that are part of a larger batch.

    Returns:
        int32 arrays `(rows, length)`: values, and the mask, 1 (True) for a real value and 0 (False) for padding.
    """
    lengths = np.array([len(row) for row in rows])
    mask = np.arange(round_up(max(1, longest, int(lengths.max())), multiple)) < lengths[:, None]
    values = np.full(mask.shape, padding, np.int32)
    values[mask] = np.concatenate([np.asarray(row, np.int32) for row in rows])
    return values, mask.astype(np.int32)


@dataclass(frozen=True)
class BatchPart:
    """The rows of each training batch that one of several processes computes.

    The rows are dealt out to all devices in order, as many to each. Where they do not come out even, the last row is repeated at
    the end; the training step leaves these repetitions out again (`utils.training.distribution`).

    Args:
        first_device: number of this process' first device among those of all processes.
        local_devices: devices of this process.
        all_devices: devices of all processes.
        is_marked: whether batches have `BATCH_SIZE_MARK`.
        local_parts: devices of this process that share one copy of a model.
    """

    first_device: int = 0
    local_devices: int = 1
    all_devices: int = 1
    is_marked: bool = False
    local_parts: int = 1

    def rows(self, batch_size: int) -> np.ndarray:
        """Numbers of this process' rows in a batch.

        >>> [BatchPart(process, 1, 2).rows(5).tolist() for process in range(2)]
        [[0, 1, 2], [3, 4, 4]]
        """
        rows_per_device = -(-batch_size // self.all_devices)
        numbers = np.arange(self.local_devices * rows_per_device) + self.first_device * rows_per_device
        return np.minimum(numbers, batch_size - 1)

    def mark(self, inputs: dict[str, np.ndarray], batch_size: int) -> dict[str, np.ndarray]:
        """The inputs of these rows, where wanted with `BATCH_SIZE_MARK`, whose last axis is as long as the batch has rows."""
        if not self.is_marked:
            return inputs
        shape = (self.local_devices, self.local_parts, *[1] * (MARK_AXES - 3), batch_size)
        return inputs | {BATCH_SIZE_MARK: np.zeros(shape, np.int8)}


BATCH_SIZE_MARK = "batch_size_mark"
"""An input that no model reads. The training step learns from its shape how many rows of the batch are no repetitions."""
MARK_AXES = 6
"""Axes of that input, more than any other input has: it is laid out in a way of its own (`utils.training.distribution`)."""


WHOLE = BatchPart()
"""All rows: a single process with one device."""
