"""Weights for the elements of a sequence from how similar they are to one another."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="qkv_zoo")
class SimilarityWeights(keras.layers.Layer):
    """A small network gives each element a number from its inner products with all, in order of their distance from the end:

        s_jk = x_j . x_k;   h_j = gelu(A s_j + d_j);   g_j = c . gelu(B h_j + b) + e

    Of the vectors only their inner products are seen, which no rotation changes: what is learned of one set of topics holds for
    others, and a few thousand sequences are enough. At the start c and e are zero, so that `g` is.

    Args:
        context_length: longest sequence.
        hidden_dim: size of `h`.

    Call arguments: inputs `(batch, context, dim)`; padding_mask `(batch, context)`, True or 1 where there is an element. Elements
    stand at the end, padding before them.

    Output: float32 `(batch, context)`; at padding it has no meaning.
    """

    def __init__(self, context_length, hidden_dim=64, **kwargs):
        super().__init__(**kwargs)
        self.context_length = context_length
        self.hidden_dim = hidden_dim
        policy = self.dtype_policy
        self.mix = keras.layers.Dense(hidden_dim, "gelu", dtype=policy, name="mix")
        self.give = keras.layers.Dense(1, kernel_initializer="zeros", dtype=policy, name="give")

    def build(self, *_):
        shape = self.context_length, self.hidden_dim
        self.similarity = self.add_weight(name="similarity", shape=shape, initializer="glorot_uniform")
        self.distance = self.add_weight(name="distance", shape=shape, initializer=keras.initializers.RandomNormal(0.1))
        self.mix.build((None, None, self.hidden_dim))
        self.give.build((None, None, self.hidden_dim))

    def call(self, inputs, padding_mask):
        first = self.context_length - ops.shape(inputs)[1]
        products = ops.matmul(inputs, ops.transpose(inputs, (0, 2, 1)))
        products = products * ops.cast(padding_mask, products.dtype)[:, None]
        similarity, distance = (ops.cast(of[first:], products.dtype) for of in (self.similarity, self.distance))
        state = ops.gelu(ops.matmul(products, similarity) + distance)
        return ops.cast(self.give(self.mix(state))[..., 0], "float32")

    def compute_output_shape(self, inputs_shape, padding_mask_shape=None):
        return inputs_shape[:2]

    def get_config(self):
        return {
            **super().get_config(),
            "context_length": self.context_length,
            "hidden_dim": self.hidden_dim,
        }
