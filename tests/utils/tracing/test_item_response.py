"""Category probabilities against their equations, and standard errors of ability against exact posteriors."""

import numpy as np
import pytest

from utils.tracing.ceilings import NODES, PRIOR
from utils.tracing.item_response import PROBABILITIES, ability_error, gpcm_probabilities
from utils.tracing.simulation import simulate_static


def test_probabilities_equal_the_equation():
    theta, alpha, beta = 0.3, 1.7, [-0.5, 0.2, 1.1]
    weights = [np.exp(sum(alpha * (theta - threshold) for threshold in beta[:k])) for k in range(4)]
    probabilities = gpcm_probabilities(theta, alpha, np.array(beta))
    np.testing.assert_allclose(probabilities, np.array(weights) / sum(weights))
    two = gpcm_probabilities(theta, alpha, np.array([0.2]))
    np.testing.assert_allclose(two[1], 1 / (1 + np.exp(-alpha * (theta - 0.2))))  # the two-parameter logistic model


def test_extreme_abilities_stay_finite():
    probabilities = gpcm_probabilities(np.array([-1e3, 1e3]), np.array([5.0, 5.0]), np.zeros((2, 10)))
    np.testing.assert_allclose(probabilities, [[1] + [0] * 10, [0] * 10 + [1]])


def test_graded_probabilities_sum_to_one():
    probabilities = PROBABILITIES["graded"](0.3, np.array([1.0, 2.0]), np.array([[-1.0, 0.5], [0.0, 0.1]]))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert probabilities[0, 0] == pytest.approx(1 / (1 + np.exp(1.3)))


@pytest.mark.parametrize("head", PROBABILITIES)
def test_the_error_is_about_the_deviation_of_the_exact_posterior(head):
    sequences, truth = simulate_static(students=3, items=30, shortest=90, longest=91, seed=5)
    rng = np.random.default_rng(6)
    for (items, _), ability in zip(sequences, truth.ability, strict=True):
        probabilities = PROBABILITIES[head](ability, truth.discrimination[items], truth.thresholds[items])
        responses = (rng.random((len(items), 1)) > np.cumsum(probabilities, axis=1)).sum(axis=1).clip(0, 3)
        posterior = PRIOR.copy()
        for item, response in zip(items, responses, strict=True):
            alpha = np.full(len(NODES), truth.discrimination[item])
            posterior *= PROBABILITIES[head](NODES, alpha, truth.thresholds[item])[:, response]
        posterior /= posterior.sum()
        mean = (posterior * NODES).sum()
        deviation = np.sqrt((posterior * (NODES - mean) ** 2).sum())
        error = ability_error(mean, truth.discrimination[items], truth.thresholds[items], 1.0, head)
        assert error == pytest.approx(deviation, rel=0.1)


def test_without_responses_the_error_is_the_prior():
    assert ability_error(0.4, np.zeros(0), np.zeros((0, 3)), 1.7) == pytest.approx(1.7)
