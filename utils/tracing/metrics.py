"""Metrics of predicted responses in ordered categories.

Arguments hold real responses only; the caller leaves padding out. Where a function takes `weights`, a response of weight 2 counts
twice. The bootstrap over students passes how often each student was drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CALIBRATION_BINS = 15
"""Bins of equal width for the calibration error."""


@dataclass(frozen=True)
class DecisionRule:
    """Turns an expected category `m` into a decision: `clip(round(slope (m - mean) + shift))`.

    Args:
        slope: how far decisions are spread.
        shift: the decision at the mean.
        mean: mean expected category of the responses that the rule was fitted on.
    """

    slope: float
    shift: float
    mean: float

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """The decided category of each row of probabilities `(responses, categories)`."""
        decided = np.rint(self.slope * (expected_category(probabilities) - self.mean) + self.shift)
        return np.clip(decided, 0, probabilities.shape[1] - 1).astype(int)


def fit_rule(probabilities: np.ndarray, responses: np.ndarray) -> DecisionRule:
    """Find the rule with the highest quadratic weighted kappa on these responses, on a grid of slopes and shifts."""
    num_categories, mean = probabilities.shape[1], float(expected_category(probabilities).mean())
    shifts = np.linspace(0, num_categories - 1, 4 * (num_categories - 1) * 3 + 1)
    rules = [DecisionRule(slope, shift, mean) for slope in np.geomspace(0.5, 8, 33) for shift in shifts]
    return max(rules, key=lambda rule: quadratic_weighted_kappa(rule(probabilities), responses, num_categories))


def expected_category(probabilities: np.ndarray) -> np.ndarray:
    """The mean of each row's distribution, `(responses,)`."""
    return probabilities @ np.arange(probabilities.shape[1])


def negative_log_likelihood(probabilities: np.ndarray, responses: np.ndarray) -> np.ndarray:
    """Minus the logarithm of each response's probability, `(responses,)`, in nats. A probability below 1e-12 counts as 1e-12."""
    return -np.log(np.maximum(probabilities[np.arange(len(responses)), responses], 1e-12))


def quadratic_weighted_kappa(decided: np.ndarray, responses: np.ndarray, num_categories: int, weights=None) -> float:
    """`1 - sum w O / sum w E` with `w = (i - j)^2` (Cohen 1968).

    O counts pairs of decision and response. E is what it would be if both were independent.

    Returns:
        1 for perfect agreement, 0 for none beyond chance; 0 where decisions and responses all have the same value.
    """
    pairs = decided * num_categories + responses
    observed = np.bincount(pairs, weights, num_categories**2).reshape(num_categories, num_categories)
    expected = np.outer(observed.sum(axis=1), observed.sum(axis=0)) / observed.sum()
    cost = np.subtract.outer(np.arange(num_categories), np.arange(num_categories)) ** 2
    disagreement = (cost * expected).sum()
    return float(1 - (cost * observed).sum() / disagreement) if disagreement else 0.0


def calibration_error(probabilities: np.ndarray, responses: np.ndarray, weights=None) -> float:
    """Mean distance of confidence and accuracy over bins of the most probable category's probability (Guo et al. 2017)."""
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == responses
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    weights = np.ones(len(responses)) if weights is None else weights
    gaps = np.bincount(bins, weights * (confidence - correct), CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / weights.sum())


def area_under_curve(scores: np.ndarray, correct: np.ndarray) -> float:
    """The probability that a correct response scores higher than a wrong one; a tie counts half. NaN where one kind is missing.

    Args:
        scores: score of each response, `(responses,)`.
        correct: 1 for a correct response, 0 for a wrong one, `(responses,)`.
    """
    return float(AreasUnderCurves(scores, correct, np.zeros(len(scores), int))()[0])


class AreasUnderCurves:
    """`area_under_curve` within each group of responses, for any weights; the responses are sorted once.

    Args:
        scores: score of each response, `(responses,)`.
        correct: 1 for a correct response, 0 for a wrong one, `(responses,)`.
        groups: group of each response, from 0, `(responses,)`.
    """

    def __init__(self, scores: np.ndarray, correct: np.ndarray, groups: np.ndarray):
        self.correct = np.asarray(correct, float)
        self.num_groups = int(groups.max()) + 1
        # Responses of one group with one score tie. They share a place; places are in ascending order of score.
        order = np.lexsort((scores, groups))
        is_new = np.append(True, (np.diff(groups[order]) != 0) | (np.diff(scores[order]) != 0))
        self.places = np.empty(len(order), int)
        self.places[order] = np.cumsum(is_new) - 1
        self.group_of_place = groups[order][is_new]

    def __call__(self, weights: np.ndarray | None = None) -> np.ndarray:
        """The areas `(groups,)`; NaN for a group in which one kind is missing."""
        weights = np.ones(len(self.places)) if weights is None else weights
        correct = np.bincount(self.places, weights * self.correct)
        wrong = np.bincount(self.places, weights * (1 - self.correct))
        group_correct, group_wrong = (
            np.bincount(self.group_of_place, part, self.num_groups) for part in (correct, wrong)
        )
        wrong_in_earlier_groups = (np.cumsum(group_wrong) - group_wrong)[self.group_of_place]
        wrong_below = np.cumsum(wrong) - wrong - wrong_in_earlier_groups
        wins = np.bincount(self.group_of_place, correct * (wrong_below + wrong / 2), self.num_groups)
        pairs = group_correct * group_wrong
        return np.divide(wins, pairs, out=np.full(self.num_groups, np.nan), where=pairs > 0)


def headroom_closed(model: float, majority: float, ceiling: float) -> float | None:
    """How much of the way from the majority baseline to the ceiling a model goes; 1 is the ceiling. None where they are equal."""
    return (model - majority) / (ceiling - majority) if ceiling != majority else None
