"""The one shape that every evaluation has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from utils.common.statistics import bootstrap_interval, bootstrap_metrics


@dataclass(frozen=True)
class Evaluation:
    """Scores of one model, or of one baseline, on one split.

    Intervals, significance tests, leaderboards, tracking and `results.json` are written for this shape alone.

    Args:
        metrics: name to value. Units are those of `docs/results_json.md`: percent for SQuAD's two, nats for NLL, mostly 0 to 1.
        per_example: name to one value per example, `(examples,)`; where a metric is a mean over examples, its values stand here
            under the metric's name.
        groups: the paragraph, document or student of each example, `(examples,)`; intervals resample these. None: each example
            is independent of the others.
        weighted_metrics: function of the examples' weights that returns metrics that are not means over examples, such as a kappa
            or an area under a curve. It needs `groups`.
        metrics_of_groups: the same as a function of the groups' weights, in ascending order of the groups, in the place of
            `weighted_metrics`: faster where there are many examples.
    """

    metrics: dict[str, float]
    per_example: dict[str, np.ndarray] = field(default_factory=dict)
    groups: np.ndarray | None = None
    weighted_metrics: Callable[[np.ndarray], dict[str, float]] | None = None
    metrics_of_groups: Callable[[np.ndarray], dict[str, float]] | None = None

    def intervals(self, seed: int = 0) -> dict[str, list[float]]:
        """95 % bootstrap intervals `[low, high]` of the means over examples and of the weighted metrics."""
        intervals = {
            name: bootstrap_interval(values, self.groups, seed=seed)
            for name, values in self.per_example.items()
            if name in self.metrics and len(values)
        }
        if self.weighted_metrics is not None:
            intervals |= bootstrap_metrics(self.weighted_metrics, self.groups, seed=seed)
        if self.metrics_of_groups is not None:
            numbers = np.arange(len(np.unique(self.groups)))
            intervals |= bootstrap_metrics(self.metrics_of_groups, numbers, seed=seed)
        return {name: list(interval) for name, interval in intervals.items()}

    @classmethod
    def from_examples(cls, per_example: dict[str, np.ndarray], groups: np.ndarray | None = None) -> Evaluation:
        """The evaluation whose metrics are the means of these values; 0 where there are no examples."""
        metrics = {name: float(np.mean(values)) if len(values) else 0.0 for name, values in per_example.items()}
        return cls(metrics, per_example, groups)
