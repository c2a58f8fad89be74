"""Weights for the vectors of a sequence, from how similar they are to one another."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="qkv_zoo")
class SimilarityWeights(keras.layers.Layer):
    """A small network that weights each vector of a sequence by its inner products with all vectors.

        s_jk = x_j . x_k;  h_j = gelu(A s_j + d_j);  g_j = c . gelu(B h_j + b) + e

    The outer gelu is exact, that of h its tanh approximation. The inner products and `d` are ordered by distance from the end of
    the sequence. Rotating all vectors changes no inner product, so what the network learns on some topics holds for others, and a
    few thousand sequences are enough to train it. c and e start as zeros, so the weights do too.

    Args:
        context_length: int, the longest sequence.
        hidden_dim: int, size of h.

    Call arguments:
        inputs: float `(batch, context, dim)`, at the end of the sequence, with padding before them.
        padding_mask: `(batch, context)`, True or 1 where there is a vector.

    Returns:
        float32 `(batch, context)`, g; meaningless at padding.

    Example:
        >>> layer = SimilarityWeights(context_length=7)
        >>> tuple(layer(ops.ones((2, 5, 3)), ops.ones((2, 5))).shape)
        (2, 5)
    """

    def __init__(self, context_length, hidden_dim=64, **kwargs):
        super().__init__(**kwargs)
        self.context_length = context_length
        self.hidden_dim = hidden_dim
        policy = self.dtype_policy
        self.hidden = keras.layers.Dense(hidden_dim, "gelu", dtype=policy, name="hidden")  # B, b
        self.output_weight = keras.layers.Dense(
            1, kernel_initializer="zeros", dtype=policy, name="output_weight"
        )  # c, e

    def build(self, *_):
        shape = self.context_length, self.hidden_dim
        self.similarity = self.add_weight(name="similarity", shape=shape, initializer="glorot_uniform")  # A
        self.distance = self.add_weight(
            name="distance", shape=shape, initializer=keras.initializers.RandomNormal(stddev=0.1)
        )  # d
        self.hidden.build((None, None, self.hidden_dim))
        self.output_weight.build((None, None, self.hidden_dim))

    def call(self, inputs, padding_mask):
        first = self.context_length - ops.shape(inputs)[1]
        products = ops.matmul(inputs, ops.transpose(inputs, (0, 2, 1)))  # s
        products = products * ops.cast(padding_mask, products.dtype)[:, None]
        similarity = ops.cast(self.similarity[first:], products.dtype)
        distance = ops.cast(self.distance[first:], products.dtype)
        state = ops.gelu(ops.matmul(products, similarity) + distance)  # h
        return ops.cast(self.output_weight(self.hidden(state))[..., 0], "float32")

    def compute_output_shape(self, inputs_shape, padding_mask_shape=None):
        return inputs_shape[:2]

    def get_config(self):
        return {
            **super().get_config(),
            "context_length": self.context_length,
            "hidden_dim": self.hidden_dim,
        }
