"""Simulated responses: the model's equation, the published sets bit for bit, learning and forgetting."""

import numpy as np
import pytest

from utils.tracing.simulation import category_probabilities, simulate_practice, simulate_static


def test_probabilities_equal_the_equation():
    theta, alpha, beta = 0.3, 1.7, [-0.5, 0.2, 1.1]
    weights = [np.exp(sum(alpha * (theta - threshold) for threshold in beta[:k])) for k in range(4)]
    found = category_probabilities(theta, alpha, np.array(beta))
    np.testing.assert_allclose(found, np.array(weights) / sum(weights))
    two = category_probabilities(theta, alpha, np.array([0.2]))
    np.testing.assert_allclose(two[1], 1 / (1 + np.exp(-alpha * (theta - 0.2))))  # the two-parameter logistic model


def test_extreme_abilities_stay_finite():
    found = category_probabilities(np.array([-1e3, 1e3]), np.array([5.0, 5.0]), np.zeros((2, 10)))
    np.testing.assert_allclose(found, [[1] + [0] * 10, [0] * 10 + [1]])


@pytest.mark.parametrize(
    ("folder", "arguments"),
    [("synthetic_OC", {}), ("synthetic_OC_large", {"students": 800, "items": 50, "shortest": 10, "longest": 50})],
)
def test_gives_the_published_sets_again(qkv_zoo_data, folder, arguments):
    lines = []
    for split in ("train", "test"):
        lines += (qkv_zoo_data / "gpcm" / folder / f"synthetic_oc_{split}.txt").read_text().split()
    sequences, _ = simulate_static(**arguments)
    assert len(lines) == 3 * len(sequences)
    for number, (items, responses) in enumerate(sequences):
        expected = [str(len(items)), ",".join(map(str, items)), ",".join(map(str, responses))]
        assert lines[3 * number : 3 * number + 3] == expected


def test_sizes_ranges_and_seeds():
    for simulate in (simulate_static, simulate_practice):
        sequences, truth = simulate(students=20, items=30, categories=3, shortest=5, longest=9, seed=1)
        assert len(sequences) == len(truth.ability) == 20 and truth.thresholds.shape == (30, 2)
        assert {len(items) for items, _ in sequences} <= set(range(5, 9))
        assert all(len(items) == len(responses) for items, responses in sequences)
        assert {int(value) for _, responses in sequences for value in responses} == {0, 1, 2}
        again, other = (
            simulate(students=20, items=30, categories=3, shortest=5, longest=9, seed=seed)[0] for seed in (1, 2)
        )
        assert all(np.array_equal(a[1], b[1]) for a, b in zip(sequences, again, strict=True))
        assert any(not np.array_equal(a[0], b[0]) for a, b in zip(sequences, other, strict=True))


def test_practice_grows_with_its_skill_and_fades_without():
    _, truth = simulate_practice(students=2, items=6, skills=3, learning=0.5, keeping=0.9, seed=0)
    one, other = (np.flatnonzero(truth.skills == skill)[0] for skill in (0, 1))
    practised = truth.practice(np.array([one, one, other, other, one]))
    np.testing.assert_allclose(practised[:2], [0, 0.5])
    once_more = 0.5 * 0.9 + 0.5 * (1 - 0.5 * 0.9)  # what is kept, and a half of what is missing
    np.testing.assert_allclose(practised[2:], [0, 0.5, once_more * 0.9 * 0.9])


def test_nobody_learns_where_ability_is_static():
    _, truth = simulate_static(students=3, items=7, shortest=5, longest=9)
    assert not truth.gain.any() and not truth.practice(np.array([0, 0, 1])).any()
