"""VectorTransformer: predicts the next vector of a sequence by causal self-attention."""

import keras
from keras import ops

from components.next_vector_head import NextVectorHead
from components.positional_encoding import PositionalEncoding
from components.transformer_block import TransformerBlock


@keras.saving.register_keras_serializable(package="qkv_zoo")
class VectorTransformer(keras.Model):
    """Predicts the next unit vector from the last state of causal Pre-LN blocks (Vaswani et al. 2017; Xiong et al. 2020).

        h = sqrt(dim) W x + position
        h = blocks(h)                                       causal: each step attends to itself and the steps before it
        p = normalize(V LayerNorm(h_n) + b)
        p = normalize(m + (V LayerNorm(h_n) + b) / sqrt(dim))      with `recency`; m is a learned mean of the context

    With `query_head`, a second head on the same state gives `query`, for retrieval (see `models.amn.AMN`).

    Args:
        dim: int, size of the vectors.
        context_length: int, number of places in a context.
        hidden_dim, num_layers, num_heads, intermediate_dim: ints, of the blocks.
        recency: bool, add `m` (`components.recency_mean`).
        similarity_dim: int, size of the network that weights `m` by similarity; 0 leaves similarity out.
        query_head: bool, add the output `query`.
        dropout: float in [0, 1), of the blocks.

    Inputs, a dict:
        vectors: float `(batch, context_length, dim)`, at the end of the context, with padding before them.
        padding_mask: int or bool `(batch, context_length)`, 1 where there is a vector. Every context holds at least one.

    Returns:
        A dict of float32 arrays: `predicted` `(batch, dim)`, of unit norm; `query` `(batch, dim)`, of unit norm, only with
        `query_head`; `attention` `(batch, context_length)`, that of the last step in the last block, averaged over heads.

    Raises:
        ValueError: a context does not have `context_length` places.

    Example:

    >>> model = VectorTransformer(dim=3, context_length=5, hidden_dim=6, num_heads=2, num_layers=1, intermediate_dim=7)
    >>> outputs = model({"vectors": ops.ones((2, 5, 3)), "padding_mask": ops.ones((2, 5), "int32")})
    >>> tuple(outputs["predicted"].shape)
    (2, 3)
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
        self.input_projection = keras.layers.Dense(hidden_dim, dtype=policy, name="input_projection")
        self.position = PositionalEncoding(context_length, learned=True, dtype=policy, name="position")
        self.blocks = [
            TransformerBlock(num_heads, intermediate_dim, dropout, dtype=policy, name=f"block_{number}")
            for number in range(num_layers)
        ]
        self.norm = keras.layers.LayerNormalization(epsilon=1e-6, dtype=policy, name="norm")
        settings = {"recency": recency, "similarity_dim": similarity_dim, "dtype": policy}
        self.predicted_head = NextVectorHead(dim, context_length, **settings, name="predicted")
        if query_head:
            self.query_head = NextVectorHead(dim, context_length, signed=True, **settings, name="query")

    def build(self, input_shape=None):
        hidden = (None, None, self.config["hidden_dim"])
        self.input_projection.build((None, None, self.config["dim"]))
        self.position.build((None, self.config["context_length"], self.config["hidden_dim"]))
        for block in self.blocks:
            block.build(hidden)
        self.norm.build(hidden)
        self.predicted_head.build((None, self.config["hidden_dim"]))
        if self.config["query_head"]:
            self.query_head.build((None, self.config["hidden_dim"]))
        self.built = True

    def call(self, inputs, training=None):
        vectors, mask = ops.cast(inputs["vectors"], self.compute_dtype), inputs["padding_mask"]
        steps = self.config["context_length"]  # positions count from the first place
        if isinstance(vectors.shape[1], int) and vectors.shape[1] != steps:
            raise ValueError(f"a context has {vectors.shape[1]} vectors; it must be padded to context_length {steps}")
        # A unit vector's elements have the size 1 / sqrt(dim). Scaled up, they are as large as the positions added to them.
        state = self.position(self.input_projection(vectors * self.config["dim"] ** 0.5))
        for block in self.blocks:
            state, attention = block(state, padding_mask=mask, causal=True, return_attention=True, training=training)
        last = self.norm(state)[:, -1]
        outputs = {"predicted": self.predicted_head(last, vectors, mask)}
        if self.config["query_head"]:
            outputs["query"] = self.query_head(last, vectors, mask)
        return {**outputs, "attention": ops.cast(ops.mean(attention[:, :, -1], axis=1), "float32")}

    def get_config(self):
        return {**super().get_config(), **self.config}
