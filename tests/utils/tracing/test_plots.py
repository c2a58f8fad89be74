"""Pictures of predicted responses: files that hold something, whatever the sizes."""

import numpy as np
import pytest

from utils.common.evaluation import Evaluation
from utils.tracing import parameter_plots as plots
from utils.tracing.evaluation import Predictions
from utils.tracing.item_response import PROBABILITIES
from utils.tracing.plots import plot_test, plot_training

RNG = np.random.default_rng(4)


@pytest.fixture
def path(tmp_path):
    yield tmp_path / "plot.png"
    assert 2_000 < (tmp_path / "plot.png").stat().st_size < 150_000


@pytest.mark.parametrize("categories", [2, 11])
def test_confusion_and_calibration(tmp_path, categories):
    probabilities = RNG.dirichlet(np.ones(categories), 300)
    responses, students = RNG.integers(0, categories, 300), np.repeat(np.arange(10), 30)
    plot_test(tmp_path, Predictions(probabilities, responses, np.zeros(300, int), students), "dkt, a.csv", "test")
    assert {path.name for path in tmp_path.iterdir()} == {"confusion.png", "calibration.png"}


def test_the_training_is_drawn_beside_baselines(tmp_path):
    names = ("loss", "val_loss", "val_nll", "val_accuracy", "val_qwk", "val_score", "gradient_memory")
    rows = [{"epoch": epoch, **dict.fromkeys(names, 1.0 / epoch)} for epoch in (1, 2)]
    metrics = {"nll": 1.2, "accuracy": 0.4, "qwk": 0.1}
    baselines = {name: {"validation": Evaluation(metrics)} for name in ("majority", "item_majority", "oracle")}
    plot_training(tmp_path, rows, baselines, "dkt, a.csv")
    assert {path.name for path in tmp_path.iterdir()} == {"history.png", "gradient_flow.png"}


@pytest.mark.parametrize("students", [0, 1, 4])
def test_abilities(path, students):
    arrays = {"ability": RNG.normal(size=9), "error": np.ones(9), "responses": RNG.integers(0, 3, 9)}
    curves = [
        plots.StudentCurve(f"${number}" * 30, **arrays, truth=np.ones(9) if number else None)
        for number in range(students)
    ]
    plots.plot_abilities(curves, 3, path, "abilities")


@pytest.mark.parametrize("items", [1, 5, 40])
@pytest.mark.parametrize("head", PROBABILITIES)
def test_item_curves(path, items, head):
    thresholds = np.sort(RNG.normal(size=(items, 3)), axis=1)
    names = [str(number) for number in range(items)]
    plots.plot_item_curves(names, np.ones(items), thresholds, PROBABILITIES[head], path, "curves")


def test_wright_map_and_recovery(path):
    abilities, thresholds = RNG.normal(size=50), RNG.normal(size=(20, 3))
    plots.plot_recovery({"theta": (abilities, abilities + 1), "beta": (thresholds, thresholds)}, path, "recovery")
    plots.plot_wright_map(abilities, thresholds, path, "map")


@pytest.mark.parametrize("skills", [None, [2, 1, 2, 1, 3]])
def test_addresses(path, skills):
    plots.plot_addresses(RNG.dirichlet(np.ones(7), 5), path, "addresses", skills)
