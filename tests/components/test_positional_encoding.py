"""PositionalEncoding: the paper's table by hand, the learned one, lengths. Runs on every Keras backend."""

import math

import numpy as np
import pytest
from keras import ops

from components.positional_encoding import PositionalEncoding


@pytest.mark.parametrize("hidden_dim", [6, 5])
def test_sinusoids_by_hand(hidden_dim):
    inputs = np.random.default_rng(3).normal(size=(2, 7, hidden_dim)).astype("float32")
    layer = PositionalEncoding(11)
    added = ops.convert_to_numpy(layer(inputs)) - inputs
    assert layer.weights == []
    for position in range(7):
        for column in range(hidden_dim):
            wave = math.cos if column % 2 else math.sin
            expected = wave(position / 10_000 ** (2 * (column // 2) / hidden_dim))
            np.testing.assert_allclose(added[:, position, column], expected, atol=1e-6)


def test_a_learned_table_is_added_from_its_first_row():
    layer = PositionalEncoding(5, learned=True)
    outputs = ops.convert_to_numpy(layer(np.ones((2, 3, 7), "float32")))
    (table,) = layer.get_weights()
    assert table.shape == (5, 7) and len(layer.trainable_weights) == 1
    np.testing.assert_allclose(outputs, np.tile(1 + table[:3], (2, 1, 1)), rtol=1e-6)


@pytest.mark.parametrize("learned", [False, True])
def test_a_sequence_that_is_too_long_is_told(learned):
    layer = PositionalEncoding(5, learned)
    assert layer(np.zeros((2, 5, 3), "float32")).shape == (2, 5, 3)
    with pytest.raises(ValueError, match="a sequence of 7 is longer than max_length 5"):
        layer(np.zeros((2, 7, 3), "float32"))
    with pytest.raises(ValueError, match="max_length must be positive, got 0"):
        PositionalEncoding(0, learned)
