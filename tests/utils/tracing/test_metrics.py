"""Metrics of responses against loops of a few lines."""

import numpy as np
import pytest

from tests.helpers.tracing_sequences import kappa_by_loop
from utils.tracing.metrics import (
    AreasUnderCurves,
    area_under_curve,
    calibration_error,
    headroom_closed,
    quadratic_weighted_kappa,
)

RNG = np.random.default_rng(0)
PROBABILITIES = RNG.dirichlet([1, 1, 1, 1], 300)
RESPONSES = np.array([RNG.choice(4, p=row) for row in PROBABILITIES])


def test_kappa_equals_its_definition():
    decided = PROBABILITIES.argmax(axis=1)
    assert quadratic_weighted_kappa(decided, RESPONSES, 4) == pytest.approx(kappa_by_loop(decided, RESPONSES))
    assert quadratic_weighted_kappa(RESPONSES, RESPONSES, 4) == 1
    assert quadratic_weighted_kappa(3 - RESPONSES, RESPONSES, 4) < 0
    assert quadratic_weighted_kappa(np.ones(5, int), np.ones(5, int), 4) == 0


def test_area_under_the_curve_equals_its_definition_with_ties():
    scores, correct = RNG.integers(0, 6, 80) / 6, RNG.integers(0, 2, 80)
    pairs = [(a > b) + (a == b) / 2 for a in scores[correct == 1] for b in scores[correct == 0]]
    assert area_under_curve(scores, correct) == pytest.approx(np.mean(pairs))
    assert np.isnan(area_under_curve(scores, np.ones(80, int)))


def test_a_weight_counts_a_response_as_often():
    weights = RNG.integers(0, 3, 300)
    repeated = np.repeat(np.arange(300), weights)
    decided = PROBABILITIES.argmax(axis=1)
    expected = quadratic_weighted_kappa(decided[repeated], RESPONSES[repeated], 4)
    assert quadratic_weighted_kappa(decided, RESPONSES, 4, weights) == pytest.approx(expected)
    expected = calibration_error(PROBABILITIES[repeated], RESPONSES[repeated])
    assert calibration_error(PROBABILITIES, RESPONSES, weights) == pytest.approx(expected)
    scores, correct, groups = RNG.integers(0, 6, 300) / 6, RNG.integers(0, 2, 300), RNG.integers(0, 3, 300)
    areas = AreasUnderCurves(scores, correct, groups)(weights)
    for group in range(3):
        rows = repeated[groups[repeated] == group]
        assert areas[group] == pytest.approx(area_under_curve(scores[rows], correct[rows]))


def test_where_the_ceiling_is_the_majority_there_is_no_headroom():
    assert headroom_closed(0.9, 0.9, 0.9) is None


def test_calibration_error_is_small_where_probabilities_are_true_and_large_where_they_boast():
    probabilities = RNG.dirichlet([1, 1, 1], 20_000)
    true = (RNG.random((20_000, 1)) > np.cumsum(probabilities, axis=1)).sum(axis=1).clip(0, 2)
    assert calibration_error(probabilities, true) < 0.02
    boast = np.full((1000, 2), [0.01, 0.99])
    assert calibration_error(boast, np.arange(1000) % 2) == pytest.approx(0.49)


def test_headroom():
    assert headroom_closed(0.5, 0.4, 0.6) == pytest.approx(0.5)
