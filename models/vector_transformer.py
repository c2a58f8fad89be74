"""VectorTransformer: the next vector of a sequence by causal self-attention."""

import keras
from keras import ops

from components.next_vector_head import NextVectorHead
from components.positional_encoding import PositionalEncoding
from components.transformer_block import TransformerBlock


@keras.saving.register_keras_serializable(package="qkv_zoo")
class VectorTransformer(keras.Model):
    """Predicts the next unit vector from the last state of causal Pre-LN blocks (Vaswani et al. 2017; Xiong et al. 2020).

        h = W x + position;  h = blocks(h), each step seeing itself and those before;  p = normalize(V LayerNorm(h_n) + b)

    With `recency`, `p = normalize(m + (V LayerNorm(h_n) + b) / sqrt(dim))`: m is a learned mean of the context
    (`components.recency_mean`). With `query_head`, a Dense layer on the same state gives `query`, for retrieval, in the same way
    (see `models.amn.AMN`).

    Args:
        dim: size of the vectors.
        context_length: longest context.
        hidden_dim, num_layers, num_heads, intermediate_dim: of the blocks.
        recency, similarity_dim, query_head: as of `models.amn.AMN`.
        dropout: of the blocks.

    Inputs and output as of `models.amn.AMN`; `attention` is that of the last block's last step, the mean over its heads.
    """

    def __init__(
        self,
        dim,
        context_length=20,
        hidden_dim=512,
        num_layers=4,
        num_heads=8,
        intermediate_dim=2048,
        recency=True,
        similarity_dim=64,
        query_head=True,
        dropout=0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.config = {
            "dim": dim,
            "context_length": context_length,
            "hidden_dim": hidden_dim,
            "num_layers": num_layers,
            "num_heads": num_heads,
            "intermediate_dim": intermediate_dim,
            "recency": recency,
            "similarity_dim": similarity_dim,
            "query_head": query_head,
            "dropout": dropout,
        }
        policy = self.dtype_policy
        self.enter = keras.layers.Dense(hidden_dim, dtype=policy, name="enter")
        self.position = PositionalEncoding(context_length, learned=True, dtype=policy, name="position")
        self.blocks = [
            TransformerBlock(num_heads, intermediate_dim, dropout, dtype=policy, name=f"block_{number}")
            for number in range(num_layers)
        ]
        self.norm = keras.layers.LayerNormalization(epsilon=1e-6, dtype=policy, name="norm")
        given = {"recency": recency, "similarity_dim": similarity_dim, "dtype": policy}
        self.predict_head = NextVectorHead(dim, context_length, **given, name="predicted")
        if query_head:
            self.query_head = NextVectorHead(dim, context_length, signed=True, **given, name="query")

    def build(self, input_shape=None):
        hidden = (None, None, self.config["hidden_dim"])
        self.enter.build((None, None, self.config["dim"]))
        self.position.build((None, self.config["context_length"], self.config["hidden_dim"]))
        for block in self.blocks:
            block.build(hidden)
        self.norm.build(hidden)
        self.predict_head.build((None, self.config["hidden_dim"]))
        if self.config["query_head"]:
            self.query_head.build((None, self.config["hidden_dim"]))
        self.built = True

    def call(self, inputs, training=None):
        vectors, mask = ops.cast(inputs["vectors"], self.compute_dtype), inputs["padding_mask"]
        state = self.position(self.enter(vectors * self.config["dim"] ** 0.5))
        for block in self.blocks:
            state, attention = block(state, padding_mask=mask, causal=True, return_attention=True, training=training)
        last = self.norm(state)[:, -1]
        found = {"predicted": self.predict_head(last, vectors, mask)}
        if self.config["query_head"]:
            found["query"] = self.query_head(last, vectors, mask)
        return {**found, "attention": ops.cast(ops.mean(attention[:, :, -1], axis=1), "float32")}

    def get_config(self):
        return {**super().get_config(), **self.config}
