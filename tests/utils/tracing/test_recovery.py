"""Linking and recovery of parameters."""

from types import SimpleNamespace

import numpy as np
import pytest

from utils.tracing.features import Piece
from utils.tracing.item_response import gpcm_probabilities
from utils.tracing.recovery import coverage, linking, recover
from utils.tracing.simulation import simulate_practice, simulate_static

RNG = np.random.default_rng(3)
SKILLS = np.array([0, 0, 0, 2, 2, 2, 2])
TRUTH = RNG.normal(size=7), RNG.lognormal(size=7), RNG.normal(size=(7, 3))
ZERO = np.array([2.0, 0.0, -1.0])[SKILLS]
OTHER_SCALE = (TRUTH[0] - ZERO) / 3, TRUTH[1] * 3, (TRUTH[2] - ZERO[:, None]) / 3


def test_another_scale_is_the_same_model_and_is_linked_back_skill_by_skill():
    np.testing.assert_allclose(gpcm_probabilities(*OTHER_SCALE), gpcm_probabilities(*TRUTH))
    link = linking(OTHER_SCALE[2], TRUTH[2], SKILLS)
    assert link.slope == pytest.approx(3)
    np.testing.assert_allclose(link.on_true_scale(OTHER_SCALE[0], SKILLS), TRUTH[0])
    np.testing.assert_allclose(link.on_true_scale(OTHER_SCALE[2], SKILLS), TRUTH[2])


def test_a_skill_without_items_and_skills_of_one_threshold_are_linked_too():
    link = linking(OTHER_SCALE[2], TRUTH[2], SKILLS, num_skills=5)
    assert len(link.shifts) == 5 and link.shifts[1] == link.shifts[4] == pytest.approx(link.shifts[[0, 2]].mean())
    one = linking(TRUTH[2][:, :1] / 3, TRUTH[2][:, :1], np.arange(7))
    assert one.slope == pytest.approx(3) and np.ptp(one.shifts) == 0


def test_right_errors_cover_the_truth_as_often_as_they_say():
    distances = [np.abs(RNG.normal(size=30)) for _ in range(2_000)]
    shares = coverage(distances)
    for level in (50, 80, 95):
        assert shares[f"coverage_{level}"] == pytest.approx(level / 100, abs=0.006)
    distances = [part * np.repeat([1, 2, 3], 10) for part in distances]
    shares = coverage(distances)
    thirds = [shares[f"coverage_95_{third}_third"] for third in ("first", "middle", "last")]
    assert thirds[0] == pytest.approx(0.95, abs=0.006) and thirds[0] > thirds[1] > thirds[2]


def data_of(pairs, truth, names):
    """Students of the split `test`, as far as `recover` reads them."""
    return SimpleNamespace(
        truth=truth,
        truth_students={"test": list(range(len(pairs)))},
        item_names=sorted(names, key=names.get),
        sequences={"test": pairs},
        truth_pairs=lambda split: pairs,
    )


@pytest.mark.parametrize("simulate", [simulate_static, simulate_practice])
def test_recovery_and_its_coverage_do_not_depend_on_the_scale_of_the_estimates(simulate):
    pairs, truth = simulate(students=150, items=20)
    pieces = [
        Piece((items + 1).astype("int32"), answered.astype("int32"), student=student)
        for student, (items, answered) in enumerate(pairs)
    ]
    data = data_of(pairs, truth, {str(item): item + 1 for item in range(20)})
    noise = np.random.default_rng(5)
    true = [
        truth.ability[student] + truth.gain[student] * truth.practice(items) for student, (items, _) in enumerate(pairs)
    ]
    abilities = [ability + noise.normal(0, 0.25, len(ability)) for ability in true]
    scores = []
    for factor in (1.0, 3.0):
        zero = factor * truth.skills  # each skill has a zero of its own
        items = {
            "discrimination": truth.discrimination / factor,
            "thresholds": truth.thresholds * factor + zero[:, None],
        }
        estimates = [ability * factor + zero[taken] for ability, (taken, _) in zip(abilities, pairs, strict=True)]
        errors = [np.full(len(ability), 0.25 * factor) for ability in abilities]
        scores.append(recover(data, "test", pieces, estimates, errors, items)[1])
    assert scores[0] == pytest.approx(scores[1])
    assert scores[0]["r_beta"] == pytest.approx(1) and 0.9 < scores[0]["r_theta"] < 1
    assert scores[0]["coverage_95"] == pytest.approx(0.95, abs=0.01)


def test_abilities_of_students_in_several_pieces_are_left_out():
    pairs, truth = simulate_static(students=3, items=20)
    piece = Piece((pairs[0][0] + 1).astype("int32"), pairs[0][1].astype("int32"))
    items = {"discrimination": truth.discrimination, "thresholds": truth.thresholds}
    data = data_of(pairs, truth, {str(item): item + 1 for item in range(20)})
    compared, scores = recover(data, "test", [piece], [np.zeros(len(pairs[0][0]))], [np.ones(len(pairs[0][0]))], items)
    assert set(compared) == {"alpha", "beta"} and not any(name.startswith("coverage") for name in scores)
