"""TextEncoder: poolings, padding, projection."""

import keras
import numpy as np
import pytest
from keras import ops

from models.text_encoder import TextEncoder
from tests.helpers.calls import outputs

ENCODER = {
    "vocabulary_size": 31,
    "hidden_dim": 12,
    "num_layers": 2,
    "num_heads": 3,
    "intermediate_dim": 17,
    "max_length": 19,
}


def make():
    keras.utils.set_random_seed(4)
    model = TextEncoder(ENCODER)
    model.build()
    return model


def batch(length=7):
    mask = np.ones((3, length), "int32")
    mask[1, 4:] = 0
    return {"token_ids": np.random.default_rng(1).integers(0, 31, (3, length)).astype("int32"), "padding_mask": mask}


def test_it_is_the_mean_of_real_tokens_of_unit_norm():
    model, inputs = make(), batch()
    vectors = outputs(model, inputs)["output"]
    tokens = ops.convert_to_numpy(model.encoder(inputs["token_ids"], padding_mask=inputs["padding_mask"]))
    expected = tokens[1, :4].mean(axis=0)
    np.testing.assert_allclose(vectors[1], expected / np.linalg.norm(expected), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)


def test_padding_changes_nothing():
    model, inputs = make(), batch()
    padded = {name: np.pad(array, ((0, 0), (0, 5))) for name, array in inputs.items()}
    padded["token_ids"][:, 7:] = 9
    expected = outputs(model, inputs)["output"]
    np.testing.assert_allclose(outputs(model, padded)["output"], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("pooling", ["cls", "attention"])
def test_other_poolings_and_the_projection(pooling):
    keras.utils.set_random_seed(4)
    model, inputs = TextEncoder(ENCODER, pooling, output_dim=5), batch()
    model.build()
    tokens = ops.convert_to_numpy(model.encoder(inputs["token_ids"], padding_mask=inputs["padding_mask"]))[1]
    if pooling == "attention":
        weights = np.random.default_rng(2).normal(size=12).astype("float32")
        model.attention.assign(weights)
        attention = np.exp(tokens[:4] @ weights)
        pooled = attention @ tokens[:4] / attention.sum()
    else:
        pooled = tokens[0]
    expected = pooled @ ops.convert_to_numpy(model.projection.kernel)
    vectors = outputs(model, inputs)["output"]
    assert vectors.shape == (3, 5)
    np.testing.assert_allclose(vectors[1], expected / np.linalg.norm(expected), rtol=1e-3, atol=1e-5)


def test_an_unknown_pooling_is_refused():
    with pytest.raises(ValueError, match="must be one of cls, max, mean"):
        TextEncoder(ENCODER, "cls+median")
