"""Inputs of the models that predict vectors, and what holds for all of them, for their tests."""

import keras
import numpy as np
from keras import ops

from components.losses.vector_loss import VectorLoss
from utils.training.export import export_saved_model

BATCH, CONTEXT, DIM = 3, 7, 11


def batch(seed=1, batch_size=BATCH):
    """Return random contexts of unit vectors; the second context has padding before its vectors."""
    x = np.random.default_rng(seed).normal(size=(batch_size, CONTEXT, DIM)).astype("float32")
    mask = np.ones((batch_size, CONTEXT), "int32")
    mask[1, :4] = 0
    return {
        "vectors": x / np.linalg.norm(x, axis=-1, keepdims=True) * mask[..., None].astype("float32"),
        "padding_mask": mask,
    }


def outputs(model, inputs, **more):
    return {name: ops.convert_to_numpy(array) for name, array in model(inputs, **more).items()}


def check_outputs(model, names):
    """Outputs of unit norm, that padding and the batch's others do not change."""
    inputs = batch()
    found = outputs(model, inputs)
    assert set(found) == set(names)
    for name in {"predicted", "query"} & set(names):
        assert found[name].shape == (BATCH, DIM) and found[name].dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(found[name], axis=1), 1, rtol=1e-5)
    changed = {name: array.copy() for name, array in inputs.items()}
    changed["vectors"][1, :4] = 9.0
    changed["vectors"][2] *= -1
    after = outputs(model, changed)
    for name, array in found.items():
        np.testing.assert_allclose(after[name][:2], array[:2], rtol=1e-5, atol=1e-6)
    if "attention" in found:
        np.testing.assert_allclose(found["attention"].sum(axis=1), 1, rtol=1e-5)
        assert not found["attention"][1, :4].any()


def check_saving(model, folder):
    """Saved and loaded, and on TensorFlow exported, the model gives the same."""
    model.save(folder / "model.keras")
    again, inputs = keras.saving.load_model(folder / "model.keras"), batch()
    wanted = outputs(model, inputs)
    for name, array in outputs(again, inputs).items():
        np.testing.assert_array_equal(array, wanted[name])
    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    axes = {"vectors": ("batch", CONTEXT, DIM), "padding_mask": ("batch", CONTEXT)}
    export_saved_model(model, folder / "saved", axes, floating=("vectors",))
    served = tf.saved_model.load(str(folder / "saved"))
    for count in (1, BATCH):
        found = served.serve({name: tf.constant(array[:count]) for name, array in inputs.items()})
        np.testing.assert_allclose(found["predicted"], wanted["predicted"][:count], rtol=1e-4, atol=1e-5)


def check_learning(model, epochs=150):
    """It memorises the targets of a few windows, with both of its outputs."""
    inputs, wanted = batch(), batch(5)["vectors"][:, -1]
    true = np.column_stack([wanted, np.zeros(BATCH), 100.0 * np.arange(BATCH)]).astype("float32")
    losses = {"predicted": VectorLoss({"cosine": 1}), "query": VectorLoss({"info_nce": 1})}
    model.compile(keras.optimizers.Adam(0.01), loss=losses)
    model.fit(inputs, {"predicted": true, "query": true}, epochs=epochs, batch_size=BATCH, verbose=0)
    found = outputs(model, inputs)
    assert (found["predicted"] * wanted).sum(axis=1).min() > 0.98
    assert (found["query"] @ wanted.T).argmax(axis=1).tolist() == list(range(BATCH))
