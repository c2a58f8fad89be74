"""ResponseEmbedding and its weights against their equations."""

import keras
import numpy as np
import pytest
from keras import ops

from components.response_embedding import RESPONSE_EMBEDDINGS, ResponseEmbedding, response_weights

RNG = np.random.default_rng(2)


def numpy_of(value):
    return ops.convert_to_numpy(value)


def test_response_weights_by_hand():
    expected = {
        "ordered": [[0, 0], [1, 1 / 3], [1, 1]],
        "unordered": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]],
        "linear_decay": [[1, 2 / 3, 1 / 3, 0], [2 / 3, 1, 2 / 3, 1 / 3], [0, 1 / 3, 2 / 3, 1]],
        "adjacent_weighted": [[1, 0.5, 0, 0], [0.5, 1, 0.5, 0], [0, 0, 0.5, 1]],
    }
    assert set(expected) == set(RESPONSE_EMBEDDINGS)
    for kind, rows in expected.items():
        np.testing.assert_allclose(numpy_of(response_weights(np.array([0, 1, 3]), 4, kind)), rows, atol=1e-6)
    with pytest.raises(ValueError, match="kind 'none'"):
        response_weights(np.array([0]), 4, "none")


@pytest.mark.parametrize("kind", RESPONSE_EMBEDDINGS)
def test_a_response_is_a_matrix_times_weighted_one_hot_items(kind):
    keras.utils.set_random_seed(1)
    made = ResponseEmbedding(6, 4, 5, kind)
    items, responses = RNG.integers(0, 6, (2, 3)), RNG.integers(0, 4, (2, 3))
    actual = numpy_of(made(items.astype("int32"), responses.astype("int32")))
    tables = numpy_of(made.vectors).reshape(6, -1, 5).copy()
    tables[0] = tables[1:].mean(axis=0)  # the item that is not known
    weights = numpy_of(response_weights(responses, 4, kind))
    one_hot = np.concatenate([weights[..., k, None] * np.eye(6)[items] for k in range(tables.shape[1])], axis=-1)
    matrix = tables.transpose(1, 0, 2).reshape(-1, 5)
    np.testing.assert_allclose(actual, one_hot @ matrix, atol=1e-6)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="kind 'none'"):
        ResponseEmbedding(6, 4, 5, "none")
