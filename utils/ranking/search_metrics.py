"""Metrics of a search among very many candidates, from the ranks of the few that are relevant: exact, and ties as in `metrics`.

Candidates with equal scores are a group. Only groups with a relevant candidate count in a metric, and of each it is enough to know
how many candidates stand before it and how many it has. The values are those of `utils.ranking.metrics.ranking_metrics` over all
candidates, up to rounding.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SUMMED_ONE_BY_ONE = 64
"""Harmonic numbers up to this one are sums; beyond it, differences of them follow from their asymptotic series."""
BLOCK = 1 << 20


@dataclass(frozen=True)
class RelevantGroups:
    """The groups of equal scores that hold a candidate with a grade above 0; all arrays are `(groups,)`.

    Args:
        query: number of the query, ascending; within a query, higher scores first.
        before: candidates with higher scores.
        size: candidates in the group.
        grades: the grades above 0 of its candidates, one array for each group.
    """

    query: np.ndarray
    before: np.ndarray
    size: np.ndarray
    grades: list[np.ndarray]


def search_metrics(groups: RelevantGroups, num_queries: int, ks: Sequence[int] = (1, 5, 10)) -> dict[str, np.ndarray]:
    """The metrics of `utils.ranking.metrics.ranking_metrics`, `(num_queries,)` each; a query without a group gets 0."""
    query, before, size = groups.query, groups.before.astype(np.float64), groups.size.astype(np.float64)
    num_relevant = np.array([len(grades) for grades in groups.grades], np.float64)
    relevant_before = _sum_before(num_relevant, query)
    total = np.bincount(query, num_relevant, num_queries)
    by_query: list[list[np.ndarray]] = [[] for _ in range(num_queries)]
    for number, grades in zip(query, groups.grades, strict=True):
        by_query[number].append(grades)
    ideal = [np.sort(np.concatenate(grades))[::-1] if grades else np.empty(0) for grades in by_query]
    highest = np.array([grades[0] if len(grades) else 0.0 for grades in ideal])
    gains = {
        "ndcg": np.array([grades.sum() for grades in groups.grades]),
        "ndcg_exp": np.array([_exponential(grades, highest[n]).sum() for n, grades in zip(query, groups.grades, strict=True)]),
    }  # fmt: skip
    ideal_gains = {"ndcg": ideal, "ndcg_exp": [_exponential(grades, highest[n]) for n, grades in enumerate(ideal)]}

    def precisions(k: float) -> np.ndarray:
        # Of a group of n with r relevant: r / n sum_i (R + 1 + i (r - 1) / (n - 1)) / (b + 1 + i), i = 0 ... m - 1.
        inside = np.clip(k - before, 0, size)
        another = (num_relevant - 1) / np.maximum(size - 1, 1)
        inverse_ranks = harmonic_difference(before, inside)
        terms = (relevant_before + 1) * inverse_ranks + another * (inside - (before + 1) * inverse_ranks)
        terms = np.where(size == 1, (relevant_before + 1) / (before + 1) * (inside > 0), num_relevant / size * terms)
        return np.bincount(query, terms, num_queries)

    def first(k: float) -> np.ndarray:
        values = np.zeros(num_queries)
        for number, place in zip(*np.unique(query, return_index=True), strict=True):
            values[number] = _expected_inverse_rank(int(before[place]), int(size[place]), int(num_relevant[place]), k)
        return values

    def gain(name: str, k: int) -> np.ndarray:
        discounts = np.append(0.0, np.cumsum(1 / np.log2(np.arange(2, k + 2))))
        low, high = (np.minimum(ranks, k).astype(np.int64) for ranks in (before, before + size))
        dcg = np.bincount(query, gains[name] / size * (discounts[high] - discounts[low]), num_queries)
        best = [grades[:k] @ (1 / np.log2(np.arange(2, len(grades[:k]) + 2))) for grades in ideal_gains[name]]
        return _divide(dcg, np.array(best).reshape(num_queries))

    def hits(k: int) -> np.ndarray:
        return np.bincount(query, num_relevant / size * np.clip(k - before, 0, size), num_queries)

    metrics = {"map": _divide(precisions(np.inf), total), "mrr": first(np.inf)}
    for k in ks:
        metrics[f"ndcg@{k}"], metrics[f"ndcg_exp@{k}"] = gain("ndcg", k), gain("ndcg_exp", k)
        metrics[f"map@{k}"], metrics[f"map_min@{k}"] = (
            _divide(precisions(k), divisor) for divisor in (total, np.minimum(total, k))
        )
        metrics[f"mrr@{k}"], metrics[f"p@{k}"], metrics[f"r@{k}"] = first(k), hits(k) / k, _divide(hits(k), total)
    names = ("ndcg", "ndcg_exp", "map", "map_min", "mrr", "p", "r")
    return {name: metrics[name] for name in ("map", "mrr", *(f"{name}@{k}" for name in names for k in ks))}


def harmonic_difference(start: np.ndarray, count: np.ndarray) -> np.ndarray:
    """`1 / (start + 1) + ... + 1 / (start + count)`, with a small relative error also where `start` is large.

    >>> harmonic_difference(np.array([1.0, 10.0**6]), np.array([3.0, 1.0])).round(12).tolist()
    [1.083333333333, 9.99999e-07]
    """
    sums = np.append(0.0, np.cumsum(1 / np.arange(1, SUMMED_ONE_BY_ONE + 1)))
    low, high = (np.minimum(n, SUMMED_ONE_BY_ONE).astype(np.int64) for n in (start, start + count))
    result = np.where(low < high, sums[high] - sums[low], 0.0)
    end = start + count
    start = np.maximum(start, SUMMED_ONE_BY_ONE)
    end = np.maximum(end, start)
    # H(n) = ln n + gamma + 1/2n - 1/12n^2 + 1/120n^4 - ...; the difference of each term is written without cancellation.
    inverse, difference = 1 / end, (start - end) / (start * end)  # 1/end - 1/start
    squares = difference * (inverse + 1 / start)
    fourths = squares * (inverse**2 + start**-2.0)
    return result + np.log1p((end - start) / start) + difference / 2 - squares / 12 + fourths / 120


@functools.lru_cache(maxsize=4096)
def _expected_inverse_rank(before: int, size: int, num_relevant: int, k: float) -> float:
    """The mean of 1 / rank of the first relevant candidate over all orders of a group; ranks beyond `k` count 0."""
    inside = int(min(max(k - before, 0), size))
    if num_relevant == 1:
        return float(harmonic_difference(np.array([float(before)]), np.array([float(inside)]))[0] / size)
    expected, none_before = 0.0, 1.0
    for start in range(0, min(inside, size - num_relevant + 1), BLOCK):
        offsets = np.arange(start, min(start + BLOCK, inside, size - num_relevant + 1))
        here = num_relevant / (size - offsets)
        none_yet = none_before * np.cumprod(np.append(1.0, 1 - here))
        expected += float(np.sum(here * none_yet[:-1] / (before + 1 + offsets)))
        none_before = none_yet[-1]
    return expected


def _sum_before(values: np.ndarray, query: np.ndarray) -> np.ndarray:
    """For each group the sum of the values of the same query's groups before it."""
    sums = np.cumsum(values) - values
    first = np.searchsorted(query, query)
    return sums - sums[first] if len(sums) else sums


def _exponential(grades: np.ndarray, highest: float) -> np.ndarray:
    """`2^grade - 1`, divided by 2 to the query's highest grade, as in `utils.ranking.metrics`."""
    return np.exp2(grades - highest) - np.exp2(-highest)


def _divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """The quotient, 0 where the denominator is 0."""
    return np.divide(numerator, denominator, out=np.zeros(len(numerator)), where=denominator > 0)
