"""DynamicKeyValueMemory against loops over time."""

import keras
import numpy as np
import pytest
from keras import ops

from components.dynamic_key_value_memory import DynamicKeyValueMemory
from tests.helpers.drawn import assert_normal

BATCH, SLOTS, DIM, QUERY, WRITE = 2, 5, 7, 3, 11
RNG = np.random.default_rng(6)


def layer_and_inputs(steps=19, forgetting=False):
    keras.utils.set_random_seed(2)
    layer = DynamicKeyValueMemory(SLOTS, DIM, forgetting)
    query, value = (RNG.normal(size=(BATCH, steps, size)).astype("float32") for size in (QUERY, WRITE))
    return layer, query, value


@pytest.mark.parametrize("forgetting", [False, True])
def test_the_layer_equals_its_equations(forgetting):
    layer, query, value = layer_and_inputs(forgetting=forgetting)
    read, address = (ops.convert_to_numpy(part) for part in layer(query, value))
    keys, memory = (ops.convert_to_numpy(weight) for weight in (layer.keys, layer.values))
    (erase, b), (add, c) = ([ops.convert_to_numpy(w) for w in part.weights] for part in (layer.erase, layer.add))
    fades = 1 / (1 + np.exp(-ops.convert_to_numpy(layer.fading))) if forgetting else 1
    for row in range(BATCH):
        state = memory.copy()
        for step in range(query.shape[1]):
            scores = np.exp(keys @ query[row, step])
            weight = scores / scores.sum()
            np.testing.assert_allclose(address[row, step], weight, rtol=1e-4)
            np.testing.assert_allclose(read[row, step], weight @ state, rtol=1e-3, atol=1e-5)
            erased = 1 / (1 + np.exp(-(value[row, step] @ erase + b)))
            added = np.tanh(value[row, step] @ add + c)
            state = (state * (1 - np.outer(weight, erased)) + np.outer(weight, added)) * fades


def test_a_read_sees_neither_its_own_value_nor_later_ones():
    layer, query, value = layer_and_inputs()
    before = ops.convert_to_numpy(layer(query, value)[0])
    changed = value.copy()
    changed[:, 9:] += 1
    after = ops.convert_to_numpy(layer(query, changed)[0])
    np.testing.assert_array_equal(after[:, :10], before[:, :10])
    assert (np.abs(after[:, 10:] - before[:, 10:]).max(axis=(0, 2)) > 1e-6).all()


def test_padding_writes_nothing():
    layer, query, value = layer_and_inputs()
    mask = np.ones(query.shape[:2], bool)
    mask[:, 4] = False
    real_steps = [step for step in range(query.shape[1]) if step != 4]
    actual = ops.convert_to_numpy(layer(query, value, mask)[0])[:, real_steps]
    expected = ops.convert_to_numpy(layer(query[:, real_steps], value[:, real_steps])[0])
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-6)


def test_rows_of_few_values_are_the_same_as_their_copies():
    layer, query, value = layer_and_inputs()
    rows = RNG.integers(0, 3, query.shape[:2])
    few = value[0, :3]
    expected = layer(query, few[rows])
    for one, other in zip(layer(query, few, None, rows), expected, strict=True):
        np.testing.assert_allclose(*map(ops.convert_to_numpy, (one, other)), rtol=1e-5, atol=1e-6)


def test_rows_of_few_queries_are_the_same_as_their_copies():
    layer, query, value = layer_and_inputs()
    rows = RNG.integers(0, 3, query.shape[:2])
    mask = np.ones(query.shape[:2], "int32")
    mask[1, 12:] = 0
    few = query[0, :3]
    expected = layer(few[rows], value, mask)
    for one, other in zip(layer(few, value, mask, None, rows), expected, strict=True):
        one, other = map(ops.convert_to_numpy, (one, other))
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_half_precision_keeps_the_state_in_float32():
    layer, query, value = layer_and_inputs(200)
    half = DynamicKeyValueMemory(SLOTS, DIM, dtype="mixed_bfloat16")
    half.build(query.shape, value.shape)
    layer(query, value)
    half.set_weights(layer.get_weights())
    read, _ = half(query, value)
    assert keras.backend.standardize_dtype(read.dtype) == "bfloat16"
    actual, expected = (ops.convert_to_numpy(ops.cast(array, "float32")) for array in (read, layer(query, value)[0]))
    np.testing.assert_allclose(actual, expected, atol=0.05)


def test_the_shape_of_the_output_is_that_of_the_rows():
    layer = DynamicKeyValueMemory(SLOTS, DIM)
    assert layer.compute_output_shape((9, 3), (8, 4), None, (2, 6), (2, 6)) == ((2, 6, DIM), (2, 6, SLOTS))
    assert layer.compute_output_shape((2, 6, 3), (2, 6, 4)) == ((2, 6, DIM), (2, 6, SLOTS))


def test_keys_and_values_start_around_zero():
    layer = DynamicKeyValueMemory(num_slots=60, value_dim=50)
    layer.build((None, None, 25), (None, None, 10))
    assert_normal(layer.keys, 0.2)
    assert_normal(layer.values, 0.1)
