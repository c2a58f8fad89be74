"""LexicalMatchBias against a loop. Runs on every Keras backend."""

import numpy as np
import pytest
from keras import ops

from components.lexical_match_bias import LexicalMatchBias
from tests.helpers.lexical_match import LENGTH, maps_by_hand


@pytest.mark.parametrize("num_heads", [2, 5])
def test_bias_equals_a_loop(num_heads):
    layer, maps = LexicalMatchBias(num_heads), maps_by_hand()
    bias = ops.convert_to_numpy(layer(maps))
    (weight,) = layer.get_weights()
    assert bias.shape == (1, num_heads, LENGTH, LENGTH) and weight.shape == (4, num_heads)
    for head in range(num_heads):
        expected = sum(weight[number, head] * maps[0, number] for number in range(4))
        np.testing.assert_allclose(bias[0, head], expected, atol=1e-6)
