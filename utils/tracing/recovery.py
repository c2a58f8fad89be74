"""How well a model finds the parameters that made simulated responses again."""

from __future__ import annotations

import numpy as np


def linking(thresholds, true_thresholds) -> tuple[float, float]:
    """Slope A and shift B that give the thresholds the truth's mean and standard deviation (mean and sigma linking; Kolen and
    Brennan 2014, section 6.2)."""
    slope = true_thresholds.std() / thresholds.std()
    return slope, true_thresholds.mean() - slope * thresholds.mean()


def linked(ability, discrimination, thresholds, true_thresholds):
    """The estimates on the truth's scale: `theta* = A theta + B`, `beta* = A beta + B`, `alpha* = alpha / A`, with A and B of
    `linking`. The model's probabilities do not change."""
    slope, shift = linking(thresholds, true_thresholds)
    return slope * ability + shift, discrimination / slope, slope * thresholds + shift


def linked_pairs(found, truth) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """`theta`, `alpha` and `beta` to the truth and the linked estimate.

    Args:
        found, truth: triples of arrays of equal shapes: abilities `(students,)`, discriminations `(items,)`, thresholds
            `(items, categories - 1)`.
    """
    return dict(zip(("theta", "alpha", "beta"), zip(truth, linked(*found, truth[2]), strict=True), strict=True))


def recovery(pairs) -> dict[str, float]:
    """Correlation and root mean squared error of each pair of truth and estimate."""
    scores = {}
    for name, (truth, found) in pairs.items():
        scores[f"r_{name}"] = float(np.corrcoef(np.ravel(truth), np.ravel(found))[0, 1])
        scores[f"rmse_{name}"] = float(np.sqrt(((truth - found) ** 2).mean()))
    return scores


def coverage(truth: np.ndarray, found: np.ndarray, errors: np.ndarray) -> float:
    """Share of the true values within 1.96 standard errors of the estimates; 0.95 where the errors are right."""
    return float((np.abs(truth - found) <= 1.96 * errors).mean())
