"""IRTParameters against its equations."""

import keras
import numpy as np
import pytest
from keras import ops

from components.irt_parameters import IRTParameters

RNG = np.random.default_rng(2)
BATCH, STEPS, SUMMARY, ITEM = 2, 5, 7, 3


def numpy_of(value):
    return ops.convert_to_numpy(value)


def layer(**settings):
    keras.utils.set_random_seed(4)
    made = IRTParameters(**{"num_categories": 4, "initial_scale": 2.0} | settings)
    made.build((BATCH, STEPS, SUMMARY), (BATCH, STEPS, ITEM))
    return made


SUMMARIES = RNG.normal(size=(BATCH, STEPS, SUMMARY)).astype("float32")
ITEMS = RNG.normal(size=(BATCH, STEPS, ITEM)).astype("float32")


@pytest.mark.parametrize("settings", [{}, {"monotone": True}, {"item_discrimination": True}])
def test_parameters_equal_the_equations(settings):
    made = layer(**settings)
    actual = {name: numpy_of(value) for name, value in made(SUMMARIES, ITEMS).items()}

    def dense(part, inputs):
        return inputs @ numpy_of(part.kernel) + numpy_of(part.bias)

    both = ITEMS if made.item_discrimination else np.concatenate([SUMMARIES, ITEMS], axis=-1)
    np.testing.assert_allclose(actual["ability"], 2 * dense(made.ability, SUMMARIES)[..., 0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        actual["discrimination"], np.log1p(np.exp(dense(made.discrimination, both)))[..., 0], rtol=1e-4
    )
    expected = dense(made.thresholds, ITEMS)
    if made.monotone:
        steps = np.log1p(np.exp(expected[..., 1:]))
        expected = np.concatenate([expected[..., :1], expected[..., :1] + np.cumsum(steps, axis=-1)], axis=-1)
        assert (np.diff(actual["thresholds"], axis=-1) > 0).all()
    np.testing.assert_allclose(actual["thresholds"], expected, rtol=1e-4, atol=1e-5)
    assert actual["ability"].shape == actual["discrimination"].shape == (BATCH, STEPS)
    assert actual["thresholds"].shape == (BATCH, STEPS, 3) and (actual["discrimination"] > 0).all()


def test_there_must_be_two_categories():
    with pytest.raises(ValueError, match="num_categories 1"):
        IRTParameters(1)
