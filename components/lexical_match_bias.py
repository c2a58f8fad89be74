"""Lexical match as attention bias."""

import keras
from keras import ops

from components.lexical_match_maps import NUM_MAPS


@keras.saving.register_keras_serializable(package="qkv_zoo")
class LexicalMatchBias(keras.layers.Layer):
    """Attention bias from `match_maps`: `bias[b, h, i, j] = sum_m weight[m, h] * maps[b, m, i, j]`.

    Input: maps `(batch, 4, sequence, sequence)`. Output: `(batch, num_heads, sequence, sequence)`.
    """

    def __init__(self, num_heads, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads

    def build(self, input_shape):
        self.weight = self.add_weight(
            name="weight",
            shape=(NUM_MAPS, self.num_heads),
            initializer=keras.initializers.RandomUniform(0.0, 2.0),
        )

    def call(self, maps):
        weight = ops.cast(self.weight, maps.dtype)
        shape = ops.shape(maps)
        flat = ops.reshape(maps, (shape[0], NUM_MAPS, shape[2] * shape[3]))
        bias = ops.matmul(ops.transpose(weight)[None], flat)
        return ops.reshape(bias, (shape[0], self.num_heads, shape[2], shape[3]))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.num_heads, *input_shape[2:])

    def get_config(self):
        return {**super().get_config(), "num_heads": self.num_heads}
