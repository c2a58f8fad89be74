"""AMN: the next vector of a sequence from a linear baseline, attention over the context, and a correction."""

import keras
from keras import ops

from components.attention import masking_bias
from components.dropout import Dropout
from components.recency_mean import RecencyMean


@keras.saving.register_keras_serializable(package="qkv_zoo")
class AMN(keras.Model):
    """Attention mixture network: predicts the next unit vector from those of the context.

        b = sum_j w_j x_j                                              baseline: their mean, or learned weights
        a = softmax_j(K x_j . Q x_n / sqrt(h) + r_j);  c = sum_j a_j x_j    attention of the last, x_n, over all
        p = normalize(b + net([b; c]) / sqrt(dim))                     prediction: the baseline, corrected

    `net` is Dense, LayerNormalization, ReLU twice, and Dense. The weights are learned by distance from the end and by how similar
    the vectors are to one another (`components.recency_mean`).

    A prediction close to all that may follow (what lowers the squared error) is close to what was said as well, and so finds the
    next vector badly among those around it. With `query_head` the model therefore has a second output, for retrieval, with signed
    weights, so that it can turn from what was said:

        q = normalize(b' + net'([b'; c]) / sqrt(dim)),  b' = sum_j u_j x_j;  without `query_correction` q = normalize(b')

    Args:
        dim: size of the vectors.
        context_length: longest context.
        encoder_dim: h, size of keys and queries.
        hidden_dims: the two hidden sizes of `net`.
        recency: learned weights `w`, and attention bias `r` by distance from the end; else the mean, and no `r`.
        similarity_dim: of the learned weights; 0 leaves similarity out.
        query_head: whether there is `q`.
        query_correction: whether `q` has a `net'`, which can learn what follows what.
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
        self.unit = keras.layers.UnitNormalization(dtype="float32")

    def build(self, input_shape=None):
        dim, context_length = self.config["dim"], self.config["context_length"]
        self.keys.build((None, None, dim))
        self.queries.build((None, dim))
        if self.config["query_head"]:
            self.query_baseline.build()
        if self.config["recency"]:
            self.baseline.build()
            self.nearness = self.add_weight(name="nearness", shape=(context_length,), initializer="zeros")
        self.correction.build((None, dim))
        if self.config["query_head"] and self.config["query_correction"]:
            self.query_correction.build((None, dim))
        self.built = True

    def call(self, inputs, training=None):
        vectors, mask = ops.cast(inputs["vectors"], self.compute_dtype), inputs["padding_mask"]
        # (K x + k) . q = x . K'q + k . q: the keys themselves are never needed.
        query = self.queries(vectors[:, -1])
        scores = ops.einsum("bcd,bd->bc", vectors, ops.matmul(query, ops.transpose(self.keys.kernel)))
        scores = scores + ops.matmul(query, self.keys.bias[:, None])
        scores = ops.cast(scores * self.config["encoder_dim"] ** -0.5, "float32") + masking_bias(mask, "float32")
        if self.config["recency"]:
            scores = scores + self.nearness[self.config["context_length"] - ops.shape(vectors)[1] :]
            baseline = self.baseline(vectors, mask)
        else:
            there = ops.cast(mask, vectors.dtype)[..., None]
            baseline = ops.sum(vectors * there, axis=1) / ops.sum(there, axis=1)
        attention = ops.softmax(scores, axis=-1)
        attended = ops.einsum("bc,bcd->bd", ops.cast(attention, vectors.dtype), vectors)
        found = {"predicted": self.unit(baseline + self.correction(baseline, attended, training=training))}
        if self.config["query_head"]:
            query = self.query_baseline(vectors, mask)
            if self.config["query_correction"]:
                query = query + self.query_correction(query, attended, training=training)
            found["query"] = self.unit(query)
        return {**found, "attention": attention}

    def get_config(self):
        return {**super().get_config(), **self.config}


@keras.saving.register_keras_serializable(package="qkv_zoo")
class Correction(keras.layers.Layer):
    """`net([b; c]) / sqrt(dim)` of `AMN`. At the start the last layer is zero; the root brings it to the size of a unit vector's
    elements, so that first steps are small.

    Args:
        dim, hidden_dims, dropout: as of `AMN`.

    Call arguments: baseline and attended, `(batch, dim)`. Output: `(batch, dim)`.
    """

    def __init__(self, dim, hidden_dims, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim
        self.hidden_dims = tuple(hidden_dims)
        self.dropout_rate = dropout
        policy = self.dtype_policy
        self.dropout = Dropout(dropout, dtype=policy)
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
        return self.correct(self.dropout(state, training=training)) * self.dim**-0.5

    def compute_output_shape(self, baseline_shape, attended_shape=None):
        return baseline_shape

    def get_config(self):
        return {
            **super().get_config(),
            "dim": self.dim,
            "hidden_dims": self.hidden_dims,
            "dropout": self.dropout_rate,
        }
