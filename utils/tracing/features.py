"""From sequences to arrays: item numbers, pieces of bounded length, and batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from utils.common.batching import WHOLE, BatchPart, epochs_from, length_sorted_batches, round_up
from utils.tracing.names import NumbersOfNames, distinct_names_of
from utils.tracing.sequences import ResponseSequence

LENGTH_MULTIPLE = 32
"""The steps of a batch are padded to a multiple of this, so that few shapes are compiled."""

POOL_BATCHES = 20
"""Training pieces are sorted by length within pools of this many batches."""


def item_numbers(sequences: Iterable[ResponseSequence]) -> dict[str, int]:
    """A number from 1 for each item. Number 0 stands for all items that are not in these sequences."""
    items = distinct_names_of(sequence.items for sequence in sequences)
    return {item: number for number, item in enumerate(sorted(items, key=lambda item: (len(item), item)), start=1)}


@dataclass(frozen=True)
class Piece:
    """Consecutive responses of one student.

    Args:
        items: item numbers, int32 `(steps,)`.
        responses: int32 `(steps,)`.
        first_scored: steps before this one are history: the model sees them, but they are not scored.
        student: place of the student's sequence among those that were cut.
    """

    items: np.ndarray
    responses: np.ndarray
    first_scored: int = 0
    student: int = 0


def cut(sequences: Iterable[ResponseSequence], numbers: dict[str, int], length: int, history: int = 0) -> list[Piece]:
    """Cut sequences into pieces, in order. Every response is scored in exactly one piece.

    Args:
        sequences: the students' sequences.
        numbers: item to number; items that are not in it become 0.
        length: a piece has at most this many steps.
        history: steps before each piece (but a student's first) that are included without being scored; less than `length`.
    """
    pieces, number_items = [], NumbersOfNames(numbers)
    for student, sequence in enumerate(sequences):
        # The pieces of a sequence are views of two arrays; that of the responses is often the sequence's own.
        items, responses = number_items(sequence.items), sequence.responses.astype(np.int32, copy=False)
        start = 0
        while start < len(items):
            before = min(start, history)
            end = min(len(items), start - before + length)
            part = slice(start - before, end)
            pieces.append(Piece(items[part], responses[part], before, student))
            start = end
    return pieces


def assemble(
    pieces: Sequence[Piece], longest: int = 0, steps: int = 0
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Pad pieces to one batch.

    Args:
        pieces: the pieces of the batch.
        longest: length of the longest piece of all batches, if known; nothing is padded beyond it.
        steps: length of the longest piece of the batch, where these pieces are part of it.

    Returns:
        inputs (int32 `item_ids`, `responses` and `padding_mask`), targets, and weights, which are 0 for steps that are not scored;
        all `(batch, steps)`.
    """
    steps = max(steps, *(len(piece.items) for piece in pieces))
    padded = round_up(steps, LENGTH_MULTIPLE)
    steps = max(steps, min(padded, longest or padded))
    item_ids, responses, mask = (np.zeros((len(pieces), steps), np.int32) for _ in range(3))
    weights = np.zeros((len(pieces), steps), np.float32)
    for row, piece in enumerate(pieces):
        count = len(piece.items)
        item_ids[row, :count], responses[row, :count], mask[row, :count] = piece.items, piece.responses, 1
        weights[row, piece.first_scored : count] = 1
    return {"item_ids": item_ids, "responses": responses, "padding_mask": mask}, responses, weights


def training_batches(
    pieces: Sequence[Piece], batch_size: int, seed: int, first_step: int, part: BatchPart = WHOLE
) -> Iterator[tuple]:
    """Yield `(inputs, targets, weights)` without end, from global step `first_step`.

    Step `n` is always the same batch. A batch holds pieces of similar length. Where `part` is not the whole, only its rows of
    every batch are made.
    """
    lengths = np.array([len(piece.items) for piece in pieces])
    for epoch, step in epochs_from(first_step, -(-len(pieces) // batch_size)):
        rng = np.random.default_rng((seed, epoch))
        for batch in length_sorted_batches(lengths, batch_size, rng, POOL_BATCHES)[step:]:
            rows = batch[part.rows(len(batch))]
            steps = int(lengths[batch].max())
            inputs, targets, weights = assemble([pieces[number] for number in rows], int(lengths.max()), steps)
            yield part.mark(inputs, len(batch)), targets, weights
