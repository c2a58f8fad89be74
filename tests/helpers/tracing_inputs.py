"""Inputs of the knowledge-tracing models, and checks that hold for all of them."""

import keras
import numpy as np
from keras import ops

from models import load_model
from tests.helpers.calls import outputs
from tests.helpers.learning import learn

BATCH, STEPS, ITEMS, CATEGORIES = 3, 19, 11, 5


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


def check_causality_and_padding(model):
    """A response changes no output up to its own step, nor one of another student; padding changes no output."""
    inputs = batch()
    before = outputs(model, inputs)["logits"]
    changed = {**inputs, "responses": inputs["responses"].copy()}
    changed["responses"][0, 9] = (changed["responses"][0, 9] + 2) % CATEGORIES
    after = outputs(model, changed)["logits"]
    np.testing.assert_array_equal(after[0, :10], before[0, :10])
    np.testing.assert_array_equal(after[1:], before[1:])
    assert np.abs(after[0, 10:] - before[0, 10:]).max() > 1e-6
    padded = {name: np.pad(array, ((0, 0), (0, 13))) for name, array in inputs.items()}
    padded["item_ids"][:, STEPS:] = 4
    padded["responses"][:, STEPS:] = 2
    np.testing.assert_allclose(outputs(model, padded)["logits"][:, :STEPS], before, rtol=1e-4, atol=1e-5)


def check_saved(model, folder):
    """A saved and loaded model gives the same at two lengths."""
    model.save(folder / "model.keras")
    loaded = load_model(folder / "model.keras")
    for inputs in (batch(), batch(5)):
        np.testing.assert_array_equal(outputs(loaded, inputs)["logits"], outputs(model, inputs)["logits"])


def check_learning(model):
    """A model learns to repeat a student's first response, which is the response of every step."""
    inputs = batch()
    inputs["padding_mask"][:] = 1
    inputs["item_ids"] = np.random.default_rng(2).integers(1, ITEMS, (BATCH, STEPS)).astype("int32")
    inputs["responses"] = np.repeat([[0], [2], [4]], STEPS, axis=1).astype("int32")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.05), loss={"logits": loss})
    learn(model, inputs, {"logits": inputs["responses"]}, 60)
    predictions = outputs(model, inputs)["logits"].argmax(axis=-1)
    assert (predictions[:, 1:] == inputs["responses"][:, 1:]).all()


def check_dropout(model):
    """Training drops elements: the same at all steps of a sequence, others in other sequences."""
    ones = np.ones((4, STEPS, 64), "float32")
    kept = ops.convert_to_numpy(model.dropout(ones, training=True)) > 0
    assert 0.2 < kept[:, 0].mean() < 0.8
    assert (kept == kept[:, :1]).all() and not (kept == kept[:1]).all()
    np.testing.assert_array_equal(ops.convert_to_numpy(model.dropout(ones, training=False)), ones)
    first, second = (outputs(model, batch(), training=True)["logits"] for _ in range(2))
    assert np.abs(first - second).max() > 1e-4
