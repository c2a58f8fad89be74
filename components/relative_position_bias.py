"""Attention bias by relative position."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="qkv_zoo")
class RelativePositionBias(keras.layers.Layer):
    """A learned number for each head and distance, to be added to attention logits.

        bias[h, i, j] = table[clip(j - i, -max_distance, max_distance), h]

    This reduces the relative position representations of Shaw et al. 2018 to one number per head, as T5 does (Raffel et al. 2020,
    section 2.1).

    Args:
        num_heads: int, number of attention heads.
        max_distance: int, the largest distance with a number of its own; larger distances share it.

    Call arguments:
        inputs: tensor `(batch, sequence, ...)`, of which only the length counts.

    Returns:
        float `(1, num_heads, sequence, sequence)`.

    Example:
        >>> layer = RelativePositionBias(num_heads=3)
        >>> tuple(layer(ops.zeros((2, 7, 5))).shape)
        (1, 3, 7, 7)
    """

    def __init__(self, num_heads, max_distance=64, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.max_distance = max_distance

    def build(self, input_shape):
        self.table = self.add_weight(
            name="table",
            shape=(2 * self.max_distance + 1, self.num_heads),
            initializer=keras.initializers.RandomNormal(stddev=0.1),
            autocast=False,  # its gradient is a sum over all pairs of places
        )

    def call(self, inputs):
        # One row for each distance, from 1 - length to length: looked up for each pair of places, the gradient would be added up
        # row by row, which takes most of a training step on a GPU.
        length = ops.shape(inputs)[1]
        distance = ops.clip(ops.arange(1 - length, length + 1), -self.max_distance, self.max_distance)
        rows = ops.take(self.table, distance + self.max_distance, axis=0)
        # Written again and again into lines that are one shorter, the rows move on by one place from line to line.
        lines = ops.broadcast_to(rows[None], (length, 2 * length, self.num_heads))
        lines = ops.reshape(lines, (2 * length * length, self.num_heads))[: length * (2 * length - 1)]
        bias = ops.reshape(lines, (length, 2 * length - 1, self.num_heads))[:, length - 1 :]
        return ops.cast(ops.transpose(bias, (2, 0, 1)), self.compute_dtype)[None]

    def compute_output_shape(self, input_shape):
        return (1, self.num_heads, input_shape[1], input_shape[1])

    def get_config(self):
        return {**super().get_config(), "num_heads": self.num_heads, "max_distance": self.max_distance}
