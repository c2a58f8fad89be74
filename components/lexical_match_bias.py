"""Lexical match as attention bias."""

import keras
from keras import ops

from components.lexical_match_maps import NUM_MAPS


@keras.saving.register_keras_serializable(package="qkv_zoo")
class LexicalMatchBias(keras.layers.Layer):
    """Attention bias from `match_maps`.

        bias[b, h, i, j] = sum_m weight[m, h] * maps[b, m, i, j]

    In a short training on 9,000 SQuAD questions it brought nothing: F1 -1.3, 95 % interval -2.5 to 0.0 (docs/squad.md).

    Args:
        num_heads: int, number of attention heads.

    Call arguments:
        maps: float 0/1 tensor `(batch, 4, sequence, sequence)`, from `match_maps`.

    Returns:
        float `(batch, num_heads, sequence, sequence)`.

    Example:
        >>> layer = LexicalMatchBias(num_heads=3)
        >>> tuple(layer(ops.ones((2, 4, 7, 7))).shape)
        (2, 3, 7, 7)
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
        batch, _, rows, columns = ops.shape(maps)
        bias = ops.matmul(ops.transpose(weight)[None], ops.reshape(maps, (batch, NUM_MAPS, rows * columns)))
        return ops.reshape(bias, (batch, self.num_heads, rows, columns))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.num_heads, *input_shape[2:])

    def get_config(self):
        return {**super().get_config(), "num_heads": self.num_heads}
