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
        return np.clip(self.unbounded(expected_category(probabilities)), 0, probabilities.shape[1] - 1).astype(int)

    def unbounded(self, expected: np.ndarray) -> np.ndarray:
        """The decisions at some expected categories before they are clipped to the categories."""
        return np.rint(self.slope * (expected - self.mean) + self.shift)


def fit_rule(probabilities: np.ndarray, responses: np.ndarray) -> DecisionRule:
    """Find the rule with the highest quadratic weighted kappa on these responses, on a grid of slopes and shifts."""
    num_categories, expected = probabilities.shape[1], expected_category(probabilities)
    mean = float(expected.mean())
    shifts = np.linspace(0, num_categories - 1, 4 * (num_categories - 1) * 3 + 1)
    rules = [DecisionRule(slope, shift, mean) for slope in np.geomspace(0.5, 8, 33) for shift in shifts]
    # A rule grows with the expected category. So on responses in that order, each decision is an interval, whose ends are found by
    # bisection: a thousand rules then take no longer than a few did.
    order = np.argsort(expected)
    expected, responses = expected[order], responses[order]
    del order
    # How many of the first responses are in each category.
    counts = np.zeros((num_categories, len(expected) + 1), np.int32)
    for category in range(num_categories):
        np.cumsum(responses == category, out=counts[category, 1:])

    def kappa(rule: DecisionRule) -> float:
        ends = _first_places(
            lambda places: rule.unbounded(expected[places]), np.arange(1, num_categories), len(expected)
        )
        observed = np.diff(counts[:, np.concatenate([[0], ends, [len(expected)]])].astype(np.int64), axis=1).T
        return kappa_of_counts(observed)

    return max(rules, key=kappa)


def _first_places(function, values: np.ndarray, length: int) -> np.ndarray:
    """For each value the first place from 0 to `length` where a growing function of places reaches it."""
    low, high = np.zeros(len(values), np.int64), np.full(len(values), length)
    while (is_open := low < high).any():
        middle = (low + high) // 2
        reaches = function(np.minimum(middle, length - 1)) >= values
        high, low = np.where(is_open & reaches, middle, high), np.where(is_open & ~reaches, middle + 1, low)
    return low


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
    return kappa_of_counts(np.bincount(pairs, weights, num_categories**2).reshape(num_categories, num_categories))


def kappa_of_counts(observed: np.ndarray) -> float:
    """`quadratic_weighted_kappa`, from how often each decision and response come together, `(categories, categories)`."""
    num_categories = len(observed)
    expected = np.outer(observed.sum(axis=1), observed.sum(axis=0)) / observed.sum()
    cost = np.subtract.outer(np.arange(num_categories), np.arange(num_categories)) ** 2
    disagreement = (cost * expected).sum()
    return float(1 - (cost * observed).sum() / disagreement) if disagreement else 0.0


class CountsByStudent:
    """How often each cell occurs, for any weights of the students; the responses are counted once.

    Args:
        students: student of each response, from 0 and in order, `(responses,)`.
        cells: cell of each response, from 0, `(responses,)`.
        num_cells: number of cells.
        values: what each response adds to its cell, `(responses,)`; left out, 1.
    """

    def __init__(self, students: np.ndarray, cells: np.ndarray, num_cells: int, values: np.ndarray | None = None):
        keys = students.astype(np.int64) * num_cells + cells
        if values is None:
            keys, self.values = np.unique(keys, return_counts=True)
        else:
            keys, places = np.unique(keys, return_inverse=True)
            self.values = np.bincount(places, values)
        self.num_cells = num_cells
        self.students, self.cells = (part.astype(np.int32) for part in np.divmod(keys, num_cells))

    def __call__(self, weights: np.ndarray | None = None) -> np.ndarray:
        """The sums `(cells,)`, where weights are those of the students, `(students,)`; left out, all are 1."""
        values = self.values if weights is None else self.values * weights[self.students]
        return np.bincount(self.cells, values, self.num_cells)


def calibration_error(probabilities: np.ndarray, responses: np.ndarray, weights=None) -> float:
    """Mean distance of confidence and accuracy over bins of the most probable category's probability (Guo et al. 2017)."""
    bins, confidence, correct = _calibration(probabilities, responses)
    weights = np.ones(len(responses)) if weights is None else weights
    gaps = np.bincount(bins, weights * (confidence - correct), CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / weights.sum())


def calibration_gaps(probabilities: np.ndarray, responses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The bin of each response, and confidence minus accuracy: what `calibration_error` sums by bin."""
    bins, confidence, correct = _calibration(probabilities, responses)
    return bins, confidence - correct


def _calibration(probabilities: np.ndarray, responses: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each response's bin, the most probable category's probability, and whether it is the response."""
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == responses
    return np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1), confidence, correct


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
        self.correct = np.asarray(correct, bool)
        self.num_groups = int(groups.max()) + 1
        # Responses of one group with one score tie. They share a place; places are in ascending order of score.
        order = np.lexsort((scores, groups))
        is_new = np.append(True, (np.diff(groups[order]) != 0) | (np.diff(scores[order]) != 0))
        self.places = np.empty(len(order), np.int32)
        self.places[order] = np.cumsum(is_new) - 1
        self.group_of_place = groups[order][is_new].astype(np.int32)

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
