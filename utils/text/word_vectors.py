"""Vectors for a vocabulary, learned from nothing but a text: what stands near what."""

from __future__ import annotations

import numpy as np

MOST = 16_000  # tokens that get a vector


def cooccurrence_vectors(texts, vocabulary_size: int, dim: int, window: int = 4, seed: int = 0) -> np.ndarray:
    """Positive pointwise mutual information of neighbouring tokens, factorised (Levy and Goldberg 2014; Levy et al. 2015).

    `M[a, b] = max(0, log(p(a, b) / (p(a) p(b)^0.75)))` over pairs at most `window` apart; its truncated singular value
    decomposition `M = U S V^T` gives the vectors `U S^0.5`. The decomposition is a randomised one (Halko et al. 2011).

    Args:
        texts: iterable of integer arrays, the token ids of each text.
        vocabulary_size: number of token ids.
        dim: length of a vector, less than `vocabulary_size`.
        window: tokens on each side that count as near.
        seed: of the randomised decomposition.

    Returns:
        float32 `(vocabulary_size, dim)` of standard deviation 1; zero for tokens that never occur, or are not among the `MOST`
        frequent (a dense matrix of these is made, 1 GiB).

    Raises:
        ValueError: `dim` is not less than `vocabulary_size`.
    """
    if dim >= vocabulary_size:
        raise ValueError(f"dim {dim} must be less than vocabulary_size {vocabulary_size}")
    texts = [np.asarray(text, np.int64) for text in texts]
    pairs = [np.zeros(0, np.int64)]
    for distance in range(1, window + 1):
        near = [(text[:-distance], text[distance:]) for text in texts if len(text) > distance]
        pairs += [left * vocabulary_size + right for left, right in near]
    codes, counts = np.unique(np.concatenate(pairs), return_counts=True)
    rows, columns = np.divmod(codes, vocabulary_size)
    rows, columns = np.concatenate([rows, columns]), np.concatenate([columns, rows])
    counts = np.concatenate([counts, counts]).astype(np.float64)
    totals = np.bincount(rows, counts, vocabulary_size)
    kept = np.sort(np.argsort(-totals, kind="stable")[: min(MOST, np.count_nonzero(totals))])
    number = np.full(vocabulary_size, -1)
    number[kept] = np.arange(len(kept))
    among = (number[rows] >= 0) & (number[columns] >= 0)
    matrix = np.zeros((len(kept), len(kept)), np.float32)
    np.add.at(matrix, (number[rows[among]], number[columns[among]]), counts[among].astype(np.float32))

    share = totals[kept] ** 0.75
    share /= share.sum()
    rows, columns = np.nonzero(matrix)
    information = np.log(matrix[rows, columns] / (totals[kept][rows] * share[columns]))
    matrix[rows, columns] = np.maximum(information, 0.0)

    width = min(dim + 32, len(kept))
    basis = np.random.default_rng(seed).standard_normal((len(kept), width)).astype(np.float32)
    for _ in range(4):
        basis, _ = np.linalg.qr(matrix.T @ np.linalg.qr(matrix @ basis)[0])
    basis, _ = np.linalg.qr(matrix @ basis)
    left, values, _ = np.linalg.svd(basis.T @ matrix, full_matrices=False)
    used = min(dim, len(values))
    vectors = np.zeros((vocabulary_size, dim), np.float32)
    vectors[kept, :used] = (basis @ left)[:, :used] * np.sqrt(values[:used])
    return vectors / max(float(vectors.std()), 1e-12)
