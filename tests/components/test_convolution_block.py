"""ConvolutionBlock: against a loop, which outputs a change reaches, and refused widths. Runs on every Keras backend."""

import numpy as np
import pytest
from keras import ops

from components.convolution_block import ConvolutionBlock

BATCH, LENGTH, DIM = 2, 11, 3
RNG = np.random.default_rng(13)
INPUTS = RNG.normal(size=(BATCH, LENGTH, DIM)).astype("float32")
MASK = np.arange(LENGTH) < [[LENGTH], [7]]


def make_block(width):
    block = ConvolutionBlock(width)
    block.build(INPUTS.shape)
    block.set_weights([RNG.normal(size=weight.shape) for weight in block.weights])
    return block


@pytest.mark.parametrize("width", [1, 3, 5])
def test_equals_a_loop(width):
    block = make_block(width)
    gamma, beta, kernel, offset = block.get_weights()
    spread = np.sqrt(INPUTS.var(-1, keepdims=True) + 1e-6)
    normed = ((INPUTS - INPUTS.mean(-1, keepdims=True)) / spread * gamma + beta) * MASK[:, :, None]
    expected = INPUTS.copy()
    for b in range(BATCH):
        for i in range(LENGTH):
            near = [(j, i + j - width // 2) for j in range(width) if 0 <= i + j - width // 2 < LENGTH]
            branch = sum((normed[b, place] @ kernel[j] for j, place in near), start=offset)
            expected[b, i] += branch[:DIM] / (1 + np.exp(-branch[DIM:]))
    np.testing.assert_allclose(ops.convert_to_numpy(block(INPUTS, padding_mask=MASK)), expected, atol=1e-5)


def test_one_token_reaches_half_the_width_to_both_sides():
    block = make_block(5)
    changed = INPUTS.copy()
    changed[:, 4] = RNG.normal(size=(BATCH, DIM))
    difference = np.abs(ops.convert_to_numpy(block(changed)) - ops.convert_to_numpy(block(INPUTS))).max(axis=(0, 2))
    assert np.flatnonzero(difference > 1e-6).tolist() == [2, 3, 4, 5, 6]


@pytest.mark.parametrize("width", [0, 4, -3])
def test_a_width_is_odd_and_positive(width):
    with pytest.raises(ValueError, match=f"width must be odd and positive, got {width}"):
        ConvolutionBlock(width)
