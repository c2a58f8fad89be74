"""Batches of windows of text of similar length, each time masked anew."""

from __future__ import annotations

import numpy as np

from utils.common.batching import WHOLE, BatchPart, epochs_from, length_sorted_batches
from utils.squad.batch_lengths import lengths_of_batches
from utils.squad.pretraining.masking import ReplacementMasking, SpanMasking
from utils.squad.pretraining.text_windows import TextWindows
from utils.squad.windows import coarse_length

POOL_BATCHES = 64
"""Batches that are sorted by length together."""
VALIDATION_SEED = 2**31
"""In the place of seeds of the training: the same masks in each epoch and run."""


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
        batches = length_sorted_batches(lengths, batch_size, np.random.default_rng((seed, epoch)), POOL_BATCHES)
        for step, chosen in enumerate(batches[first:], epoch * steps_per_epoch + first):
            length = coarse_length(int(lengths[chosen].max()), allowed_lengths)
            inputs, targets = masking.batch(text, chosen, part.rows(len(chosen)), length, (seed, step))
            yield part.mark(inputs, len(chosen)), targets


def validation_batches(text: TextWindows, masking: SpanMasking | ReplacementMasking, batch_size: int):
    """Yield `(windows, inputs, targets)`: all windows once, always masked alike."""
    lengths = text.windows.lengths
    allowed_lengths = lengths_of_batches(int(lengths.max()))
    order = np.argsort(lengths, kind="stable")
    for step, first in enumerate(range(0, len(order), batch_size)):
        chosen = order[first : first + batch_size]
        length = coarse_length(int(lengths[chosen].max()), allowed_lengths)
        yield chosen, *masking.batch(text, chosen, np.arange(len(chosen)), length, (VALIDATION_SEED, step))
