"""AMN: the next vector of a sequence from a linear baseline, attention over the context, and a correction."""

import keras
from keras import ops

from components.attention import masking_bias
from components.recency_mean import RecencyMean


@keras.saving.register_keras_serializable(package="engram")
class AMN(keras.Model):
    """Attention mixture network: predicts the next unit vector from those of the context.

        b = sum_j w_j x_j                                              baseline: their mean, or weights by recency
        a = softmax_j(K x_j . Q x_n / sqrt(h) + r_j);  c = sum_j a_j x_j    attention of the last, x_n, over all
        p = normalize(b + net([b; c]))                                 prediction: the baseline, corrected

    `net` is Dense, LayerNormalization, ReLU twice, and Dense. A prediction close to all that may follow (what lowers the squared
    error) is close to what was said as well, and so finds the next vector badly among those around it. With `query_head` the
    model therefore has a second output, for retrieval, with a baseline of signed weights, so that it can turn from what was said:

        q = normalize(b' + net'([b'; c])),  b' = sum_j u_j x_j

    Args:
        dim: size of the vectors.
        context_length: longest context.
        encoder_dim: h, size of keys and queries.
        hidden_dims: the two hidden sizes of `net`.
        recency: learned baseline weights `w` and attention bias `r` by distance from the end; else the mean, and no `r`.
        query_head: whether there is `q`.
        dropout: share of the inputs of each of `net`'s layers that is dropped in training.

    Inputs, a dict: `vectors` `(batch, context_length, dim)`, floating-point; `padding_mask` `(batch, context_length)`, 1 where
    there is a vector. The vectors stand at the end, padding before them; a context holds one at least.

    Output: a dict of float32 `predicted` `(batch, dim)`, of unit norm; with `query_head` `query`, alike; `attention`
    `(batch, context_length)`.
    """

    def __init__(
        self,
        dim,
        context_length=20,
        encoder_dim=256,
        hidden_dims=(512, 256),
        recency=True,
        query_head=True,
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
            "query_head": query_head,
            "dropout": dropout,
        }
        policy = self.dtype_policy
        self.keys = keras.layers.Dense(encoder_dim, dtype=policy, name="keys")
        self.queries = keras.layers.Dense(encoder_dim, dtype=policy, name="queries")
        if recency:
            self.baseline = RecencyMean(context_length, 0.2, dtype=policy, name="baseline")
        self.heads = {"predicted": Correction(dim, hidden_dims, dropout, dtype=policy, name="correction")}
        if query_head:
            self.signed = RecencyMean(context_length, 0.9, 0.7, signed=True, dtype=policy, name="signed")
            self.heads["query"] = Correction(dim, hidden_dims, dropout, dtype=policy, name="query_correction")

    def build(self, input_shape=None):
        dim = self.config["dim"]
        self.keys.build((None, None, dim))
        self.queries.build((None, dim))
        if self.config["recency"]:
            self.baseline.build()
            self.nearness = self.add_weight(
                name="nearness", shape=(self.config["context_length"],), initializer="zeros"
            )
        if self.config["query_head"]:
            self.signed.build()
        for head in self.heads.values():
            head.build((None, dim))
        self.built = True

    def call(self, inputs, training=None):
        vectors, mask = ops.cast(inputs["vectors"], self.compute_dtype), inputs["padding_mask"]
        scores = ops.einsum("bch,bh->bc", self.keys(vectors), self.queries(vectors[:, -1]))
        scores = ops.cast(scores * self.config["encoder_dim"] ** -0.5, "float32") + masking_bias(mask, "float32")
        if self.config["recency"]:
            scores = scores + self.nearness[self.config["context_length"] - ops.shape(vectors)[1] :]
            baseline = self.baseline(vectors, mask)
        else:
            there = ops.cast(mask, vectors.dtype)[..., None]
            baseline = ops.sum(vectors * there, axis=1) / ops.sum(there, axis=1)
        attention = ops.softmax(scores, axis=-1)
        attended = ops.einsum("bc,bcd->bd", ops.cast(attention, vectors.dtype), vectors)
        found = {"predicted": self.heads["predicted"](baseline, attended, training=training)}
        if self.config["query_head"]:
            found["query"] = self.heads["query"](self.signed(vectors, mask), attended, training=training)
        return {**found, "attention": attention}

    def get_config(self):
        return {**super().get_config(), **self.config}


@keras.saving.register_keras_serializable(package="engram")
class Correction(keras.layers.Layer):
    """`normalize(b + net([b; c]))` of `AMN`. At the start the last layer is zero, so that the output is the baseline's direction.

    Args:
        dim, hidden_dims, dropout: as of `AMN`.

    Call arguments: baseline and attended, `(batch, dim)`. Output: float32 `(batch, dim)`, of unit norm.
    """

    def __init__(self, dim, hidden_dims, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim
        self.hidden_dims = tuple(hidden_dims)
        self.dropout_rate = dropout
        policy = self.dtype_policy
        self.dropout = keras.layers.Dropout(dropout, dtype=policy)
        self.hidden = [
            keras.layers.Dense(width, dtype=policy, name=f"hidden_{n}") for n, width in enumerate(hidden_dims)
        ]
        self.norms = [
            keras.layers.LayerNormalization(epsilon=1e-6, dtype=policy, name=f"norm_{n}")
            for n, _ in enumerate(hidden_dims)
        ]
        self.correct = keras.layers.Dense(dim, kernel_initializer="zeros", dtype=policy, name="correct")

    def build(self, *_):
        width = 2 * self.dim
        for dense, norm in zip(self.hidden, self.norms, strict=True):
            dense.build((None, width))
            width = dense.units
            norm.build((None, width))
        self.correct.build((None, width))

    def call(self, baseline, attended, training=None):
        state = ops.concatenate([baseline, attended], axis=-1)
        for dense, norm in zip(self.hidden, self.norms, strict=True):
            state = ops.relu(norm(dense(self.dropout(state, training=training))))
        corrected = ops.cast(baseline + self.correct(self.dropout(state, training=training)), "float32")
        return ops.normalize(corrected, axis=-1, epsilon=1e-6)

    def compute_output_shape(self, baseline_shape, attended_shape=None):
        return baseline_shape

    def get_config(self):
        return {
            **super().get_config(),
            "dim": self.dim,
            "hidden_dims": self.hidden_dims,
            "dropout": self.dropout_rate,
        }
