"""Ceilings: against brute force, in their order, and the figures known for the published sets."""

import numpy as np
import pytest

from utils.tracing.ceilings import NODES, PRIOR, bayes_filter, fit_items, oracle, practice_filter
from utils.tracing.item_response import gpcm_probabilities
from utils.tracing.simulation import simulate_practice, simulate_static


def accuracy_and_nll(predictions, sequences):
    probabilities = np.concatenate(predictions)
    responses = np.concatenate([responses for _, responses in sequences])
    nll = -np.log(probabilities[np.arange(len(responses)), responses]).mean()
    return (probabilities.argmax(axis=1) == responses).mean(), nll


def test_the_filter_equals_integration_over_ability():
    sequences, truth = simulate_static(students=2, items=5, shortest=6, longest=7, seed=3)
    items, responses = sequences[0]
    predictions = bayes_filter(sequences[:1], truth.discrimination, truth.thresholds)[0]
    for step in range(len(items)):
        weights = PRIOR.copy()
        for item, response in zip(items[:step], responses[:step], strict=True):
            alpha = np.full(len(NODES), truth.discrimination[item])
            weights *= gpcm_probabilities(NODES, alpha, truth.thresholds[item])[:, response]
        alpha = np.full(len(NODES), truth.discrimination[items[step]])
        at_nodes = gpcm_probabilities(NODES, alpha, truth.thresholds[items[step]])
        np.testing.assert_allclose(predictions[step], weights @ at_nodes / weights.sum(), rtol=1e-9)


def test_no_prediction_depends_on_later_responses():
    sequences, truth = simulate_practice(students=3, items=12, skills=3, shortest=10, longest=11)
    changed = [(items, np.concatenate([responses[:6], 3 - responses[6:]])) for items, responses in sequences]
    for predict in (
        lambda part: bayes_filter(part, truth.discrimination, truth.thresholds),
        lambda part: practice_filter(part, truth),
        lambda part: oracle(part, truth, range(3)),
    ):
        for before, after in zip(predict(sequences), predict(changed), strict=True):
            np.testing.assert_allclose(before[:7], after[:7])


def test_predictors_that_know_more_predict_better():
    sequences, truth = simulate_practice(students=60, items=40, skills=4, shortest=60, longest=90, seed=2)
    nll = [
        accuracy_and_nll(predictions, sequences)[1]
        for predictions in (
            oracle(sequences, truth, range(60)),
            practice_filter(sequences, truth),
            bayes_filter(sequences, truth.discrimination, truth.thresholds),
        )
    ]
    assert nll[0] < nll[1] - 0.005 < nll[2] - 0.03


def test_items_are_recovered():
    sequences, truth = simulate_static(students=400, items=12, categories=3, shortest=30, longest=40, seed=5)
    alpha, beta = fit_items(sequences, 12, 3, rounds=30)
    assert np.corrcoef(alpha, truth.discrimination)[0, 1] > 0.95
    assert np.corrcoef(beta.ravel(), truth.thresholds.ravel())[0, 1] > 0.99
    assert np.abs(beta - truth.thresholds).mean() < 0.15


def test_an_item_without_responses_stays_finite():
    sequences, _ = simulate_static(students=10, items=5, categories=4, shortest=5, longest=6)
    alpha, beta = fit_items(sequences, 7, 4, rounds=5)
    assert np.isfinite(alpha).all() and np.isfinite(beta).all() and (alpha > 0).all()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, [(0.569, 0.957), (0.561, 0.972)]),
        ({"students": 800, "items": 50, "shortest": 10, "longest": 50}, [(0.579, 0.953), (0.556, 1.002)]),
    ],
)
def test_known_ceilings_of_the_published_sets(arguments, expected):
    sequences, truth = simulate_static(**arguments)
    first = len(sequences) * 4 // 5
    test = sequences[first:]
    scores = [
        accuracy_and_nll(oracle(test, truth, range(first, len(sequences))), test),
        accuracy_and_nll(bayes_filter(test, truth.discrimination, truth.thresholds), test),
    ]
    np.testing.assert_allclose(scores, expected, atol=6e-4)
