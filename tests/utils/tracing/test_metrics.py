"""Metrics of responses against loops of a few lines."""

import itertools

import numpy as np
import pytest

from utils.tracing.metrics import (
    Rule,
    area_under_curve,
    calibration_error,
    fit_rule,
    headroom_closed,
    quadratic_weighted_kappa,
    scores,
)

RNG = np.random.default_rng(0)
CHANCES = RNG.dirichlet([1, 1, 1, 1], 300)
RESPONSES = np.array([RNG.choice(4, p=chance) for chance in CHANCES])


def kappa_by_loop(decided, responses, categories):
    count, pairs = len(responses), list(zip(decided, responses, strict=True))
    observed = sum((a - b) ** 2 for a, b in pairs) / count
    chance = sum((a - b) ** 2 for a, b in itertools.product(decided, responses)) / count**2
    return 1 - observed / chance


def test_kappa_equals_its_definition():
    decided = CHANCES.argmax(axis=1)
    assert quadratic_weighted_kappa(decided, RESPONSES, 4) == pytest.approx(kappa_by_loop(decided, RESPONSES, 4))
    assert quadratic_weighted_kappa(RESPONSES, RESPONSES, 4) == 1
    assert quadratic_weighted_kappa(3 - RESPONSES, RESPONSES, 4) < 0
    assert quadratic_weighted_kappa(np.ones(5, int), np.ones(5, int), 4) == 0


def test_area_under_the_curve_equals_its_definition_with_ties():
    scored, right = RNG.integers(0, 6, 80) / 6, RNG.integers(0, 2, 80)
    pairs = [(a > b) + (a == b) / 2 for a in scored[right == 1] for b in scored[right == 0]]
    assert area_under_curve(scored, right) == pytest.approx(np.mean(pairs))
    assert np.isnan(area_under_curve(scored, np.ones(80, int)))


def test_scores_by_loop():
    found = scores(CHANCES, RESPONSES)
    off = [abs(int(chance.argmax()) - response) for chance, response in zip(CHANCES, RESPONSES, strict=True)]
    assert found["accuracy"] == pytest.approx(np.mean([value == 0 for value in off]))
    assert found["within_one"] == pytest.approx(np.mean([value <= 1 for value in off]))
    assert found["mae"] == pytest.approx(np.mean(off))
    assert found["nll"] == pytest.approx(-np.mean([np.log(c[r]) for c, r in zip(CHANCES, RESPONSES, strict=True)]))
    rounded = [int(np.rint(sum(k * p for k, p in enumerate(chance)))) for chance in CHANCES]
    assert found["qwk_expected"] == pytest.approx(kappa_by_loop(rounded, RESPONSES, 4))
    here = [c.argmax() == 2 for c, r in zip(CHANCES, RESPONSES, strict=True) if r == 2]
    assert found["accuracy_category_2"] == pytest.approx(np.mean(here))
    assert found["total"] == 300 and "auc" not in found and "qwk_best_rule" not in found


def test_the_auc_of_items_is_the_mean_of_those_that_have_both_responses():
    chances = np.array([0.1, 0.9, 0.8, 0.2, 0.6, 0.7])
    found = scores(
        np.stack([1 - chances, chances], axis=1), np.array([0, 1, 0, 1, 1, 1]), items=np.array([1, 1, 2, 2, 3, 3])
    )
    assert found["auc_of_items"] == 0.5 and found["auc"] == area_under_curve(chances, np.array([0, 1, 0, 1, 1, 1]))


def test_where_the_ceiling_is_the_majority_there_is_no_headroom():
    assert headroom_closed(0.9, 0.9, 0.9) is None


def test_two_categories_have_an_auc_and_zero_probability_a_finite_nll():
    chances = np.array([[0.2, 0.8], [0.9, 0.1], [1.0, 0.0]])
    found = scores(chances, np.array([1, 0, 1]))
    assert found["auc"] == 0.5 and np.isfinite(found["nll"])


def test_calibration_error_is_small_where_chances_are_true_and_large_where_they_boast():
    chances = RNG.dirichlet([1, 1, 1], 20_000)
    true = (RNG.random((20_000, 1)) > np.cumsum(chances, axis=1)).sum(axis=1).clip(0, 2)
    assert calibration_error(chances, true) < 0.02
    boast = np.full((1000, 2), [0.01, 0.99])
    assert calibration_error(boast, np.arange(1000) % 2) == pytest.approx(0.49)


def test_the_fitted_rule_beats_rounding_where_predictions_are_timid():
    timid = 0.3 * CHANCES + 0.7 * CHANCES.mean(axis=0)
    rule = fit_rule(timid, RESPONSES)
    found = scores(timid, RESPONSES, rule)
    assert found["qwk_best_rule"] > found["qwk_expected"] + 0.03
    assert found["qwk_best_rule"] >= max(found["qwk"], found["qwk_expected"])
    decided = Rule(1.0, 1.5, 1.5)(CHANCES)
    np.testing.assert_array_equal(decided, np.rint(CHANCES @ np.arange(4)))


def test_headroom():
    assert headroom_closed(0.5, 0.4, 0.6) == pytest.approx(0.5)
