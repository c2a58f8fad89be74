"""Scores of predicted responses in ordered categories. Arguments hold real responses only: whoever calls has left padding out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BINS = 15
"""Of equal width, for the calibration error."""


@dataclass(frozen=True)
class Rule:
    """Turns an expected category `m` into a decision: `clip(round(slope (m - centre) + shift))`."""

    slope: float
    shift: float
    centre: float

    def __call__(self, chances: np.ndarray) -> np.ndarray:
        decided = np.rint(self.slope * (expected_category(chances) - self.centre) + self.shift)
        return np.clip(decided, 0, chances.shape[1] - 1).astype(int)


def scores(
    chances: np.ndarray, responses: np.ndarray, rule: Rule | None = None, items: np.ndarray | None = None
) -> dict[str, float]:
    """All metrics of some predictions.

    Args:
        chances: probabilities `(responses, categories)`.
        responses: integers `(responses,)`, 0 to categories - 1.
        rule: fitted on other data, for `qwk_best_rule`.
        items: of the responses, for `auc_of_items`.

    Returns:
        `accuracy`, `within_one`, `qwk` and `mae` of the most probable category; `qwk_expected` and `mae_expected` of the rounded
        expectation; `nll` in nats; `calibration_error`; `accuracy_category_K`; `total`; where there are two categories `auc`, of
        all responses in one, and `auc_of_items`, the mean of the AUCs within each item that has both responses.
    """
    categories = chances.shape[1]
    decided, rounded = chances.argmax(axis=1), np.rint(expected_category(chances)).astype(int)
    off = np.abs(decided - responses)
    found = {
        "accuracy": float((off == 0).mean()),
        "within_one": float((off <= 1).mean()),
        "qwk": quadratic_weighted_kappa(decided, responses, categories),
        "mae": float(off.mean()),
        "qwk_expected": quadratic_weighted_kappa(rounded, responses, categories),
        "mae_expected": float(np.abs(rounded - responses).mean()),
        "nll": negative_log_likelihood(chances, responses),
        "calibration_error": calibration_error(chances, responses),
    }
    if rule is not None:
        found["qwk_best_rule"] = quadratic_weighted_kappa(rule(chances), responses, categories)
    for category in range(categories):
        here = responses == category
        if here.any():
            found[f"accuracy_category_{category}"] = float((decided[here] == category).mean())
    if categories == 2:
        found["auc"] = area_under_curve(chances[:, 1], responses)
        if items is not None:
            of_items = [
                area_under_curve(chances[items == item, 1], responses[items == item]) for item in np.unique(items)
            ]
            found["auc_of_items"] = float(np.nanmean(of_items)) if not np.isnan(of_items).all() else float("nan")
    return found | {"total": len(responses)}


def expected_category(chances: np.ndarray) -> np.ndarray:
    return chances @ np.arange(chances.shape[1])


def negative_log_likelihood(chances: np.ndarray, responses: np.ndarray) -> float:
    """Mean over responses, in nats; a probability below 1e-12 counts as that."""
    return float(-np.log(np.maximum(chances[np.arange(len(responses)), responses], 1e-12)).mean())


def quadratic_weighted_kappa(decided: np.ndarray, responses: np.ndarray, categories: int) -> float:
    """`1 - sum w O / sum w E`, `w = (i - j)^2`: O counts pairs, E is what independent margins give (Cohen 1968).

    0 where all agree by having one value.
    """
    observed = np.bincount(decided * categories + responses, minlength=categories**2).reshape(categories, categories)
    by_chance = np.outer(observed.sum(axis=1), observed.sum(axis=0)) / len(responses)
    weights = np.subtract.outer(np.arange(categories), np.arange(categories)) ** 2
    disagreement = (weights * by_chance).sum()
    return float(1 - (weights * observed).sum() / disagreement) if disagreement else 0.0


def calibration_error(chances: np.ndarray, responses: np.ndarray) -> float:
    """Mean distance of confidence and accuracy over bins of the most probable category's probability (Guo et al. 2017)."""
    confidence, right = chances.max(axis=1), chances.argmax(axis=1) == responses
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, weights=confidence - right, minlength=BINS)
    return float(np.abs(gaps).sum() / len(responses))


def area_under_curve(scored: np.ndarray, right: np.ndarray) -> float:
    """The probability that a right response scores higher than a wrong one, ties counting a half; NaN with one kind alone."""
    positive = int(right.sum())
    negative = len(right) - positive
    if not positive or not negative:
        return float("nan")
    _, place, counts = np.unique(scored, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]  # the mean rank of those that tie
    return float((ranks[right == 1].sum() - positive * (positive + 1) / 2) / (positive * negative))


def fit_rule(chances: np.ndarray, responses: np.ndarray) -> Rule:
    """The rule with the highest QWK on these responses, by a search over slopes and shifts."""
    categories, centre = chances.shape[1], float(expected_category(chances).mean())
    shifts = np.linspace(0, categories - 1, 4 * (categories - 1) * 3 + 1)
    rules = [Rule(slope, shift, centre) for slope in np.geomspace(0.5, 8, 33) for shift in shifts]
    return max(rules, key=lambda rule: quadratic_weighted_kappa(rule(chances), responses, categories))


def headroom_closed(model: float, majority: float, ceiling: float) -> float | None:
    """How much of the way from guessing to the ceiling a model goes, 1 being the ceiling; None where there is no way."""
    return (model - majority) / (ceiling - majority) if ceiling != majority else None
