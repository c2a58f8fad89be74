"""Vectors of tokens, learned from which tokens occur near each other in a text."""

from __future__ import annotations

import numpy as np

MAX_TOKENS = 16_000
"""The most frequent tokens get a vector. A dense float32 matrix of their pairs is made: 1 GiB for 16,000."""


def cooccurrence_vectors(texts, vocabulary_size: int, dim: int, window: int = 4, seed: int = 0) -> np.ndarray:
    """Factorise the positive pointwise mutual information of neighbouring tokens (Levy and Goldberg 2014; Levy et al. 2015).

        M[a, b] = max(0, log(p(a, b) / (p(a) p(b)^0.75)))
        M = U S V^T,  vectors = U S^0.5

    `p(a, b)` is the frequency of a pair of tokens at most `window` apart, and `p(b)^0.75` is normalised to a sum of 1. The
    singular value decomposition is truncated and randomised (Halko et al. 2011).

    Args:
        texts: iterable of integer arrays, the token ids of each text.
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
    texts = [np.asarray(text, np.int64) for text in texts]
    pairs = [np.zeros(0, np.int64)]
    for distance in range(1, window + 1):
        neighbours = [(text[:-distance], text[distance:]) for text in texts if len(text) > distance]
        pairs += [left * vocabulary_size + right for left, right in neighbours]
    codes, counts = np.unique(np.concatenate(pairs), return_counts=True)
    rows, columns = np.divmod(codes, vocabulary_size)
    rows, columns = np.concatenate([rows, columns]), np.concatenate([columns, rows])  # a pair counts in both directions
    counts = np.concatenate([counts, counts]).astype(np.float64)
    totals = np.bincount(rows, counts, vocabulary_size)
    frequent = np.sort(np.argsort(-totals, kind="stable")[: min(MAX_TOKENS, np.count_nonzero(totals))])
    index = np.full(vocabulary_size, -1)
    index[frequent] = np.arange(len(frequent))
    is_frequent = (index[rows] >= 0) & (index[columns] >= 0)
    matrix = np.zeros((len(frequent), len(frequent)), np.float32)
    positions = index[rows[is_frequent]], index[columns[is_frequent]]
    np.add.at(matrix, positions, counts[is_frequent].astype(np.float32))

    probabilities = totals[frequent] ** 0.75
    probabilities /= probabilities.sum()
    rows, columns = np.nonzero(matrix)
    information = np.log(matrix[rows, columns] / (totals[frequent][rows] * probabilities[columns]))
    matrix[rows, columns] = np.maximum(information, 0.0)

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
