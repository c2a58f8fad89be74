"""IntegratedAttentionGPCM: outputs do not depend on later responses; parts that can be left out, files, learning."""

import keras
import numpy as np
import pytest

from components.irt_logits import gpcm_logits
from models.integrated_gpcm import IntegratedAttentionGPCM
from tests.helpers.calls import outputs
from tests.helpers.tracing_inputs import (
    CATEGORIES,
    ITEMS,
    batch,
    check_causality_and_padding,
    check_dropout,
    check_learning,
    check_saved,
)

SETTINGS = {
    "whole": {"num_cycles": 3, "confident": 0.9},
    "one-cycle": {"num_cycles": 1},
    "no-attention": {"attention": False, "forgetting": False, "monotone": True},
    "plain-cycles": {"refinement": False, "gate": False},
}


def make(kind=None, **settings):
    keras.utils.set_random_seed(8)
    settings = SETTINGS.get(kind, {}) | settings
    model = IntegratedAttentionGPCM(
        ITEMS, CATEGORIES, num_slots=7, key_dim=13, value_dim=17, summary_dim=6, num_heads=2, **settings
    )
    model.build()
    return model


@pytest.mark.parametrize("kind", SETTINGS)
def test_causality_and_padding(kind):
    check_causality_and_padding(make(kind))


def test_logits_are_those_of_its_parameters():
    results = outputs(make(), batch())
    expected = gpcm_logits(results["ability"], results["discrimination"], results["thresholds"])
    np.testing.assert_allclose(results["logits"], expected, rtol=1e-5, atol=1e-6)


def test_every_part_has_layers_of_its_own_and_can_be_left_out():
    def layers(model):
        return {weight.path.split("/")[1] for weight in model.weights}

    parts = {
        "attention": {"attention_input", "position_bias", "attention"},
        "refinement": {"refinement", "refinement_norm"},
        "gate": {"gate"},
    }
    for part, own_layers in parts.items():
        assert layers(make()) - layers(make(**{part: False})) == own_layers


def test_confident_steps_are_left_as_they_are():
    """Where every prediction counts as confident, later cycles change nothing; where none does, they change the logits."""
    inputs = batch()
    one_cycle = make(num_cycles=1)

    def outputs_with_the_same_weights(**settings):
        model = make(**settings)
        weights = {weight.path.split("/", 1)[1]: weight for weight in one_cycle.weights}
        for weight in model.weights:
            if weight.path.split("/", 1)[1] in weights:
                weight.assign(weights[weight.path.split("/", 1)[1]])
        return outputs(model, inputs)

    always = outputs_with_the_same_weights(num_cycles=3, confident=1.0)
    never = outputs_with_the_same_weights(num_cycles=3)
    expected = outputs(one_cycle, inputs)["logits"]
    np.testing.assert_allclose(always["logits"], expected, rtol=1e-5, atol=1e-6)
    assert (always["skipped"] == 1).all() and not never["skipped"].any()
    assert np.abs(never["logits"] - expected).max() > 1e-4


@pytest.mark.parametrize("kind", ["whole", "plain-cycles"])
def test_saved_it_is_the_same(kind, tmp_path):
    check_saved(make(kind), tmp_path)


def test_it_learns_to_repeat_the_first_response():
    check_learning(make())


@pytest.mark.parametrize("settings", [{"num_cycles": 0}, {"confident": 1.5}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ValueError, match="must be at least 1, confident"):
        make(**settings)


def test_dropout_is_the_same_at_all_steps():
    check_dropout(make(dropout=0.5))
