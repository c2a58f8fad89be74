"""RecurrentVectors: the next vector of a sequence by an LSTM or a GRU."""

import keras
from keras import ops

from components.next_vector_head import NextVectorHead
from components.projected_lstm_cell import ProjectedLSTMCell, forget_bias

MOST_UNROLLED = 32
"""Steps that are compiled one after another, which is faster than a loop but takes longer to compile."""


@keras.saving.register_keras_serializable(package="qkv_zoo")
class RecurrentVectors(keras.Model):
    """Predicts the next unit vector from the last state of a stack of recurrent layers.

        LSTM (Hochreiter and Schmidhuber 1997): two layers, then Dense;  p = normalize(W h_n + b)
        GRU (Cho et al. 2014): layers as wide as the vectors, each added to its input;  p = normalize(h_n)

    With `recency`, `p = normalize(m + h / sqrt(dim))`: m is a learned mean of the context (`components.recency_mean`), h what
    stands in the brackets above, of the GRU less its input x_n. With `query_head`, a Dense layer on the same state gives `query`,
    for retrieval, in the same way (see `models.amn.AMN`).

    Args:
        dim: size of the vectors.
        cell: `lstm` or `gru`.
        hidden_dim: of the LSTM's state; the GRU's is `dim`.
        num_layers: recurrent layers.
        context_length, recency, similarity_dim, query_head: as of `models.amn.AMN`.
        dropout: share of each layer's inputs that is dropped in training, the same at all steps.

    Inputs and output as of `models.amn.AMN`, but there is no `attention`.
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
        self.projected, self.recurrent = [], []
        unroll = context_length <= MOST_UNROLLED
        for number in range(num_layers):
            named = {"dtype": policy, "name": f"{cell}_{number}"}
            if cell == "gru":
                layer = keras.layers.GRU(dim, return_sequences=True, unroll=unroll, **named)
            else:
                layer = keras.layers.RNN(
                    ProjectedLSTMCell(hidden_dim, dtype=policy, name="cell"),
                    return_sequences=True,
                    unroll=unroll,
                    **named,
                )
                project = keras.layers.Dense(
                    4 * hidden_dim, bias_initializer=forget_bias, dtype=policy, name=f"project_{number}"
                )
                self.projected.append(project)
            self.recurrent.append(layer)
        given = {"recency": recency, "similarity_dim": similarity_dim, "dtype": policy}
        self.predict_head = NextVectorHead(dim, context_length, dense=cell == "lstm", **given, name="predicted")
        if query_head:
            self.query_head = NextVectorHead(dim, context_length, signed=True, **given, name="query")

    def build(self, input_shape=None):
        dim, steps, hidden_dim = self.config["dim"], self.config["context_length"], self.config["hidden_dim"]
        width = dim
        for project in self.projected:
            project.build((None, steps, width))
            width = hidden_dim
        for layer in self.recurrent:
            layer.build((None, steps, 4 * hidden_dim if self.projected else dim))
        self.predict_head.build((None, width))
        if self.config["query_head"]:
            self.query_head.build((None, width))
        self.built = True

    def call(self, inputs, training=None):
        steps = self.config["context_length"]
        state = ops.reshape(ops.cast(inputs["vectors"], self.compute_dtype), (-1, steps, self.config["dim"]))
        # Padding stands before the vectors; as zeros, with the state set back at each, it changes nothing.
        there = ops.reshape(ops.cast(inputs["padding_mask"], "bool"), (-1, steps))
        for number, layer in enumerate(self.recurrent):
            given = self.dropout(state, training=training)
            if self.config["cell"] == "gru":
                state = state + layer(given, mask=there, training=training)
            else:
                state = layer(self.projected[number](given), mask=there, training=training)
        last, context = state[:, -1], (inputs["vectors"], inputs["padding_mask"])
        corrected = last
        if self.config["cell"] == "gru" and self.config["recency"]:
            corrected = last - ops.cast(inputs["vectors"][:, -1], last.dtype)
        found = {"predicted": self.predict_head(corrected, *context)}
        if self.config["query_head"]:
            found["query"] = self.query_head(last, *context)
        return found

    def get_config(self):
        return {**super().get_config(), **self.config}
