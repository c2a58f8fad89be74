"""Baselines and ceilings on simulated students."""

from dataclasses import replace

import numpy as np
import pytest

from utils.tracing import baselines as baselines_module
from utils.tracing.baselines import FittedBaselines, evaluate_baselines, fit_baselines, headroom
from utils.tracing.splits import HeldOut, ResponseData, simulate

DATA = simulate("static", HeldOut(), students=60, items=8)


def test_who_knows_more_predicts_better():
    baselines, _ = evaluate_baselines(DATA, fit_baselines(DATA))
    for split in ("validation", "test"):
        nll = {name: splits[split].metrics["nll"] for name, splits in baselines.items()}
        assert nll["oracle"] < nll["true_items"] < nll["fitted_items"] < nll["item_majority"] < nll["majority"]
    assert headroom(baselines["true_items"]["test"].metrics, baselines, "test") == {"accuracy": 1.0, "nll": 1.0}
    assert headroom(baselines["majority"]["test"].metrics, baselines, "test") == {"accuracy": 0.0, "nll": 0.0}


def test_majorities_are_the_frequencies_of_training():
    baselines, _ = evaluate_baselines(DATA, fit_baselines(DATA))
    frequencies = np.bincount(np.concatenate([responses for _, responses in DATA.pairs("train")]), minlength=4)
    responses = np.concatenate([responses for _, responses in DATA.pairs("test")])
    metrics = baselines["majority"]["test"].metrics
    assert metrics["accuracy"] == (responses == frequencies.argmax()).mean()
    assert metrics["qwk"] == 0


def test_an_item_that_training_does_not_have_is_an_average_item():
    fitted = fit_baselines(DATA)
    intercepts = -fitted.discrimination[:, None] * fitted.thresholds
    assert fitted.discrimination[0] == pytest.approx(fitted.discrimination[1:].mean())
    np.testing.assert_allclose(intercepts[0], intercepts[1:].mean(axis=0))


def test_what_baselines_learned_is_the_same_after_it_was_stored():
    """A trained model is scored on students alone: without training students and without the truth."""
    fitted = fit_baselines(DATA)
    expected, rules = evaluate_baselines(DATA, fitted)
    stored = FittedBaselines.from_arrays(replace(fitted, rules=rules).arrays())
    students = {"test": DATA.sequences["test"]}
    data = ResponseData(students, DATA.num_categories, [], [], model_items=DATA.item_numbers)
    baselines, _ = evaluate_baselines(data, stored)
    assert set(baselines) == {"majority", "item_majority", "fitted_items"}
    for name, splits in baselines.items():
        assert splits["test"].metrics == expected[name]["test"].metrics and set(splits) == {"test"}
    assert evaluate_baselines(data, None) == ({}, {}) and headroom({}, {}, "test") == {}


def test_items_of_a_large_log_are_fitted_to_some_students_but_counted_for_all(monkeypatch):
    whole = fit_baselines(DATA)
    lengths = [len(responses) for _, responses in DATA.pairs("train")]
    monkeypatch.setattr(baselines_module, "MAX_FITTED_RESPONSES", sum(lengths) // 2)
    drawn, again = fit_baselines(DATA), fit_baselines(DATA)
    np.testing.assert_array_equal(drawn.response_counts, whole.response_counts)
    np.testing.assert_array_equal(drawn.thresholds, again.thresholds)
    assert 0 < np.abs(drawn.thresholds[1:] - whole.thresholds[1:]).max() < 2
    monkeypatch.setattr(baselines_module, "MAX_FITTED_RESPONSES", 1)  # fewer than any student has
    assert np.isfinite(fit_baselines(DATA).thresholds).all()
