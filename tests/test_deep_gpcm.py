"""DeepGPCM: no response is seen before its time, files, export, learning."""

import keras
import numpy as np
import pytest

from components.gpcm import gpcm_logits
from models.deep_gpcm import DeepGPCM
from tests.tracing_inputs import AXES, BATCH, CATEGORIES, ITEMS, STEPS, batch, outputs
from utils.export import export_saved_model

KINDS = [
    {},
    {"monotone": True, "item_discrimination": False, "response_embedding": "ordered"},
    {"head": "linear", "response_embedding": "unordered"},
]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=["gpcm", "monotone", "linear"])


def make(categories=CATEGORIES, **kind):
    keras.utils.set_random_seed(8)
    model = DeepGPCM(ITEMS, categories, num_slots=7, key_dim=13, value_dim=17, summary_dim=5, **kind)
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
    assert (found["discrimination"] > 0).all() and found["thresholds"].shape == (BATCH, STEPS, CATEGORIES - 1)
    expected = gpcm_logits(found["ability"], found["discrimination"], found["thresholds"])
    np.testing.assert_allclose(found["logits"], expected, rtol=1e-5, atol=1e-6)
    monotone = outputs(make(monotone=True), batch())["thresholds"]
    assert (np.diff(monotone, axis=-1) > 0).all()


def test_with_two_categories_the_linear_head_is_a_sigmoid():
    logits = outputs(make(2, head="linear"), batch(categories=2))["logits"]
    assert logits.shape == (BATCH, STEPS, 2) and not logits[..., 0].any() and logits[..., 1].any()


@every_kind
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


@pytest.mark.parametrize("kind", [KINDS[0], KINDS[2]], ids=["gpcm", "linear"])
def test_it_learns_to_repeat_the_last_answer(kind):
    """Every response is the first one: after one step all can be known."""
    inputs = batch()
    inputs["padding_mask"][:] = 1
    inputs["item_ids"] = np.random.default_rng(2).integers(1, ITEMS, (BATCH, STEPS)).astype("int32")
    inputs["responses"] = np.repeat([[0], [2], [4]], STEPS, axis=1).astype("int32")
    model = make(**kind)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.05), loss={"logits": loss})
    model.fit(inputs, {"logits": inputs["responses"]}, epochs=60, batch_size=BATCH, verbose=0)
    found = outputs(model, inputs)["logits"].argmax(axis=-1)
    assert (found[:, 1:] == inputs["responses"][:, 1:]).all()


def test_an_unknown_head_is_refused():
    with pytest.raises(ValueError, match="head 'softmax' must be one of"):
        make(head="softmax")
