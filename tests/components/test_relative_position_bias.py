"""RelativePositionBias: one number per head and clipped distance. Runs on every Keras backend."""

import numpy as np
from keras import ops

from components.relative_position_bias import RelativePositionBias


def test_equals_a_loop_over_clipped_distances():
    layer = RelativePositionBias(num_heads=3, max_distance=2)
    bias = ops.convert_to_numpy(layer(np.zeros((5, 7, 11), "float32")))
    (table,) = layer.get_weights()
    assert bias.shape == (1, 3, 7, 7) and table.shape == (5, 3)
    for i in range(7):
        for j in range(7):
            np.testing.assert_array_equal(bias[0, :, i, j], table[min(max(j - i, -2), 2) + 2])
    assert len(np.unique(bias[0, 0])) == 5  # what is 3 away and what is 6 away are one
