"""TransformerBlock: both orders of normalisation by hand, causality, attention on request. Runs on every Keras backend."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from components.transformer_block import TransformerBlock

BATCH, LENGTH, DIM, WIDTH, HEADS = 2, 7, 6, 5, 3
RNG = np.random.default_rng(7)
INPUTS = RNG.normal(size=(BATCH, LENGTH, DIM)).astype("float32")
MASK = np.arange(LENGTH) < [[LENGTH], [5]]
BIAS = RNG.normal(size=(1, HEADS, LENGTH, LENGTH)).astype("float32")


def make_block(**settings):
    block = TransformerBlock(HEADS, WIDTH, **settings)
    block.build(INPUTS.shape)
    block.set_weights([RNG.normal(scale=0.5, size=weight.shape) for weight in block.weights])
    return block


def numpy_of(tensor):
    return ops.convert_to_numpy(tensor)


def normalise(x, norm):
    gamma, beta = norm.get_weights()
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + norm.epsilon) * gamma + beta


def feed_forward(x, block):
    (kernel, offset), (back_kernel, back_offset) = block.expand.get_weights(), block.contract.get_weights()
    hidden = x @ kernel + offset
    if block.activation is keras.activations.relu:
        hidden = np.maximum(hidden, 0)
    else:  # exact gelu
        hidden = hidden * 0.5 * (1 + np.vectorize(math.erf)(hidden / math.sqrt(2)))
    return hidden @ back_kernel + back_offset


@pytest.mark.parametrize("activation", ["gelu", "relu"])
@pytest.mark.parametrize("norm_first", [True, False])
def test_equals_the_equations(norm_first, activation):
    block = make_block(norm_first=norm_first, activation=activation)

    def attend(x):
        return numpy_of(block.attention(x, padding_mask=MASK, attention_bias=BIAS))

    if norm_first:
        x = INPUTS + attend(normalise(INPUTS, block.attention_norm))
        expected = x + feed_forward(normalise(x, block.ffn_norm), block)
    else:
        x = normalise(INPUTS + attend(INPUTS), block.attention_norm)
        expected = normalise(x + feed_forward(x, block), block.ffn_norm)
    actual = numpy_of(block(INPUTS, padding_mask=MASK, attention_bias=BIAS))
    np.testing.assert_allclose(actual, expected, atol=2e-5)


def test_a_fresh_post_ln_block_normalises_and_a_branchless_pre_ln_block_is_the_identity():
    outputs = numpy_of(TransformerBlock(HEADS, WIDTH, norm_first=False)(INPUTS))
    np.testing.assert_allclose(outputs.mean(-1), 0, atol=1e-5)
    np.testing.assert_allclose(outputs.var(-1), 1, atol=1e-3)
    block = make_block()
    for layer in (block.attention.output_projection, block.contract):
        layer.set_weights([np.zeros_like(weight) for weight in layer.get_weights()])
    np.testing.assert_array_equal(numpy_of(block(INPUTS)), INPUTS)


@pytest.mark.parametrize("norm_first", [True, False])
def test_the_future_never_changes_what_came_before(norm_first):
    block = make_block(norm_first=norm_first)
    changed = INPUTS.copy()
    changed[:, 3:] -= RNG.normal(size=changed[:, 3:].shape)
    before, after = (numpy_of(block(x, causal=True)) for x in (INPUTS, changed))
    np.testing.assert_array_equal(after[:, :3], before[:, :3])
    assert np.abs(after[:, 3:] - before[:, 3:]).max() > 1e-3


def test_attention_on_request():
    block = make_block()
    outputs, attention = block(INPUTS, padding_mask=MASK, return_attention=True)
    np.testing.assert_array_equal(numpy_of(outputs), numpy_of(block(INPUTS, padding_mask=MASK)))
    attention = numpy_of(attention)
    assert attention.shape == (BATCH, HEADS, LENGTH, LENGTH) and not attention[1, :, :, 5:].any()
    np.testing.assert_allclose(attention.sum(-1), 1, atol=1e-5)


def test_a_functional_model_can_ask_for_the_weights():
    outputs, attention = TransformerBlock(HEADS, WIDTH)(keras.Input((None, DIM)), return_attention=True)
    assert outputs.shape == (None, None, DIM) and attention.shape == (None, HEADS, None, None)
