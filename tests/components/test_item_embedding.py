"""ItemEmbedding: what it adds, what it refuses."""

import numpy as np
import pytest
from keras import ops

from components.item_embedding import ItemEmbedding
from tests.helpers.drawn import assert_normal

IDS = np.array([[0, 3, 1], [2, 2, 4]])


def test_an_item_is_its_vector_and_its_skills_and_an_unknown_one_the_mean():
    layer = ItemEmbedding(5, 7, skills=[0, 1, 1, 2, 2])
    actual = ops.convert_to_numpy(layer(IDS))
    items, skills = (ops.convert_to_numpy(weight) for weight in (layer.item_vectors, layer.skill_vectors))
    expected = items + skills[[0, 1, 1, 2, 2]]
    np.testing.assert_allclose(actual[IDS > 0], expected[IDS[IDS > 0]], rtol=1e-5)
    np.testing.assert_allclose(actual[0, 0], expected[1:].mean(axis=0), rtol=1e-4, atol=1e-6)
    assert skills.shape == (3, 7)


def test_without_skills_it_is_a_table():
    layer = ItemEmbedding(5, 7)
    actual, items = ops.convert_to_numpy(layer(IDS)), ops.convert_to_numpy(layer.item_vectors)
    np.testing.assert_allclose(actual[IDS > 0], items[IDS[IDS > 0]], rtol=1e-6)
    np.testing.assert_allclose(actual[0, 0], items[1:].mean(axis=0), rtol=1e-4, atol=1e-7)
    assert len(layer.weights) == 1


def test_every_item_needs_a_skill():
    with pytest.raises(ValueError, match="skills are 2, num_items 5"):
        ItemEmbedding(5, 7, skills=[0, 1])


@pytest.mark.parametrize("stddev", [0.03, 1.0])
def test_items_start_around_zero_with_the_standard_deviation(stddev):
    layer = ItemEmbedding(200, 30, stddev=stddev)
    layer.build()
    assert_normal(layer.item_vectors, stddev)
