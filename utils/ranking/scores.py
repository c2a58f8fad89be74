"""Scores of questions and candidates, computed a block at a time: all of them need not fit into memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

BLOCK_SCORES = 1 << 24
"""Scores in a block, at most: 64 MiB of float32. Data with fewer scores are computed at once."""
BLOCK_QUESTIONS = 256
"""Questions in a block of scores that come from vectors, where the candidates are many. More questions would read the candidates'
vectors less often, and a block would have fewer candidates."""


class Scores:
    """Scores of every question and every candidate, higher is better. Subclasses say how a block of them is computed.

    Args:
        num_questions: how many questions there are.
        num_candidates: how many candidates there are.
    """

    has_whole_rows = False
    """Whether the scores of a question can only be computed for all candidates together."""

    def __init__(self, num_questions: int, num_candidates: int):
        self.shape = num_questions, num_candidates

    def block(self, questions: np.ndarray, candidates: slice) -> np.ndarray:
        """The scores of these questions and these candidates, float `(questions, candidates)`."""
        raise NotImplementedError

    def columns(self, num_questions: int) -> list[slice]:
        """The candidates of each block, for so many questions. The same questions always get the same blocks."""
        width = self.shape[1] if self.has_whole_rows else max(1, BLOCK_SCORES // max(1, num_questions))
        return [slice(start, min(start + width, self.shape[1])) for start in range(0, self.shape[1], width)]

    def question_blocks(self, numbers: Sequence[int]) -> Iterator[np.ndarray]:
        """Yield the numbers of the questions of each block, which together are `numbers`."""
        numbers = np.asarray(numbers, np.int64)
        size = max(1, BLOCK_SCORES // max(1, self.shape[1]))
        size = size if self.has_whole_rows else max(size, BLOCK_QUESTIONS)
        yield from (numbers[start : start + size] for start in range(0, len(numbers), size))

    def own(self, starts: np.ndarray, numbers: Sequence[int]) -> list[np.ndarray]:
        """The scores of each of these questions and its own candidates, bit for bit as in the blocks.

        Args:
            starts: integer `(questions + 1,)`, see `utils.ranking.features.first_candidates`.
            numbers: the questions.
        """
        return [rows for block in self.question_blocks(numbers) for rows in self.own_of_block(starts, block)]

    def own_of_block(self, starts: np.ndarray, block: np.ndarray) -> list[np.ndarray]:
        """`own`, of one of the `question_blocks`."""
        parts: list[list[np.ndarray]] = [[] for _ in block]
        first, end = starts[block].min(initial=0), starts[block + 1].max(initial=0)
        for columns in self.columns(len(block)):
            if columns.start >= end or columns.stop <= first:
                continue
            values = None
            for row, number in enumerate(block):
                low, high = max(starts[number], columns.start), min(starts[number + 1], columns.stop)
                if low < high:
                    values = self.block(block, columns) if values is None else values
                    parts[row].append(np.array(values[row, low - columns.start : high - columns.start]))
        return [np.concatenate(part) if part else np.empty(0, np.float32) for part in parts]


class ArrayScores(Scores):
    """Scores that are an array.

    Args:
        array: float `(questions, candidates)`.
    """

    def __init__(self, array: np.ndarray):
        super().__init__(*array.shape)
        self.array = array

    def block(self, questions: np.ndarray, candidates: slice) -> np.ndarray:
        return self.array[questions, candidates]


class VectorScores(Scores):
    """Inner products of vectors, the cosines of unit vectors.

    Args:
        questions: float32 `(questions, dim)`.
        candidates: float32 or float16 `(candidates, dim)`, in memory or in a memory map.
        dim: how many numbers of the vectors count, which are then scaled to unit norm; None is all.
    """

    def __init__(self, questions: np.ndarray, candidates: np.ndarray, dim: int | None = None):
        super().__init__(len(questions), len(candidates))
        self.questions = questions if dim is None else shorten(questions, dim)
        self.candidates = candidates
        self.dim = dim

    def block(self, questions: np.ndarray, candidates: slice) -> np.ndarray:
        vectors = np.asarray(self.candidates[candidates], np.float32)
        if self.dim is not None:
            vectors = shorten(vectors, self.dim)
        return self.questions[questions] @ vectors.T


class EqualScores(Scores):
    """Scores of candidates that are the same for all questions, such as their length.

    Args:
        num_questions: how many questions there are.
        values: float `(candidates,)`.
    """

    def __init__(self, num_questions: int, values: np.ndarray):
        super().__init__(num_questions, len(values))
        self.values = values

    def block(self, questions: np.ndarray, candidates: slice) -> np.ndarray:
        values = self.values[candidates]
        return np.broadcast_to(values, (len(questions), len(values)))


class FusedRanks(Scores):
    """Reciprocal rank fusion of several systems (Cormack, Clarke and Büttcher 2009): the sum of 1 / (60 + rank).

    Candidates of equal scores share the mean of their ranks. Each text is ranked once.

    Args:
        systems: the scores of each system for the same questions and candidates.
        texts: a number for the text of each candidate, integer `(candidates,)`, equal for equal texts.
    """

    has_whole_rows = True
    CONSTANT = 60

    def __init__(self, systems: Sequence[Scores], texts: np.ndarray):
        super().__init__(*systems[0].shape)
        self.systems = systems
        _, self.first, self.numbers = np.unique(texts, return_index=True, return_inverse=True)

    def block(self, questions: np.ndarray, candidates: slice) -> np.ndarray:
        every = slice(0, self.shape[1])
        parts = (system.block(questions, every)[:, self.first] for system in self.systems)
        total = sum(1 / (self.CONSTANT + np.stack([mean_ranks(row) for row in part])) for part in parts)
        return total[:, self.numbers[candidates]]


def mean_ranks(scores: np.ndarray) -> np.ndarray:
    """The rank of each score from 1, the highest first; equal ones share the mean of their ranks.

    >>> mean_ranks(np.array([0.5, 0.9, 0.5])).tolist()
    [2.5, 1.0, 2.5]
    """
    _, places, counts = np.unique(-scores, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[places]


def as_scores(scores: Scores | np.ndarray) -> Scores:
    """Scores as they are, or those of an array `(questions, candidates)`."""
    return scores if isinstance(scores, Scores) else ArrayScores(np.asarray(scores))


def shorten(vectors: np.ndarray, dim: int) -> np.ndarray:
    """The first `dim` numbers of each vector, scaled to unit norm: `(texts, dim)`."""
    vectors = vectors[:, :dim]
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
