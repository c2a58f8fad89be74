"""Batches of windows of text of similar length, each time masked anew."""

from __future__ import annotations

import numpy as np

from utils.common.batching import WHOLE, BatchPart, epochs_from
from utils.squad.batch_lengths import lengths_of_batches
from utils.squad.batches import batch_order
from utils.squad.pretraining.masking import ReplacementMasking, SpanMasking
from utils.squad.pretraining.text_windows import TextWindows
from utils.squad.windows import coarse_length

VALIDATION_KEY = (2**31, 0)
"""In the place of seed and step of the training: the same masks in each epoch and run."""


def text_batches(
    text: TextWindows,
    masking: SpanMasking | ReplacementMasking,
    batch_size: int,
    seed: int,
    first_step: int = 0,
    part: BatchPart = WHOLE,
):
    """Yield `(inputs, targets)` without end, beginning at global step `first_step`; the same step is always the same batch.

    Where `part` is not the whole, only its rows of every batch are made, as the whole batch would have them.
    """
    lengths, steps_per_epoch = text.windows.lengths, -(-len(text) // batch_size)
    allowed_lengths = lengths_of_batches(int(lengths.max()))
    for epoch, first in epochs_from(first_step, steps_per_epoch):
        batches = batch_order(lengths, batch_size, seed, epoch)
        for step, chosen in enumerate(batches[first:], epoch * steps_per_epoch + first):
            length = coarse_length(int(lengths[chosen].max()), allowed_lengths)
            rows = part.rows(len(chosen))
            inputs, targets = masking.batch(text, chosen[rows], rows, length, (seed, step))
            yield part.mark(inputs, len(chosen)), targets


def validation_batches(text: TextWindows, masking: SpanMasking | ReplacementMasking, batch_size: int):
    """Yield `(windows, inputs, targets)`: all windows once, always masked alike, whatever the size of the batches."""
    lengths = text.windows.lengths
    allowed_lengths = lengths_of_batches(int(lengths.max()))
    order = np.argsort(lengths, kind="stable")
    for first in range(0, len(order), batch_size):
        chosen = order[first : first + batch_size]
        length = coarse_length(int(lengths[chosen].max()), allowed_lengths)
        yield chosen, *masking.batch(text, chosen, chosen, length, VALIDATION_KEY)
