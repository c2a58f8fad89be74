"""Batches of contexts and targets."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from utils.common.batching import WHOLE, BatchPart, epochs_from
from utils.vectors.data import VectorDocuments

GROUP_SIZE = 32
"""Targets of one document that stay together when batches are shuffled."""
BATCH_SIZE = 256
"""Contexts that a model answers at once."""
CONTEXT_BYTES = 2**26
"""Memory of the contexts that are built at once, unless a single batch needs more."""


def contexts_at_once(context_length: int, dim: int) -> int:
    """How many contexts are built at once: a multiple of `BATCH_SIZE`.

    >>> contexts_at_once(context_length=20, dim=384), contexts_at_once(context_length=1000, dim=768)
    (2048, 256)
    """
    return max(1, CONTEXT_BYTES // (4 * context_length * dim * BATCH_SIZE)) * BATCH_SIZE


def contexts(
    data: VectorDocuments, rows: np.ndarray, context_length: int, include_row: bool = False
) -> dict[str, np.ndarray]:
    """A model's inputs: for each row, the vectors of its document that stand before it.

    Args:
        data: the documents.
        rows: int `(rows,)`, the rows to be predicted.
        context_length: vectors per context; of a longer document the last ones before the row.
        include_row: whether the context ends with the row itself, to predict what follows it.

    Returns:
        `vectors`, float32 `(rows, context_length, dim)`, with zeros as padding before them; `padding_mask`, int32
        `(rows, context_length)`, 1 where there is a vector.
    """
    places = rows[:, None] - np.arange(context_length, 0, -1) + int(include_row)
    mask = (places >= 0) & (data.document[np.maximum(places, 0)] == data.document[rows][:, None])
    vectors = np.zeros((*places.shape, data.dim), np.float32)
    vectors[mask] = data.take(places[mask])
    return {"vectors": vectors, "padding_mask": mask.astype(np.int32)}


def loss_targets(data: VectorDocuments, rows: np.ndarray) -> np.ndarray:
    """What `VectorLoss` takes for these rows: vector, document number, place in the document; float32 `(rows, dim + 2)`."""
    document = data.document[rows]
    return np.column_stack([data.take(rows), document, rows - data.starts[document]]).astype(np.float32)


def training_batches(
    data: VectorDocuments,
    rows: np.ndarray,
    context_length: int,
    batch_size: int,
    seed: int,
    first_step: int,
    part: BatchPart = WHOLE,
) -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
    """Endless batches of contexts and targets, beginning at a step; the same step always gives the same batch.

    The targets of a document are drawn anew each epoch in groups of up to `GROUP_SIZE`, and the groups are shuffled. So a batch
    holds several targets of a document, which serve one another as negatives. Every target comes once per epoch; the last batch
    may be smaller. Where `part` is not the whole, only its rows of every batch are read.
    """
    steps_per_epoch = -(-len(rows) // batch_size)
    borders = np.flatnonzero(np.diff(data.document[rows])) + 1
    for epoch, first in epochs_from(first_step, steps_per_epoch):
        rng = np.random.default_rng((seed, epoch))
        groups = []
        for rows_of_document in np.split(rows, borders):
            shuffled = rng.permutation(rows_of_document)
            groups += [shuffled[start : start + GROUP_SIZE] for start in range(0, len(shuffled), GROUP_SIZE)]
        order = np.concatenate([groups[number] for number in rng.permutation(len(groups))])
        for step in range(first, steps_per_epoch):
            batch = order[step * batch_size : (step + 1) * batch_size]
            own_rows = batch[part.rows(len(batch))]
            inputs = part.mark(contexts(data, own_rows, context_length), len(batch))
            yield inputs, loss_targets(data, own_rows)
