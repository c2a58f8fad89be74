"""DeepGPCM: outputs do not depend on later responses; its logits, files, learning."""

import keras
import numpy as np
import pytest

from components.irt_logits import gpcm_logits
from models import deep_gpcm
from models.deep_gpcm import DeepGPCM
from tests.helpers.calls import outputs
from tests.helpers.tracing_inputs import (
    BATCH,
    CATEGORIES,
    ITEMS,
    STEPS,
    batch,
    check_causality_and_padding,
    check_dropout,
    check_learning,
    check_saved,
)

SETTINGS = {
    "gpcm": {},
    "monotone": {
        "item_skills": [0] + [1, 2] * 5,
        "monotone": True,
        "item_discrimination": False,
        "response_embedding": "ordered",
    },
    "linear": {"head": "linear", "response_embedding": "unordered", "shared_embedding": False},
    "graded": {"head": "graded", "response_embedding": "adjacent_weighted"},
}
every_kind = pytest.mark.parametrize("kind", SETTINGS)


def make(kind="gpcm", categories=CATEGORIES, **settings):
    keras.utils.set_random_seed(8)
    settings = SETTINGS[kind] | settings
    model = DeepGPCM(ITEMS, categories, num_slots=7, key_dim=13, value_dim=17, summary_dim=5, **settings)
    model.build()
    return model


@every_kind
def test_causality_and_padding(kind):
    check_causality_and_padding(make(kind))


def test_logits_are_those_of_its_parameters():
    results = outputs(make(), batch())
    ability, discrimination, thresholds = (results[name] for name in ("ability", "discrimination", "thresholds"))
    assert (discrimination > 0).all() and thresholds.shape == (BATCH, STEPS, CATEGORIES - 1)
    expected = gpcm_logits(ability, discrimination, thresholds)
    np.testing.assert_allclose(results["logits"], expected, rtol=1e-5, atol=1e-6)
    monotone = outputs(make(monotone=True), batch())["thresholds"]
    assert (np.diff(monotone, axis=-1) > 0).all()


@every_kind
def test_embedding_pairs_and_embedding_steps_give_the_same(kind, monkeypatch):
    model, inputs = make(kind), batch()
    expected = outputs(model, inputs)["logits"]
    monkeypatch.setattr(deep_gpcm, "MAX_PAIRS", 0)
    np.testing.assert_allclose(outputs(model, inputs)["logits"], expected, rtol=1e-4, atol=1e-5)


def test_with_two_categories_the_linear_head_is_a_sigmoid():
    logits = outputs(make(categories=2, head="linear"), batch(categories=2))["logits"]
    assert logits.shape == (BATCH, STEPS, 2) and not logits[..., 0].any() and logits[..., 1].any()


def test_saved_it_is_the_same(tmp_path):
    check_saved(make("monotone"), tmp_path)


@pytest.mark.parametrize("kind", ["gpcm", "linear"])
def test_it_learns_to_repeat_the_first_response(kind):
    check_learning(make(kind))


def test_an_unknown_head_is_refused():
    with pytest.raises(ValueError, match="head 'softmax' must be one of"):
        make(head="softmax")


def test_dropout_is_the_same_at_all_steps():
    check_dropout(make(dropout=0.5))
