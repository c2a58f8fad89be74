"""SAKT: outputs do not depend on later responses; export."""

import keras
import pytest

from models.sakt import SAKT
from tests.helpers.tracing_inputs import (
    CATEGORIES,
    ITEMS,
    batch,
    check_causality_and_padding,
    check_exported,
    outputs,
)


def make(**settings):
    keras.utils.set_random_seed(8)
    model = SAKT(ITEMS, CATEGORIES, hidden_dim=12, num_layers=2, num_heads=3, **settings)
    model.build()
    return model


def test_causality_and_padding():
    check_causality_and_padding(make())


def test_the_first_category_is_the_reference():
    logits = outputs(make(), batch())["logits"]
    assert not logits[..., 0].any() and logits[..., 1:].all()


@pytest.mark.tensorflow(reason="exports a SavedModel")
def test_exported_it_is_the_same(tmp_path):
    check_exported(make(item_skills=[0] + [1, 2] * 5), tmp_path)
