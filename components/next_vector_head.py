"""What a model of vectors adds to a mean of its context, as a vector of unit norm."""

import keras

from components.recency_mean import RecencyMean


@keras.saving.register_keras_serializable(package="qkv_zoo")
class NextVectorHead(keras.layers.Layer):
    """`normalize(m + (W h + b) / sqrt(dim))`: h is a model's state, m a learned mean of the context (`components.recency_mean`).

    The root brings what is added to the size of a unit vector's elements, so that first steps are small.

    Args:
        dim: size of the vectors.
        context_length: longest context.
        dense: whether there are W and b; else h is added as it is.
        recency: whether there is m. With it, W and b are zero at the start, so that the output is m's direction.
        similarity_dim: of m.
        signed: whether m's weights may be negative, as retrieval wants it.

    Call arguments: state `(batch, width)`; vectors `(batch, context, dim)`; padding_mask `(batch, context)`, 1 where there is one.

    Output: float32 `(batch, dim)`, of unit norm.
    """

    def __init__(self, dim, context_length, dense=True, recency=True, similarity_dim=64, signed=False, **kwargs):
        super().__init__(**kwargs)
        self.config = {
            "dim": dim,
            "context_length": context_length,
            "dense": dense,
            "recency": recency,
            "similarity_dim": similarity_dim,
            "signed": signed,
        }
        policy = self.dtype_policy
        if recency:
            start = {"decay": 0.9, "less": 0.7} if signed else {"decay": 0.2}
            given = {"signed": signed, "similarity_dim": similarity_dim}
            self.mean = RecencyMean(context_length, **start, **given, dtype=policy, name="mean")
        if dense:
            initializer = "zeros" if recency else "glorot_uniform"
            self.dense = keras.layers.Dense(dim, kernel_initializer=initializer, dtype=policy, name="dense")
        self.unit = keras.layers.UnitNormalization(dtype="float32")

    def build(self, state_shape, *_):
        if self.config["recency"]:
            self.mean.build()
        if self.config["dense"]:
            self.dense.build(state_shape)

    def call(self, state, vectors, padding_mask):
        found = self.dense(state) if self.config["dense"] else state
        if self.config["recency"]:
            found = self.mean(vectors, padding_mask) + found * self.config["dim"] ** -0.5
        return self.unit(found)

    def compute_output_shape(self, state_shape, vectors_shape=None, padding_mask_shape=None):
        return state_shape[0], self.config["dim"]

    def get_config(self):
        return {**super().get_config(), **self.config}
