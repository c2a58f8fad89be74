"""Baselines of next vectors, and their cache."""

import numpy as np
import pytest

from utils.vectors import baselines as module
from utils.vectors.baselines import (
    FittedBaselines,
    cached_baselines,
    exponential,
    fit_baselines,
    global_mean,
    score_baselines,
)
from utils.vectors.data import VectorDocuments
from utils.vectors.features import contexts
from utils.vectors.splits import VectorSplit, VectorSplits, target_rows

RNG = np.random.default_rng(1)
LENGTHS = (12, 9, 15, 20)
DIM = 6
NAMES = {"chance", "global_mean", "mean", "mean_5", "last", "exponential", "last_less_mean", "ridge"}


@pytest.fixture
def splits():
    """The next vector is a fixed rotation of the last."""
    rotation, vectors = np.linalg.qr(RNG.normal(size=(DIM, DIM)))[0], []
    for length in LENGTHS:
        x = RNG.normal(size=DIM)
        vectors += [x := x @ rotation for _ in range(length)]
    document = np.repeat(np.arange(len(LENGTHS)), LENGTHS)
    data = VectorDocuments(np.array(vectors, "float32"), document, None, list("abcd"), "v.npz")
    parts = {}
    for name, chosen in (("train", [2, 3]), ("validation", [1]), ("test", [0])):
        parts[name] = VectorSplit(data, np.array(chosen), target_rows(data, np.array(chosen), 5))
    return VectorSplits(parts, [])


def test_weights_of_baselines():
    vectors, mask = RNG.normal(size=(2, 3, DIM)), np.array([[1, 1, 1], [0, 1, 1]])
    vectors[1, 0] = 0
    expected = (0.25 * vectors[0, 0] + 0.5 * vectors[0, 1] + vectors[0, 2]) / 1.75 - 0.3 * vectors[0].mean(axis=0)
    np.testing.assert_allclose(exponential(0.5, 0.3)(vectors, mask)[0], expected)
    np.testing.assert_allclose(exponential(1.0)(vectors, mask)[1], vectors[1, 1:].mean(axis=0))


def test_the_global_mean_is_that_of_unit_vectors(splits):
    data = splits.parts["train"].data
    rows = np.arange(data.starts[2], data.starts[4])
    np.testing.assert_allclose(global_mean(data, np.array([2, 3])), data.take(rows).mean(axis=0), rtol=1e-5)


def test_baselines_find_a_rule_that_holds(splits):
    """Ridge regression finds the rotation; no mean does."""
    fitted, test = fit_baselines(splits.parts, 7), splits.parts["test"]
    evaluations = score_baselines(test, fitted, 7)
    cosine = {name: evaluation.metrics.get("cosine") for name, evaluation in evaluations.items()}
    assert set(evaluations) == NAMES and set(fitted.chosen) == {"exponential", "last_less_mean", "ridge"}
    assert cosine["chance"] is None and cosine["ridge"] > 0.9 > max(
        cosine[name] for name in ("mean", "last", "exponential")
    )
    ridge = evaluations["ridge"]
    assert ridge.per_example["cosine"].mean() == pytest.approx(cosine["ridge"]) and len(ridge.per_example["mrr"]) == 7
    assert ridge.groups.tolist() == [0] * 7
    assert contexts(test.data, test.rows, 7)["vectors"].shape == (7, 7, DIM)


def test_what_baselines_learned_is_the_same_after_it_was_stored(splits):
    fitted, test = fit_baselines(splits.parts, 7), splits.parts["test"]
    stored = FittedBaselines.from_arrays(fitted.arrays())
    expected = score_baselines(test, fitted, 7)
    for name, evaluation in score_baselines(test, stored, 7).items():
        assert evaluation.metrics == expected[name].metrics
    without = {name: array for name, array in fitted.arrays().items() if name in ("chosen_exponential", "keys")}
    partly = score_baselines(test, FittedBaselines.from_arrays(without), 7)
    assert set(partly) == {"chance", "mean", "mean_5", "last", "exponential"}
    assert "centred_cosine" not in partly["last"].metrics
    assert partly["last"].metrics.items() <= expected["last"].metrics.items()


def test_baselines_are_scored_once_for_the_same_data_and_context(splits, tmp_path, monkeypatch):
    fitted = fit_baselines(splits.parts, 7)
    expected = {split: score_baselines(splits.parts[split], fitted, 7) for split in ("validation", "test")}
    first = cached_baselines(splits, "sum", 7, tmp_path)
    calls = []

    def fit(parts, context_length):
        calls.append(context_length)
        return fitted

    monkeypatch.setattr(module, "fit_baselines", fit)
    again = cached_baselines(splits, "sum", 7, tmp_path)
    assert calls == []
    for evaluations, stored in (first, again):
        assert stored.chosen == {**fitted.chosen, "last_less_mean": list(fitted.chosen["last_less_mean"])}
        np.testing.assert_array_equal(stored.ridge_weights, fitted.ridge_weights)
        for split, of_split in expected.items():
            assert {name: each[split].metrics for name, each in evaluations.items()} == {
                name: each.metrics for name, each in of_split.items()
            }
            assert evaluations["mean"][split].intervals() == of_split["mean"].intervals()
    cached_baselines(splits, "sum", 6, tmp_path)
    cached_baselines(splits, "other sum", 7, tmp_path)
    train = splits.parts["train"]
    fewer = {**splits.parts, "train": VectorSplit(train.data, train.documents[:1], train.rows)}
    cached_baselines(VectorSplits(fewer, []), "sum", 7, tmp_path)
    assert calls == [6, 7, 7]
