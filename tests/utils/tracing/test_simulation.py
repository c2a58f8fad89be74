"""Simulated responses: the published sets bit for bit, learning and forgetting."""

import numpy as np
import pytest

from utils.tracing.simulation import simulate_practice, simulate_static


@pytest.mark.parametrize(
    ("folder", "arguments"),
    [("synthetic_OC", {}), ("synthetic_OC_large", {"students": 800, "items": 50, "shortest": 10, "longest": 50})],
)
def test_the_published_sets_are_reproduced(qkv_zoo_data, folder, arguments):
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
