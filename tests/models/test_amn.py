"""AMN: its equations, its size, padding, files, learning."""

import keras
import numpy as np
import pytest

from models.amn import AMN
from tests.helpers.vector_inputs import CONTEXT, DIM, batch, check_learning, check_outputs, check_saving, outputs


def make(**more):
    keras.utils.set_random_seed(3)
    model = AMN(DIM, CONTEXT, **{"encoder_dim": 5, "hidden_dims": (13, 6), **more})
    model.build()
    return model


@pytest.mark.parametrize(
    "settings", [{}, {"query_head": False}, {"recency": False}, {"similarity_dim": 0}, {"query_correction": False}]
)
def test_outputs(settings):
    check_outputs(make(**settings), ["predicted", "attention"] + ["query"] * settings.get("query_head", True))


def test_its_size_is_the_published_one():
    model = AMN(768, 5, recency=False, query_head=False)
    model.build()
    assert model.count_params() == 1_510_912


def test_attention_and_prediction_equal_the_equations():
    model, inputs = make(recency=False, query_head=False), batch()
    kernel = np.random.default_rng(4).normal(size=(6, DIM)).astype("float32")
    model.correction.output_dense.kernel.assign(kernel)
    found, x = outputs(model, inputs), inputs["vectors"][0]
    scores = np.asarray(model.keys(x)) @ np.asarray(model.queries(x[-1:]))[0] / 5**0.5
    attention = np.exp(scores) / np.exp(scores).sum()
    np.testing.assert_allclose(found["attention"][0], attention, rtol=1e-4)
    state = np.concatenate([x.mean(axis=0), attention @ x])[None].astype("float32")
    for dense, norm in zip(model.correction.hidden, model.correction.norms, strict=True):
        state = np.maximum(np.asarray(norm(dense(state))), 0)
    expected = x.mean(axis=0) + state[0] @ kernel / DIM**0.5
    np.testing.assert_allclose(found["predicted"][0], expected / np.linalg.norm(expected), rtol=1e-4, atol=1e-5)


def test_at_the_start_it_predicts_its_baseline_and_the_query_turns_from_what_was_said():
    model, inputs = make(), batch()
    found, x = outputs(model, inputs), inputs["vectors"][0]
    weights = np.exp(-0.2 * np.arange(CONTEXT - 1, -1, -1))
    np.testing.assert_allclose(found["predicted"][0], weights @ x / np.linalg.norm(weights @ x), rtol=1e-4, atol=1e-5)
    assert found["query"][0] @ x[0] < found["predicted"][0] @ x[0]


def test_without_recency_the_order_does_not_matter_beyond_the_last_and_with_it_does():
    inputs = batch()
    mixed = {**inputs, "vectors": inputs["vectors"][:, [3, 0, 5, 1, 4, 2, 6]]}
    blind, seeing = make(recency=False, query_head=False), make()
    np.testing.assert_allclose(
        outputs(blind, mixed)["predicted"][0], outputs(blind, inputs)["predicted"][0], rtol=1e-4, atol=1e-5
    )
    assert np.abs(outputs(seeing, mixed)["predicted"][0] - outputs(seeing, inputs)["predicted"][0]).max() > 0.01


def test_saved_loaded_and_exported_it_is_the_same(tmp_path):
    check_saving(make(), tmp_path)


def test_it_learns():
    check_learning(make())
