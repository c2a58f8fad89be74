"""WarmupThenDecay by hand. Runs on every Keras backend."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from utils.training.schedules import WarmupThenDecay

PEAK, WARMUP, TOTAL = 0.5, 5, 17
DECAYS = {
    "linear": lambda p: 1 - p,
    "cosine": lambda p: (1 + math.cos(math.pi * p)) / 2,
    "polynomial": lambda p: (1 - p) ** 2,
    "constant": lambda p: 1.0,
}


def rates(schedule, steps):
    return np.array([float(ops.convert_to_numpy(schedule(step))) for step in steps])


@pytest.mark.parametrize("final_fraction", [0.0, 0.1])
@pytest.mark.parametrize("decay", DECAYS)
def test_every_step_by_hand(decay, final_fraction):
    actual = rates(WarmupThenDecay(PEAK, WARMUP, TOTAL, decay, final_fraction), range(TOTAL + 3))
    for step, rate in enumerate(actual):  # the optimizer's count: 0 is the first step
        done = step + 1
        if done < WARMUP:
            expected = PEAK * done / WARMUP
        else:
            part = min((done - WARMUP) / (TOTAL - WARMUP), 1)
            expected = PEAK * (final_fraction + (1 - final_fraction) * DECAYS[decay](part))
        np.testing.assert_allclose(rate, expected, atol=1e-7)
    assert actual[0] > 0 and actual.argmax() == WARMUP - 1 and actual.max() == PEAK
    assert (np.diff(actual[:WARMUP]) > 0).all() and (np.diff(actual[WARMUP - 1 :]) <= 0).all()


def test_without_warm_up_the_first_step_is_nearly_the_peak():
    np.testing.assert_allclose(rates(WarmupThenDecay(PEAK, 0, 4, "linear"), range(4)), PEAK * np.arange(3, -1, -1) / 4)


@pytest.mark.parametrize("decay", DECAYS)
def test_a_training_of_one_step_has_a_rate(decay):
    assert rates(WarmupThenDecay(PEAK, 0, 1, decay), [0]) == pytest.approx([PEAK * DECAYS[decay](0.5)])


def test_an_optimizer_steps_by_it():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    schedule = WarmupThenDecay(PEAK, 2, 5, "linear")
    model.compile(keras.optimizers.SGD(schedule), loss=lambda y_true, y_pred: ops.mean(y_pred))  # gradient 1
    weights = [float(model.get_weights()[0].item())]
    for _ in range(5):
        model.train_on_batch(np.ones((3, 1)), np.zeros((3, 1)))
        weights.append(float(model.get_weights()[0].item()))
    np.testing.assert_allclose(-np.diff(weights), rates(schedule, range(5)), atol=1e-6)


def test_round_trip():
    schedule = WarmupThenDecay(PEAK, WARMUP, TOTAL, "polynomial", 0.1)
    optimizer = keras.optimizers.deserialize(keras.optimizers.serialize(keras.optimizers.AdamW(schedule)))
    again = optimizer._learning_rate
    assert isinstance(again, WarmupThenDecay) and again.get_config() == schedule.get_config()
    np.testing.assert_array_equal(rates(again, range(TOTAL)), rates(schedule, range(TOTAL)))


def test_impossible_arguments_are_refused():
    with pytest.raises(ValueError, match="decay must be linear, cosine, polynomial or constant, got 'step'"):
        WarmupThenDecay(PEAK, WARMUP, TOTAL, "step")
    for warmup in (TOTAL, TOTAL + 1, -1):
        with pytest.raises(ValueError, match=f"warmup_steps {warmup} must be .* total_steps {TOTAL}"):
            WarmupThenDecay(PEAK, warmup, TOTAL)
