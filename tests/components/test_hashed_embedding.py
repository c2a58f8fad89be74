"""HashedEmbedding: learned rows, fixed rows, padding."""

import keras
import numpy as np
import pytest
from keras import ops

from components.hashed_embedding import HashedEmbedding

VOCABULARY, DIM, BUCKETS = 5, 6, 11


@pytest.fixture
def layer():
    keras.utils.set_random_seed(2)
    layer = HashedEmbedding(VOCABULARY, DIM, BUCKETS, gain=2.0)
    layer.build()
    return layer


def vectors(layer, ids, **options):
    return ops.convert_to_numpy(layer(np.array(ids, "int32"), **options))


def test_equals_the_equation(layer):
    learned, fixed = ops.convert_to_numpy(layer.learned), ops.convert_to_numpy(layer.fixed)
    hashed = 3 + 4 * BUCKETS
    actual = vectors(layer, [[3, VOCABULARY + hashed], [0, 4]])
    np.testing.assert_allclose(actual[0, 0], learned[3], rtol=1e-6)
    np.testing.assert_allclose(actual[0, 1], 2 * np.concatenate([fixed[3], fixed[4]]), rtol=1e-6)
    np.testing.assert_allclose(actual[1], [np.zeros(DIM), learned[4]], rtol=1e-6)


def test_parts_are_disjoint_and_add_up(layer):
    ids = np.array([0, 1, VOCABULARY - 1, VOCABULARY, VOCABULARY + BUCKETS**2 - 1], "int32")
    learned, fixed = (ops.convert_to_numpy(part) for part in layer(ids, return_parts=True))
    np.testing.assert_allclose(learned + fixed, vectors(layer, ids))
    assert (np.abs(learned).sum(-1) > 0).tolist() == [False, True, True, False, False]
    assert (np.abs(fixed).sum(-1) > 0).tolist() == [False, False, False, True, True]


def test_every_hash_has_a_vector_of_its_own_of_length_about_one():
    keras.utils.set_random_seed(2)
    layer = HashedEmbedding(VOCABULARY, 64, BUCKETS, gain=1.0)
    layer.build()
    actual = vectors(layer, VOCABULARY + np.arange(BUCKETS**2))
    assert len(np.unique(actual.round(5), axis=0)) == BUCKETS**2
    assert abs(np.linalg.norm(actual, axis=1).mean() - 1) < 0.15


def test_fixed_rows_are_not_trained(layer):
    assert [weight.name for weight in layer.trainable_variables] == ["learned", "gain"]
    closed = HashedEmbedding(VOCABULARY, DIM, num_buckets=0)
    closed.build()
    assert [weight.name for weight in closed.weights] == ["learned"]
    assert vectors(closed, [1, 2]).shape == (2, DIM)


def test_halves_want_an_even_size():
    with pytest.raises(ValueError, match="dim 7 must be even"):
        HashedEmbedding(VOCABULARY, 7, BUCKETS)
    assert HashedEmbedding(VOCABULARY, 7, 0).dim == 7
