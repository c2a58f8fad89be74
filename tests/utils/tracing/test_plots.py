"""Plots of responses: files that hold something, whatever the sizes."""

import numpy as np
import pytest

from utils.tracing import plots
from utils.tracing.item_response import PROBABILITIES

RNG = np.random.default_rng(4)


@pytest.fixture
def path(tmp_path):
    yield tmp_path / "plot.png"
    assert 2_000 < (tmp_path / "plot.png").stat().st_size < 150_000


@pytest.mark.parametrize("categories", [2, 11])
def test_confusion_and_calibration(path, categories):
    probabilities = RNG.dirichlet(np.ones(categories), 300)
    responses = RNG.integers(0, categories, 300)
    plots.plot_calibration(probabilities, responses, path)
    plots.plot_confusion(probabilities, responses, path)


@pytest.mark.parametrize("students", [0, 1, 6])
def test_abilities(path, students):
    some = {"ability": RNG.normal(size=9), "error": np.ones(9), "responses": RNG.integers(0, 3, 9)}
    plots.plot_abilities([{"name": f"${number}", **some} for number in range(students)], path)


@pytest.mark.parametrize("items", [1, 5, 40])
@pytest.mark.parametrize("head", PROBABILITIES)
def test_item_curves(path, items, head):
    thresholds = np.sort(RNG.normal(size=(items, 3)), axis=1)
    names = [str(number) for number in range(items)]
    plots.plot_item_curves(names, np.ones(items), thresholds, PROBABILITIES[head], path)


def test_wright_map_and_recovery(path):
    abilities, thresholds = RNG.normal(size=50), RNG.normal(size=(20, 3))
    plots.plot_recovery({"theta": (abilities, abilities + 1), "beta": (thresholds, thresholds)}, path)
    plots.plot_wright_map(abilities, thresholds, path)


@pytest.mark.parametrize("skills", [None, [2, 1, 2, 1, 3]])
def test_addresses(path, skills):
    plots.plot_addresses(RNG.dirichlet(np.ones(7), 5), path, skills)
