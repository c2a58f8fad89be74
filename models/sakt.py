"""SAKT: knowledge tracing by causal self-attention."""

import keras
from keras import ops

from components.gpcm import SharedResponseEmbedding
from components.item_embedding import ItemEmbedding
from components.relative_position_bias import RelativePositionBias
from components.transformer_block import TransformerBlock


@keras.saving.register_keras_serializable(package="qkv_zoo")
class SAKT(keras.Model):
    """Self-attentive knowledge tracing (Pandey and Karypis 2019), with attention that learns to fade as AKT's (Ghosh et al. 2020).

        u_t = W [q_t; v_{t-1}];  x = causal Pre-LN Transformer blocks over u;  logits_t = (0, C [x_t; q_t] + c)

    Other than in the papers, a step's item and the response before it are one token, so that one stack of blocks sees both, and
    distance acts by a learned bias per head (components/relative_position_bias.py).

    Args:
        num_items: item ids, 0 included, which is an item that training did not have.
        num_categories: K, at least 2.
        hidden_dim: width; a multiple of `num_heads`.
        num_layers, num_heads: of the blocks, whose feed-forward networks are twice as wide.
        response_embedding, item_skills, item_scale: as of `models.deep_gpcm.DeepGPCM`.
        dropout: of the blocks.

    Inputs as of `models.deep_gpcm.DeepGPCM`. Output: a dict of float32 `logits` `(batch, steps, K)`.
    """

    def __init__(
        self,
        num_items,
        num_categories,
        hidden_dim=64,
        num_layers=1,
        num_heads=4,
        response_embedding="linear_decay",
        item_skills=None,
        item_scale=0.03,
        dropout=0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.config = {
            "num_items": num_items,
            "num_categories": num_categories,
            "hidden_dim": hidden_dim,
            "num_layers": num_layers,
            "num_heads": num_heads,
            "response_embedding": response_embedding,
            "item_skills": None if item_skills is None else [int(skill) for skill in item_skills],
            "item_scale": item_scale,
            "dropout": dropout,
        }
        policy = self.dtype_policy
        self.item_embedding = ItemEmbedding(
            num_items, hidden_dim, item_skills, item_scale, dtype=policy, name="item_embedding"
        )
        self.response_embedding = SharedResponseEmbedding(
            num_categories, hidden_dim, response_embedding, dtype=policy, name="response_embedding"
        )
        self.token = keras.layers.Dense(hidden_dim, dtype=policy, name="token")
        self.distance = RelativePositionBias(num_heads, dtype=policy, name="distance")
        self.blocks = [
            TransformerBlock(num_heads, 2 * hidden_dim, dropout, dtype=policy, name=f"block_{number}")
            for number in range(num_layers)
        ]
        self.norm = keras.layers.LayerNormalization(epsilon=1e-6, dtype=policy, name="norm")
        self.categories = keras.layers.Dense(num_categories - 1, dtype=policy, name="categories")

    def build(self, input_shape=None):
        size = self.config["hidden_dim"]
        self.item_embedding.build()
        self.response_embedding.build((None, None, size))
        for layer in (self.token, self.categories):
            layer.build((None, None, 2 * size))
        for layer in (self.distance, *self.blocks, self.norm):
            layer.build((None, None, size))
        self.built = True

    def call(self, inputs, training=None):
        item = self.item_embedding(inputs["item_ids"])
        answered = self.response_embedding(item, inputs["responses"])
        before = ops.pad(answered, ((0, 0), (1, 0), (0, 0)))[:, :-1]
        x = self.token(ops.concatenate([item, before], axis=-1))
        bias = self.distance(x)
        for block in self.blocks:
            x = block(x, padding_mask=inputs["padding_mask"], attention_bias=bias, causal=True, training=training)
        logits = ops.cast(self.categories(ops.concatenate([self.norm(x), item], axis=-1)), "float32")
        return {"logits": ops.concatenate([ops.zeros_like(logits[..., :1]), logits], axis=-1)}

    def get_config(self):
        return {**super().get_config(), **self.config}
