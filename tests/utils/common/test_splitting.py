"""Held-out fractions: by hand, groups whole, and equal to a plain permutation where every group is one example."""

import numpy as np
import pytest

from utils.common.splitting import hold_out


def as_lists(parts):
    return {name: groups.tolist() for name, groups in parts.items()}


def test_groups_go_to_the_first_split_with_room_for_all_of_them():
    """Of 20 examples, 4 are for test and 2 for validation; groups are visited from 0 to 5."""
    parts = hold_out([3, 2, 1, 10, 1, 3], {"test": 0.2, "validation": 0.1}, order=range(6))
    assert as_lists(parts) == {"train": [3, 4, 5], "test": [0, 2], "validation": [1]}


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_no_group_is_split_and_no_split_is_larger_than_its_fraction(seed):
    sizes = np.random.default_rng(seed).integers(1, 9, 50)
    parts = hold_out(sizes, {"test": 0.25, "validation": 0.1}, seed=seed)
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(50))
    total = sizes.sum()
    for name, fraction in (("test", 0.25), ("validation", 0.1)):
        assert fraction * total - 9 < sizes[parts[name]].sum() <= round(fraction * total)
    assert as_lists(hold_out(sizes, {"test": 0.25, "validation": 0.1}, seed=seed)) == as_lists(parts)
    assert as_lists(hold_out(sizes, {"test": 0.25, "validation": 0.1}, seed=seed + 1)) != as_lists(parts)


def test_groups_of_one_are_the_beginning_of_a_permutation():
    order = np.random.default_rng(3).permutation(40)
    parts = hold_out([1] * 40, {"test": 0.2, "validation": 0.1}, seed=3)
    expected = {"train": order[12:], "test": order[:8], "validation": order[8:12]}
    assert as_lists(parts) == {name: sorted(numbers.tolist()) for name, numbers in expected.items()}


def test_small_fractions_hold_out_one_example_and_zero_makes_no_split():
    parts = hold_out([1] * 5, {"test": 0.01, "validation": 0})
    assert list(parts) == ["train", "test"] and len(parts["test"]) == 1 and len(parts["train"]) == 4
    assert as_lists(hold_out([2, 3], {})) == {"train": [0, 1]}
    assert as_lists(hold_out([5, 5], {"test": 0.1})) == {"train": [0, 1], "test": []}
    assert hold_out([], {"test": 0.5})["train"].dtype == np.int64
