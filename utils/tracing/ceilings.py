"""How well responses can be predicted at best: predictors that know the truth, and items fitted to the training data.

Sequences are pairs of arrays `(steps,)`: item numbers and responses. Predictions are one array `(steps, categories)` per sequence.
The probabilities of a response depend only on the responses before it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from utils.tracing.item_response import gpcm_probabilities, softmax
from utils.tracing.simulation import Truth

NODES = np.linspace(-5, 5, 401)
"""Abilities at which `bayes_filter` keeps the posterior."""
PRIOR = np.exp(-(NODES**2) / 2)
"""Density of ability at `NODES`, not normalised."""


def oracle(sequences, truth: Truth, students: Sequence[int]) -> list[np.ndarray]:
    """Predict with the student's true ability at every step and the true items. No model can do better.

    Args:
        sequences: pairs of items and responses; items are rows of `truth`.
        truth: the simulation's parameters.
        students: row of `truth` of each sequence's student.
    """
    predictions = []
    for student, (items, _) in zip(students, sequences, strict=True):
        ability = truth.ability[student] + truth.gain[student] * truth.practice(items)
        predictions.append(gpcm_probabilities(ability, truth.discrimination[items], truth.thresholds[items]))
    return predictions


def bayes_filter(
    sequences, discrimination: np.ndarray, thresholds: np.ndarray, category_probabilities=gpcm_probabilities
) -> list[np.ndarray]:
    """Predict with known items and an unknown ability that does not change, by the posterior given the responses so far.

    The prior is N(0, 1), on 401 nodes from -5 to 5.

    Args:
        sequences: pairs of items and responses; items are rows of the parameters.
        discrimination: alpha, `(items,)`.
        thresholds: beta, `(items, categories - 1)`.
        category_probabilities: the item response model, a function of `utils.tracing.item_response`.
    """
    table = category_probabilities(NODES, discrimination[:, None], thresholds[:, None, :])  # (items, nodes, categories)
    predictions = []
    for items, responses in sequences:
        posterior, probabilities = PRIOR / PRIOR.sum(), np.zeros((len(items), table.shape[2]))
        for step, (item, response) in enumerate(zip(items, responses, strict=True)):
            probabilities[step] = posterior @ table[item]
            posterior = posterior * table[item, :, response]
            posterior /= posterior.sum()
        predictions.append(probabilities)
    return predictions


def practice_filter(sequences, truth: Truth, ability=(-1.3, 1.0), gain=(2.0, 0.7)) -> list[np.ndarray]:
    """Predict `simulate_practice` with the true items and the true learning; ability and gain are unknown.

    Args:
        sequences: pairs of items and responses; items are rows of `truth`.
        truth: the simulation's parameters.
        ability: mean and standard deviation of the prior of ability, on 61 nodes within four deviations.
        gain: the same of gain, on 31 nodes.
    """
    axes = [
        np.linspace(mean - 4 * deviation, mean + 4 * deviation, nodes)
        for (mean, deviation), nodes in ((ability, 61), (gain, 31))
    ]
    thetas, gains = (grid.ravel() for grid in np.meshgrid(*axes, indexing="ij"))
    prior = np.exp(-(((thetas - ability[0]) / ability[1]) ** 2 + ((gains - gain[0]) / gain[1]) ** 2) / 2)
    predictions = []
    for items, responses in sequences:
        posterior, probabilities = prior / prior.sum(), []
        for item, response, practice in zip(items, responses, truth.practice(items), strict=True):
            at_nodes = gpcm_probabilities(thetas + gains * practice, truth.discrimination[item], truth.thresholds[item])
            probabilities.append(posterior @ at_nodes)
            posterior = posterior * at_nodes[:, response]
            posterior /= posterior.sum()
        predictions.append(np.array(probabilities))
    return predictions


def fit_items(sequences, num_items: int, num_categories: int, rounds: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Fit items by marginal maximum likelihood with ability ~ N(0, 1) (Bock and Aitkin 1981).

    Logits are linear in `alpha` and `d_k = alpha (beta_1 + ... + beta_k)`. So an M-step is a multinomial logistic regression,
    solved by Newton steps for all items at once. Weak normal priors (alpha: mean 1, variance 1; d: mean 0, variance 25) keep items
    with few responses finite. Together with `bayes_filter` this is the ceiling for a model of the same training data, as long as
    ability does not change.

    Args:
        sequences: pairs of items and responses.
        num_items: number of items.
        num_categories: number of response categories.
        rounds: rounds of expectation and maximisation.

    Returns:
        `(discrimination, thresholds)`: `(items,)` and `(items, categories - 1)`.
    """
    nodes = np.linspace(-4, 4, 41)
    log_prior = np.log(np.exp(-(nodes**2) / 2) / np.exp(-(nodes**2) / 2).sum())
    # What multiplies each parameter in each category's logit: k theta for alpha, -1 for d_k.
    design = np.zeros((len(nodes), num_categories, num_categories))
    design[:, :, 0] = nodes[:, None] * np.arange(num_categories)
    design[:, 1:, 1:] = -np.eye(num_categories - 1)
    parameters = np.zeros((num_items, num_categories))
    parameters[:, 0] = 1
    prior_mean, prior_precision = parameters[0].copy(), np.diag([1.0] + [1 / 25] * (num_categories - 1))
    for _ in range(rounds):
        # Expectation: how often each item was answered with each category by students at each node.
        log_probabilities = np.log(np.maximum(softmax(np.einsum("nkp,ip->ink", design, parameters)), 1e-300))
        counts = np.zeros((num_items, num_categories, len(nodes)))
        for items, responses in sequences:
            posterior = log_prior + log_probabilities[items, :, responses].sum(axis=0)
            posterior = np.exp(posterior - posterior.max())
            np.add.at(counts, (items, responses), posterior / posterior.sum())
        counts = counts.transpose(0, 2, 1)  # (items, nodes, categories)
        totals = counts.sum(axis=2)
        # Maximisation: three Newton steps.
        for _ in range(3):
            probabilities = softmax(np.einsum("nkp,ip->ink", design, parameters))
            gradient = np.einsum("ink,nkp->ip", counts - totals[..., None] * probabilities, design)
            gradient -= (parameters - prior_mean) @ prior_precision
            mean = np.einsum("ink,nkp->inp", probabilities, design)
            second = np.einsum("in,ink,nkp,nkq->ipq", totals, probabilities, design, design, optimize=True)
            second -= np.einsum("in,inp,inq->ipq", totals, mean, mean, optimize=True)
            step = np.linalg.solve(second + prior_precision, gradient[..., None])[..., 0]
            parameters = parameters + np.clip(step, -0.5, 0.5)
            parameters[:, 0] = np.maximum(parameters[:, 0], 0.05)  # alpha stays positive, so that theta keeps its sign
    alpha = parameters[:, 0]
    sums = np.concatenate([np.zeros((num_items, 1)), parameters[:, 1:]], axis=1)
    return alpha, np.diff(sums, axis=1) / alpha[:, None]
