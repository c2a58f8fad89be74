"""DKT: outputs do not depend on later responses; its equations, dropout."""

import keras
import numpy as np
from keras import ops

from models.dkt import DKT
from tests.helpers.calls import outputs
from tests.helpers.tracing_inputs import (
    BATCH,
    CATEGORIES,
    ITEMS,
    STEPS,
    batch,
    check_causality_and_padding,
    check_dropout,
)


def make(**settings):
    keras.utils.set_random_seed(8)
    model = DKT(ITEMS, CATEGORIES, hidden_dim=13, **settings)
    model.build()
    return model


def test_causality_and_padding():
    check_causality_and_padding(make())


def test_logits_equal_the_equations():
    model, inputs = make(item_skills=[0] + [1, 2] * 5), batch()
    logits = outputs(model, inputs)["logits"]
    item = model.item_embedding(inputs["item_ids"])
    states = ops.convert_to_numpy(model.lstm(model.response_embedding(item, inputs["responses"])))
    weights = ops.convert_to_numpy(model.category_weights(item)).reshape(BATCH, STEPS, CATEGORIES - 1, 14)
    assert not logits[..., 0].any()
    np.testing.assert_allclose(logits[:, 0, 1:], weights[:, 0, :, 13], rtol=1e-5, atol=1e-6)
    expected = weights[:, 5, :, 13] + (weights[:, 5, :, :13] * states[:, 4, None]).sum(axis=-1)
    np.testing.assert_allclose(logits[:, 5, 1:], expected, rtol=1e-4, atol=1e-5)


def test_dropout_is_the_same_at_all_steps():
    check_dropout(make(dropout=0.5))
