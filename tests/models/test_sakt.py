"""SAKT: outputs do not depend on later responses; its equations, learning, dropout."""

import keras
import numpy as np
from keras import ops

from models.sakt import SAKT
from tests.helpers.calls import outputs
from tests.helpers.tracing_inputs import (
    CATEGORIES,
    ITEMS,
    batch,
    check_causality_and_padding,
    check_learning,
)


def make(**settings):
    keras.utils.set_random_seed(8)
    model = SAKT(ITEMS, CATEGORIES, hidden_dim=12, num_heads=3, **settings)
    model.build()
    return model


def test_causality_and_padding():
    check_causality_and_padding(make())


def test_learning():
    check_learning(make())


def test_logits_equal_the_equations():
    model, inputs = make(item_skills=[0] + [1, 2] * 5), batch()
    logits = outputs(model, inputs)["logits"]
    item = model.item_embedding(inputs["item_ids"])
    x = item + model.attention(item, item, model.response_embedding(item, inputs["responses"]))
    x = x + model.contract(model.expand(model.ffn_norm(x)))
    hidden = keras.activations.gelu(
        ops.matmul(ops.concatenate([model.norm(x), item], axis=-1), model.hidden.kernel), approximate=False
    )
    expected = ops.convert_to_numpy(ops.matmul(hidden, model.category_logits.kernel))  # the biases start at 0
    assert not logits[..., 0].any() and logits[..., 1:].all()
    np.testing.assert_allclose(logits[..., 1:], expected, rtol=1e-4, atol=1e-5)


def test_dropout_acts_in_training_alone():
    model = make(dropout=0.5)
    first, second = (outputs(model, batch(), training=True)["logits"] for _ in range(2))
    assert np.abs(first - second).max() > 1e-4
    first, second = (outputs(model, batch())["logits"] for _ in range(2))
    np.testing.assert_array_equal(first, second)
