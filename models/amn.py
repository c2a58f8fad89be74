"""AMN: predicts the next vector of a sequence from a weighted mean, attention over the context, and a correction."""

import keras
from keras import ops

from components.dropout import Dropout
from components.masking import masking_bias
from components.recency_mean import RecencyMean


@keras.saving.register_keras_serializable(package="qkv_zoo")
class AMN(keras.Model):
    """Attention mixture network: predicts the next unit vector from the vectors x_1 .. x_n of the context.

        b = sum_j w_j x_j                                       baseline: a weighted mean of the context
        a = softmax_j(K x_j . Q x_n / sqrt(h) + r_j)            attention of the last vector over the context
        c = sum_j a_j x_j                                       attended vector
        p = normalize(b + net([b; c]) / sqrt(dim))              prediction: the corrected baseline

    `net` is two blocks of Dense, LayerNormalization and ReLU, and a last Dense layer. The weights `w` depend on the distance from
    the end and on how similar the vectors of the context are to one another (`components.recency_mean`).

    A prediction with a low squared error lies close to the vectors of the context, so it retrieves the next vector badly among
    its neighbours. Therefore `query_head` adds a second output for retrieval. Its weights may be negative, so that it can turn
    away from what has been said:

        q = normalize(b' + net'([b'; c]) / sqrt(dim)),  b' = sum_j u_j x_j

    Args:
        dim: int, size of the vectors.
        context_length: int, number of places in a context.
        encoder_dim: int, h, size of keys and queries.
        hidden_dims: two ints, hidden sizes of `net`.
        recency: bool, learn the weights `w`, and an attention bias `r` by distance from the end. If False, `b` is the mean and
            there is no bias.
        similarity_dim: int, size of the network that weights by similarity; 0 leaves similarity out.
        query_head: bool, add the output `query`.
        query_correction: bool, whether `q` has a `net'` of its own; if False, `q = normalize(b')`. It brought next to nothing in
            our measurements (docs/vectors.md).
        dropout: float in [0, 1), fraction of the inputs of each Dense layer of `net` that is dropped in training.

    Inputs, a dict:
        vectors: float `(batch, context_length, dim)`, at the end of the context, with padding before them.
        padding_mask: int or bool `(batch, context_length)`, 1 where there is a vector. Every context holds at least one.

    Returns:
        A dict of float32 arrays: `predicted` `(batch, dim)`, of unit norm; `query` `(batch, dim)`, of unit norm, only with
        `query_head`; `attention` `(batch, context_length)`.

    Example:

    >>> model = AMN(dim=3, context_length=5)
    >>> outputs = model({"vectors": ops.ones((2, 5, 3)), "padding_mask": ops.ones((2, 5), "int32")})
    >>> tuple(outputs["predicted"].shape)
    (2, 3)
    """

    def __init__(
        self,
        dim,
        context_length=20,
        encoder_dim=256,
        hidden_dims=(512, 256),
        recency=True,
        similarity_dim=64,
        query_head=True,
        query_correction=True,
        dropout=0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.config = {
            "dim": dim,
            "context_length": context_length,
            "encoder_dim": encoder_dim,
            "hidden_dims": tuple(hidden_dims),
            "recency": recency,
            "similarity_dim": similarity_dim,
            "query_head": query_head,
            "query_correction": query_correction,
            "dropout": dropout,
        }
        policy = self.dtype_policy
        self.keys = keras.layers.Dense(encoder_dim, dtype=policy, name="keys")
        self.queries = keras.layers.Dense(encoder_dim, dtype=policy, name="queries")
        if recency:
            self.baseline = RecencyMean(
                context_length, 0.2, similarity_dim=similarity_dim, dtype=policy, name="baseline"
            )
        if query_head:
            signed = {"signed": True, "similarity_dim": similarity_dim}
            self.query_baseline = RecencyMean(context_length, 0.9, 0.7, **signed, dtype=policy, name="query_baseline")
        self.correction = Correction(dim, hidden_dims, dropout, dtype=policy, name="correction")
        if query_head and query_correction:
            self.query_correction = Correction(dim, hidden_dims, dropout, dtype=policy, name="query_correction")
        self.normalize = keras.layers.UnitNormalization(dtype="float32")

    def build(self, input_shape=None):
        dim, context_length = self.config["dim"], self.config["context_length"]
        self.keys.build((None, None, dim))
        self.queries.build((None, dim))
        if self.config["query_head"]:
            self.query_baseline.build()
        if self.config["recency"]:
            self.baseline.build()
            self.recency_bias = self.add_weight(
                name="recency_bias", shape=(context_length,), initializer="zeros", autocast=False
            )
        self.correction.build((None, dim))
        if self.config["query_head"] and self.config["query_correction"]:
            self.query_correction.build((None, dim))
        self.built = True

    def call(self, inputs, training=None):
        vectors, mask = ops.cast(inputs["vectors"], self.compute_dtype), inputs["padding_mask"]
        attention = self._attention(vectors, mask)
        attended = ops.einsum("bc,bcd->bd", ops.cast(attention, vectors.dtype), vectors)
        baseline = self.baseline(vectors, mask) if self.config["recency"] else _masked_mean(vectors, mask)
        correction = self.correction(baseline, attended, training=training)
        outputs = {"predicted": self.normalize(baseline + correction)}
        if self.config["query_head"]:
            query = self.query_baseline(vectors, mask)
            if self.config["query_correction"]:
                query = query + self.query_correction(query, attended, training=training)
            outputs["query"] = self.normalize(query)
        return {**outputs, "attention": attention}

    def _attention(self, vectors, mask):
        """Return `a`, float32 `(batch, context)`."""
        # (K x + k) . q = x . K'q + k . q, so the keys themselves need not be computed. k . q changes no weight of a context: it is
        # the same for all of its places. Stored models have k.
        query = self.queries(vectors[:, -1])
        scores = ops.einsum("bcd,bd->bc", vectors, ops.matmul(query, ops.transpose(self.keys.kernel)))
        scores = scores + ops.matmul(query, self.keys.bias[:, None])
        scores = ops.cast(scores * self.config["encoder_dim"] ** -0.5, "float32") + masking_bias(mask, "float32")
        if self.config["recency"]:
            scores = scores + self.recency_bias[self.config["context_length"] - ops.shape(vectors)[1] :]
        return ops.softmax(scores, axis=-1)

    def get_config(self):
        return {**super().get_config(), **self.config}


def _masked_mean(vectors, mask):
    """Return the mean of each context's vectors, without the padding, `(batch, dim)`."""
    weights = ops.cast(mask, vectors.dtype)[..., None]
    return ops.sum(vectors * weights, axis=1) / ops.sum(weights, axis=1)


@keras.saving.register_keras_serializable(package="qkv_zoo")
class Correction(keras.layers.Layer):
    """The network `net([b; c]) / sqrt(dim)` of `AMN`.

    The last layer starts at zero, so training starts from the baseline. Elements of a unit vector have the size `1 / sqrt(dim)`;
    the division brings the network's output to that size and keeps the first steps small.

    Args:
        dim: int, size of the vectors.
        hidden_dims: ints, sizes of the hidden layers.
        dropout: float in [0, 1), fraction of the inputs of each Dense layer that is dropped in training.

    Call arguments:
        baseline: float `(batch, dim)`, b.
        attended: float `(batch, dim)`, c.

    Returns:
        float `(batch, dim)`.
    """

    def __init__(self, dim, hidden_dims, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim
        self.hidden_dims = tuple(hidden_dims)
        self.dropout_rate = dropout
        policy = self.dtype_policy
        self.dropout = Dropout(dropout, dtype=policy)
        self.hidden = [
            keras.layers.Dense(size, dtype=policy, name=f"hidden_{number}") for number, size in enumerate(hidden_dims)
        ]
        self.norms = [
            keras.layers.LayerNormalization(epsilon=1e-6, dtype=policy, name=f"norm_{number}")
            for number, _ in enumerate(hidden_dims)
        ]
        self.output_dense = keras.layers.Dense(dim, kernel_initializer="zeros", dtype=policy, name="output_dense")

    def build(self, *_):
        size = 2 * self.dim
        for dense, norm in zip(self.hidden, self.norms, strict=True):
            dense.build((None, size))
            size = dense.units
            norm.build((None, size))
        self.output_dense.build((None, size))

    def call(self, baseline, attended, training=None):
        state = ops.concatenate([baseline, attended], axis=-1)
        for dense, norm in zip(self.hidden, self.norms, strict=True):
            state = ops.relu(norm(dense(self.dropout(state, training=training))))
        return self.output_dense(self.dropout(state, training=training)) * self.dim**-0.5

    def compute_output_shape(self, baseline_shape, attended_shape=None):
        return baseline_shape

    def get_config(self):
        return {
            **super().get_config(),
            "dim": self.dim,
            "hidden_dims": self.hidden_dims,
            "dropout": self.dropout_rate,
        }
