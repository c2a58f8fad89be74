"""A weighted mean of the vectors of a sequence, with learned weights by distance from its end and by similarity."""

import keras
import numpy as np
from keras import ops

from components.masking import masking_bias
from components.similarity_weights import SimilarityWeights

SIGNED_SIMILARITY_SCALE = 0.1


@keras.saving.register_keras_serializable(package="qkv_zoo")
class RecencyMean(keras.layers.Layer):
    """A weighted sum of the vectors of a sequence: `sum_j w_j x_j`.

        w = softmax_j(a_j + g_j)
        w_j = a_j + g_j / 10          with signed

    a_j is a learned number for each distance j from the end of the sequence. g_j is 0, or with `similarity_dim` the output of
    `SimilarityWeights`. Signed weights may be negative, so that the sum can turn away from what earlier vectors say, and need not
    sum to 1. The a_j and the softmax are computed in float32 at any precision, g_j in that of the layer.

    At the start `a_j = -decay * j`. With `signed` it is `softmax_j(-decay * j) - mean_fraction / context_length`: the exponentially
    weighted mean, minus a fraction of the plain mean.

    Args:
        context_length: int, the longest sequence.
        decay: float, how fast the initial weights fall with the distance.
        mean_fraction: float, the fraction of the plain mean that the initial signed weights subtract; not used without `signed`.
        signed: bool, whether weights may be negative.
        similarity_dim: int, size of the network for g; 0 leaves g out.

    Call arguments:
        inputs: float `(batch, context, dim)`, at the end of the sequence, with padding before them.
        padding_mask: `(batch, context)`, True or 1 where there is a vector.

    Returns:
        float `(batch, dim)`.

    Raises:
        ValueError: the sequence is longer than `context_length`.

    Example:
        >>> layer = RecencyMean(context_length=7)
        >>> tuple(layer(ops.ones((2, 5, 3)), ops.ones((2, 5))).shape)
        (2, 3)
    """

    def __init__(self, context_length, decay=0.2, mean_fraction=0.0, signed=False, similarity_dim=0, **kwargs):
        super().__init__(**kwargs)
        self.context_length = context_length
        self.decay = decay
        self.mean_fraction = mean_fraction
        self.signed = signed
        self.similarity_dim = similarity_dim
        if similarity_dim:
            self.similarity = SimilarityWeights(
                context_length, similarity_dim, dtype=self.dtype_policy, name="similarity"
            )

    def build(self, *_):
        start = -self.decay * np.arange(self.context_length - 1, -1, -1, dtype=np.float32)
        if self.signed:
            start = np.exp(start) / np.exp(start).sum() - self.mean_fraction / self.context_length
        self.weights_by_distance = self.add_weight(
            name="weights_by_distance",
            shape=(self.context_length,),
            initializer=lambda *_, **__: start,
            autocast=False,
        )
        if self.similarity_dim:
            self.similarity.build()

    def call(self, inputs, padding_mask):
        length = inputs.shape[1]
        if isinstance(length, int) and length > self.context_length:  # an exporter's symbolic length cannot be compared
            raise ValueError(f"a sequence of {length} is longer than context_length {self.context_length}")
        mask = ops.cast(padding_mask, "float32")
        weights = self.weights_by_distance[self.context_length - ops.shape(inputs)[1] :]
        if self.similarity_dim:
            weights = weights + self.similarity(inputs, padding_mask) * (SIGNED_SIMILARITY_SCALE if self.signed else 1)
        weights = weights * mask if self.signed else ops.softmax(weights + masking_bias(mask, "float32"), axis=-1)
        return ops.einsum("bc,bcd->bd", ops.cast(weights, inputs.dtype), inputs)

    def compute_output_shape(self, inputs_shape, padding_mask_shape=None):
        return inputs_shape[0], inputs_shape[2]

    def get_config(self):
        return {
            **super().get_config(),
            "context_length": self.context_length,
            "decay": self.decay,
            "mean_fraction": self.mean_fraction,
            "signed": self.signed,
            "similarity_dim": self.similarity_dim,
        }
