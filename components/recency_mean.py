"""A weighted mean over the last elements of a sequence, with learned weights by distance from its end, and by likeness."""

import keras
from keras import ops

from components.similarity_weights import SimilarityWeights


@keras.saving.register_keras_serializable(package="qkv_zoo")
class RecencyMean(keras.layers.Layer):
    """`sum_j w_j x_j`, with a learned number `a_j` for each distance j from the end; with `similarity_dim` a small network adds
    `g_j` by how similar the elements are to one another.

        w = softmax_j(a_j + g_j)            over the elements that there are
        w_j = a_j + g_j / 10                `signed`: may be negative, so that what has been said already can be subtracted

    Args:
        context_length: longest sequence.
        decay: how fast weights fall at the start: `a_j = -decay j`, or with `signed` the softmax of that.
        less: with `signed`, subtracted from each weight at the start, divided by `context_length`.
        signed: whether weights may be negative, and need not sum to 1.
        similarity_dim: size of the network that gives `g`; 0 leaves it out.

    Call arguments: inputs `(batch, context, dim)`; padding_mask `(batch, context)`, True or 1 where there is an element. Elements
    stand at the end, padding before them.

    Output: `(batch, dim)`.
    """

    def __init__(self, context_length, decay=0.2, less=0.0, signed=False, similarity_dim=0, **kwargs):
        super().__init__(**kwargs)
        self.context_length = context_length
        self.decay = decay
        self.less = less
        self.signed = signed
        self.similarity_dim = similarity_dim
        if similarity_dim:
            self.similarity = SimilarityWeights(
                context_length, similarity_dim, dtype=self.dtype_policy, name="similarity"
            )

    def build(self, *_):
        start = -self.decay * ops.arange(self.context_length - 1, -1, -1, dtype="float32")
        if self.signed:
            start = ops.softmax(start) - self.less / self.context_length
        start = ops.convert_to_numpy(start)
        self.weights_by_distance = self.add_weight(
            name="weights_by_distance", shape=(self.context_length,), initializer=lambda *_, **__: start
        )

        if self.similarity_dim:
            self.similarity.build()

    def call(self, inputs, padding_mask):
        first, there = self.context_length - ops.shape(inputs)[1], ops.cast(padding_mask, "float32")
        weights = self.weights_by_distance[first:]
        if self.similarity_dim:
            weights = weights + self.similarity(inputs, padding_mask) * (0.1 if self.signed else 1.0)
        weights = weights * there if self.signed else ops.softmax(weights + (there - 1) * 1e9, axis=-1)
        return ops.einsum("bc,bcd->bd", ops.cast(weights, inputs.dtype), inputs)

    def compute_output_shape(self, inputs_shape, padding_mask_shape=None):
        return inputs_shape[0], inputs_shape[2]

    def get_config(self):
        return {
            **super().get_config(),
            "context_length": self.context_length,
            "decay": self.decay,
            "less": self.less,
            "signed": self.signed,
            "similarity_dim": self.similarity_dim,
        }
