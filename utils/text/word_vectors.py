"""Vectors of tokens, learned from which tokens occur near each other in a text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

MAX_TOKENS = 16_000
"""The most frequent tokens get a vector. A dense float32 matrix of their pairs is made: 1 GiB for 16,000."""
TOKENS_AT_ONCE = 2**20
ROWS_AT_ONCE = 256


def cooccurrence_vectors(texts, vocabulary_size: int, dim: int, window: int = 4, seed: int = 0) -> np.ndarray:
    """Factorise the positive pointwise mutual information of neighbouring tokens (Levy and Goldberg 2014; Levy et al. 2015).

        M[a, b] = max(0, log(p(a, b) / (p(a) p(b)^0.75)))
        M = U S V^T,  vectors = U S^0.5

    `p(a, b)` is the frequency of a pair of tokens at most `window` apart, and `p(b)^0.75` is normalised to a sum of 1. The
    singular value decomposition is truncated and randomised (Halko et al. 2011).

    Args:
        texts: iterable of integer arrays, the token ids of each text. One that can be gone through twice need not fit into memory.
        vocabulary_size: number of token ids.
        dim: length of a vector, less than `vocabulary_size`.
        window: tokens on each side that count as neighbours.
        seed: seed of the randomised decomposition.

    Returns:
        float32 `(vocabulary_size, dim)` with a standard deviation of 1. Rows are zero for tokens that never occur or are not
        among the `MAX_TOKENS` most frequent.

    Raises:
        ValueError: `dim` is not less than `vocabulary_size`.
    """
    if dim >= vocabulary_size:
        raise ValueError(f"dim {dim} must be less than vocabulary_size {vocabulary_size}")
    texts = list(texts) if iter(texts) is texts else texts
    totals = np.zeros(vocabulary_size)  # pairs of each token; a pair counts in both directions
    for left, right in _neighbours(texts, window):
        totals += np.bincount(left, minlength=vocabulary_size) + np.bincount(right, minlength=vocabulary_size)
    frequent = np.sort(np.argsort(-totals, kind="stable")[: min(MAX_TOKENS, np.count_nonzero(totals))])
    index = np.full(vocabulary_size, -1)
    index[frequent] = np.arange(len(frequent))
    counts = np.zeros((len(frequent), len(frequent)), np.int32)
    for left, right in _neighbours(texts, window):
        rows, columns = index[left], index[right]
        is_frequent = (rows >= 0) & (columns >= 0)
        np.add.at(counts.reshape(-1), rows[is_frequent] * len(frequent) + columns[is_frequent], 1)
    matrix = _in_both_directions(counts)

    probabilities = totals[frequent] ** 0.75
    probabilities /= probabilities.sum()
    for start in range(0, len(matrix), ROWS_AT_ONCE):
        block, block_totals = matrix[start : start + ROWS_AT_ONCE], totals[frequent[start : start + ROWS_AT_ONCE]]
        rows, columns = np.nonzero(block)
        information = np.log(block[rows, columns] / (block_totals[rows] * probabilities[columns]))
        block[rows, columns] = np.maximum(information, 0.0)

    width = min(dim + 32, len(frequent))
    basis = np.random.default_rng(seed).standard_normal((len(frequent), width)).astype(np.float32)
    for _ in range(4):  # power iterations
        basis, _ = np.linalg.qr(matrix.T @ np.linalg.qr(matrix @ basis)[0])
    basis, _ = np.linalg.qr(matrix @ basis)
    left, values, _ = np.linalg.svd(basis.T @ matrix, full_matrices=False)
    rank = min(dim, len(values))
    vectors = np.zeros((vocabulary_size, dim), np.float32)
    vectors[frequent, :rank] = (basis @ left)[:, :rank] * np.sqrt(values[:rank])
    return vectors / max(float(vectors.std()), 1e-12)


def _neighbours(texts: Iterable[np.ndarray], window: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """All pairs of tokens of a text that are at most `window` apart, in blocks: the left ones and the right ones, int64."""
    block, size = [], 0
    for text in texts:
        block.append(text)
        size += len(text)
        if size >= TOKENS_AT_ONCE:
            yield from _neighbours_in_block(block, window)
            block, size = [], 0
    if block:
        yield from _neighbours_in_block(block, window)


def _neighbours_in_block(texts: list, window: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    tokens = np.concatenate([np.asarray(text, np.int64) for text in texts])
    number = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
    for distance in range(1, window + 1):
        is_one_text = number[:-distance] == number[distance:]
        yield tokens[:-distance][is_one_text], tokens[distance:][is_one_text]


def _in_both_directions(counts: np.ndarray) -> np.ndarray:
    """Counts of pairs `(left, right)`, int32, as float32 counts of pairs in either direction, in the same memory."""
    matrix = counts.view(np.float32)
    blocks = [slice(start, start + ROWS_AT_ONCE) for start in range(0, len(counts), ROWS_AT_ONCE)]
    for number, rows in enumerate(blocks):
        for columns in blocks[number:]:
            both = counts[rows, columns].astype(np.float32) + counts[columns, rows].T.astype(np.float32)
            matrix[rows, columns] = both
            matrix[columns, rows] = both.T
    return matrix
