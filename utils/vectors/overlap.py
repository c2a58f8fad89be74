"""Documents that stand in two splits, found by vectors and by texts that are the same."""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass

import numpy as np

from utils.vectors.columns import ROWS_AT_ONCE
from utils.vectors.data import VectorDocuments

MIN_COSINE = 0.9999
"""Vectors of a higher cosine are the same; number formats and batches change less."""
NUM_PROJECTIONS = 10
CELL_WIDTH = 0.4
"""Width of a cell of the projections, in standard deviations."""
SAMPLE = 10_000
"""Vectors from which the standard deviations are estimated."""
SHARED_FRACTION = 0.5
"""A document stands in another where at least this fraction of its vectors does."""
PAIRS = (("test", "train"), ("validation", "train"), ("test", "validation"))


@dataclass(frozen=True)
class Overlap:
    """What two splits share.

    Args:
        documents: numbers of the documents of the first split that stand in a document of the second, or hold one of its.
        others: numbers of those documents of the second split.
        count: number of different vectors or texts of the first split that are in the second as well.
        compared: what was compared, `vectors` or `texts`.
    """

    documents: np.ndarray
    others: np.ndarray
    count: int
    compared: str


def overlaps(parts: dict[str, tuple[VectorDocuments, np.ndarray]]) -> dict[tuple[str, str], Overlap]:
    """Find the documents that stand in two splits, as a whole or for the most part.

    Texts are compared where both splits have them, without regard to capital letters, white space and Unicode forms. Else vectors
    are compared by cosine, so that it does not matter how they were saved. A sentence that many documents share makes no two
    documents the same.

    Args:
        parts: `train`, `validation` and `test`, each with its data and the numbers of its documents.

    Returns:
        the overlap of each of `PAIRS`.
    """
    has_texts = all(data.texts for data, _ in parts.values())
    make_keys = _text_keys if has_texts else _Cells(*parts["train"]).keys
    sides = {name: _Side(data, numbers, make_keys) for name, (data, numbers) in parts.items()}
    overlap_of_pair = {}
    for name, other in PAIRS:
        documents, others, count = _shared(sides[name], sides[other], compare_vectors=not has_texts)
        pair = (np.array(sorted(numbers), int) for numbers in (documents, others))
        overlap_of_pair[name, other] = Overlap(*pair, count, "texts" if has_texts else "vectors")
    return overlap_of_pair


class _Cells:
    """Cells of a space of few dimensions. Vectors that are the same fall into one cell, but for a few percent near its borders.

    A vector is projected on random directions, and each projection is rounded to a multiple of the cell's width.
    """

    def __init__(self, data: VectorDocuments, documents: np.ndarray):
        rng = np.random.default_rng(0)
        self.directions = rng.normal(size=(data.dim, NUM_PROJECTIONS)).astype(np.float32)
        rows = np.flatnonzero(np.isin(data.document, documents))
        sample = np.sort(rng.choice(rows, min(SAMPLE, len(rows)), replace=False))
        self.width = np.maximum(CELL_WIDTH * (data.take(sample) @ self.directions).std(axis=0), 1e-3)
        self.multipliers = rng.integers(1, 2**63, NUM_PROJECTIONS, dtype=np.uint64) | np.uint64(1)

    def keys(self, data: VectorDocuments, rows: np.ndarray) -> np.ndarray:
        """The number of each vector's cell, uint64 `(rows,)`."""
        cells = np.floor(data.take(rows) @ self.directions / self.width).astype(np.int64).astype(np.uint64)
        return (cells * self.multipliers).sum(axis=1)  # wraps around


def _text_keys(data: VectorDocuments, rows: np.ndarray) -> np.ndarray:
    """A number of each text, the same for texts that differ in form alone, and another for each empty one; uint64 `(rows,)`."""
    texts = (
        " ".join(unicodedata.normalize("NFKC", data.texts[row]).casefold().split()) or (id(data), row) for row in rows
    )
    return np.fromiter(map(hash, texts), np.int64, len(rows)).view(np.uint64)


class _Side:
    """The vectors of one split, in order, with a key of each.

    Args:
        data: its documents.
        documents: int, the numbers of those that belong to it.
        make_keys: function of data and numbers of vectors that returns uint64 keys.
    """

    def __init__(self, data: VectorDocuments, documents: np.ndarray, make_keys):
        self.data = data
        self.rows = np.flatnonzero(np.isin(data.document, documents))
        blocks = (self.rows[start : start + ROWS_AT_ONCE] for start in range(0, len(self.rows), ROWS_AT_ONCE))
        self.keys = np.concatenate([np.zeros(0, np.uint64), *(make_keys(data, block) for block in blocks)])
        self.document = data.document[self.rows]
        self.different_keys, self.first_place = np.unique(self.keys, return_index=True)

    def matches(self, other: _Side, compare_vectors: bool) -> np.ndarray:
        """Whether each vector is in the other split as well, bool `(rows,)`."""
        places = np.minimum(np.searchsorted(other.different_keys, self.keys), len(other.different_keys) - 1)
        same = other.different_keys[places] == self.keys
        if compare_vectors:
            candidates = np.flatnonzero(same)
            for start in range(0, len(candidates), ROWS_AT_ONCE):
                block = candidates[start : start + ROWS_AT_ONCE]
                others = other.rows[other.first_place[places[block]]]
                cosine = (self.data.take(self.rows[block]) * other.data.take(others)).sum(axis=1)
                same[block] = cosine > MIN_COSINE
        return same


def _shared(first: _Side, second: _Side, compare_vectors: bool) -> tuple[set[int], set[int], int]:
    """The documents of both sides that stand in one of the other's, and the number of different keys that both have."""
    same, other_same = first.matches(second, compare_vectors), second.matches(first, compare_vectors)
    pairs = _contained(first, same, second, other_same)
    pairs |= {(number, other) for other, number in _contained(second, other_same, first, same)}
    num_keys = len(np.unique(first.keys[same]))
    return {number for number, _ in pairs}, {other for _, other in pairs}, num_keys


def _contained(side: _Side, same: np.ndarray, other: _Side, other_same: np.ndarray) -> set[tuple[int, int]]:
    """Pairs of documents of both sides, of which the other side's has at least half of the vectors of this side's.

    Args:
        side: one side.
        same: whether each of its vectors is on the other side.
        other: the other side.
        other_same: whether each of its vectors is on this side.
    """
    counts = np.bincount(side.document, same) >= SHARED_FRACTION * np.maximum(np.bincount(side.document), 1)
    order = np.flatnonzero(other_same)
    order = order[np.argsort(other.keys[order], kind="stable")]
    other_keys, other_document = other.keys[order], other.document[order]
    pairs = set()
    for number in np.unique(side.document[same]):
        if not counts[number]:
            continue
        start, end = np.searchsorted(side.document, [number, number + 1])
        in_both, times = np.unique(side.keys[start:end][same[start:end]], return_counts=True)
        held: Counter[int] = Counter()  # number of the document's vectors that each document of the other side has
        first, last = np.searchsorted(other_keys, in_both), np.searchsorted(other_keys, in_both, side="right")
        for low, high, count in zip(first, last, times.tolist(), strict=True):
            held.update(dict.fromkeys(np.unique(other_document[low:high]).tolist(), count))
        pairs |= {(int(number), place) for place, count in held.items() if count >= SHARED_FRACTION * (end - start)}
    return pairs
