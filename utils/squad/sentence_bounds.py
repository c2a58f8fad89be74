"""The sentence of an answer, in tokens."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

import numpy as np

from utils.squad.tokens import DIGITS, DIGITS_AND_OTHERS, LOWER_CASE, PUNCTUATION, word_id

SENTENCE_END = re.compile(r"""[.?!…。！？।؟۔]+["'”’»)\]]*""")
"""What ends a sentence, with closing quotes and brackets that a tokenizer may have joined to it."""
CLOSING = re.compile(r"""["'”’»)\]]+""")
"""What may follow the end of a sentence and belongs to it."""
ABBREVIATIONS = (
    "mr mrs ms dr prof gen col lt capt sgt rev hon sen rep gov pres st mt ft jr sr vs no nos op vol fig ca cf ed eds al "
    "jan feb mar apr jun jul aug sept oct nov dec "
    "a b c d e f g h i j k l m n o p q r s t u v w x y z"
)
"""Words after which a full stop ends no sentence, in lower case; single letters are initials."""
MAX_MARKS = 4
"""Marks after the first one that end a sentence together."""
WITH_DIGITS = (DIGITS, DIGITS_AND_OTHERS)
"""Shapes of words with digits."""


@dataclass(frozen=True)
class SentenceMarks:
    """The tokens by which sentences end.

    Args:
        end_ids: ids of those that can end a sentence, such as `.` and `?!`; without any, no sentence ends.
        closing_ids: ids of closing quotes and brackets alone. A straight quote is one of them, so one that opens a sentence
            counts to the sentence before.
    """

    end_ids: tuple[int, ...] = ()
    closing_ids: tuple[int, ...] = ()

    @classmethod
    def of(cls, tokenizer) -> SentenceMarks:
        """Those of a `tokenizers.Tokenizer`, in ascending order."""
        return cls(_ids_of(tokenizer, SENTENCE_END), _ids_of(tokenizer, CLOSING))


def _ids_of(tokenizer, pattern: re.Pattern) -> tuple[int, ...]:
    ids = sorted(tokenizer.get_vocab().values())
    texts = tokenizer.decode_batch([[number] for number in ids], skip_special_tokens=False)
    return tuple(
        number for number, text in zip(ids, texts, strict=True) if pattern.fullmatch(text.strip(" \u0120\u2581"))
    )


def sentence_bounds(inputs: dict[str, np.ndarray], spans: np.ndarray, marks: SentenceMarks) -> np.ndarray:
    """The first and last position of the sentence that each answer stands in.

    Args:
        inputs: the model's inputs of some windows, `(rows, sequence)`, see `utils.squad.windows.assemble`.
        spans: int `(rows, 2)`, first and last position of each answer; (0, 0) for "not in this window".
        marks: of the tokenizer; without any, the sentence is all of the context.

    Returns:
        int `(rows, 2)`; (0, 0) for the span (0, 0). An answer that goes beyond its sentence has all sentences that it touches.
    """
    context = inputs["segment_ids"] == 1
    positions = np.arange(context.shape[1])
    first_of_context = context.argmax(axis=1)[:, None]
    last_of_context = first_of_context + context.sum(axis=1, keepdims=True) - 2  # before the separator
    is_end = sentence_ends(inputs, marks) & context
    first, last = spans[:, :1], spans[:, 1:]
    begin = np.where(is_end & (positions < first), positions + 1, first_of_context).max(axis=1)
    end = np.where(is_end & (positions >= last), positions, last_of_context).min(axis=1)
    return np.where(last > 0, np.column_stack([begin, end]), 0)


def sentence_ends(inputs: dict[str, np.ndarray], marks: SentenceMarks) -> np.ndarray:
    """The last mark of each sentence, in the question too.

    A sentence ends at a token of `marks.end_ids`, but not after an abbreviation, within a number, or before a word in lower case.
    Up to `MAX_MARKS` marks that follow it belong to the same sentence, such as `...` and `?!)`.

    Args:
        inputs: the model's inputs of some windows, `(rows, sequence)`.
        marks: of the tokenizer.

    Returns:
        bool `(rows, sequence)`.
    """
    shapes, words = inputs["shape_ids"], inputs["word_ids"]
    shape_before, word_before = np.zeros_like(shapes), np.zeros_like(words)
    shape_before[:, 1:], word_before[:, 1:] = shapes[:, :-1], words[:, :-1]
    # The next position that holds no punctuation; the last position where there is none.
    last = shapes.shape[1] - 1
    places = np.where(shapes == PUNCTUATION, last, np.arange(last + 1))
    places[:, :-1] = np.minimum.accumulate(places[:, ::-1], axis=1)[:, -2::-1]
    shape_after = np.take_along_axis(shapes, places, axis=1)
    next_shapes = shapes[:, np.minimum(np.arange(last + 1) + 1, last)]
    in_number = np.isin(shape_before, WITH_DIGITS) & np.isin(next_shapes, WITH_DIGITS)
    is_end_mark = np.isin(inputs["token_ids"], np.asarray(marks.end_ids, np.int64))
    is_end = is_end_mark & ~in_number & (shape_after != LOWER_CASE) & ~np.isin(word_before, _abbreviations())
    is_mark = is_end_mark | np.isin(inputs["token_ids"], np.asarray(marks.closing_ids, np.int64))
    for _ in range(MAX_MARKS):
        is_end[:, 1:] |= is_end[:, :-1] & is_mark[:, 1:]
    is_end[:, :-1] &= ~is_end[:, 1:]
    return is_end


@functools.cache
def _abbreviations() -> np.ndarray:
    return np.array([word_id(word) for word in ABBREVIATIONS.split()])
