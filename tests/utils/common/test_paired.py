"""Two systems on the same examples."""

import numpy as np
import pytest

from utils.common.errors import UserError
from utils.common.evaluation import Evaluation
from utils.common.paired import compare_evaluations, group_sums
from utils.common.statistics import bootstrap_interval, paired_randomisation

RNG = np.random.default_rng(3)
GROUPS = np.repeat(np.arange(30), 5)
BASE = RNG.random(150)


def evaluation(values, groups=GROUPS, **others):
    return Evaluation.from_examples({"f1": np.asarray(values), **others}, groups)


def test_sums_of_groups():
    assert group_sums(np.array([1.0, 2.0, 4.0]), np.array(["b", "a", "b"])).tolist() == [2.0, 5.0]
    assert group_sums(np.array([1.0, 2.0]), None).tolist() == [1.0, 2.0]


def test_a_clear_difference_is_told_from_none():
    first = evaluation(BASE + 0.2, em=BASE)
    second = evaluation(BASE + 0.02 * RNG.normal(size=150), em=BASE)
    compared = compare_evaluations(first, second, ("f1", "em", "missing"))
    assert list(compared) == ["f1", "em"]
    f1, em = compared["f1"], compared["em"]
    assert f1["difference"] == pytest.approx(np.mean(first.per_example["f1"] - second.per_example["f1"]))
    assert f1["is_clear"] and f1["interval"][0] > 0 and f1["p"] < 0.01
    assert em == {"difference": 0.0, "interval": [0.0, 0.0], "p": 1.0, "is_clear": False}


def test_the_test_exchanges_whole_groups_and_is_corrected_for_the_number_of_metrics():
    """What differs between groups, not within them, is worth as many examples as there are groups."""
    values = BASE + np.repeat(RNG.normal(0.05, 0.2, 30), 5)
    compared = compare_evaluations(evaluation(values, em=values), evaluation(BASE, em=BASE), ("f1", "em"))
    p = paired_randomisation(group_sums(values, GROUPS), group_sums(BASE, GROUPS))
    assert compared["f1"]["p"] == pytest.approx(min(1.0, 2 * p))
    assert p > 3 * paired_randomisation(values, BASE)
    assert compared["f1"]["interval"] == list(bootstrap_interval(values - BASE, GROUPS))


def test_metrics_that_are_no_means_have_an_interval_and_no_p():
    def with_kappa(scale, groups=GROUPS):
        return Evaluation(
            {"kappa": float(scale * BASE.mean()), "nan": float("nan")},
            {},
            groups,
            lambda weights: {"kappa": scale * np.average(BASE, weights=weights), "nan": float("nan")},
        )

    compared = compare_evaluations(with_kappa(1.0), with_kappa(0.5), ("kappa", "nan"))
    assert set(compared) == {"kappa"} and compared["kappa"]["p"] is None and compared["kappa"]["is_clear"]
    assert compared["kappa"]["difference"] == pytest.approx(BASE.mean() / 2)
    assert not compare_evaluations(with_kappa(1.0), with_kappa(1.0), ("kappa",))["kappa"]["is_clear"]
    one_group = np.zeros(150)
    assert not compare_evaluations(with_kappa(1.0, one_group), with_kappa(0.5, one_group), ("kappa",))["kappa"][
        "is_clear"
    ]


def test_other_examples_are_refused():
    with pytest.raises(UserError, match=r"score different examples \(150 and 149\)"):
        compare_evaluations(evaluation(BASE), evaluation(BASE[:-1], GROUPS[:-1]), ("f1",))
    with pytest.raises(UserError, match="score different examples"):
        compare_evaluations(evaluation(BASE), evaluation(BASE, GROUPS + 1), ("f1",))
