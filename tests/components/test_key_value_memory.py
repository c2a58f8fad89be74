"""KeyValueMemory against its equation."""

import numpy as np
from keras import ops

from components.key_value_memory import KeyValueMemory

BATCH, SLOTS, DIM, VALUE_DIM = 2, 5, 3, 7
RNG = np.random.default_rng(4)
QUERY = RNG.normal(size=(BATCH, DIM)).astype("float32")
KEYS = RNG.normal(size=(BATCH, SLOTS, DIM)).astype("float32")
VALUES = RNG.normal(size=(BATCH, SLOTS, VALUE_DIM)).astype("float32")
MASK = np.array([[1, 1, 1, 1, 1], [1, 0, 1, 0, 0]], "int32")


def read(query=QUERY, keys=KEYS, values=VALUES, mask=MASK, **settings):
    return tuple(ops.convert_to_numpy(part) for part in KeyValueMemory(**settings)(query, keys, values, mask))


def test_equals_the_equation():
    actual, logits = read()
    for row in range(BATCH):
        slots = [slot for slot in range(SLOTS) if MASK[row, slot]]
        scores = np.array([QUERY[row] @ KEYS[row, slot] for slot in slots])
        address = np.exp(scores) / np.exp(scores).sum()
        np.testing.assert_allclose(logits[row, slots], scores, rtol=1e-5)
        expected = sum(weight * VALUES[row, slot] for weight, slot in zip(address, slots, strict=True))
        np.testing.assert_allclose(actual[row], expected, rtol=1e-5)


def test_empty_slots_change_nothing_and_get_no_attention():
    other = VALUES + 100 * (1 - MASK)[..., None], KEYS + 100 * (1 - MASK)[..., None]
    actual, logits = read(values=other[0].astype("float32"), keys=other[1].astype("float32"))
    np.testing.assert_allclose(actual, read()[0], rtol=1e-5)
    assert (logits[MASK == 0] < -1e8).all()


def test_the_bias_is_added_in_float32_at_any_precision():
    bias = np.array([[20.0, 20.05, 20.3, 0, 0]] * BATCH, "float32")
    layer = KeyValueMemory(dtype="mixed_bfloat16")
    zeros = np.zeros_like(QUERY)
    logits = ops.convert_to_numpy(layer(zeros, KEYS, VALUES, np.ones_like(MASK), bias)[1])
    np.testing.assert_allclose(logits, bias, rtol=1e-6)


def test_an_empty_memory_is_read_as_zeros():
    actual, _ = read(mask=np.zeros_like(MASK))
    np.testing.assert_array_equal(actual, np.zeros((BATCH, VALUE_DIM)))


def test_a_key_equal_to_the_query_is_found():
    keys = np.eye(SLOTS, dtype="float32")[None] * 50
    values = np.arange(SLOTS, dtype="float32")[None, :, None]
    for slot in range(SLOTS):
        actual, _ = read(np.eye(SLOTS, dtype="float32")[slot][None], keys, values, np.ones((1, SLOTS), "int32"))
        np.testing.assert_allclose(actual, [[slot]], atol=1e-5)
