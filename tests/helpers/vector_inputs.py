"""Inputs of the models that predict vectors, and checks that hold for all of them."""

import keras
import numpy as np

from components.losses.vector_loss import VectorLoss
from tests.helpers.calls import outputs
from tests.helpers.learning import learn

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


def check_outputs(model, names):
    """Predictions have unit norm; neither padding nor other contexts of the batch change them."""
    inputs = batch()
    results = outputs(model, inputs)
    assert set(results) == set(names)
    for name in {"predicted", "query"} & set(names):
        assert results[name].shape == (BATCH, DIM) and results[name].dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(results[name], axis=1), 1, rtol=1e-5)
    changed = {name: array.copy() for name, array in inputs.items()}
    changed["vectors"][1, :4] = 9.0
    changed["vectors"][2] *= -1
    after = outputs(model, changed)
    for name, array in results.items():
        np.testing.assert_allclose(after[name][:2], array[:2], rtol=1e-5, atol=1e-6)
    if "attention" in results:
        np.testing.assert_allclose(results["attention"].sum(axis=1), 1, rtol=1e-5)
        assert not results["attention"][1, :4].any()


def check_learning(model, epochs=150):
    """Both outputs of a model memorise the targets of a few contexts."""
    inputs, targets = batch(), batch(5)["vectors"][:, -1]
    y_true = np.column_stack([targets, np.zeros(BATCH), 100.0 * np.arange(BATCH)]).astype("float32")
    losses = {"predicted": VectorLoss({"cosine": 1}), "query": VectorLoss({"info_nce": 1})}
    model.compile(keras.optimizers.Adam(0.01), loss=losses)
    learn(model, inputs, {"predicted": y_true, "query": y_true}, epochs)
    results = outputs(model, inputs)
    assert (results["predicted"] * targets).sum(axis=1).min() > 0.98
    assert (results["query"] @ targets.T).argmax(axis=1).tolist() == list(range(BATCH))
