"""SharedResponseEmbedding against its equation."""

import keras
import numpy as np
import pytest
from keras import ops

from components.response_embedding import RESPONSE_EMBEDDINGS, response_weights
from components.shared_response_embedding import SharedResponseEmbedding

RNG = np.random.default_rng(2)


@pytest.mark.parametrize("kind", RESPONSE_EMBEDDINGS)
def test_it_is_a_matrix_times_the_weighted_vector_and_the_weights(kind):
    keras.utils.set_random_seed(1)
    layer = SharedResponseEmbedding(4, 5, kind)
    items, responses = RNG.normal(size=(2, 3, 7)).astype("float32"), RNG.integers(0, 4, (2, 3)).astype("int32")
    outputs = ops.convert_to_numpy(layer(items, responses))
    kernel = ops.convert_to_numpy(layer.dense.kernel)
    weights = ops.convert_to_numpy(response_weights(responses, 4, kind))
    for at in np.ndindex(2, 3):
        vector = np.concatenate([*(weight * items[at] for weight in weights[at]), weights[at]])
        np.testing.assert_allclose(outputs[at], vector @ kernel, rtol=1e-4, atol=1e-5)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="kind 'none'"):
        SharedResponseEmbedding(4, 5, "none")
