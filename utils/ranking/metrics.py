"""Metrics of rankings, one value for each query, and tests of paired differences.

Arguments of the metrics are padded rows, `(queries, candidates)`:
    scores: real and finite, higher is better; of any size where there is no candidate.
    relevance: grades, 0 of what is not relevant, finite and never negative.
    mask: True where there is a candidate.

All relevant ones count as candidates: a relevant one that a system left out has to be given a score below the others'.

A metric is its mean over all orders of candidates with equal scores, by the closed forms of McSherry and Najork 2008, "Computing
information retrieval performance measures efficiently in the presence of tied scores": a constant score gets what chance gets.
Without ties the values are those of trec_eval; a query without anything relevant gets 0, as there.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Literal

import numpy as np

ELEMENTS_AT_ONCE = 1 << 15
"""Candidates of a block of queries: its arrays stay in the processor's cache."""

TABLE_BITS = 8


def ndcg(
    scores: np.ndarray,
    relevance: np.ndarray,
    mask: np.ndarray,
    k: int | None,
    gain: Literal["linear", "exponential"] = "linear",
) -> np.ndarray:
    """Discounted gain of the first `k` as share of the best possible, `(queries,)`, 0 to 1 (Järvelin and Kekäläinen 2002).

    The discount of a rank is `log2(rank + 1)`. The best possible is of all the query's candidates.

    Args:
        k: None for all.
        gain: of a grade: itself, or `2^grade - 1` (Burges et al. 2005).
    """
    if gain not in ("linear", "exponential"):
        raise ValueError(f"gain is linear or exponential, not {gain!r}.")
    return _evaluate(scores, relevance, mask, {"ndcg": (gain, k)})["ndcg"]


def average_precision(
    scores: np.ndarray,
    relevance: np.ndarray,
    mask: np.ndarray,
    k: int | None = None,
    divisor: Literal["relevant", "min_k"] = "relevant",
) -> np.ndarray:
    """Sum of the precisions at relevant candidates among the first `k`, over `divisor`: `(queries,)`, 0 to 1.

    Args:
        k: None for all.
        divisor: `relevant` is the number of relevant candidates (trec_eval's `map` and `map_cut`); `min_k` that or `k`, whichever
            is less, so that a perfect ranking gets 1 however many are relevant.
    """
    if divisor not in ("relevant", "min_k"):
        raise ValueError(f"divisor is relevant or min_k, not {divisor!r}.")
    return _evaluate(scores, relevance, mask, {"map": (divisor, k)})["map"]


def reciprocal_rank(scores: np.ndarray, relevance: np.ndarray, mask: np.ndarray, k: int | None = None) -> np.ndarray:
    """1 / rank of the first relevant candidate, `(queries,)`; 0 where none is among the first `k` (None for all)."""
    return _evaluate(scores, relevance, mask, {"first": ("first", k)})["first"]


def precision(scores: np.ndarray, relevance: np.ndarray, mask: np.ndarray, k: int) -> np.ndarray:
    """Relevant ones among the first `k`, over `k` even where there are fewer candidates: `(queries,)`."""
    return _evaluate(scores, relevance, mask, {"precision": ("precision", k)})["precision"]


def recall(scores: np.ndarray, relevance: np.ndarray, mask: np.ndarray, k: int) -> np.ndarray:
    """Relevant ones among the first `k`, over the number of relevant ones: `(queries,)`."""
    return _evaluate(scores, relevance, mask, {"recall": ("recall", k)})["recall"]


def ranking_metrics(
    scores: np.ndarray, relevance: np.ndarray, mask: np.ndarray, ks: Sequence[int] = (1, 5, 10)
) -> dict[str, np.ndarray]:
    """All metrics of the same rankings, sorted once: arrays `(queries,)`.

    Returns:
        `map` and `mrr` of all ranks, and for each k of `ks` `ndcg@k`, `ndcg_exp@k`, `map@k` (divisor `relevant`), `map_min@k`
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


def padded(rows: Sequence[np.ndarray], fill: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Rows of different lengths as one array and where it holds them: both `(rows, longest)`; the rest is `fill`."""
    lengths = np.array([len(row) for row in rows], dtype=int)
    mask = np.arange(lengths.max(initial=0)) < lengths[:, None]
    values = np.concatenate([np.asarray(row) for row in rows]) if len(rows) else np.empty(0)
    array = np.full(mask.shape, fill, dtype=values.dtype)
    array[mask] = values
    return array, mask


def paired_randomisation(a: np.ndarray, b: np.ndarray, draws: int = 10000, seed: int = 0) -> float:
    """Two-sided p of the mean difference of two systems on the same queries, by random signs of the differences (Fisher 1935).

    The observed signs count as one of the draws, so that p is at least `1 / (draws + 1)`.

    Args:
        a: one value for each query, `(queries,)`.
        b: of the same queries.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"Paired values have one shape (queries,), not {a.shape} and {b.shape}.")
    differences = a - b
    if not np.isfinite(differences).all():
        raise ValueError(f"Query {np.flatnonzero(~np.isfinite(differences))[0]} has a value that is not finite.")
    differences = differences[differences != 0]  # no sign changes these
    differences = np.pad(differences, (0, -len(differences) % TABLE_BITS)).reshape(-1, TABLE_BITS)
    # One random byte signs eight differences: their sum is looked up among the 256 there are.
    signs = 1.0 - 2.0 * (np.arange(1 << TABLE_BITS)[:, None] >> np.arange(TABLE_BITS) & 1)
    generator, sums = np.random.default_rng(seed), np.zeros(draws)
    for eight in differences:
        sums += (signs @ eight)[generator.integers(0, 1 << TABLE_BITS, draws, dtype=np.uint8)]
    rounding = 1e-12 * np.abs(differences).sum()  # equal sums in another order count as equal
    return float((1 + (np.abs(sums) >= abs(differences.sum()) - rounding).sum()) / (draws + 1))


def holm(p_values: dict[str, float]) -> dict[str, float]:
    """p values adjusted for their number (Holm 1979): below 0.05 is significant at a family-wise error of 0.05."""
    wrong = [name for name, p in p_values.items() if not 0 <= p <= 1]
    if wrong:
        raise ValueError(f"p values are from 0 to 1, unlike that of {wrong[0]}: {p_values[wrong[0]]}.")
    adjusted, largest = {}, 0.0
    for place, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[name]))
        adjusted[name] = largest
    return {name: adjusted[name] for name in p_values}


class _Ties:
    """Groups of equal scores, in rows that have any: each position belongs to a group, most often of one.

    Args:
        keys: sorted, `(rows, candidates)`.
    """

    def __init__(self, keys: np.ndarray):
        begins = np.ones(keys.shape, dtype=bool)
        begins[:, 1:] = keys[:, 1:] != keys[:, :-1]
        self.shape, self.starts = keys.shape, np.flatnonzero(begins)
        self.counts = np.diff(self.starts, append=begins.size)
        self.sizes = self._to_positions(self.counts)
        self.offsets = np.arange(begins.size).reshape(self.shape) - self._to_positions(self.starts)

    def _to_positions(self, of_groups: np.ndarray) -> np.ndarray:
        return np.repeat(of_groups, self.counts).reshape(self.shape)

    def total(self, values: np.ndarray) -> np.ndarray:
        """The sum over its group, at each position."""
        return self._to_positions(np.add.reduceat(values.ravel(), self.starts))

    def at_start(self, values: np.ndarray) -> np.ndarray:
        """The value where its group starts, at each position."""
        return self._to_positions(values.ravel()[self.starts])


class _Rankings:
    """Some queries with their candidates in the order of the scores, and expectations at each rank: all `(rows, candidates)`.

    Rows with ties, `tied`, are done by the forms for ties, the others by the plain ones, which are faster.
    """

    def __init__(self, scores: np.ndarray, relevance: np.ndarray, mask: np.ndarray):
        keys = np.where(mask, -scores, np.inf)  # padding comes last and ties with no candidate
        order = np.argsort(keys, axis=1)
        keys = np.take_along_axis(keys, order, axis=1)
        self.grades = np.take_along_axis(np.where(mask, relevance, np.float64(0)), order, axis=1)
        self.tied = np.flatnonzero(((keys[:, 1:] == keys[:, :-1]) & (keys[:, 1:] < np.inf)).any(axis=1))
        self.ties = _Ties(keys[self.tied]) if len(self.tied) else None
        self.ranks = np.arange(1, keys.shape[1] + 1)
        self.relevant = (self.grades > 0).astype(np.float64)
        self.found = self.relevant.cumsum(axis=1)
        self.number = self.relevant.sum(axis=1)

    def _mean_of_ties(self, values: np.ndarray) -> np.ndarray:
        if self.ties is not None:
            values[self.tied] = self.ties.total(values[self.tied]) / self.ties.sizes
        return values

    @cached_property
    def chance(self) -> np.ndarray:
        """Of a relevant candidate at the rank."""
        return self._mean_of_ties(self.relevant.copy())

    @cached_property
    def precise(self) -> np.ndarray:
        """What the rank adds to the sum of precisions: that of the rank where a relevant candidate has it, else 0."""
        precise = self.relevant * self.found / self.ranks
        if (ties := self.ties) is not None:
            relevant = self.relevant[self.tied]
            in_group, before = ties.total(relevant), ties.at_start(self.found[self.tied] - relevant)
            # Given a relevant one here, each other place of the group holds one of the remaining in_group - 1 by this chance.
            another = (in_group - 1) / np.maximum(ties.sizes - 1, 1)
            precise[self.tied] = in_group / ties.sizes * (before + 1 + ties.offsets * another) / self.ranks
        return precise

    @cached_property
    def first(self) -> np.ndarray:
        """Chance that the first relevant candidate is at the rank."""
        first = self.relevant * (self.found == 1)
        if (ties := self.ties) is not None:
            # Chance of a relevant one here given that none came before in the group. It reaches 1 where only relevant ones are
            # left; what comes later, and any later group, is never asked.
            here = np.minimum(ties.total(self.relevant[self.tied]) / (ties.sizes - ties.offsets), 1)
            none_yet = np.cumprod(1 - here, axis=1)
            first[self.tied] = here
            first[self.tied, 1:] = here[:, 1:] * none_yet[:, :-1]
        return first

    def gain_share(self, k: int | None, exponential: bool) -> np.ndarray:
        gains, ideal = self._exponential if exponential else self._linear
        discount = 1 / np.log2(self.ranks[:k] + 1)
        return _over(gains[:, :k] @ discount, ideal[:, :k] @ discount)

    @cached_property
    def _sorted_grades(self) -> np.ndarray:
        return np.sort(self.grades, axis=1)[:, ::-1]

    @cached_property
    def _linear(self) -> tuple[np.ndarray, np.ndarray]:
        return self._mean_of_ties(self.grades.copy()), self._sorted_grades

    @cached_property
    def _exponential(self) -> tuple[np.ndarray, np.ndarray]:
        """`2^grade - 1`, over 2 to the highest of the row's, which leaves the share as it is and keeps it from overflowing."""
        top = self._sorted_grades[:, :1]
        gains = np.exp2(self.grades - top) - np.exp2(-top)
        return self._mean_of_ties(gains), np.exp2(self._sorted_grades - top) - np.exp2(-top)

    def metric(self, kind: str, k: int | None) -> np.ndarray:
        """`(rows,)`."""
        match kind:
            case "linear" | "exponential":
                return self.gain_share(k, kind == "exponential")
            case "relevant":
                return _over(self.precise[:, :k].sum(axis=1), self.number)
            case "min_k":
                return _over(self.precise[:, :k].sum(axis=1), self.number if k is None else np.minimum(self.number, k))
            case "first":
                return self.first[:, :k] @ (1 / self.ranks[:k])
            case "precision":
                return self.chance[:, :k].sum(axis=1) / k
            case "recall":
                return _over(self.chance[:, :k].sum(axis=1), self.number)
        raise AssertionError(kind)


def _evaluate(
    scores: np.ndarray, relevance: np.ndarray, mask: np.ndarray, metrics: dict[str, tuple[str, int | None]]
) -> dict[str, np.ndarray]:
    """Args: metrics: kind and k by the name that the result gets."""
    scores, relevance, mask = np.asarray(scores), np.asarray(relevance), np.asarray(mask, dtype=bool)
    if scores.ndim != 2 or not scores.shape == relevance.shape == mask.shape:
        shapes = f"{scores.shape}, {relevance.shape} and {mask.shape}"
        raise ValueError(f"Scores, relevance and mask have one shape (queries, candidates), not {shapes}.")
    for kind, k in metrics.values():
        if (k is None and kind in ("precision", "recall")) or (k is not None and k < 1):
            raise ValueError(f"k is at least 1, not {k}.")
    if not np.issubdtype(scores.dtype, np.floating):
        scores = scores.astype(np.float64)
    queries, width = scores.shape
    found = {name: np.empty(queries) for name in metrics}
    at_once = max(1, ELEMENTS_AT_ONCE // max(1, width))
    for start in range(0, queries, at_once):
        rows = slice(start, start + at_once)
        _check(scores[rows], relevance[rows], mask[rows], start)
        rankings = _Rankings(scores[rows], relevance[rows], mask[rows])
        for name, (kind, k) in metrics.items():
            found[name][rows] = rankings.metric(kind, k)
    return found


def _check(scores: np.ndarray, relevance: np.ndarray, mask: np.ndarray, start: int) -> None:
    for wrong, what in (
        (~np.isfinite(scores), "a score that is not finite"),
        (~np.isfinite(relevance), "a relevance that is not finite"),
        (relevance < 0, "a negative relevance"),
    ):
        if (wrong := wrong & mask).any():
            raise ValueError(f"Row {start + int(wrong.any(axis=1).argmax())} has {what}.")


def _over(share: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """The quotient, 0 where there is nothing to share."""
    return np.divide(share, whole, out=np.zeros(len(share)), where=whole > 0)
