"""Inputs of the models that trace knowledge, and what holds for all of them, for their tests."""

import keras
import numpy as np
from keras import ops

from utils.training.export import export_saved_model

BATCH, STEPS, ITEMS, CATEGORIES = 3, 19, 11, 5
AXES = {name: ("batch", "steps") for name in ("item_ids", "responses", "padding_mask")}


def batch(steps=STEPS, categories=CATEGORIES, seed=1, batch_size=BATCH):
    """Return random responses of some students; the second student has half of the steps."""
    rng = np.random.default_rng(seed)
    mask = np.ones((batch_size, steps), "int32")
    mask[1, steps // 2 :] = 0
    return {
        "item_ids": (rng.integers(1, ITEMS, (batch_size, steps)) * mask).astype("int32"),
        "responses": (rng.integers(0, categories, (batch_size, steps)) * mask).astype("int32"),
        "padding_mask": mask,
    }


def outputs(model, inputs, **more):
    return {name: ops.convert_to_numpy(array) for name, array in model(inputs, **more).items()}


def check_times(model):
    """A response changes no output up to its own step, nor another student's; padding changes none."""
    inputs = batch()
    before = outputs(model, inputs)["logits"]
    changed = {**inputs, "responses": inputs["responses"].copy()}
    changed["responses"][0, 9] = (changed["responses"][0, 9] + 2) % CATEGORIES
    after = outputs(model, changed)["logits"]
    np.testing.assert_array_equal(after[0, :10], before[0, :10])
    np.testing.assert_array_equal(after[1:], before[1:])
    assert np.abs(after[0, 10:] - before[0, 10:]).max() > 1e-6
    longer = {name: np.pad(array, ((0, 0), (0, 13))) for name, array in inputs.items()}
    longer["item_ids"][:, STEPS:] = 4
    longer["responses"][:, STEPS:] = 2
    np.testing.assert_allclose(outputs(model, longer)["logits"][:, :STEPS], before, rtol=1e-4, atol=1e-5)


def check_saving(model, folder):
    """Saved and loaded, and on TensorFlow exported, the model gives the same."""
    model.save(folder / "model.keras")
    again = keras.saving.load_model(folder / "model.keras")
    for inputs in (batch(), batch(5)):
        np.testing.assert_array_equal(outputs(again, inputs)["logits"], outputs(model, inputs)["logits"])
    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    export_saved_model(model, folder / "saved", AXES)
    served = tf.saved_model.load(str(folder / "saved"))
    for inputs in (batch(), batch(5)):
        found = served.serve({name: tf.constant(array) for name, array in inputs.items()})
        np.testing.assert_allclose(found["logits"], outputs(model, inputs)["logits"], rtol=1e-4, atol=1e-5)


def check_learning(model):
    """It learns to repeat the last answer: every response is the first one, so after one step all can be known."""
    inputs = batch()
    inputs["padding_mask"][:] = 1
    inputs["item_ids"] = np.random.default_rng(2).integers(1, ITEMS, (BATCH, STEPS)).astype("int32")
    inputs["responses"] = np.repeat([[0], [2], [4]], STEPS, axis=1).astype("int32")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.05), loss={"logits": loss})
    model.fit(inputs, {"logits": inputs["responses"]}, epochs=60, batch_size=BATCH, verbose=0)
    found = outputs(model, inputs)["logits"].argmax(axis=-1)
    assert (found[:, 1:] == inputs["responses"][:, 1:]).all()


def check_dropout(model):
    """In training some elements are dropped, the same at all of a sequence's steps, others in other sequences."""
    ones = np.ones((4, STEPS, 64), "float32")
    kept = ops.convert_to_numpy(model.dropout(ones, training=True)) > 0
    assert 0.2 < kept[:, 0].mean() < 0.8
    assert (kept == kept[:, :1]).all() and not (kept == kept[:1]).all()
    np.testing.assert_array_equal(ops.convert_to_numpy(model.dropout(ones, training=False)), ones)
    once, again = (outputs(model, batch(), training=True)["logits"] for _ in range(2))
    assert np.abs(once - again).max() > 1e-4
