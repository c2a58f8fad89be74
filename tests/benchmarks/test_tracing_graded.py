"""Peers of tracing on graded answers. girth itself is not installed with the tests; the fit of this project stands in for it."""

import numpy as np
import pytest

from benchmarks import tracing_graded
from benchmarks.tracing_graded import compare, peer_predictions, read_predictions
from utils.tracing.ceilings import bayes_filter, fit_items
from utils.tracing.item_response import graded_probabilities
from utils.tracing.splits import HeldOut, simulate


@pytest.fixture
def data(monkeypatch):
    data = simulate("static", HeldOut(), students=120, items=6, categories=3)

    def fit(function, pairs, scale, num_categories):
        discrimination, thresholds = fit_items(pairs, len(data.item_numbers) + 1, data.num_categories)
        return discrimination[scale], np.sort(thresholds[scale], axis=1)

    monkeypatch.setattr(tracing_graded, "fit_by_girth", fit)
    return data


def test_one_scale_is_the_filter_with_fitted_items(data):
    training, test = data.pairs("train"), data.pairs("test")
    predictions, thresholds = peer_predictions(data, test)
    fitted = fit_items(training, len(data.item_numbers) + 1, data.num_categories)
    expected = np.concatenate(bayes_filter(test, *fitted))
    np.testing.assert_allclose(predictions["fitted items"], expected, rtol=1e-9)
    graded = bayes_filter(test, fitted[0], np.sort(fitted[1], axis=1), graded_probabilities)
    np.testing.assert_allclose(predictions["girth grm"], np.concatenate(graded), rtol=1e-9)
    np.testing.assert_allclose(thresholds["graded"][1:], np.sort(fitted[1], axis=1)[1:])
    for name, part in predictions.items():
        np.testing.assert_allclose(part.sum(axis=1), 1, err_msg=name)


def test_a_skill_is_a_scale_of_its_own(data):
    data.item_skills = [0, 1, 1, 1, 2, 2, 2]
    test = data.pairs("test")
    other = [(items, np.where(items > 3, 2 - responses, responses)) for items, responses in test]
    items = np.concatenate([items for items, _ in test])
    predictions, changed = (peer_predictions(data, part)[0]["girth pcm"] for part in (test, other))
    np.testing.assert_array_equal(predictions[items <= 3], changed[items <= 3])
    assert not np.allclose(predictions[items > 3], changed[items > 3])


def test_differences_are_those_from_the_best_peer():
    rng = np.random.default_rng(0)
    students = np.repeat([f"{number}" for number in range(50)], 4)
    peer = rng.random(200)
    losses = {"worse": peer + 1, "better": peer, "model": peer - 0.1}
    rows = {row["name"]: row for row in compare(losses, students, ["model"])}
    assert rows["model"]["best_peer"] == "better" and rows["model"]["p"] < 0.001
    np.testing.assert_allclose([rows["model"]["difference"], *rows["model"]["difference_interval"]], -0.1)
    assert "p" not in rows["better"]


def test_predictions_of_a_run_are_read(tmp_path):
    (tmp_path / "p.csv").write_text("student,step,item,response,p0,p1\na,1,x,0,0.25,0.75\na,2,y,1,0.5,0.5\n")
    probabilities, responses = read_predictions(tmp_path / "p.csv", 2)
    np.testing.assert_array_equal(probabilities, [[0.25, 0.75], [0.5, 0.5]])
    np.testing.assert_array_equal(responses, [0, 1])


def test_girth_finds_the_items_that_this_project_finds():
    pytest.importorskip("girth")
    data = simulate("static", HeldOut(), students=400, items=6, categories=3)
    training, scale = data.pairs("train"), np.arange(1, 7)
    discrimination, thresholds = tracing_graded.fit_by_girth("pcm_mml", training, scale, 3)
    fitted = fit_items(training, 7, 3)[1][1:]
    assert np.corrcoef(thresholds.ravel(), fitted.ravel())[0, 1] > 0.95 and (discrimination > 0).all()
