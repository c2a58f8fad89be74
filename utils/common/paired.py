"""Compare two systems that were scored on the same examples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from utils.common.errors import UserError
from utils.common.evaluation import Evaluation
from utils.common.statistics import bootstrap_interval, bootstrap_metrics, holm, paired_randomisation

LEVEL = 0.05
"""Family-wise error at which a difference counts as clear."""


def compare_evaluations(
    first: Evaluation, second: Evaluation, metrics: Sequence[str], seed: int = 0
) -> dict[str, dict]:
    """The differences of two systems, first less second, with intervals and paired tests.

    Examples of one group (a paragraph, a student) stay together: the bootstrap draws whole groups, and the randomisation test
    exchanges the two systems' values of a whole group. p values are corrected for the number of metrics (Holm). A metric that is no
    mean over examples, such as a kappa, has an interval and no p value.

    Args:
        first: the first system's evaluation.
        second: the second system's, of the same examples.
        metrics: names of metrics; those that the evaluations lack, or that are not defined, are left out.
        seed: seed of the draws.

    Returns:
        metric to a dict: `difference`; `interval`, its 95 % interval; `p`, corrected, or None; `is_clear`, whether p is below 0.05,
        or without p whether the interval leaves out 0. There is no interval, NaN, where the examples are of one group.

    Raises:
        UserError: the two were scored on different examples.
    """
    for name in metrics:
        values, others = first.per_example.get(name, ()), second.per_example.get(name, ())
        if len(values) != len(others) or not np.array_equal(first.groups, second.groups):
            raise UserError(
                f"the two models score different examples ({len(values):,} and {len(others):,}), so they cannot be paired"
            )
    means = [name for name in metrics if name in first.metrics and name in first.per_example]
    differences, p_values = {}, {}
    for name in means:
        values, others = (np.asarray(each.per_example[name], np.float64) for each in (first, second))
        if len(values):
            interval = bootstrap_interval(values - others, first.groups, seed=seed)
            differences[name] = float(np.mean(values - others)), interval
            p_values[name] = paired_randomisation(
                group_sums(values, first.groups), group_sums(others, first.groups), seed=seed
            )
    weighted = [name for name in metrics if name in first.metrics and name not in first.per_example]
    functions, groups = (first.weighted_metrics, second.weighted_metrics), first.groups
    if first.metrics_of_groups and second.metrics_of_groups:
        functions = first.metrics_of_groups, second.metrics_of_groups
        groups = np.arange(len(np.unique(first.groups)))
    if weighted and all(functions):

        def difference(weights: np.ndarray) -> dict[str, float]:
            values, others = (function(weights) for function in functions)
            return {name: values[name] - others[name] for name in weighted if name in values and name in others}

        for name, interval in bootstrap_metrics(difference, groups, seed=seed).items():
            differences[name] = first.metrics[name] - second.metrics[name], interval
    corrected = holm(p_values)
    return {
        name: {
            "difference": differences[name][0],
            "interval": list(differences[name][1]),
            "p": corrected.get(name),
            "is_clear": bool(
                corrected[name] < LEVEL if name in corrected else differences[name][1][0] * differences[name][1][1] > 0
            ),
        }
        for name in metrics
        if name in differences and np.isfinite(differences[name][0])
    }


def group_sums(values: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """The sum of the values of each group, `(groups,)`; the values themselves where each is a group of its own."""
    if groups is None:
        return values
    return np.bincount(np.unique(groups, return_inverse=True)[1], weights=values)
