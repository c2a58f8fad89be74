"""DKT: no response is seen before its time, files, learning."""

import keras
import numpy as np

from models.dkt import DKT
from tests.helpers.tracing_inputs import (
    BATCH,
    CATEGORIES,
    ITEMS,
    STEPS,
    batch,
    check_dropout,
    check_saving,
    check_times,
    outputs,
)


def make(**more):
    keras.utils.set_random_seed(8)
    model = DKT(ITEMS, CATEGORIES, hidden_dim=13, **more)
    model.build()
    return model


def test_a_response_changes_no_output_up_to_its_own_step_and_padding_changes_none():
    check_times(make())


def test_logits_equal_the_equations():
    model, inputs = make(item_skills=[0] + [1, 2] * 5), batch()
    found = outputs(model, inputs)["logits"]
    item = model.item_embedding(inputs["item_ids"])
    state = np.asarray(model.lstm(model.response_embedding(item, inputs["responses"])))
    of_item = np.asarray(model.category_weights(item)).reshape(BATCH, STEPS, CATEGORIES - 1, 14)
    assert not found[..., 0].any()
    np.testing.assert_allclose(found[:, 0, 1:], of_item[:, 0, :, 13], rtol=1e-5, atol=1e-6)
    expected = of_item[:, 5, :, 13] + (of_item[:, 5, :, :13] * state[:, 4, None]).sum(axis=-1)
    np.testing.assert_allclose(found[:, 5, 1:], expected, rtol=1e-4, atol=1e-5)


def test_saved_loaded_and_exported_it_is_the_same(tmp_path):
    check_saving(make(item_skills=[0] + [1, 2] * 5), tmp_path)


def test_dropout_stays_over_a_sequence():
    check_dropout(make(dropout=0.5))
