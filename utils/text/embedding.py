"""Vectors of texts, by any encoder that takes token ids."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np

from utils.common.batching import pad_rows, round_up
from utils.common.disk_rows import FlatRows
from utils.common.progress import with_progress

BATCH_SIZE = 64
LENGTH_MULTIPLE = 32
"""Padded lengths are multiples of this, or half of it, so that few different shapes are compiled."""
TOKENISED_TOGETHER = 4096
"""Texts that are tokenised at a time: their tokens as Python objects are many times as large as their ids."""


def token_ids(tokenizer, texts: Sequence[str], max_length: int) -> list[list[int]]:
    """The token ids of each text, special tokens included, cut to `max_length` tokens."""
    return list(iterate_token_ids(tokenizer, texts, max_length))


def token_rows(tokenizer, texts: Iterable[str], max_length: int) -> FlatRows:
    """What `token_ids` lists, in 4 bytes for each token, in a temporary file that vanishes with the rows."""
    return FlatRows.write(iterate_token_ids(tokenizer, texts, max_length), np.int32)


def iterate_token_ids(tokenizer, texts: Iterable[str], max_length: int) -> Iterator[list[int]]:
    """Yield what `token_ids` lists."""
    texts = iter(texts)
    while part := list(islice(texts, TOKENISED_TOGETHER)):
        tokenizer.enable_truncation(max_length)
        try:
            encodings = tokenizer.encode_batch(part)
        finally:
            tokenizer.no_truncation()
        yield from (encoding.ids for encoding in encodings)


def padded_length(length: int) -> int:
    """The length to which texts are padded: a multiple of `LENGTH_MULTIPLE`, or half of it where that is enough.

    >>> [padded_length(length) for length in (3, 16, 17, 65)]
    [16, 16, 32, 96]
    """
    return LENGTH_MULTIPLE // 2 if length <= LENGTH_MULTIPLE // 2 else round_up(length, LENGTH_MULTIPLE)


def pad_texts(ids: Sequence[Sequence[int]], padding_id: int, longest: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Token ids of texts as one array, and the mask of what is real: int32 `(texts, padded length)`.

    Args:
        ids: token ids of each text.
        padding_id: id of the padding token.
        longest: the longest text has at least this length; for texts that are part of a larger batch.
    """
    return pad_rows(ids, padding_id, longest=padded_length(max(longest, *map(len, ids))))


def embed(encoder, ids: Sequence[Sequence[int]], padding_id: int = 0, progress: str = "") -> np.ndarray:
    """The encoder's vector of each text, float32 `(texts, dim)`.

    Texts of similar length are encoded together, in batches of one size; the last is as small as a power of two allows.

    Args:
        encoder: model of `token_ids` and `padding_mask`, `(batch, sequence)`, that gives `(batch, dim)`.
        ids: token ids of each text, from `token_ids`; at least one text.
        padding_id: id of the padding token.
        progress: what is being embedded; where it is named, progress is reported on standard error.
    """
    order, vectors = np.argsort([len(row) for row in ids], kind="stable"), None
    for number, start in enumerate(with_progress(range(0, len(order), BATCH_SIZE), "encoding texts")):
        rows = order[start : start + BATCH_SIZE]
        chosen = np.resize(
            rows, 1 << (len(rows) - 1).bit_length()
        )  # the last batch repeats some, for few different sizes
        padded, mask = pad_texts([ids[row] for row in chosen], padding_id)
        outputs = np.asarray(encoder.predict_on_batch({"token_ids": padded, "padding_mask": mask}), np.float32)
        vectors = np.empty((len(ids), outputs.shape[1]), np.float32) if vectors is None else vectors
        vectors[chosen] = outputs
        if progress and number % 20 == 0:
            print(f"{progress}: {min(start + BATCH_SIZE, len(ids)):,} of {len(ids):,} texts embedded", file=sys.stderr)
    return vectors
