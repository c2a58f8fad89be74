"""SAKT: no response is seen before its time, files."""

import keras

from models.sakt import SAKT
from tests.helpers.tracing_inputs import CATEGORIES, ITEMS, batch, check_saving, check_times, outputs


def make(**more):
    keras.utils.set_random_seed(8)
    model = SAKT(ITEMS, CATEGORIES, hidden_dim=12, num_layers=2, num_heads=3, **more)
    model.build()
    return model


def test_a_response_changes_no_output_up_to_its_own_step_and_padding_changes_none():
    check_times(make())


def test_the_first_category_is_the_reference():
    logits = outputs(make(), batch())["logits"]
    assert not logits[..., 0].any() and logits[..., 1:].all()


def test_saved_loaded_and_exported_it_is_the_same(tmp_path):
    check_saving(make(item_skills=[0] + [1, 2] * 5), tmp_path)
