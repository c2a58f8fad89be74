"""The sentence of an answer, in tokens."""

from __future__ import annotations

import re

import numpy as np

_SENTENCE_END = re.compile(r"""[.?!…。！？।؟۔]+["'”’»)\]]*""")
"""What ends a sentence, with closing quotes and brackets that a tokenizer may have joined to it."""
_LOWER_CASE, _DIGITS, _WITH_DIGITS = 1, 4, 5  # values of `shape_ids`


def sentence_end_ids(tokenizer) -> tuple[int, ...]:
    """Ids of the tokens that can end a sentence, in ascending order.

    Args:
        tokenizer: `tokenizers.Tokenizer`.
    """
    ids = sorted(tokenizer.get_vocab().values())
    texts = tokenizer.decode_batch([[number] for number in ids], skip_special_tokens=False)
    return tuple(
        number for number, text in zip(ids, texts, strict=True) if _SENTENCE_END.fullmatch(text.strip(" \u0120\u2581"))
    )


def sentence_bounds(inputs: dict[str, np.ndarray], spans: np.ndarray, end_ids) -> np.ndarray:
    """The first and last position of the sentence that each answer stands in.

    A sentence ends at a token of `end_ids`, unless it stands within a number ("3.5") or before a word in lower case ("e.g. in").

    Args:
        inputs: the model's inputs of some windows, `(rows, sequence)`, see `utils.squad.windows.assemble`.
        spans: int `(rows, 2)`, first and last position of each answer; (0, 0) for "not in this window".
        end_ids: ids of the tokens that end a sentence; without any, the sentence is all of the context.

    Returns:
        int `(rows, 2)`; (0, 0) for the span (0, 0). An answer that goes beyond its sentence has all sentences that it touches.
    """
    context = inputs["segment_ids"] == 1
    positions = np.arange(context.shape[1])
    first_of_context = context.argmax(axis=1)
    last_of_context = first_of_context + context.sum(axis=1) - 2  # before the separator
    shapes = inputs["shape_ids"]
    before, after = np.zeros_like(shapes), np.zeros_like(shapes)
    before[:, 1:], after[:, :-1] = shapes[:, :-1], shapes[:, 1:]
    in_number = np.isin(before, (_DIGITS, _WITH_DIGITS)) & np.isin(after, (_DIGITS, _WITH_DIGITS))
    is_end = np.isin(inputs["token_ids"], np.asarray(end_ids, np.int64)) & context
    is_end &= ~in_number & (after != _LOWER_CASE)
    first, last = spans[:, :1], spans[:, 1:]
    begin = np.where(is_end & (positions < first), positions + 1, first_of_context[:, None]).max(axis=1)
    end = np.where(is_end & (positions >= last), positions, last_of_context[:, None]).min(axis=1)
    # A window may lie within an answer's paragraph such that no end stands before or after; the answer itself is always inside.
    bounds = np.column_stack([np.minimum(begin, spans[:, 0]), np.maximum(end, spans[:, 1])])
    return np.where(last > 0, bounds, 0)
