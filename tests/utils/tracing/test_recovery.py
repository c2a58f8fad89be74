"""Linking and recovery of parameters."""

from types import SimpleNamespace

import numpy as np
import pytest

from utils.tracing.features import Piece
from utils.tracing.item_response import gpcm_probabilities
from utils.tracing.recovery import coverage, linked, linked_pairs, recover, recovery_scores
from utils.tracing.simulation import simulate_static

RNG = np.random.default_rng(3)
TRUTH = RNG.normal(size=17), RNG.lognormal(size=5), RNG.normal(size=(5, 3))
OTHER_SCALE = (TRUTH[0] - 2) / 3, TRUTH[1] * 3, (TRUTH[2] - 2) / 3


def test_another_scale_is_the_same_model_and_is_linked_back():
    for theta, other in zip(TRUTH[0], OTHER_SCALE[0], strict=True):
        expected = gpcm_probabilities(theta, TRUTH[1], TRUTH[2])
        np.testing.assert_allclose(gpcm_probabilities(other, OTHER_SCALE[1], OTHER_SCALE[2]), expected)
    for estimate, expected in zip(linked(*OTHER_SCALE, TRUTH[2]), TRUTH, strict=True):
        np.testing.assert_allclose(estimate, expected)


def test_recovery_is_perfect_for_the_truth_and_falls_with_noise():
    perfect = recovery_scores(linked_pairs(OTHER_SCALE, TRUTH))
    assert all(perfect[f"r_{name}"] == pytest.approx(1) for name in ("theta", "alpha", "beta"))
    assert all(perfect[f"rmse_{name}"] == pytest.approx(0, abs=1e-9) for name in ("theta", "alpha", "beta"))
    noisy = recovery_scores(linked_pairs((TRUTH[0] + RNG.normal(size=17), TRUTH[1], TRUTH[2]), TRUTH))
    assert noisy["r_theta"] < 0.95 and noisy["rmse_theta"] > 0.3 and noisy["r_beta"] == pytest.approx(1)


def test_right_errors_cover_the_truth_95_times_of_100():
    truth, errors = RNG.normal(size=20_000), RNG.uniform(0.1, 2, size=20_000)
    estimate = truth + errors * RNG.normal(size=20_000)
    assert coverage(truth, estimate, errors) == pytest.approx(0.95, abs=0.006)
    assert coverage(truth, estimate, errors / 2) < 0.75


def test_recovery_and_its_coverage_do_not_depend_on_the_scale_of_the_estimates():
    pairs, truth = simulate_static(students=150, items=20)
    pieces = [Piece((items + 1).astype("int32"), answered.astype("int32")) for items, answered in pairs]
    names = {str(item): item + 1 for item in range(20)}
    data = SimpleNamespace(
        truth=truth, truth_students={"test": list(range(150))}, item_names=sorted(names, key=names.get)
    )
    rows = [int(name) for name in data.item_names]
    abilities = truth.ability + np.random.default_rng(5).normal(0, 0.25, 150)
    scores = []
    for factor in (1.0, 3.0):
        items = {"discrimination": truth.discrimination[rows] / factor, "thresholds": truth.thresholds[rows] * factor}
        scores.append(recover(data, pieces, items, abilities * factor, factor)[1])
    assert scores[0] == pytest.approx(scores[1]) and 0.5 < scores[0]["coverage_theta"] < 0.99
    assert scores[0]["r_beta"] == pytest.approx(1)
