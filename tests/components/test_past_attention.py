"""Attention over the steps before: the formula, written out, and what a step sees."""

import keras
import numpy as np
import pytest

from components.past_attention import PastAttention

BATCH, STEPS, DIM, HEADS = 2, 6, 8, 2
QUERY, KEY, VALUE = np.random.default_rng(1).normal(size=(3, BATCH, STEPS, DIM)).astype("float32")


def make():
    keras.utils.set_random_seed(3)
    layer = PastAttention(HEADS)
    layer.build((BATCH, STEPS, DIM))
    for weight in layer.weights:
        if weight.name == "bias":
            weight.assign(np.random.default_rng(2).normal(size=weight.shape))
    return layer


def call(layer, *arrays):
    return np.asarray(keras.ops.convert_to_numpy(layer(*arrays)))


def dense(layer, x):
    return x @ keras.ops.convert_to_numpy(layer.kernel) + keras.ops.convert_to_numpy(layer.bias)


def test_the_formula():
    layer, head_dim = make(), DIM // HEADS
    query, key, value = (dense(*pair) for pair in ((layer.query, QUERY), (layer.key, KEY), (layer.value, VALUE)))
    fading = np.exp(keras.ops.convert_to_numpy(layer.log_fading))
    expected = np.zeros((BATCH, STEPS, DIM))
    for row, head, t in np.ndindex(BATCH, HEADS, STEPS):
        part = slice(head * head_dim, (head + 1) * head_dim)
        logits = [query[row, t, part] @ key[row, j, part] / head_dim**0.5 - fading[head] * (t - j) for j in range(t)]
        weights = np.exp(logits) / (1 + np.exp(logits).sum())
        expected[row, t, part] = weights @ value[row, :t, part]
    actual = call(layer, QUERY, KEY, VALUE)
    np.testing.assert_allclose(actual, dense(layer.output_projection, expected), rtol=1e-4, atol=1e-5)


def test_a_step_sees_keys_and_values_of_earlier_steps_only():
    layer, later = make(), np.arange(STEPS)[None, :, None] >= 3
    before = call(layer, QUERY, KEY, VALUE)
    after = call(layer, QUERY, np.where(later, -KEY, KEY), np.where(later, -VALUE, VALUE))
    np.testing.assert_allclose(after[:, :4], before[:, :4], rtol=1e-5, atol=1e-6)
    assert np.abs(after[:, 4:] - before[:, 4:]).max() > 0.1
    np.testing.assert_allclose(
        before[:, 0], np.tile(keras.ops.convert_to_numpy(layer.output_projection.bias), (BATCH, 1)), atol=1e-6
    )


def test_heads_have_to_divide_the_vectors():
    with pytest.raises(ValueError, match="num_heads 3 does not divide the size of the vectors, 8"):
        PastAttention(3).build((BATCH, STEPS, DIM))
