"""RecurrentVectors: predicts the next vector of a sequence by an LSTM or a GRU."""

import keras
from keras import ops

from components.next_vector_head import NextVectorHead
from components.projected_lstm_cell import ProjectedLSTMCell, forget_bias

MAX_UNROLLED_STEPS = 32
"""Contexts up to this length are unrolled: faster than a loop, but slower to compile."""


@keras.saving.register_keras_serializable(package="qkv_zoo")
class RecurrentVectors(keras.Model):
    """Predicts the next unit vector from the last state h_n of a stack of recurrent layers.

        LSTM   p = normalize(W h_n + b)                     Hochreiter and Schmidhuber 1997
        GRU    p = normalize(h_n)                           Cho et al. 2014; its layers are residual and as wide as the vectors

    With `recency`, m is a learned mean of the context and x_n its last vector:

        LSTM   p = normalize(m + (W h_n + b) / sqrt(dim))
        GRU    p = normalize(m + (h_n - x_n) / sqrt(dim))

    With `query_head`, a second head on the same state gives `query`, for retrieval (see `models.amn.AMN`).

    Args:
        dim: int, size of the vectors.
        cell: str, `lstm` or `gru`.
        hidden_dim: int, size of the LSTM's state. The GRU's state has the size `dim`.
        num_layers: int, recurrent layers.
        context_length: int, number of places in a context.
        recency: bool, add `m` (`components.recency_mean`).
        similarity_dim: int, size of the network that weights `m` by similarity; 0 leaves similarity out.
        query_head: bool, add the output `query`.
        dropout: float in [0, 1), fraction of the inputs of each layer that is dropped in training, the same at all steps (Gal and
            Ghahramani 2016).

    Inputs, a dict:
        vectors: float `(batch, context_length, dim)`, at the end of the context, with padding before them.
        padding_mask: int or bool `(batch, context_length)`, 1 where there is a vector. Every context holds at least one.

    Returns:
        A dict of float32 arrays `(batch, dim)` of unit norm: `predicted`, and `query` with `query_head`.

    Raises:
        ValueError: `cell` is neither `lstm` nor `gru`, or a context does not have `context_length` places.

    Example:

    >>> model = RecurrentVectors(dim=3, cell="gru", context_length=5)
    >>> outputs = model({"vectors": ops.ones((2, 5, 3)), "padding_mask": ops.ones((2, 5), "int32")})
    >>> tuple(outputs["predicted"].shape)
    (2, 3)
    """

    def __init__(
        self,
        dim,
        cell="lstm",
        hidden_dim=512,
        num_layers=2,
        context_length=20,
        recency=True,
        similarity_dim=64,
        query_head=True,
        dropout=0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if cell not in ("lstm", "gru"):
            raise ValueError(f"cell {cell!r} must be lstm or gru")
        self.config = {
            "dim": dim,
            "cell": cell,
            "hidden_dim": hidden_dim,
            "num_layers": num_layers,
            "context_length": context_length,
            "recency": recency,
            "similarity_dim": similarity_dim,
            "query_head": query_head,
            "dropout": dropout,
        }
        policy = self.dtype_policy
        self.dropout = keras.layers.SpatialDropout1D(dropout, dtype=policy)
        self.input_projections, self.recurrent_layers = [], []
        unroll = context_length <= MAX_UNROLLED_STEPS
        for number in range(num_layers):
            settings = {"return_sequences": True, "unroll": unroll, "dtype": policy, "name": f"{cell}_{number}"}
            if cell == "gru":
                layer = keras.layers.GRU(dim, **settings)
            else:
                layer = keras.layers.RNN(ProjectedLSTMCell(hidden_dim, dtype=policy, name="cell"), **settings)
                projection = keras.layers.Dense(
                    4 * hidden_dim, bias_initializer=forget_bias, dtype=policy, name=f"input_projection_{number}"
                )
                self.input_projections.append(projection)
            self.recurrent_layers.append(layer)
        settings = {"recency": recency, "similarity_dim": similarity_dim, "dtype": policy}
        self.predicted_head = NextVectorHead(dim, context_length, dense=cell == "lstm", **settings, name="predicted")
        if query_head:
            self.query_head = NextVectorHead(dim, context_length, signed=True, **settings, name="query")

    def build(self, input_shape=None):
        dim, steps, hidden_dim = self.config["dim"], self.config["context_length"], self.config["hidden_dim"]
        size = dim
        for projection in self.input_projections:
            projection.build((None, steps, size))
            size = hidden_dim
        for layer in self.recurrent_layers:
            layer.build((None, steps, 4 * hidden_dim if self.input_projections else dim))
        self.predicted_head.build((None, size))
        if self.config["query_head"]:
            self.query_head.build((None, size))
        self.built = True

    def call(self, inputs, training=None):
        vectors, padding_mask = inputs["vectors"], inputs["padding_mask"]
        steps = self.config["context_length"]
        if isinstance(vectors.shape[1], int) and vectors.shape[1] != steps:
            raise ValueError(f"a context has {vectors.shape[1]} vectors; it must be padded to context_length {steps}")
        state = ops.reshape(ops.cast(vectors, self.compute_dtype), (-1, steps, self.config["dim"]))
        # Masked steps leave the state at zero, so the padding before the vectors changes nothing.
        mask = ops.reshape(ops.cast(padding_mask, "bool"), (-1, steps))
        for number, layer in enumerate(self.recurrent_layers):
            layer_inputs = self.dropout(state, training=training)
            if self.config["cell"] == "gru":
                state = state + layer(layer_inputs, mask=mask, training=training)
            else:
                state = layer(self.input_projections[number](layer_inputs), mask=mask, training=training)
        last = correction = state[:, -1]
        if self.config["cell"] == "gru" and self.config["recency"]:
            correction = last - ops.cast(vectors[:, -1], last.dtype)
        outputs = {"predicted": self.predicted_head(correction, vectors, padding_mask)}
        if self.config["query_head"]:
            outputs["query"] = self.query_head(last, vectors, padding_mask)
        return outputs

    def get_config(self):
        return {**super().get_config(), **self.config}
