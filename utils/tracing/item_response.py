"""Item response theory: from ability and an item's parameters to probabilities, and how precisely ability is known."""

from __future__ import annotations

import numpy as np


def gpcm_probabilities(ability, discrimination, thresholds) -> np.ndarray:
    """Category probabilities of the generalised partial credit model (Muraki 1992, equation 3).

    `P(k) ~ exp(sum_{h <= k} alpha (theta - beta_h))`; the empty sum of category 0 is 0.

    Args:
        ability: theta, `(...)`.
        discrimination: alpha, `(...)`.
        thresholds: beta, `(..., categories - 1)`.

    Returns:
        probabilities `(..., categories)`.
    """
    steps = np.asarray(discrimination)[..., None] * (np.asarray(ability)[..., None] - thresholds)
    logits = np.concatenate([np.zeros((*steps.shape[:-1], 1)), np.cumsum(steps, axis=-1)], axis=-1)
    return softmax(logits)


def graded_probabilities(ability, discrimination, thresholds) -> np.ndarray:
    """Category probabilities of the graded response model (Samejima 1969).

    `P(at least k) = sigmoid(alpha (theta - beta_k))`. Arguments and result are those of `gpcm_probabilities`; thresholds must grow
    with the category.
    """
    steps = np.asarray(discrimination)[..., None] * (np.asarray(ability)[..., None] - thresholds)
    ones = np.ones((*steps.shape[:-1], 1))
    at_least = np.concatenate([ones, 1 / (1 + np.exp(-steps)), 0 * ones], axis=-1)
    return at_least[..., :-1] - at_least[..., 1:]


PROBABILITIES = {"gpcm": gpcm_probabilities, "graded": graded_probabilities}
"""A model's `head` to the function that gives its category probabilities."""


def softmax(logits: np.ndarray) -> np.ndarray:
    """The softmax over the last axis, in float64."""
    logits = np.asarray(logits, np.float64)
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def ability_error(ability: float, discrimination, thresholds, ability_deviation: float, head: str = "gpcm") -> float:
    """Standard error of an ability: `1 / sqrt(1 / ability_deviation^2 + sum of the information of the answered items)`.

    The formula takes ability for constant and the items for known. Where ability changes, the true error is larger.

    Args:
        ability: theta.
        discrimination: alpha of the answered items, `(steps,)`.
        thresholds: beta of the answered items, `(steps, categories - 1)`.
        ability_deviation: standard deviation of ability among students.
        head: a name in `PROBABILITIES`.
    """
    information = item_information(ability, discrimination, thresholds, head).sum()
    return float((ability_deviation**-2 + information) ** -0.5)


def item_information(ability, discrimination, thresholds, head: str = "gpcm") -> np.ndarray:
    """The Fisher information of a response on ability: `sum_k P_k'^2 / P_k` (Muraki 1993).

    Args:
        ability: theta, `(...)`.
        discrimination: alpha, `(...)`.
        thresholds: beta, `(..., categories - 1)`.
        head: a name in `PROBABILITIES`.

    Returns:
        information `(...)`, in units of 1 / ability squared.
    """
    step, ability = 1e-3, np.asarray(ability, np.float64)
    below, at, above = (PROBABILITIES[head](ability + d, discrimination, thresholds) for d in (-step, 0, step))
    return (((above - below) / (2 * step)) ** 2 / np.maximum(at, 1e-12)).sum(axis=-1)
