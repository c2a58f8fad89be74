"""Metrics of rankings, one value per query.

Arguments of the metrics are padded rows, `(queries, candidates)`:
    scores: real and finite, higher is better. Values where there is no candidate do not matter.
    relevance: grades, finite and 0 or more; 0 is not relevant.
    mask: True where there is a candidate.

All relevant documents are candidates. A relevant one that a system did not return needs a score below those of the returned ones.

With ties, a metric is its mean over all orders of the candidates with equal scores, by the closed forms of McSherry and Najork
2008, "Computing information retrieval performance measures efficiently in the presence of tied scores". So a constant score gets
what a random order gets. Without ties the values are those of trec_eval. A query without relevant candidates gets 0, as there.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Literal

import numpy as np

BLOCK_ELEMENTS = 1 << 15
"""Candidates in a block of queries. The arrays of such a block stay in the processor's cache."""


def ndcg(
    scores: np.ndarray,
    relevance: np.ndarray,
    mask: np.ndarray,
    k: int | None,
    gain: Literal["linear", "exponential"] = "linear",
) -> np.ndarray:
    """Discounted cumulative gain of the first `k` ranks, divided by the ideal one (Järvelin and Kekäläinen 2002).

        DCG@k = sum_{rank <= k} gain(rank) / log2(rank + 1)

    The ideal ranking sorts all of the query's candidates by grade.

    Args:
        scores, relevance, mask: see the module.
        k: number of ranks; None is all.
        gain: gain of a grade: `linear` is the grade, `exponential` is `2^grade - 1` (Burges et al. 2005).

    Returns:
        `(queries,)`, 0 to 1.
    """
    if gain not in ("linear", "exponential"):
        raise ValueError(f"gain must be linear or exponential, not {gain!r}.")
    return _evaluate(scores, relevance, mask, {"ndcg": (gain, k)})["ndcg"]


def average_precision(
    scores: np.ndarray,
    relevance: np.ndarray,
    mask: np.ndarray,
    k: int | None = None,
    divisor: Literal["relevant", "min_k"] = "relevant",
) -> np.ndarray:
    """Sum of the precisions at the relevant candidates among the first `k`, divided by `divisor`.

    Args:
        scores, relevance, mask: see the module.
        k: number of ranks; None is all.
        divisor: `relevant` is the number of relevant candidates (trec_eval's `map` and `map_cut`). `min_k` is that number or `k`,
            whichever is smaller, so that a perfect ranking gets 1 even if more than `k` are relevant.

    Returns:
        `(queries,)`, 0 to 1.
    """
    if divisor not in ("relevant", "min_k"):
        raise ValueError(f"divisor must be relevant or min_k, not {divisor!r}.")
    return _evaluate(scores, relevance, mask, {"map": (divisor, k)})["map"]


def reciprocal_rank(scores: np.ndarray, relevance: np.ndarray, mask: np.ndarray, k: int | None = None) -> np.ndarray:
    """1 / rank of the first relevant candidate, `(queries,)`; 0 if none is among the first `k` (None is all)."""
    return _evaluate(scores, relevance, mask, {"first": ("first", k)})["first"]


def precision(scores: np.ndarray, relevance: np.ndarray, mask: np.ndarray, k: int) -> np.ndarray:
    """Relevant candidates among the first `k`, divided by `k` even if there are fewer candidates: `(queries,)`."""
    return _evaluate(scores, relevance, mask, {"precision": ("precision", k)})["precision"]


def recall(scores: np.ndarray, relevance: np.ndarray, mask: np.ndarray, k: int) -> np.ndarray:
    """Relevant candidates among the first `k`, divided by the number of relevant candidates: `(queries,)`."""
    return _evaluate(scores, relevance, mask, {"recall": ("recall", k)})["recall"]


def ranking_metrics(
    scores: np.ndarray, relevance: np.ndarray, mask: np.ndarray, ks: Sequence[int] = (1, 5, 10)
) -> dict[str, np.ndarray]:
    """All metrics of the same rankings, which are sorted only once: arrays `(queries,)`.

    Returns:
        `map` and `mrr` over all ranks, and for each k of `ks` `ndcg@k`, `ndcg_exp@k`, `map@k` (divisor `relevant`), `map_min@k`
        (divisor `min_k`), `mrr@k`, `p@k` and `r@k`.
    """
    metrics: dict[str, tuple[str, int | None]] = {"map": ("relevant", None), "mrr": ("first", None)}
    for name, kind in (
        ("ndcg", "linear"),
        ("ndcg_exp", "exponential"),
        ("map", "relevant"),
        ("map_min", "min_k"),
        ("mrr", "first"),
        ("p", "precision"),
        ("r", "recall"),
    ):
        metrics |= {f"{name}@{k}": (kind, k) for k in ks}
    return _evaluate(scores, relevance, mask, metrics)


def pad_arrays(rows: Sequence[np.ndarray], fill: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Rows of different lengths as one array, padded with `fill`, and the mask of the real values: both `(rows, longest)`."""
    lengths = np.array([len(row) for row in rows], dtype=int)
    mask = np.arange(lengths.max(initial=0)) < lengths[:, None]
    values = np.concatenate([np.asarray(row) for row in rows]) if len(rows) else np.empty(0)
    array = np.full(mask.shape, fill, dtype=values.dtype)
    array[mask] = values
    return array, mask


class _TieGroups:
    """Groups of equal scores in rows. Every position belongs to a group, usually of size one.

    Args:
        keys: sorted scores, `(rows, candidates)`.
    """

    def __init__(self, keys: np.ndarray):
        is_start = np.ones(keys.shape, dtype=bool)
        is_start[:, 1:] = keys[:, 1:] != keys[:, :-1]
        self.shape, self.starts = keys.shape, np.flatnonzero(is_start)
        self.counts = np.diff(self.starts, append=is_start.size)
        self.sizes = self._to_positions(self.counts)
        self.offsets = np.arange(is_start.size).reshape(self.shape) - self._to_positions(self.starts)

    def _to_positions(self, group_values: np.ndarray) -> np.ndarray:
        return np.repeat(group_values, self.counts).reshape(self.shape)

    def total(self, values: np.ndarray) -> np.ndarray:
        """At each position, the sum over its group."""
        return self._to_positions(np.add.reduceat(values.ravel(), self.starts))

    def at_start(self, values: np.ndarray) -> np.ndarray:
        """At each position, the value at the start of its group."""
        return self._to_positions(values.ravel()[self.starts])


class _Rankings:
    """A block of queries with candidates sorted by score, and expected values at each rank: all `(rows, candidates)`.

    Rows with ties (`tied_rows`) use the closed forms for ties. The others use the plain forms, which are faster.
    """

    def __init__(self, scores: np.ndarray, relevance: np.ndarray, mask: np.ndarray):
        keys = np.where(mask, -scores, np.inf)  # padding comes last and ties with no candidate
        order = np.argsort(keys, axis=1)
        keys = np.take_along_axis(keys, order, axis=1)
        self.grades = np.take_along_axis(np.where(mask, relevance, np.float64(0)), order, axis=1)
        self.tied_rows = np.flatnonzero(((keys[:, 1:] == keys[:, :-1]) & (keys[:, 1:] < np.inf)).any(axis=1))
        self.ties = _TieGroups(keys[self.tied_rows]) if len(self.tied_rows) else None
        self.ranks = np.arange(1, keys.shape[1] + 1)
        self.relevant = (self.grades > 0).astype(np.float64)
        self.num_relevant_so_far = self.relevant.cumsum(axis=1)
        self.num_relevant = self.relevant.sum(axis=1)

    def _mean_over_ties(self, values: np.ndarray) -> np.ndarray:
        if self.ties is not None:
            values[self.tied_rows] = self.ties.total(values[self.tied_rows]) / self.ties.sizes
        return values

    @cached_property
    def relevant_probability(self) -> np.ndarray:
        """Probability that the candidate at the rank is relevant."""
        return self._mean_over_ties(self.relevant.copy())

    @cached_property
    def precision_terms(self) -> np.ndarray:
        """Expected term of the rank in the sum of precisions: the precision at the rank if its candidate is relevant, else 0."""
        terms = self.relevant * self.num_relevant_so_far / self.ranks
        if (ties := self.ties) is not None:
            relevant = self.relevant[self.tied_rows]
            in_group, before = ties.total(relevant), ties.at_start(self.num_relevant_so_far[self.tied_rows] - relevant)
            # If this position holds a relevant candidate, each other position of the group holds one of the remaining
            # in_group - 1 with this probability.
            another = (in_group - 1) / np.maximum(ties.sizes - 1, 1)
            terms[self.tied_rows] = in_group / ties.sizes * (before + 1 + ties.offsets * another) / self.ranks
        return terms

    @cached_property
    def first_probability(self) -> np.ndarray:
        """Probability that the first relevant candidate is at the rank."""
        first = self.relevant * (self.num_relevant_so_far == 1)
        if (ties := self.ties) is not None:
            # Probability of a relevant candidate here, given that none came before in the group. It reaches 1 where only relevant
            # ones remain. What follows, later groups included, is then multiplied by 0.
            here = np.minimum(ties.total(self.relevant[self.tied_rows]) / (ties.sizes - ties.offsets), 1)
            none_before = np.cumprod(1 - here, axis=1)
            first[self.tied_rows] = here
            first[self.tied_rows, 1:] = here[:, 1:] * none_before[:, :-1]
        return first

    def normalised_gain(self, k: int | None, exponential: bool) -> np.ndarray:
        """NDCG@k, `(rows,)`."""
        gains, ideal = self._exponential_gains if exponential else self._linear_gains
        discount = 1 / np.log2(self.ranks[:k] + 1)
        return _divide(gains[:, :k] @ discount, ideal[:, :k] @ discount)

    @cached_property
    def _sorted_grades(self) -> np.ndarray:
        return np.sort(self.grades, axis=1)[:, ::-1]

    @cached_property
    def _linear_gains(self) -> tuple[np.ndarray, np.ndarray]:
        return self._mean_over_ties(self.grades.copy()), self._sorted_grades

    @cached_property
    def _exponential_gains(self) -> tuple[np.ndarray, np.ndarray]:
        """`2^grade - 1`, divided by 2 to the row's highest grade. This keeps NDCG as it is and prevents an overflow."""
        highest = self._sorted_grades[:, :1]
        gains = np.exp2(self.grades - highest) - np.exp2(-highest)
        return self._mean_over_ties(gains), np.exp2(self._sorted_grades - highest) - np.exp2(-highest)

    def metric(self, kind: str, k: int | None) -> np.ndarray:
        """One metric, `(rows,)`."""
        match kind:
            case "linear" | "exponential":
                return self.normalised_gain(k, kind == "exponential")
            case "relevant":
                return _divide(self.precision_terms[:, :k].sum(axis=1), self.num_relevant)
            case "min_k":
                divisor = self.num_relevant if k is None else np.minimum(self.num_relevant, k)
                return _divide(self.precision_terms[:, :k].sum(axis=1), divisor)
            case "first":
                return self.first_probability[:, :k] @ (1 / self.ranks[:k])
            case "precision":
                return self.relevant_probability[:, :k].sum(axis=1) / k
            case "recall":
                return _divide(self.relevant_probability[:, :k].sum(axis=1), self.num_relevant)
        raise AssertionError(kind)


def _evaluate(
    scores: np.ndarray, relevance: np.ndarray, mask: np.ndarray, metrics: dict[str, tuple[str, int | None]]
) -> dict[str, np.ndarray]:
    """Compute `metrics`, which maps the name of each result to its kind and k."""
    scores, relevance, mask = np.asarray(scores), np.asarray(relevance), np.asarray(mask, dtype=bool)
    if scores.ndim != 2 or not scores.shape == relevance.shape == mask.shape:
        shapes = f"{scores.shape}, {relevance.shape} and {mask.shape}"
        raise ValueError(f"Scores, relevance and mask must have one shape (queries, candidates), not {shapes}.")
    for kind, k in metrics.values():
        if (k is None and kind in ("precision", "recall")) or (k is not None and k < 1):
            raise ValueError(f"k must be at least 1, not {k}.")
    if not np.issubdtype(scores.dtype, np.floating):
        scores = scores.astype(np.float64)
    num_queries, width = scores.shape
    values = {name: np.empty(num_queries) for name in metrics}
    block_size = max(1, BLOCK_ELEMENTS // max(1, width))
    for start in range(0, num_queries, block_size):
        rows = slice(start, start + block_size)
        _check_values(scores[rows], relevance[rows], mask[rows], start)
        rankings = _Rankings(scores[rows], relevance[rows], mask[rows])
        for name, (kind, k) in metrics.items():
            values[name][rows] = rankings.metric(kind, k)
    return values


def _check_values(scores: np.ndarray, relevance: np.ndarray, mask: np.ndarray, start: int) -> None:
    for is_wrong, problem in (
        (~np.isfinite(scores), "a score that is not finite"),
        (~np.isfinite(relevance), "a relevance that is not finite"),
        (relevance < 0, "a negative relevance"),
    ):
        if (is_wrong := is_wrong & mask).any():
            raise ValueError(f"Row {start + int(is_wrong.any(axis=1).argmax())} has {problem}.")


def _divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """The quotient, 0 where the denominator is 0."""
    return np.divide(numerator, denominator, out=np.zeros(len(numerator)), where=denominator > 0)
