"""AbilityFilter against a Bayes filter on a grid, its dynamics, and what it learns."""

import keras
import numpy as np
import pytest
from keras import ops

from components.ability_filter import AbilityFilter
from components.ability_filter_cell import WEIGHT_SCALE
from utils.tracing.ceilings import bayes_filter, practice_filter
from utils.tracing.item_response import gpcm_probabilities, graded_probabilities
from utils.tracing.simulation import simulate_practice, simulate_static

SKILLS = 3


def filter_of(categories=4, head="gpcm", **numbers):
    """A filter with the given numbers for level, gain and slots; all others are those of students who do not change."""
    layer = AbilityFilter(categories, SKILLS, head)
    layer.build()
    unchanging = {"log_deviation": (0, -9, -9), "kept_logit": (30, 30, 30), "log_drift": (-9, -9, -9)}
    unchanging |= {"mean_gain": (0,), "learning_logit": (-30,)}
    for weight in layer.weights:
        weight.assign(np.array((unchanging | numbers)[weight.name], "float32") / WEIGHT_SCALE)
    return layer


def run(layer, truth, items, responses):
    """The outputs for one student, without the axis of the batch."""
    address = np.eye(SKILLS)[truth.skills[items] % SKILLS]
    inputs = address, truth.discrimination[items], truth.thresholds[items], responses
    outputs = layer(*(ops.convert_to_tensor(array[None].astype("float32")) for array in inputs[:3]), responses[None])
    return {name: ops.convert_to_numpy(value)[0] for name, value in outputs.items()}


@pytest.mark.parametrize(("head", "function"), [("gpcm", gpcm_probabilities), ("graded", graded_probabilities)])
def test_it_is_the_bayes_filter_where_ability_does_not_change(head, function):
    pairs, truth = simulate_static(students=3, items=20, shortest=40, longest=60)
    expected = bayes_filter(pairs, truth.discrimination, truth.thresholds, function)
    for (items, responses), probabilities in zip(pairs, expected, strict=True):
        outputs = run(filter_of(head=head), truth, items, responses)
        differences = np.abs(np.exp(outputs["logits"]) - probabilities)
        assert (
            differences.mean() < 0.01 and differences.max() < 0.06
        )  # of the normal distribution from the true posterior
        assert outputs["ability"][0] == pytest.approx(0) and outputs["ability_error"][0] == pytest.approx(1, rel=1e-3)
        assert outputs["ability_error"][-1] < 0.4


def test_it_is_the_filter_that_knows_practice_and_forgetting():
    pairs, truth = simulate_practice(students=2, items=12, skills=SKILLS, shortest=40, longest=50)
    kept = np.log(truth.keeping / (1 - truth.keeping))
    learning = np.log(truth.learning / (1 - truth.learning))
    layer = filter_of(
        log_deviation=(0, np.log(0.7), -9), kept_logit=(30, 30, kept), mean_gain=(2,), learning_logit=(learning,)
    )
    for (items, responses), expected in zip(pairs, practice_filter(pairs, truth), strict=True):
        outputs = run(layer, truth, items, responses)
        probabilities = np.exp(run_from(-1.3, layer, truth, items, responses)["logits"])
        assert np.abs(probabilities - expected).mean() < 0.01
        assert np.isfinite(outputs["ability_error"]).all() and (outputs["ability_error"] > 0).all()


def run_from(level, layer, truth, items, responses):
    """As `run`, with a mean level: thresholds that are lower by it are the same as students who are better by it."""
    shifted = type("Shifted", (), {**vars(truth), "thresholds": truth.thresholds - level})
    return run(layer, shifted, items, responses)


def test_an_offset_moves_ability_and_nothing_else():
    pairs, truth = simulate_static(students=1, items=20, shortest=30, longest=31)
    items, responses = pairs[0]
    layer, steps = filter_of(), len(items)
    address, discrimination = np.eye(SKILLS)[np.zeros((1, steps), int)], truth.discrimination[items][None]
    plain = layer(address, discrimination, truth.thresholds[items][None], responses[None])
    moved = layer(
        address, discrimination, truth.thresholds[items][None] + 2, responses[None], np.full((1, steps), 2, "float32")
    )
    np.testing.assert_allclose(moved["ability"], ops.convert_to_numpy(plain["ability"]) + 2, atol=1e-4)
    for name in ("logits", "ability_error"):
        np.testing.assert_allclose(moved[name], ops.convert_to_numpy(plain[name]), atol=1e-4)


def test_a_response_moves_ability_on_items_of_its_slot_most_and_fades():
    thresholds, responses = np.zeros((1, 9, 1), "float32"), np.array([[1] + [0] * 8])
    slots = np.array([[0, 0, 1] + [2] * 6])
    layer = filter_of(2, log_deviation=(-1, -9, 0), kept_logit=(30, 30, 2))
    ability = ops.convert_to_numpy(layer(np.eye(SKILLS)[slots], np.ones((1, 9)), thresholds, responses)["ability"])[0]
    assert ability[1] > 0.1 > ability[2] and ability[0] == pytest.approx(0)


def test_errors_are_right_for_students_of_its_own_kind():
    pairs, truth = simulate_static(students=300, items=30, shortest=30, longest=31)
    layer = filter_of()
    items, responses = (np.stack(part) for part in zip(*pairs, strict=True))
    address = np.eye(SKILLS)[np.zeros(items.shape, int)]
    outputs = layer(address, truth.discrimination[items], truth.thresholds[items], responses)
    ability, error = (ops.convert_to_numpy(outputs[name]) for name in ("ability", "ability_error"))
    distances = np.abs(ability - truth.ability[:, None]) / error
    for level, width in ((0.5, 0.674), (0.8, 1.282), (0.95, 1.96)):
        assert (distances[:, ::10] <= width).mean() == pytest.approx(level, abs=0.05)


def test_its_numbers_are_learned():
    keras.utils.set_random_seed(1)
    pairs, truth = simulate_static(students=200, items=30, shortest=30, longest=31, seed=3)
    items, responses = (np.stack(part) for part in zip(*pairs, strict=True))
    inputs = [keras.Input((30, size)) for size in (SKILLS, 3)] + [keras.Input((30,)), keras.Input((30,), dtype="int32")]
    layer = filter_of(log_deviation=(-2, -9, -9))
    outputs = layer(inputs[0], inputs[2], inputs[1], inputs[3])
    model = keras.Model(inputs, outputs["logits"])
    model.compile(keras.optimizers.Adam(0.02), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    address = np.eye(SKILLS)[np.zeros(items.shape, int)]
    model.fit(
        [address, truth.thresholds[items], truth.discrimination[items], responses],
        responses,
        epochs=6,
        batch_size=20,
        verbose=0,
    )
    deviation = np.exp(WEIGHT_SCALE * ops.convert_to_numpy(layer.weights[0])[0])
    assert 0.8 < deviation < 1.25  # the truth is 1
