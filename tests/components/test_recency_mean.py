"""Means by distance from the end."""

import keras
import numpy as np
import pytest

from components.recency_mean import RecencyMean

X = np.random.default_rng(1).normal(size=(2, 5, 3)).astype("float32")
MASK = np.array([[1, 1, 1, 1, 1], [0, 0, 1, 1, 1]], "int32")


def call(x, mask, **settings):
    layer = RecencyMean(5, **settings)
    layer.build()
    return np.asarray(keras.ops.convert_to_numpy(layer(x, mask)))


def test_weights_fall_with_distance_and_sum_to_one_over_what_is_there():
    weights = np.exp(-0.7 * np.arange(4, -1, -1))
    actual = call(X, MASK, decay=0.7)
    np.testing.assert_allclose(actual[0], weights @ X[0] / weights.sum(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(actual[1], weights[2:] @ X[1, 2:] / weights[2:].sum(), rtol=1e-5, atol=1e-6)


def test_signed_weights_subtract_what_was_said():
    weights = np.exp(-0.7 * np.arange(4, -1, -1))
    weights = weights / weights.sum() - 0.5 / 5
    assert weights[0] < 0 < weights[-1]
    actual = call(X, MASK, decay=0.7, mean_fraction=0.5, signed=True)
    np.testing.assert_allclose(actual[0], weights @ X[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(actual[1], weights[2:] @ X[1, 2:], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("signed", [False, True])
def test_a_shorter_sequence_is_one_without_its_padding(signed):
    np.testing.assert_allclose(
        call(X[1:, 2:], MASK[1:, 2:], signed=signed), call(X, MASK, signed=signed)[1:], rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("signed", [False, True])
def test_similarity_is_added_to_the_weights_and_is_nothing_at_the_start(signed):
    layer = RecencyMean(5, signed=signed, similarity_dim=4)
    layer.build()
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(layer(X, MASK)), call(X, MASK, signed=signed), rtol=1e-5, atol=1e-6
    )
    layer.similarity.output_weight.kernel.assign(np.random.default_rng(2).normal(size=(4, 1)))
    similarity = keras.ops.convert_to_numpy(layer.similarity(X, MASK))[0]
    weights = np.asarray(keras.ops.convert_to_numpy(layer.weights_by_distance))
    weights = (
        weights + 0.1 * similarity if signed else np.exp(weights + similarity) / np.exp(weights + similarity).sum()
    )
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer(X, MASK))[0], weights @ X[0], rtol=1e-4, atol=1e-5)


def test_a_longer_sequence_is_refused():
    with pytest.raises(ValueError, match="a sequence of 5 is longer than context_length 4"):
        RecencyMean(4)(X, MASK)
