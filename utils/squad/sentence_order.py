"""Training windows whose sentences stand in another order, so that fewer paragraphs are learned by heart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from utils.common.errors import UserError
from utils.squad.random_bits import as_fraction, key_of_batch, mixed_bits
from utils.squad.sentence_bounds import SentenceMarks, sentence_ends

STREAM = 4
"""Keeps these draws apart from others of the same seed and step."""


@dataclass(frozen=True)
class SentenceShuffle:
    """Puts the sentences of some windows into another order.

    Args:
        fraction: fraction of the windows, 0-1.
        marks: the tokens by which sentences end.
    """

    fraction: float
    marks: SentenceMarks

    @classmethod
    def prepare(cls, fraction: float, tokenizer) -> SentenceShuffle:
        """Find the marks of a tokenizer.

        Args:
            fraction: fraction of the windows, 0-1.
            tokenizer: `tokenizers.Tokenizer`.

        Raises:
            UserError: it has no token that ends a sentence.
        """
        marks = SentenceMarks.of(tokenizer)
        if not marks.end_ids:
            raise UserError("--sentence-shuffle: no token of the tokenizer ends a sentence; leave the flag out")
        return cls(fraction, marks)

    def apply(
        self, inputs: dict[str, np.ndarray], spans: np.ndarray, examples: np.ndarray, key: tuple[int, int]
    ) -> np.ndarray:
        """Change `inputs` and `spans` in place. Sentences that an answer goes across stay together.

        Args:
            inputs: of `utils.squad.windows.assemble`, int32 `(rows, length)`.
            spans: `(rows, 2)`, the first and last token of each answer; (0, 0) where the window has none.
            examples: `(rows,)`, the number of each row's example in the whole batch; rows of one example have one order.
            key: seed and step.

        Returns:
            int `(rows, length)`, the place where each token stood.
        """
        positions = np.arange(inputs["token_ids"].shape[1])
        context = inputs["segment_ids"] == 1
        first = context.argmax(axis=1)[:, None]
        last = first + context.sum(axis=1, keepdims=True) - 2  # before the separator
        context &= positions <= last

        is_start = positions == first
        is_start[:, 1:] |= (sentence_ends(inputs, self.marks) & context)[:, :-1]
        is_start &= ~((positions > spans[:, :1]) & (positions <= spans[:, 1:]))
        sentence = np.maximum.accumulate(np.where(is_start, positions, 0), axis=1)  # its first position

        row_keys = mixed_bits(key_of_batch(key, STREAM), np.asarray(examples))[:, None]
        is_shuffled = as_fraction(mixed_bits(row_keys, np.array([0]))) < self.fraction
        rank = np.where(is_shuffled, as_fraction(mixed_bits(row_keys, sentence + 1)), 0.0)
        rank = np.where(context, rank, np.where(positions > last, 2.0, -1.0))  # what is no context keeps its place
        places = np.argsort(rank, axis=1, kind="stable")

        for values in inputs.values():
            values[:] = np.take_along_axis(values, places, axis=1)
        shift = (places == spans[:, :1]).argmax(axis=1) - spans[:, 0]
        spans += shift[:, None]
        return places
