"""Metrics of responses against loops of a few lines."""

import numpy as np
import pytest

from tests.helpers.tracing_sequences import kappa_by_loop
from utils.tracing.metrics import (
    AreasUnderCurves,
    CountsByStudent,
    DecisionRule,
    area_under_curve,
    calibration_error,
    expected_category,
    fit_rule,
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


@pytest.mark.parametrize("categories", [2, 4])
def test_the_fitted_rule_is_the_first_best_of_all_rules(categories):
    probabilities = RNG.dirichlet(np.full(categories, 2.0), 90).repeat(2, axis=0)  # with ties
    responses = np.array([RNG.choice(categories, p=row) for row in probabilities])
    mean = float(expected_category(probabilities).mean())
    rules = [
        DecisionRule(slope, shift, mean)
        for slope in np.geomspace(0.5, 8, 33)
        for shift in np.linspace(0, categories - 1, 12 * (categories - 1) + 1)
    ]
    expected = max(rules, key=lambda rule: quadratic_weighted_kappa(rule(probabilities), responses, categories))
    assert fit_rule(probabilities, responses) == expected


def test_counts_by_student_equal_weighted_counts_of_the_responses():
    students, cells, weights = np.repeat(np.arange(7), 6), RNG.integers(0, 5, 42), RNG.integers(0, 4, 7)
    counts = CountsByStudent(students, cells, 5)
    np.testing.assert_array_equal(counts(weights), np.bincount(cells, weights[students], 5))
    np.testing.assert_array_equal(counts(), np.bincount(cells, minlength=5))
    values = RNG.normal(size=42)
    sums = CountsByStudent(students, cells, 5, values)
    np.testing.assert_allclose(sums(weights), np.bincount(cells, values * weights[students], 5), atol=1e-12)
