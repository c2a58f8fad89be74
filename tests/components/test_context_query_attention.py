"""ContextQueryAttention: a loop of its own, and who hears of whom. Runs on every Keras backend."""

import numpy as np
from keras import ops

from components.context_query_attention import ContextQueryAttention

BATCH, LENGTH, DIM = 2, 7, 5
RNG = np.random.default_rng(17)
INPUTS = RNG.normal(size=(BATCH, LENGTH, DIM)).astype("float32")
SEGMENTS = np.array([[0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 1, 0, 0]])
MASK = np.array([[1] * 7, [1] * 5 + [0] * 2])


def make_layer():
    layer = ContextQueryAttention()
    layer.build(INPUTS.shape)
    layer.set_weights([RNG.normal(scale=0.5, size=weight.shape) for weight in layer.weights])
    return layer


def test_equals_a_loop_with_the_row_term_left_in():
    layer = make_layer()
    column, product = (ops.convert_to_numpy(weight) for weight in (layer.column_weight, layer.product_weight))
    (merge, offset), (gamma, beta) = layer.merge.get_weights(), layer.norm.get_weights()
    normed = (INPUTS - INPUTS.mean(-1, keepdims=True)) / np.sqrt(INPUTS.var(-1, keepdims=True) + 1e-6) * gamma + beta
    row = RNG.normal(size=(DIM, 1))  # w1 of the paper; it shifts whole rows, which a softmax does not see
    expected = np.zeros_like(INPUTS)
    for b in range(BATCH):
        x, attention = normed[b], np.zeros((LENGTH, LENGTH))
        for i in range(LENGTH):
            others = [j for j in range(LENGTH) if SEGMENTS[b, j] != SEGMENTS[b, i] and MASK[b, j]]
            scores = [(x[i] @ row + x[j] @ column + (product * x[i]) @ x[j]).item() for j in others]
            attention[i, others] = np.exp(scores) / np.exp(scores).sum()
        across = attention @ x
        back = attention @ across
        expected[b] = INPUTS[b] + np.concatenate([across, x * across, x * back], axis=-1) @ merge + offset
    actual = ops.convert_to_numpy(layer(INPUTS, segment_ids=SEGMENTS, padding_mask=MASK))
    np.testing.assert_allclose(actual, expected, atol=1e-4)


def test_what_is_said_across_reaches_every_token_of_the_other_segment():
    layer = make_layer()
    changed = INPUTS.copy()
    changed[0, 1] = RNG.normal(size=DIM)  # a question token
    before, after = (ops.convert_to_numpy(layer(x, segment_ids=SEGMENTS, padding_mask=MASK)) for x in (INPUTS, changed))
    assert (np.abs(after[0, 3:] - before[0, 3:]).max(axis=-1) > 1e-4).all()
    np.testing.assert_array_equal(after[1], before[1])  # the other row of the batch
