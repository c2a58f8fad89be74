"""AMN: its equations, its size, padding, learning."""

import keras
import numpy as np
import pytest
from keras import ops

from models.amn import AMN
from tests.helpers.calls import outputs
from tests.helpers.vector_inputs import CONTEXT, DIM, batch, check_learning, check_outputs


def make(**settings):
    keras.utils.set_random_seed(3)
    model = AMN(DIM, CONTEXT, **{"encoder_dim": 5, "hidden_dims": (13, 6), **settings})
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
    results, x = outputs(model, inputs), inputs["vectors"][0]
    keys, query = (ops.convert_to_numpy(layer) for layer in (model.keys(x), model.queries(x[-1:])))
    scores = keys @ query[0] / 5**0.5
    attention = np.exp(scores) / np.exp(scores).sum()
    np.testing.assert_allclose(results["attention"][0], attention, rtol=1e-4)
    state = np.concatenate([x.mean(axis=0), attention @ x])[None].astype("float32")
    for dense, norm in zip(model.correction.hidden, model.correction.norms, strict=True):
        state = np.maximum(ops.convert_to_numpy(norm(dense(state))), 0)
    expected = x.mean(axis=0) + state[0] @ kernel / DIM**0.5
    np.testing.assert_allclose(results["predicted"][0], expected / np.linalg.norm(expected), rtol=1e-4, atol=1e-5)


def test_untrained_it_predicts_its_baseline_and_the_query_turns_away_from_the_first_vector():
    model, inputs = make(), batch()
    results, x = outputs(model, inputs), inputs["vectors"][0]
    weights = np.exp(-0.2 * np.arange(CONTEXT - 1, -1, -1))
    baseline = weights @ x / np.linalg.norm(weights @ x)
    np.testing.assert_allclose(results["predicted"][0], baseline, rtol=1e-4, atol=1e-5)
    assert results["query"][0] @ x[0] < results["predicted"][0] @ x[0]


def test_the_order_before_the_last_vector_matters_only_with_recency():
    inputs = batch()
    shuffled = {**inputs, "vectors": inputs["vectors"][:, [3, 0, 5, 1, 4, 2, 6]]}
    without, with_recency = make(recency=False, query_head=False), make()
    np.testing.assert_allclose(
        outputs(without, shuffled)["predicted"][0], outputs(without, inputs)["predicted"][0], rtol=1e-4, atol=1e-5
    )
    difference = outputs(with_recency, shuffled)["predicted"][0] - outputs(with_recency, inputs)["predicted"][0]
    assert np.abs(difference).max() > 0.01


def test_it_learns():
    check_learning(make())
