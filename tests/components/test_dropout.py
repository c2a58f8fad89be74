"""Dropout: the share that it drops, the mean that it keeps, and that no two values share their fate."""

import keras
import numpy as np
import pytest
from keras import ops

from components.dropout import Dropout


def dropped(rate, shape, seed=7, **settings):
    """What becomes of ones of this shape."""
    return ops.convert_to_numpy(
        ops.cast(Dropout(rate, seed=seed, **settings)(np.ones(shape, "float32"), training=True), "float32")
    )


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_drops_the_share_it_is_told_to_and_keeps_the_mean(rate, dtype):
    actual = dropped(rate, (5, 41, 999), dtype=dtype)  # an odd number of values
    assert actual.shape == (5, 41, 999)
    assert abs((actual == 0).mean() - rate) < 0.005  # 4.5 standard deviations at least
    np.testing.assert_allclose(actual[actual != 0], 1 / (1 - rate), rtol=5e-3 if dtype == "mixed_bfloat16" else 1e-4)


def test_values_are_dropped_independently_of_their_neighbours():
    kept = dropped(0.5, (400_001,)) != 0
    for step in (1, 2, 3, 4, 200_000):  # two values are drawn as one number
        assert abs(np.corrcoef(kept[:-step], kept[step:])[0, 1]) < 0.01


def test_every_call_draws_anew_and_a_seed_draws_again():
    layer, ones = Dropout(0.5, seed=3), np.ones((64, 64), "float32")
    first, second = (ops.convert_to_numpy(layer(ones, training=True)) for _ in range(2))
    assert (first != second).mean() > 0.4
    np.testing.assert_array_equal(first, dropped(0.5, (64, 64), seed=3))
    assert (first != dropped(0.5, (64, 64), seed=4)).mean() > 0.4


def test_gradients_go_where_values_went():
    layer = Dropout(0.3, seed=5)
    inputs = np.linspace(1, 2, 600, dtype="float32").reshape(20, 30)
    model = keras.Sequential([keras.Input((30,)), keras.layers.Dense(30, kernel_initializer="identity"), layer])
    model.compile(keras.optimizers.SGD(1.0), loss=lambda target, actual: ops.sum(actual), jit_compile=False)
    model.train_on_batch(inputs, inputs)
    moved = -ops.convert_to_numpy(model.layers[0].bias)  # the sum over rows of what reached each column
    assert moved.std() > 0
    np.testing.assert_allclose(moved * 0.7 % 1, np.round(moved * 0.7 % 1), atol=1e-3)  # a whole number of kept values


@pytest.mark.parametrize(("rate", "training"), [(0.3, False), (0.0, True), (1e-6, True)])
def test_does_nothing_out_of_training_or_at_no_rate(rate, training):
    inputs = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    np.testing.assert_array_equal(ops.convert_to_numpy(Dropout(rate)(inputs, training=training)), inputs)


@pytest.mark.parametrize("settings", [{"rate": 1}, {"rate": -0.1}, {"rate": 0.1, "noise_shape": (1, None)}])
def test_refuses_what_it_can_not_do(settings):
    with pytest.raises(ValueError, match="rate"):
        Dropout(**settings)


def test_works_for_any_length_in_a_compiled_function():
    inputs = keras.Input((None, 3))
    model = keras.Model(inputs, Dropout(0.5, seed=1)(inputs))
    model.compile(jit_compile=False)
    for length in (1, 7):
        actual = ops.convert_to_numpy(model(np.ones((2, length, 3), "float32"), training=True))
        assert actual.shape == (2, length, 3) and set(np.unique(actual)) <= {0.0, 2.0}
