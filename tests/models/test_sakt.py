"""SAKT: outputs do not depend on later responses; the reference category."""

import keras

from models.sakt import SAKT
from tests.helpers.calls import outputs
from tests.helpers.tracing_inputs import (
    CATEGORIES,
    ITEMS,
    batch,
    check_causality_and_padding,
)


def make(**settings):
    keras.utils.set_random_seed(8)
    model = SAKT(ITEMS, CATEGORIES, hidden_dim=12, num_heads=3, **settings)
    model.build()
    return model


def test_causality_and_padding():
    check_causality_and_padding(make())


def test_the_first_category_is_the_reference():
    logits = outputs(make(), batch())["logits"]
    assert not logits[..., 0].any() and logits[..., 1:].all()
