"""IntegratedAttentionGPCM: no response is seen before its time, parts that can be taken out, files, export, learning."""

import keras
import numpy as np
import pytest

from components.gpcm import gpcm_logits
from models.integrated_gpcm import IntegratedAttentionGPCM
from tests.tracing_inputs import AXES, BATCH, CATEGORIES, ITEMS, STEPS, batch, outputs
from utils.export import export_saved_model

KINDS = [
    {"num_cycles": 3, "confident": 0.9},
    {"num_cycles": 1},
    {"attention": False, "monotone": True},
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
def test_a_response_changes_no_output_up_to_its_own_step(kind):
    model, inputs = make(**kind), batch()
    before = outputs(model, inputs)["logits"]
    changed = {**inputs, "responses": inputs["responses"].copy()}
    changed["responses"][0, 9] = (changed["responses"][0, 9] + 2) % CATEGORIES
    after = outputs(model, changed)["logits"]
    np.testing.assert_array_equal(after[0, :10], before[0, :10])
    np.testing.assert_array_equal(after[1:], before[1:])
    assert np.abs(after[0, 10:] - before[0, 10:]).max() > 1e-6


@every_kind
def test_padding_changes_no_real_output(kind):
    model, inputs = make(**kind), batch()
    longer = {name: np.pad(array, ((0, 0), (0, 13))) for name, array in inputs.items()}
    longer["item_ids"][:, STEPS:] = 4
    longer["responses"][:, STEPS:] = 2
    found = outputs(model, longer)["logits"][:, :STEPS]
    np.testing.assert_allclose(found, outputs(model, inputs)["logits"], rtol=1e-4, atol=1e-5)


def test_logits_are_those_of_its_parameters():
    found = outputs(make(), batch())
    expected = gpcm_logits(found["ability"], found["discrimination"], found["thresholds"])
    np.testing.assert_allclose(found["logits"], expected, rtol=1e-5, atol=1e-6)


def test_every_part_matters_and_can_be_taken_out():
    whole = make()
    names = {weight.path.split("/")[1] for weight in whole.weights}
    gone = {"attention": {"so_far", "distance", "attention"}, "refinement": {"refinement", "norm"}, "gate": {"gate"}}
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
    model = make(**kind)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    for inputs in (batch(), batch(5)):
        np.testing.assert_array_equal(outputs(again, inputs)["logits"], outputs(model, inputs)["logits"])
    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    export_saved_model(model, tmp_path / "saved", AXES)
    served = tf.saved_model.load(str(tmp_path / "saved"))
    for inputs in (batch(), batch(5)):
        found = served.serve({name: tf.constant(array) for name, array in inputs.items()})
        np.testing.assert_allclose(found["logits"], outputs(model, inputs)["logits"], rtol=1e-4, atol=1e-5)


def test_it_learns_to_repeat_the_last_answer():
    """Every response is the first one: after one step all can be known."""
    inputs = batch()
    inputs["padding_mask"][:] = 1
    inputs["item_ids"] = np.random.default_rng(2).integers(1, ITEMS, (BATCH, STEPS)).astype("int32")
    inputs["responses"] = np.repeat([[0], [2], [4]], STEPS, axis=1).astype("int32")
    model = make()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.05), loss={"logits": loss})
    model.fit(inputs, {"logits": inputs["responses"]}, epochs=60, batch_size=BATCH, verbose=0)
    found = outputs(model, inputs)["logits"].argmax(axis=-1)
    assert (found[:, 1:] == inputs["responses"][:, 1:]).all()


def test_nonsense_is_refused():
    for kind in ({"num_cycles": 0}, {"confident": 1.5}):
        with pytest.raises(ValueError, match="must be at least 1, confident"):
            make(**kind)
