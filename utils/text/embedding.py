"""Vectors of texts, by any encoder that takes token ids."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np

from utils.common.batching import pad_rows
from utils.common.progress import with_progress

BATCH_SIZE = 64
LENGTH_MULTIPLE = 32
"""Padded lengths are multiples of this, so that few different shapes are compiled."""


def token_ids(tokenizer, texts: Sequence[str], max_length: int) -> list[list[int]]:
    """The token ids of each text, special tokens included, cut to `max_length` tokens."""
    tokenizer.enable_truncation(max_length)
    try:
        return [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]
    finally:
        tokenizer.no_truncation()


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
        padded, mask = pad_rows([ids[row] for row in chosen], padding_id, LENGTH_MULTIPLE)
        outputs = np.asarray(encoder.predict_on_batch({"token_ids": padded, "padding_mask": mask}), np.float32)
        vectors = np.empty((len(ids), outputs.shape[1]), np.float32) if vectors is None else vectors
        vectors[chosen] = outputs
        if progress and number % 20 == 0:
            print(f"{progress}: {min(start + BATCH_SIZE, len(ids)):,} of {len(ids):,} texts embedded", file=sys.stderr)
    return vectors
