"""DeepGPCM: no response is seen before its time, files, export, learning."""

import keras
import numpy as np
import pytest

from components.irt_logits import gpcm_logits
from models import deep_gpcm
from models.deep_gpcm import DeepGPCM
from tests.helpers.tracing_inputs import (
    BATCH,
    CATEGORIES,
    ITEMS,
    STEPS,
    batch,
    check_dropout,
    check_learning,
    check_saving,
    check_times,
    outputs,
)

KINDS = [
    {},
    {"item_skills": [0] + [1, 2] * 5, "monotone": True, "item_discrimination": False, "response_embedding": "ordered"},
    {"head": "linear", "response_embedding": "unordered", "shared_embedding": False},
    {"head": "graded", "response_embedding": "adjacent_weighted"},
]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=["gpcm", "monotone", "linear", "graded"])


def make(categories=CATEGORIES, **kind):
    keras.utils.set_random_seed(8)
    model = DeepGPCM(ITEMS, categories, num_slots=7, key_dim=13, value_dim=17, summary_dim=5, **kind)
    model.build()
    return model


@every_kind
def test_a_response_changes_no_output_up_to_its_own_step_and_padding_changes_none(kind):
    check_times(make(**kind))


def test_logits_are_those_of_its_parameters():
    found = outputs(make(), batch())
    assert (found["discrimination"] > 0).all() and found["thresholds"].shape == (BATCH, STEPS, CATEGORIES - 1)
    expected = gpcm_logits(found["ability"], found["discrimination"], found["thresholds"])
    np.testing.assert_allclose(found["logits"], expected, rtol=1e-5, atol=1e-6)
    monotone = outputs(make(monotone=True), batch())["thresholds"]
    assert (np.diff(monotone, axis=-1) > 0).all()


@every_kind
def test_what_pairs_write_is_what_steps_write(kind, monkeypatch):
    model, inputs = make(**kind), batch()
    expected = outputs(model, inputs)["logits"]
    monkeypatch.setattr(deep_gpcm, "MAX_PAIRS", 0)
    np.testing.assert_allclose(outputs(model, inputs)["logits"], expected, rtol=1e-4, atol=1e-5)


def test_with_two_categories_the_linear_head_is_a_sigmoid():
    logits = outputs(make(2, head="linear"), batch(categories=2))["logits"]
    assert logits.shape == (BATCH, STEPS, 2) and not logits[..., 0].any() and logits[..., 1].any()


@every_kind
def test_saved_loaded_and_exported_it_is_the_same(kind, tmp_path):
    check_saving(make(**kind), tmp_path)


@pytest.mark.parametrize("kind", [KINDS[0], KINDS[2]], ids=["gpcm", "linear"])
def test_it_learns_to_repeat_the_last_answer(kind):
    check_learning(make(**kind))


def test_an_unknown_head_is_refused():
    with pytest.raises(ValueError, match="head 'softmax' must be one of"):
        make(head="softmax")


def test_dropout_stays_over_a_sequence():
    check_dropout(make(dropout=0.5))
