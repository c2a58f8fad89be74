"""The output of a model that predicts the next vector of a sequence."""

import keras

from components.recency_mean import RecencyMean


@keras.saving.register_keras_serializable(package="qkv_zoo")
class NextVectorHead(keras.layers.Layer):
    """A unit vector from a weighted mean of the context and the state of a model.

        output = normalize(m + (W h + b) / sqrt(dim))

    h is the state and m a `RecencyMean` of the context. The division brings the correction to the size of a unit vector's
    elements, so that the first steps of training are small.

    Args:
        dim: int, size of the vectors.
        context_length: int, the longest context.
        dense: bool, whether there are W and b; without them, h itself is added.
        recency: bool, whether there is m. If so, W and b start as zeros, so that the output starts as the direction of m.
        similarity_dim: int, size of the network that weights the context by similarity in m; 0 leaves it out.
        signed: bool, whether the weights of m may be negative, which suits retrieval.

    Call arguments:
        state: float `(batch, state_dim)`, h.
        vectors: float `(batch, context, dim)`, at the end of the context, with padding before them.
        padding_mask: `(batch, context)`, True or 1 where there is a vector.

    Returns:
        float32 `(batch, dim)`, of unit norm.

    Example:
        >>> layer = NextVectorHead(dim=3, context_length=7)
        >>> tuple(layer(keras.ops.ones((2, 11)), keras.ops.ones((2, 5, 3)), keras.ops.ones((2, 5))).shape)
        (2, 3)
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
            initial_weights = {"decay": 0.9, "mean_fraction": 0.7} if signed else {"decay": 0.2}
            self.mean = RecencyMean(
                context_length,
                signed=signed,
                similarity_dim=similarity_dim,
                dtype=policy,
                name="mean",
                **initial_weights,
            )
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
        output = self.dense(state) if self.config["dense"] else state
        if self.config["recency"]:
            output = self.mean(vectors, padding_mask) + output * self.config["dim"] ** -0.5
        return self.unit(output)

    def compute_output_shape(self, state_shape, vectors_shape=None, padding_mask_shape=None):
        return state_shape[0], self.config["dim"]

    def get_config(self):
        return {**super().get_config(), **self.config}
