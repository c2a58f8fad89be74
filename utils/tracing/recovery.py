"""How well a model recovers the parameters that produced simulated responses.

The responses determine the parameters only up to the scale of ability: its unit and its zero are free. Before a comparison the
estimates are therefore linked, which means brought to the scale of the truth; `linked` has the equations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from utils.tracing.features import Piece
from utils.tracing.item_response import ability_error
from utils.tracing.splits import ResponseData


class Pair(NamedTuple):
    """True values of a parameter and their linked estimates, of one shape."""

    truth: np.ndarray
    estimate: np.ndarray


def recover(
    data: ResponseData,
    pieces: Sequence[Piece],
    items: dict[str, np.ndarray],
    abilities: np.ndarray,
    ability_deviation: float,
) -> tuple[dict[str, Pair], dict[str, float]]:
    """Compare a model's items and the test students' abilities with the truth.

    Args:
        data: has `truth`.
        pieces: of the test students.
        items: `discrimination` `(items,)` and `thresholds` `(items, categories - 1)` of the items of training.
        abilities: each piece's ability before its last response, `(pieces,)`.
        ability_deviation: standard deviation of ability among students, on the model's scale.

    Returns:
        name to pair, and scores: correlations and errors, and where abilities are compared
        `coverage_theta`, the fraction of true abilities within 1.96 standard errors.
    """
    pairs = parameter_pairs(data, items, abilities)
    scores = recovery_scores(pairs)
    if "theta" in pairs:
        slope, _ = linking(items["thresholds"], pairs["beta"].truth)
        errors = slope * last_errors(pieces, abilities, items, ability_deviation)
        scores["coverage_theta"] = coverage(*pairs["theta"], errors)
    return pairs, scores


def parameter_pairs(data: ResponseData, items: dict[str, np.ndarray], abilities: np.ndarray) -> dict[str, Pair]:
    """Pairs of truth and linked estimate, for the items of training and the last abilities of the test students.

    `theta` is missing where abilities change, because then no single number is the truth, and where a student has several pieces.
    Arguments are those of `recover`.
    """
    truth, students = data.truth, np.array(data.truth_students["test"])
    rows = np.array([int(item) for item in data.item_names])
    estimates = abilities, items["discrimination"], items["thresholds"]
    true_items = truth.discrimination[rows], truth.thresholds[rows]
    if truth.gain.any() or len(abilities) != len(students):
        _, *item_estimates = linked(*estimates, true_thresholds=true_items[1])
        return dict(zip(("alpha", "beta"), map(Pair, true_items, item_estimates), strict=True))
    return linked_pairs(estimates, (truth.ability[students], *true_items))


def last_errors(
    pieces: Sequence[Piece], abilities: np.ndarray, items: dict[str, np.ndarray], ability_deviation: float
) -> np.ndarray:
    """Standard error of each piece's ability before its last response, under the partial credit model.

    Responses to items that training does not have carry no information. Arguments are those of `recover`.
    """
    errors = []
    for piece, ability in zip(pieces, abilities, strict=True):
        rows = piece.items[:-1][piece.items[:-1] > 0] - 1
        parameters = items["discrimination"][rows], items["thresholds"][rows]
        errors.append(ability_error(ability, *parameters, ability_deviation))
    return np.array(errors)


def linking(thresholds: np.ndarray, true_thresholds: np.ndarray) -> tuple[float, float]:
    """Slope A and shift B of mean and sigma linking (Kolen and Brennan 2014, section 6.2).

    `A beta + B` has the mean and the standard deviation of the true thresholds.
    """
    slope = true_thresholds.std() / thresholds.std()
    return slope, true_thresholds.mean() - slope * thresholds.mean()


def linked(ability, discrimination, thresholds, true_thresholds) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The estimates on the scale of the truth: `theta* = A theta + B`, `alpha* = alpha / A`, `beta* = A beta + B`.

    A and B are those of `linking`. The model's probabilities do not change.
    """
    slope, shift = linking(thresholds, true_thresholds)
    return slope * ability + shift, discrimination / slope, slope * thresholds + shift


def linked_pairs(estimates, truth) -> dict[str, Pair]:
    """Link the estimates: `theta`, `alpha` and `beta` to their pairs.

    Args:
        estimates: abilities `(students,)`, discriminations `(items,)` and thresholds `(items, categories - 1)`.
        truth: the same for the truth.
    """
    pairs = map(Pair, truth, linked(*estimates, true_thresholds=truth[2]))
    return dict(zip(("theta", "alpha", "beta"), pairs, strict=True))


def recovery_scores(pairs: dict[str, Pair]) -> dict[str, float]:
    """Correlation and root mean squared error of each pair of truth and estimate."""
    scores = {}
    for name, (truth, estimate) in pairs.items():
        scores[f"r_{name}"] = float(np.corrcoef(np.ravel(truth), np.ravel(estimate))[0, 1])
        scores[f"rmse_{name}"] = float(np.sqrt(((truth - estimate) ** 2).mean()))
    return scores


def coverage(truth: np.ndarray, estimate: np.ndarray, errors: np.ndarray) -> float:
    """Fraction of the true values within 1.96 standard errors of the estimates; 0.95 where the errors are right."""
    return float((np.abs(truth - estimate) <= 1.96 * errors).mean())
