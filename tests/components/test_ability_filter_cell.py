"""AbilityFilterCell: one step against numbers that were computed on a fine grid."""

import numpy as np
import pytest
from keras import ops

from components.ability_filter_cell import WEIGHT_SCALE, AbilityFilterCell
from utils.tracing.item_response import gpcm_probabilities

DISCRIMINATION, THRESHOLDS, RESPONSE = 1.3, np.array([-0.4, 0.9]), 2
MEAN, DEVIATION = 0.5, 0.8


def step(learning=-30.0, kept=30.0, drift=-9.0):
    """One step of a student whose level is N(MEAN, DEVIATION^2), whose gain is 2, and whose two slots are 0."""
    cell = AbilityFilterCell(num_categories=3, num_slots=2)
    cell.build()
    values = {"learning_logit": [learning], "kept_logit": [30, 30, kept], "log_drift": [drift] * 3}
    for weight in cell.weights:
        if weight.name in values:
            weight.assign(np.array(values[weight.name], "float32") / WEIGHT_SCALE)
    inputs = [[0, DISCRIMINATION, *THRESHOLDS, *np.eye(3)[RESPONSE], 1, 0]]
    covariance = np.diag([DEVIATION**2, 0, 0, 0])[None]
    states = [np.array([[MEAN, 2, 0, 0]]), covariance]
    output, (state, covariance) = cell(
        ops.convert_to_tensor(np.array(inputs, "float32")), [ops.convert_to_tensor(s.astype("float32")) for s in states]
    )
    return [ops.convert_to_numpy(value)[0] for value in (output, state, covariance)]


def test_probabilities_and_the_posterior_are_those_of_a_grid():
    grid = np.linspace(-8, 8, 4_001)
    prior = np.exp(-(((grid - MEAN) / DEVIATION) ** 2) / 2)
    likelihood = gpcm_probabilities(grid, np.full(len(grid), DISCRIMINATION), np.tile(THRESHOLDS, (len(grid), 1)))
    output, state, covariance = step()
    np.testing.assert_allclose(np.exp(output[:3]), prior / prior.sum() @ likelihood, atol=1e-3)
    assert output[3] == pytest.approx(MEAN) and output[4] == pytest.approx(DEVIATION)
    posterior = prior * likelihood[:, RESPONSE]
    posterior /= posterior.sum()
    mean = posterior @ grid
    assert state[0] == pytest.approx(mean, abs=2e-3)
    assert covariance[0, 0] == pytest.approx(posterior @ (grid - mean) ** 2, rel=5e-3)
    np.testing.assert_allclose(state[1:], [2, 0, 0], atol=1e-5)


def test_practice_moves_the_slot_of_the_item_towards_the_gain():
    _, state, _ = step(learning=0.0)  # half of what is missing
    np.testing.assert_allclose(state[1:], [2, 1, 0], atol=1e-5)


def test_noise_adds_to_the_variance_of_every_part():
    _, _, still = step()
    _, _, drifting = step(drift=np.log(0.5))
    np.testing.assert_allclose(drifting - still, 0.25 * np.eye(4), atol=1e-5)
