"""Weights from inner products: the equation, rotations, padding, settings."""

import keras
import numpy as np
from keras import ops

from components.similarity_weights import SimilarityWeights
from tests.helpers.drawn import assert_normal

X = np.random.default_rng(1).normal(size=(2, 5, 3)).astype("float32")
MASK = np.array([[1, 1, 1, 1, 1], [0, 0, 1, 1, 1]], "int32")


def make(**settings):
    keras.utils.set_random_seed(2)
    layer = SimilarityWeights(5, hidden_dim=4, **settings)
    layer.build()
    layer.output_weight.kernel.assign(np.random.default_rng(3).normal(size=(4, 1)))
    return layer


def call(layer, x, mask):
    return ops.convert_to_numpy(layer(x, mask))


def test_it_equals_the_equation():
    layer = make()

    def gelu(x, approximate):
        return ops.convert_to_numpy(ops.gelu(x.astype("float32"), approximate=approximate))

    state = gelu(X[0] @ X[0].T @ np.asarray(layer.similarity) + np.asarray(layer.distance), True)
    hidden = gelu(state @ np.asarray(layer.hidden.kernel), False)  # as keras.layers.Dense computes it
    expected = hidden @ np.asarray(layer.output_weight.kernel)[:, 0]
    np.testing.assert_allclose(call(layer, X, MASK)[0], expected, rtol=1e-4, atol=1e-5)


def test_rotations_of_the_vectors_change_nothing():
    rotation, _ = np.linalg.qr(np.random.default_rng(4).normal(size=(3, 3)))
    layer = make()
    np.testing.assert_allclose(call(layer, X @ rotation.astype("float32"), MASK), call(layer, X, MASK), atol=1e-3)


def test_what_stands_in_padding_changes_nothing_and_a_shorter_sequence_is_one_without_it():
    layer, changed = make(), X.copy()
    changed[1, :2] = 9
    expected = call(layer, X, MASK)[1, 2:]
    np.testing.assert_allclose(call(layer, changed, MASK)[1, 2:], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(call(layer, X[1:, 2:], MASK[1:, 2:])[0], expected, rtol=1e-4, atol=1e-5)


def test_at_the_start_it_gives_zeros():
    layer = SimilarityWeights(7, 6)
    layer.build()
    assert not call(layer, X, MASK).any()


def test_the_biases_of_places_start_around_zero():
    layer = SimilarityWeights(40, hidden_dim=50)
    layer.build()
    assert_normal(layer.distance, 0.1)
