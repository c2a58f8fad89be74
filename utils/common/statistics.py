"""Intervals of means, paired tests, and the correction for many of them."""

from __future__ import annotations

import numpy as np

TABLE_BITS = 8
"""Signs that one random byte gives in the paired randomisation test."""
MAX_DRAWN_NUMBERS = 4_000_000
"""Drawn group numbers in memory at a time."""


def bootstrap_interval(
    values, groups=None, *, resamples: int = 1000, seed: int = 0, level: float = 0.95
) -> tuple[float, float]:
    """Percentile bootstrap interval of a mean (Efron 1979), resampling whole groups with replacement.

    Questions about one paragraph, or responses of one student, are alike: an interval that resamples them one by one is too
    narrow. Name their groups.

    Args:
        values: one number per example, `(examples,)`.
        groups: the group of each example, `(examples,)`; left out, every example is a group of its own.
        resamples: number of resampled means.
        seed: seed of the resampling; the same seed gives the same interval.
        level: fraction of the resampled means that the interval covers, in (0, 1).

    Returns:
        `(low, high)` in the unit of `values`; NaN for both where all values are of one group, because its resamples are all alike.

    Raises:
        ValueError: no values, groups of another shape, or `level` or `resamples` out of range.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not values.size or not 0 < level < 1 or resamples < 1:
        raise ValueError(
            "needs values of shape (examples,), level in (0, 1), resamples > 0; "
            f"got shape {values.shape}, level {level}, resamples {resamples}"
        )
    if groups is None:
        sums, counts = values, np.ones(len(values))
    else:
        if np.shape(groups) != values.shape:
            raise ValueError(f"needs a group for each of {len(values)} values, got shape {np.shape(groups)}")
        _, numbers = np.unique(groups, return_inverse=True)
        sums, counts = np.bincount(numbers, weights=values), np.bincount(numbers)
    rng, size = np.random.default_rng(seed), len(sums)
    if size == 1:
        return np.nan, np.nan
    means = np.empty(resamples)
    rows = max(1, MAX_DRAWN_NUMBERS // size)
    for start in range(0, resamples, rows):
        drawn = rng.integers(0, size, (min(rows, resamples - start), size))
        means[start : start + len(drawn)] = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, ((1 - level) / 2, (1 + level) / 2))
    return float(low), float(high)


def bootstrap_metrics(
    metrics, groups, *, resamples: int = 1000, seed: int = 0, level: float = 0.95
) -> dict[str, tuple[float, float]]:
    """Percentile bootstrap intervals of metrics that are not means, resampling whole groups with replacement.

    Args:
        metrics: function of weights `(examples,)`, which are how often each example's group was drawn; returns name to value. It
            may leave out a metric, or return NaN, where a resample does not define it.
        groups: the group of each example, `(examples,)`.
        resamples: number of resamples.
        seed: seed of the resampling.
        level: fraction of the resampled values that an interval covers, in (0, 1).

    Returns:
        name to `(low, high)`; NaN where no resample defines the metric, and where there is one group.
    """
    _, numbers = np.unique(groups, return_inverse=True)
    rng, size, values = np.random.default_rng(seed), int(numbers.max()) + 1, {}
    for _ in range(resamples if size > 1 else 1):  # those of one group are all alike
        counts = np.bincount(rng.integers(0, size, size), minlength=size)
        for name, value in metrics(counts[numbers].astype(np.float64)).items():
            values.setdefault(name, []).append(value)
    intervals = {}
    for name, resampled in values.items():
        defined = np.array([value for value in resampled if not np.isnan(value)])
        quantiles = (
            np.quantile(defined, ((1 - level) / 2, (1 + level) / 2)) if len(defined) and size > 1 else (np.nan, np.nan)
        )
        intervals[name] = (float(quantiles[0]), float(quantiles[1]))
    return intervals


def format_interval(interval, digits: int, sign: str = "") -> str:
    """An interval as it stands behind a score: `" (58.0 to 62.0)"`; empty where it is not defined.

    >>> format_interval((58.04, 61.96), 1), format_interval(None, 1), format_interval((-0.5, 2.0), 2, sign="+")
    (' (58.0 to 62.0)', '', ' (-0.50 to +2.00)')

    Args:
        interval: `(low, high)`, or None; each may be None or NaN, which is None in a file.
        digits: digits after the decimal point.
        sign: "+" where positive numbers have a sign too.
    """
    low, high = interval or (None, None)
    if low is None or high is None or not low <= high:
        return ""
    return f" ({low:{sign}.{digits}f} to {high:{sign}.{digits}f})"


def paired_randomisation(a: np.ndarray, b: np.ndarray, draws: int = 10000, seed: int = 0) -> float:
    """Two-sided p value of the mean difference of two systems on the same examples, by random signs (Fisher 1935).

    The observed signs count as one of the draws, so p is at least `1 / (draws + 1)`.

    Args:
        a: one value per example, `(examples,)`.
        b: the other system's values on the same examples.
        draws: number of random sign vectors.
        seed: seed of the signs.

    Raises:
        ValueError: shapes differ, or a difference is not finite.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"Paired values need one shape (examples,), got {a.shape} and {b.shape}.")
    differences = a - b
    if not np.isfinite(differences).all():
        raise ValueError(f"Example {np.flatnonzero(~np.isfinite(differences))[0]} has a value that is not finite.")
    differences = differences[differences != 0]  # a sign does not change these
    differences = np.pad(differences, (0, -len(differences) % TABLE_BITS)).reshape(-1, TABLE_BITS)
    # One random byte signs eight differences: their sum is looked up among the 256 possible ones.
    signs = 1.0 - 2.0 * (np.arange(1 << TABLE_BITS)[:, None] >> np.arange(TABLE_BITS) & 1)
    rng, sums = np.random.default_rng(seed), np.zeros(draws)
    for eight in differences:
        sums += (signs @ eight)[rng.integers(0, 1 << TABLE_BITS, draws, dtype=np.uint8)]
    rounding = 1e-12 * np.abs(differences).sum()  # sums that differ only by the order of addition count as equal
    return float((1 + (np.abs(sums) >= abs(differences.sum()) - rounding).sum()) / (draws + 1))


def holm(p_values: dict[str, float]) -> dict[str, float]:
    """p values adjusted for their number (Holm 1979); below 0.05 is significant at a family-wise error of 0.05.

    Raises:
        ValueError: a p value outside 0 to 1.
    """
    for name, p in p_values.items():
        if not 0 <= p <= 1:
            raise ValueError(f"p values lie between 0 and 1, but {name} has {p}.")
    adjusted, largest = {}, 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[name]))
        adjusted[name] = largest
    return {name: adjusted[name] for name in p_values}
