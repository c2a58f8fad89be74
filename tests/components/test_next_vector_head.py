"""The head of the models of vectors: its equation, its start, settings."""

import keras
import numpy as np
import pytest
from keras import ops

from components.next_vector_head import NextVectorHead

RNG = np.random.default_rng(1)
STATE, X = RNG.normal(size=(2, 4)).astype("float32"), RNG.normal(size=(2, 5, 3)).astype("float32")
MASK = np.array([[1, 1, 1, 1, 1], [0, 0, 1, 1, 1]], "int32")


def make(**settings):
    keras.utils.set_random_seed(2)
    layer = NextVectorHead(3, 5, **{"similarity_dim": 4, **settings})
    layer.build((None, 4))
    return layer


def call(layer, state=STATE):
    return ops.convert_to_numpy(layer(state, X, MASK))


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


@pytest.mark.parametrize("signed", [False, True])
def test_it_starts_as_the_mean_and_adds_the_state(signed):
    layer = make(signed=signed)
    mean = ops.convert_to_numpy(layer.mean(X, MASK))
    np.testing.assert_allclose(call(layer), unit(mean), rtol=1e-4, atol=1e-5)
    kernel = RNG.normal(size=(4, 3)).astype("float32")
    layer.dense.kernel.assign(kernel)
    np.testing.assert_allclose(call(layer), unit(mean + STATE @ kernel / 3**0.5), rtol=1e-4, atol=1e-5)


def test_without_mean_and_without_dense():
    layer = make(recency=False)
    expected = unit(STATE @ ops.convert_to_numpy(layer.dense.kernel))
    np.testing.assert_allclose(call(layer), expected, rtol=1e-4, atol=1e-5)
    plain = make(recency=False, dense=False)
    assert not plain.weights
    np.testing.assert_allclose(call(plain, STATE[:, :3]), unit(STATE[:, :3]), rtol=1e-4, atol=1e-5)
