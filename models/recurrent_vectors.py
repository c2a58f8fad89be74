"""RecurrentVectors: the next vector of a sequence by an LSTM or a GRU."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="engram")
class RecurrentVectors(keras.Model):
    """Predicts the next unit vector from the last state of a stack of recurrent layers.

        LSTM (Hochreiter and Schmidhuber 1997): two layers, then Dense;  p = normalize(W h_n + b)
        GRU (Cho et al. 2014): layers as wide as the vectors, each added to its input;  p = normalize(h_n)

    With `query_head`, a Dense layer on the same state gives `query`, for retrieval (see `models.amn.AMN`).

    Args:
        dim: size of the vectors.
        cell: `lstm` or `gru`.
        hidden_dim: of the LSTM's state; the GRU's is `dim`.
        num_layers: recurrent layers.
        query_head: whether there is `query`.
        dropout: share of each layer's inputs that is dropped in training, the same at all steps.

    Inputs and output as of `models.amn.AMN`, but there is no `attention`.
    """

    def __init__(self, dim, cell="lstm", hidden_dim=512, num_layers=2, query_head=True, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        if cell not in ("lstm", "gru"):
            raise ValueError(f"cell {cell!r} must be lstm or gru")
        self.config = {
            "dim": dim,
            "cell": cell,
            "hidden_dim": hidden_dim,
            "num_layers": num_layers,
            "query_head": query_head,
            "dropout": dropout,
        }
        policy = self.dtype_policy
        layer, width = (keras.layers.LSTM, hidden_dim) if cell == "lstm" else (keras.layers.GRU, dim)
        self.dropout = keras.layers.SpatialDropout1D(dropout, dtype=policy)
        self.recurrent = [
            layer(width, return_sequences=True, dtype=policy, name=f"{cell}_{number}") for number in range(num_layers)
        ]
        if cell == "lstm":
            self.predict_head = keras.layers.Dense(dim, dtype=policy, name="predicted")
        if query_head:
            self.query_head = keras.layers.Dense(dim, dtype=policy, name="query")

    def build(self, input_shape=None):
        width = self.config["dim"]
        for layer in self.recurrent:
            layer.build((None, None, width))
            width = layer.units
        if self.config["cell"] == "lstm":
            self.predict_head.build((None, width))
        if self.config["query_head"]:
            self.query_head.build((None, width))
        self.built = True

    def call(self, inputs, training=None):
        state = ops.cast(inputs["vectors"], self.compute_dtype)
        # Padding stands before the vectors; as zeros, with the state set back at each, it changes nothing.
        there = ops.cast(inputs["padding_mask"], "bool")
        for layer in self.recurrent:
            more = layer(self.dropout(state, training=training), mask=there, training=training)
            state = state + more if self.config["cell"] == "gru" else more
        last = state[:, -1]
        found = {"predicted": self.predict_head(last) if self.config["cell"] == "lstm" else last}
        if self.config["query_head"]:
            found["query"] = self.query_head(last)
        return {name: ops.normalize(ops.cast(of, "float32"), axis=-1, epsilon=1e-6) for name, of in found.items()}

    def get_config(self):
        return {**super().get_config(), **self.config}
