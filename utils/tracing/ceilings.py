"""How well responses can be predicted at best: what knows the truth, and what is fitted to the same data.

Predictions are, for each sequence of `(items, responses)`, the probabilities `(steps, categories)` of its responses, each from what
came before it alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from utils.tracing.simulation import Truth, category_probabilities

NODES = np.linspace(-5, 5, 401)
PRIOR = np.exp(-(NODES**2) / 2)


def oracle(sequences, truth: Truth, students: Sequence[int]) -> list[np.ndarray]:
    """With the student's true ability at every step and the items' true parameters: no model can do better.

    Args:
        students: the number of each sequence's student in `truth`.
    """
    found = []
    for student, (items, _) in zip(students, sequences, strict=True):
        ability = truth.ability[student] + truth.gain[student] * truth.practice(items)
        found.append(category_probabilities(ability, truth.discrimination[items], truth.thresholds[items]))
    return found


def bayes_filter(sequences, discrimination, thresholds) -> list[np.ndarray]:
    """With known items and an ability that is not known and does not change: the posterior given the responses so far.

    The prior is N(0, 1), on 401 nodes from -5 to 5.

    Args:
        discrimination, thresholds: of the items, as in `Truth`.
    """
    table = category_probabilities(NODES, discrimination[:, None], thresholds[:, None, :])  # (items, nodes, categories)
    found = []
    for items, responses in sequences:
        posterior, chances = PRIOR / PRIOR.sum(), np.zeros((len(items), table.shape[2]))
        for step, (item, response) in enumerate(zip(items, responses, strict=True)):
            chances[step] = posterior @ table[item]
            posterior = posterior * table[item, :, response]
            posterior /= posterior.sum()
        found.append(chances)
    return found


def practice_filter(sequences, truth: Truth, ability=(-1.3, 1.0), gain=(2.0, 0.7)) -> list[np.ndarray]:
    """As `bayes_filter`, for `simulate_practice`: true items and true learning, ability and gain not known.

    Args:
        ability, gain: mean and standard deviation of their priors; 61 by 31 nodes within four deviations.
    """
    axes = [np.linspace(mean - 4 * deviation, mean + 4 * deviation, count)
            for (mean, deviation), count in ((ability, 61), (gain, 31))]  # fmt: skip
    theta, gains = (grid.ravel() for grid in np.meshgrid(*axes, indexing="ij"))
    prior = np.exp(-(((theta - ability[0]) / ability[1]) ** 2 + ((gains - gain[0]) / gain[1]) ** 2) / 2)
    found = []
    for items, responses in sequences:
        posterior, chances = prior / prior.sum(), []
        for item, response, practised in zip(items, responses, truth.practice(items), strict=True):
            of_node = category_probabilities(
                theta + gains * practised, truth.discrimination[item], truth.thresholds[item]
            )
            chances.append(posterior @ of_node)
            posterior = posterior * of_node[:, response]
            posterior /= posterior.sum()
        found.append(np.array(chances))
    return found


def fit_items(sequences, num_items: int, categories: int, rounds: int = 60):
    """Discriminations and thresholds by marginal maximum likelihood (Bock and Aitkin 1981), abilities being N(0, 1).

    Logits are linear in `alpha` and `d_k = alpha (beta_1 + ... + beta_k)`, so an M-step is a multinomial logistic regression, done
    by Newton steps for all items at once. Weak normal priors (alpha: 1, variance 1; d: 0, variance 25) keep items with few
    responses finite. With `bayes_filter` this is the ceiling that a model fitted to the same training data can reach.

    Returns:
        `(discrimination, thresholds)`, as in `Truth`.
    """
    nodes = np.linspace(-4, 4, 41)
    prior = np.log(np.exp(-(nodes**2) / 2) / np.exp(-(nodes**2) / 2).sum())
    # What multiplies each parameter in each category's logit: k theta for alpha, -1 for d_k.
    design = np.zeros((len(nodes), categories, categories))
    design[:, :, 0] = nodes[:, None] * np.arange(categories)
    design[:, 1:, 1:] = -np.eye(categories - 1)
    parameters = np.zeros((num_items, categories))
    parameters[:, 0] = 1
    centre, precision = parameters[0].copy(), np.diag([1.0] + [1 / 25] * (categories - 1))
    for _ in range(rounds):
        logits = np.einsum("nkp,ip->ink", design, parameters)
        chances = np.exp(logits - logits.max(axis=2, keepdims=True))
        chances /= chances.sum(axis=2, keepdims=True)
        of_node = np.log(np.maximum(chances, 1e-300))
        counts = np.zeros((num_items, categories, len(nodes)))
        for items, responses in sequences:
            posterior = prior + of_node[items, :, responses].sum(axis=0)
            posterior = np.exp(posterior - posterior.max())
            np.add.at(counts, (items, responses), posterior / posterior.sum())
        counts = counts.transpose(0, 2, 1)  # (items, nodes, categories)
        totals = counts.sum(axis=2)
        for _ in range(3):
            logits = np.einsum("nkp,ip->ink", design, parameters)
            chances = np.exp(logits - logits.max(axis=2, keepdims=True))
            chances /= chances.sum(axis=2, keepdims=True)
            gradient = np.einsum("ink,nkp->ip", counts - totals[..., None] * chances, design)
            gradient -= (parameters - centre) @ precision
            mean = np.einsum("ink,nkp->inp", chances, design)
            second = np.einsum("in,ink,nkp,nkq->ipq", totals, chances, design, design, optimize=True)
            second -= np.einsum("in,inp,inq->ipq", totals, mean, mean, optimize=True)
            step = np.linalg.solve(second + precision, gradient[..., None])[..., 0]
            parameters = parameters + np.clip(step, -0.5, 0.5)
            parameters[:, 0] = np.maximum(parameters[:, 0], 0.05)  # else theta may turn round
    alpha = parameters[:, 0]
    sums = np.concatenate([np.zeros((num_items, 1)), parameters[:, 1:]], axis=1)
    return alpha, np.diff(sums, axis=1) / alpha[:, None]
