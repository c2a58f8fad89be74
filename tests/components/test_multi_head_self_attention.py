"""MultiHeadSelfAttention: a loop of its own, and what attention must be. Runs on every Keras backend."""

import keras
import numpy as np
import pytest
from keras import ops

from components.multi_head_self_attention import MultiHeadSelfAttention

BATCH, LENGTH, HEADS, HEAD_DIM = 2, 7, 3, 5
DIM = HEADS * HEAD_DIM
RNG = np.random.default_rng(11)
INPUTS = RNG.normal(size=(BATCH, LENGTH, DIM)).astype("float32")
BIAS = RNG.normal(size=(BATCH, HEADS, LENGTH, LENGTH)).astype("float32")
MASK = np.arange(LENGTH) < [[LENGTH], [4]]


def make_layer(**settings):
    """A layer whose weights, biases too, are all random."""
    layer = MultiHeadSelfAttention(HEADS, **settings)
    layer.build(INPUTS.shape)
    layer.set_weights([RNG.normal(scale=0.4, size=weight.shape) for weight in layer.weights])
    return layer


def attend_by_hand(layer, inputs, mask, bias, causal):
    """Outputs and weights, one query of one head at a time."""
    kernel, offset, output_kernel, output_offset = layer.get_weights()
    outputs, weights = np.zeros_like(inputs), np.zeros((BATCH, HEADS, LENGTH, LENGTH))
    for b in range(BATCH):
        query, key, value = np.split(inputs[b] @ kernel + offset, 3, axis=-1)
        for i in range(LENGTH):
            heads = []
            for h in range(HEADS):
                part = slice(h * HEAD_DIM, (h + 1) * HEAD_DIM)
                visible = [j for j in range(LENGTH) if mask[b, j] and (j <= i or not causal)]
                logits = [query[i, part] @ key[j, part] / np.sqrt(HEAD_DIM) + bias[b, h, i, j] for j in visible]
                weights[b, h, i, visible] = np.exp(logits) / np.exp(logits).sum()
                heads.append(weights[b, h, i] @ value[:, part])
            outputs[b, i] = np.concatenate(heads) @ output_kernel + output_offset
    return outputs, weights


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("biased", [False, True])
def test_equals_a_loop(masked, biased, causal):
    layer = make_layer()
    mask, bias = MASK if masked else np.ones_like(MASK), BIAS * biased
    options = {"padding_mask": MASK if masked else None, "attention_bias": BIAS if biased else None, "causal": causal}
    outputs, attention = (ops.convert_to_numpy(x) for x in layer(INPUTS, **options, return_attention=True))
    expected_outputs, expected = attend_by_hand(layer, INPUTS, mask, bias, causal)
    np.testing.assert_allclose(attention, expected, atol=1e-5)
    np.testing.assert_allclose(outputs, expected_outputs, atol=1e-4)
    np.testing.assert_allclose(attention.sum(-1), 1, atol=1e-5)
    assert (attention[expected == 0] == 0).all()
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(INPUTS, **options)), outputs)


def test_the_future_never_changes_what_came_before():
    layer = make_layer()
    changed = INPUTS.copy()
    changed[:, 4:] += 3
    before, after = (ops.convert_to_numpy(layer(x, causal=True)) for x in (INPUTS, changed))
    np.testing.assert_array_equal(after[:, :4], before[:, :4])
    assert np.abs(after[:, 4:] - before[:, 4:]).min(axis=-1).max() > 1e-3


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1), (2,)])
def test_a_bias_broadcasts(axes):
    layer = make_layer()
    bias = BIAS.mean(axis=axes, keepdims=True)
    full = np.broadcast_to(bias, BIAS.shape)
    actual, expected = (ops.convert_to_numpy(layer(INPUTS, attention_bias=b)) for b in (bias, full))
    np.testing.assert_allclose(actual, expected, atol=1e-6)


def test_each_projection_starts_with_its_own_glorot_limits():
    keras.utils.set_random_seed(0)
    layer = MultiHeadSelfAttention(2)
    layer.build((None, None, 64))
    parts = np.split(ops.convert_to_numpy(layer.qkv_kernel), 3, axis=-1)
    limit = np.sqrt(6 / (64 + 64))
    for part in parts:
        assert 0.98 * limit < np.abs(part).max() <= limit
    assert not np.array_equal(parts[0], parts[1]) and not np.array_equal(parts[1], parts[2])


def test_without_bias_there_are_two_kernels_and_zero_stays_zero():
    layer = MultiHeadSelfAttention(HEADS, use_bias=False)
    assert not ops.convert_to_numpy(layer(np.zeros_like(INPUTS))).any()
    assert [weight.shape for weight in layer.weights] == [(DIM, 3 * DIM), (DIM, DIM)]


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match="num_heads 4 does not divide hidden_dim 15"):
        MultiHeadSelfAttention(4)(INPUTS)


def test_a_functional_model_can_ask_for_the_weights():
    inputs = keras.Input((None, DIM))
    outputs, attention = MultiHeadSelfAttention(HEADS)(inputs, return_attention=True)
    assert outputs.shape == (None, None, DIM) and attention.shape == (None, HEADS, None, None)
    attention = ops.convert_to_numpy(keras.Model(inputs, attention)(INPUTS))
    np.testing.assert_allclose(attention.sum(-1), 1, atol=1e-5)
