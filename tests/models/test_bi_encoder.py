"""BiEncoder: slots, towers, temperature, chunks, learning."""

import keras
import numpy as np
import pytest
from keras import ops

from components.losses.info_nce import InfoNCE
from models.bi_encoder import BiEncoder
from tests.helpers.calls import call_compiled
from tests.helpers.learning import learn
from tests.models.test_text_encoder import ENCODER

IS_JAX = keras.backend.backend() == "jax"
NAMES = {"token_ids": "ids", "padding_mask": "mask"}


def make(**settings):
    keras.utils.set_random_seed(4)
    model = BiEncoder(ENCODER | {"dropout": 0.0}, output_dim=8, **settings)
    model.build()
    return model


def batch():
    rng = np.random.default_rng(1)
    shapes = {"query": (3, 5), "candidate": (3, 2, 7)}
    inputs = {f"{name}_ids": rng.integers(0, 31, shape).astype("int32") for name, shape in shapes.items()}
    inputs |= {f"{name}_mask": np.ones(shape, "int32") for name, shape in shapes.items()}
    inputs["candidate_mask"][1, 1] = 0  # an empty slot
    inputs["candidate_mask"][0, 0, 4:] = 0
    return inputs


def call(model, inputs):
    return ops.convert_to_numpy(call_compiled(model, inputs))


@pytest.mark.parametrize("shared", [True, False])
def test_every_slot_holds_its_candidate(shared):
    model, inputs = make(shared=shared), batch()
    vectors = call(model, inputs)
    assert vectors.shape == (3, 3, 8) and np.isfinite(vectors).all()
    for row, slot in ((0, 0), (0, 1), (2, 1)):
        single = {name: inputs[f"candidate_{short}"][row, slot][None] for name, short in NAMES.items()}
        np.testing.assert_allclose(vectors[row, 1 + slot], call(model.candidates, single)[0], rtol=1e-4, atol=1e-5)
    queries = {name: inputs[f"query_{short}"] for name, short in NAMES.items()}
    np.testing.assert_allclose(vectors[:, 0], call(model.queries, queries), rtol=1e-4, atol=1e-5)
    assert (model.queries is model.candidates) == shared
    assert (np.abs(vectors[:, 0] - call(model.candidates, queries)).max() < 1e-4) == shared


def test_a_learned_temperature_is_the_inverse_of_the_queries_norm():
    model, inputs = make(temperature=0.1), batch()
    np.testing.assert_allclose(np.linalg.norm(call(model, inputs)[:, 0], axis=1), 10, rtol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(call(model, inputs)[0, 1:], axis=1), 1, rtol=1e-4)
    assert float(model.log_scale.constraint(ops.convert_to_tensor(9.0))) == pytest.approx(np.log(100))


def test_chunks_give_the_gradient_of_the_whole_batch():
    rng, steps = np.random.default_rng(2), {}
    inputs = {name: np.concatenate([values] * 2) for name, values in batch().items()}
    inputs["query_ids"] = rng.integers(0, 31, (6, 5)).astype("int32")
    y_true = np.column_stack([np.tile([1, 0, 1, 1], (6, 1)), *[np.arange(6)] * 3]).astype("float32")
    for num_chunks in (1, 2):
        model = make(num_chunks=num_chunks)
        before = model.get_weights()
        model.compile(keras.optimizers.SGD(1.0), loss=InfoNCE(), jit_compile=IS_JAX)
        loss = float(model.train_on_batch(inputs, y_true))
        steps[num_chunks] = [loss, *(old - new for old, new in zip(before, model.get_weights(), strict=True))]
    assert sum(np.abs(step).max() > 1e-3 for step in steps[1]) > 5
    for whole, chunked in zip(steps[1], steps[2], strict=True):
        assert np.abs(whole - chunked).max() <= 1e-5 * max(1, np.abs(whole).max())


def dropout_step(weights=None):
    """A step in chunks with dropout, which drops the same each time: its loss, the weights before it, and the model after it."""
    keras.utils.set_random_seed(4)
    model = BiEncoder(ENCODER | {"dropout": 0.5}, output_dim=8, num_chunks=3)
    model.build()
    if weights is not None:
        model.set_weights(weights)
    before = model.get_weights()
    model.compile(keras.optimizers.SGD(1.0), loss=InfoNCE(1.0), jit_compile=IS_JAX)
    y_true = np.column_stack([np.tile([1, 0, 1, 1], (3, 1)), *[np.arange(3)] * 3]).astype("float32")
    return float(model.train_on_batch(batch(), y_true)), before, model


def test_chunks_have_dropout_that_differs_by_chunk_and_step():
    _, _, model = dropout_step()
    ids = np.tile(batch()["query_ids"][:1], (3, 1))  # question and candidate are one text in each of the three chunks
    inputs = {"query_ids": ids, "candidate_ids": ids[:, None]}
    inputs |= {name.replace("ids", "mask"): np.ones_like(values) for name, values in inputs.items()}
    states = [ops.convert_to_numpy(state.value) for state in model.non_trainable_variables]
    first, second = (ops.convert_to_numpy(model(inputs, training=True)) for _ in range(2))
    for old, state in zip(states, model.non_trainable_variables, strict=True):
        # Each call has 3 chunks, in which the one encoder drops twice: for queries and for candidates.
        assert (ops.convert_to_numpy(state.value) - old).tolist() == [0, 2 * 3 * 2]
    vectors = np.concatenate([*first, *second])
    for place, vector in enumerate(vectors):
        assert (np.abs(vectors[:place] - vector).max(axis=1, initial=0) > 1e-3).all()
    assert not np.allclose(first, call(model, inputs), atol=1e-3)


def test_the_gradient_of_chunks_is_that_of_the_loss_with_the_same_dropout():
    """A small step along the gradient, with the same seeds, lowers the loss by the squared norm of the gradient."""
    loss, before, model = dropout_step()
    gradient = [old - new for old, new in zip(before, model.get_weights(), strict=True)]
    squared_norm = sum(float(np.sum(array.astype(np.float64) ** 2)) for array in gradient)
    rate = 1e-3 / squared_norm**0.5
    lower, _, _ = dropout_step([old - rate * array for old, array in zip(before, gradient, strict=True)])
    assert (loss - lower) / rate == pytest.approx(squared_norm, rel=0.02)


def test_it_learns():
    model, inputs = make(temperature=0.1), batch()
    y_true = np.array([[1, 0.5, 1, 1, 1, 1, 1], [1, 0, 1, 0, 2, 2, 2], [0, 1, 1, 1, 3, 3, 3]], "float32")
    model.compile(keras.optimizers.Adam(0.003), loss=InfoNCE(1.0))
    losses = learn(model, inputs, y_true, 100)
    assert losses[-1] < 0.1 < losses[0]
    assert abs(float(ops.convert_to_numpy(model.log_scale)) - np.log(10)) > 1e-3
    vectors = call(model, inputs)
    scores = np.einsum("bd,bsd->bs", vectors[:, 0], vectors[:, 1:])
    assert scores[0, 0] > scores[0, 1] and scores[2, 1] > scores[2, 0]
