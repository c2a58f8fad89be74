"""Linking and recovery of parameters."""

import numpy as np
import pytest

from utils.tracing.recovery import coverage, linked, linked_pairs, recovery
from utils.tracing.simulation import category_probabilities

RNG = np.random.default_rng(3)
TRUTH = RNG.normal(size=17), RNG.lognormal(size=5), RNG.normal(size=(5, 3))
OTHER_SCALE = (TRUTH[0] - 2) / 3, TRUTH[1] * 3, (TRUTH[2] - 2) / 3


def test_another_scale_is_the_same_model_and_is_linked_back():
    for theta, other in zip(TRUTH[0], OTHER_SCALE[0], strict=True):
        expected = category_probabilities(theta, TRUTH[1], TRUTH[2])
        np.testing.assert_allclose(category_probabilities(other, OTHER_SCALE[1], OTHER_SCALE[2]), expected)
    for found, expected in zip(linked(*OTHER_SCALE, TRUTH[2]), TRUTH, strict=True):
        np.testing.assert_allclose(found, expected)


def test_recovery_is_perfect_for_the_truth_and_falls_with_noise():
    perfect = recovery(linked_pairs(OTHER_SCALE, TRUTH))
    assert all(perfect[f"r_{name}"] == pytest.approx(1) for name in ("theta", "alpha", "beta"))
    assert all(perfect[f"rmse_{name}"] == pytest.approx(0, abs=1e-9) for name in ("theta", "alpha", "beta"))
    noisy = recovery(linked_pairs((TRUTH[0] + RNG.normal(size=17), TRUTH[1], TRUTH[2]), TRUTH))
    assert noisy["r_theta"] < 0.95 and noisy["rmse_theta"] > 0.3 and noisy["r_beta"] == pytest.approx(1)


def test_right_errors_cover_the_truth_95_times_of_100():
    truth, errors = RNG.normal(size=20_000), RNG.uniform(0.1, 2, size=20_000)
    found = truth + errors * RNG.normal(size=20_000)
    assert coverage(truth, found, errors) == pytest.approx(0.95, abs=0.006)
    assert coverage(truth, found, errors / 2) < 0.75
