"""Intervals against a plain loop, tests of paired differences by hand, and the correction for many tests."""

import numpy as np
import pytest

from utils.common import statistics
from utils.common.statistics import bootstrap_interval, bootstrap_metrics, format_interval, holm, paired_randomisation


def plain_interval(values, groups, resamples, seed, level):
    """The bootstrap of whole groups, one resample and one group at a time."""
    rng, names = np.random.default_rng(seed), sorted(set(groups))
    members = {name: [value for value, group in zip(values, groups, strict=True) if group == name] for name in names}
    means = []
    for _ in range(resamples):
        drawn = [value for number in rng.integers(0, len(names), len(names)) for value in members[names[number]]]
        means.append(sum(drawn) / len(drawn))
    return np.quantile(means, [(1 - level) / 2, (1 + level) / 2])


@pytest.mark.parametrize("largest_block", [4_000_000, 50], ids=["one block", "many blocks"])
@pytest.mark.parametrize("level", [0.95, 0.5])
@pytest.mark.parametrize("grouped", [False, True])
def test_intervals_equal_those_of_a_plain_loop(monkeypatch, grouped, level, largest_block):
    monkeypatch.setattr(statistics, "MAX_DRAWN_NUMBERS", largest_block)
    rng = np.random.default_rng(2)
    values = rng.random(37)
    groups = rng.choice(["c", "a", "b", "dd", "e"], 37) if grouped else None
    names = groups.tolist() if grouped else list(range(37))
    expected = plain_interval(values, names, 101, seed=7, level=level)
    assert bootstrap_interval(values, groups, resamples=101, seed=7, level=level) == pytest.approx(expected)


def test_alike_examples_in_groups_widen_the_interval():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 10)
    values = rng.normal(size=40)[groups] + 0.1 * rng.normal(size=400)
    (low, high), (grouped_low, grouped_high) = bootstrap_interval(values), bootstrap_interval(values, groups)
    assert 2.5 < (grouped_high - grouped_low) / (high - low) < 4.5  # about the root of 10 examples per group
    singles = bootstrap_interval(values, np.arange(400))
    assert singles == bootstrap_interval(values) and grouped_low < values.mean() < grouped_high


def test_intervals_by_hand():
    assert bootstrap_interval([2, 2, 2], level=0.5) == (2.0, 2.0)
    assert bootstrap_interval([0, 1], resamples=4000) == (0.0, 1.0)
    assert bootstrap_interval(np.arange(9), seed=1) == bootstrap_interval(np.arange(9), seed=1)
    assert bootstrap_interval(np.arange(9), seed=1) != bootstrap_interval(np.arange(9), seed=2)


def test_one_group_has_no_interval():
    assert np.isnan(bootstrap_interval([3.0])).all()
    assert np.isnan(bootstrap_interval([3.0, 4.0], ["a", "a"])).all()
    intervals = bootstrap_metrics(lambda weights: {"mean": weights.mean()}, ["a", "a"])
    assert list(intervals) == ["mean"] and np.isnan(intervals["mean"]).all()


def test_intervals_behind_a_score():
    assert format_interval([58.04, 61.96], 1) == " (58.0 to 62.0)" and format_interval((1, 1), 0) == " (1 to 1)"
    assert format_interval((-0.5, 2), 2, sign="+") == " (-0.50 to +2.00)"
    assert [format_interval(interval, 1) for interval in (None, [None, None], (np.nan, np.nan))] == ["", "", ""]


@pytest.mark.parametrize(
    ("values", "options"),
    [([], {}), ([[1.0]], {}), ([1.0], {"level": 1}), ([1.0], {"level": 0}), ([1.0], {"resamples": 0})],
)
def test_intervals_need_values_and_a_level(values, options):
    with pytest.raises(ValueError, match=r"needs values of shape .* got shape .* level .* resamples"):
        bootstrap_interval(values, **options)


def test_intervals_need_a_group_for_each_value():
    with pytest.raises(ValueError, match="a group for each of 2 values"):
        bootstrap_interval([1.0, 2.0], ["a"])


def test_intervals_of_a_weighted_mean_are_those_of_the_mean():
    rng = np.random.default_rng(4)
    values, groups = rng.random(60), rng.integers(0, 9, 60)

    def metrics(weights):
        return {"mean": np.average(values, weights=weights), "undefined": np.nan}

    intervals = bootstrap_metrics(metrics, groups, seed=3)
    assert intervals["mean"] == pytest.approx(bootstrap_interval(values, groups, seed=3))
    assert np.isnan(intervals["undefined"]).all()


def test_random_signs():
    generator = np.random.default_rng(9)
    a = generator.random(203)
    assert paired_randomisation(a, a) == 1
    better = a + 0.1 + 0.1 * generator.random(203)
    assert paired_randomisation(better, a) == pytest.approx(1 / 10001)
    noisy = a + generator.normal(0.05, 0.3, 203)
    assert paired_randomisation(noisy, a) == paired_randomisation(a, noisy)
    # Of three equal differences two of eight signs are as far from 0; of 1, 2 and 4 likewise; of 1, 1 and -1 all are.
    for differences, expected in (([1, 1, 1], 0.25), ([0.1, 0.2, 0.4], 0.25), ([0.1, 0.1, -0.1], 1), ([3, 1, 0], 0.5)):
        assert paired_randomisation(np.array(differences), np.zeros(3)) == pytest.approx(expected, abs=0.02)


def test_random_signs_are_right_where_nothing_differs():
    generator = np.random.default_rng(10)
    p_values = [paired_randomisation(generator.normal(size=30), np.zeros(30), 500, seed) for seed in range(400)]
    assert 0.02 < (np.array(p_values) < 0.05).mean() < 0.09 and np.mean(p_values) == pytest.approx(0.5, abs=0.06)


def test_random_signs_need_paired_finite_values():
    with pytest.raises(ValueError, match="one shape"):
        paired_randomisation(np.ones(3), np.ones(2))
    with pytest.raises(ValueError, match="Example 1"):
        paired_randomisation(np.ones(3), np.array([1, np.nan, 1]))


def test_holm_by_hand():
    """Times 4, 3, 2 and 1 in rising order; none falls below the one before it; none passes 1."""
    adjusted = holm({"d": 0.9, "a": 0.01, "c": 0.021, "b": 0.02})
    assert list(adjusted) == ["d", "a", "c", "b"]
    assert adjusted == pytest.approx({"a": 0.04, "b": 0.06, "c": 0.06, "d": 0.9})
    assert holm({"a": 0.6, "b": 0.7}) == {"a": 1.0, "b": 1.0} and holm({}) == {}
    with pytest.raises(ValueError, match="b has nan"):
        holm({"a": 0.1, "b": float("nan")})
