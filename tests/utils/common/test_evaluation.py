"""The one shape of evaluations: metrics are means of their examples, and intervals resample groups."""

import numpy as np
import pytest

from utils.common.evaluation import Evaluation
from utils.common.statistics import bootstrap_interval, bootstrap_metrics

VALUES = np.array([1.0, 0.0, 1.0, 1.0, 0.0])
GROUPS = np.array(["a", "a", "b", "c", "c"])


def test_metrics_are_means_of_the_examples():
    evaluation = Evaluation.from_examples({"accuracy": VALUES, "f1": 2 * VALUES, "none": np.array([])}, GROUPS)
    assert evaluation.metrics == {"accuracy": pytest.approx(0.6), "f1": pytest.approx(1.2), "none": 0.0}
    assert all(type(value) is float for value in evaluation.metrics.values())
    assert evaluation.groups is GROUPS


@pytest.mark.parametrize("groups", [None, GROUPS])
def test_intervals_of_the_metrics_that_are_means(groups):
    evaluation = Evaluation({"accuracy": 0.6, "loss": 2.0}, {"accuracy": VALUES, "not a metric": VALUES}, groups)
    assert evaluation.intervals(seed=3) == {"accuracy": list(bootstrap_interval(VALUES, groups, seed=3))}
    assert Evaluation({"f1": 0.0}, {"f1": np.array([])}).intervals() == {} == Evaluation({"f1": 1.0}).intervals()


def test_intervals_of_weighted_metrics():
    def doubled(weights):
        return {"doubled": 2 * np.average(VALUES, weights=weights)}

    evaluation = Evaluation({"accuracy": 0.6, "doubled": 1.2}, {"accuracy": VALUES}, GROUPS, doubled)
    intervals = evaluation.intervals(seed=5)
    assert intervals["doubled"] == list(bootstrap_metrics(doubled, GROUPS, seed=5)["doubled"])
    assert intervals["doubled"] == pytest.approx([2 * edge for edge in intervals["accuracy"]])
