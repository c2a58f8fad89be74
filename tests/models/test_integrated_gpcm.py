"""IntegratedAttentionGPCM: no response is seen before its time, parts that can be taken out, files, export, learning."""

import keras
import numpy as np
import pytest

from components.irt_logits import gpcm_logits
from models.integrated_gpcm import IntegratedAttentionGPCM
from tests.helpers.tracing_inputs import (
    CATEGORIES,
    ITEMS,
    batch,
    check_dropout,
    check_learning,
    check_saving,
    check_times,
    outputs,
)

KINDS = [
    {"num_cycles": 3, "confident": 0.9},
    {"num_cycles": 1},
    {"attention": False, "forgetting": False, "monotone": True},
    {"refinement": False, "gate": False},
]
NAMES = ["whole", "one-cycle", "no-attention", "plain-cycles"]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=NAMES)


def make(categories=CATEGORIES, **kind):
    keras.utils.set_random_seed(8)
    model = IntegratedAttentionGPCM(
        ITEMS, categories, num_slots=7, key_dim=13, value_dim=17, summary_dim=6, num_heads=2, **kind
    )
    model.build()
    return model


@every_kind
def test_a_response_changes_no_output_up_to_its_own_step_and_padding_changes_none(kind):
    check_times(make(**kind))


def test_logits_are_those_of_its_parameters():
    found = outputs(make(), batch())
    expected = gpcm_logits(found["ability"], found["discrimination"], found["thresholds"])
    np.testing.assert_allclose(found["logits"], expected, rtol=1e-5, atol=1e-6)


def test_every_part_matters_and_can_be_taken_out():
    whole = make()
    names = {weight.path.split("/")[1] for weight in whole.weights}
    gone = {
        "attention": {"attention_input", "position_bias", "attention"},
        "refinement": {"refinement", "refinement_norm"},
        "gate": {"gate"},
    }
    for part, layers in gone.items():
        less = {weight.path.split("/")[1] for weight in make(**{part: False}).weights}
        assert names - less == layers


def test_confident_steps_are_left_as_they_are():
    """Where every prediction counts as confident, cycles change nothing; where none does, they do."""
    inputs = batch()
    one = make(num_cycles=1)

    def with_weights_of_one(**kind):
        model = make(**kind)
        kept = {weight.path.split("/", 1)[1]: weight for weight in one.weights}
        for weight in model.weights:
            if weight.path.split("/", 1)[1] in kept:
                weight.assign(kept[weight.path.split("/", 1)[1]])
        return outputs(model, inputs)

    always, never = with_weights_of_one(num_cycles=3, confident=1.0), with_weights_of_one(num_cycles=3)
    expected = outputs(one, inputs)["logits"]
    np.testing.assert_allclose(always["logits"], expected, rtol=1e-5, atol=1e-6)
    assert (always["skipped"] == 1).all() and not never["skipped"].any()
    assert np.abs(never["logits"] - expected).max() > 1e-4


@pytest.mark.parametrize("kind", [KINDS[0], KINDS[3]], ids=[NAMES[0], NAMES[3]])
def test_saved_loaded_and_exported_it_is_the_same(kind, tmp_path):
    check_saving(make(**kind), tmp_path)


def test_it_learns_to_repeat_the_last_answer():
    check_learning(make())


def test_nonsense_is_refused():
    for kind in ({"num_cycles": 0}, {"confident": 1.5}):
        with pytest.raises(ValueError, match="must be at least 1, confident"):
            make(**kind)


def test_dropout_stays_over_a_sequence():
    check_dropout(make(dropout=0.5))
