"""Attention bias by relative position."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="qkv_zoo")
class RelativePositionBias(keras.layers.Layer):
    """A learned number per head and distance, added to attention logits: `bias[h, i, j] = table[clip(j - i), h]`.

    Relative position representations (Shaw et al. 2018) reduced to a scalar per head, as in T5 (Raffel et al. 2020).

    Args:
        num_heads: attention heads.
        max_distance: distances beyond it share the outermost entry.

    Call argument: any tensor `(batch, sequence, ...)`; only its length is used.
    Output: `(1, num_heads, sequence, sequence)`.
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
        )

    def call(self, inputs):
        position = ops.arange(ops.shape(inputs)[1])
        distance = ops.clip(position[None, :] - position[:, None], -self.max_distance, self.max_distance)
        bias = ops.take(self.table, distance + self.max_distance, axis=0)
        return ops.cast(ops.transpose(bias, (2, 0, 1)), self.compute_dtype)[None]

    def compute_output_shape(self, input_shape):
        return (1, self.num_heads, input_shape[1], input_shape[1])

    def get_config(self):
        return {**super().get_config(), "num_heads": self.num_heads, "max_distance": self.max_distance}
