"""LayerDropout: whole examples, the fraction that it leaves out, the mean that it keeps, and where it does nothing."""

import keras
import numpy as np
import pytest
from keras import ops

from components.layer_dropout import LayerDropout

RNG = np.random.default_rng(17)


def factors(rate, batch, seed=7, **settings):
    """What the branch of each example is multiplied by, `(batch,)`; all values of an example must agree."""
    inputs = RNG.normal(size=(batch, 3, 2)).astype("float32")
    layer = LayerDropout(rate, seed=seed, **settings)
    outputs = ops.convert_to_numpy(ops.cast(layer(inputs, inputs + 4, training=True), "float32"))
    result = (outputs - inputs) / 4
    np.testing.assert_allclose(result, np.broadcast_to(result[:, :1, :1], result.shape), rtol=0.02, atol=0.02)
    return result[:, 0, 0]


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_leaves_out_the_branch_of_whole_examples_and_keeps_the_mean(rate, dtype):
    actual = factors(rate, 20_000, dtype=dtype)
    is_left_out = np.abs(actual) < 0.02
    assert abs(is_left_out.mean() - rate) < 0.016  # 4.5 standard deviations at least
    np.testing.assert_allclose(actual[~is_left_out], 1 / (1 - rate), rtol=0.02)


def test_every_call_draws_anew_and_a_seed_draws_again():
    layer, zeros, ones = LayerDropout(0.5, seed=3), np.zeros((200, 2), "float32"), np.ones((200, 2), "float32")
    first, second = (ops.convert_to_numpy(layer(zeros, ones, training=True)) for _ in range(2))
    assert 0.3 < (first != second)[:, 0].mean() < 0.7
    again = ops.convert_to_numpy(LayerDropout(0.5, seed=3)(zeros, ones, training=True))
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize(("rate", "training"), [(0.9, False), (0.9, None), (0.0, True)])
def test_gives_the_outputs_out_of_training_or_at_no_rate(rate, training):
    inputs, outputs = RNG.normal(size=(2, 50, 3)).astype("float32")
    result = LayerDropout(rate)(inputs, outputs, training=training)
    np.testing.assert_array_equal(ops.convert_to_numpy(result), outputs)


def test_works_for_any_batch_in_a_compiled_function():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, LayerDropout(0.5, seed=1)(inputs, 2 * inputs))
    model.compile(jit_compile=False)
    for batch in (1, 7):
        actual = ops.convert_to_numpy(model(np.ones((batch, 4), "float32"), training=True))
        assert actual.shape == (batch, 4) and set(np.unique(actual)) <= {1.0, 3.0}


@pytest.mark.parametrize("rate", [1, -0.1, 1.5])
def test_refuses_rates_that_are_no_fraction(rate):
    with pytest.raises(ValueError, match="rate"):
        LayerDropout(rate)
