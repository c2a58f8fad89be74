"""SAKT: knowledge tracing by causal self-attention."""

import keras
from keras import ops

from components.irt_logits import with_reference_category
from components.item_embedding import ItemEmbedding
from components.previous_step import previous_step
from components.relative_position_bias import RelativePositionBias
from components.shared_response_embedding import SharedResponseEmbedding
from components.transformer_block import TransformerBlock


@keras.saving.register_keras_serializable(package="qkv_zoo")
class SAKT(keras.Model):
    """Self-attentive knowledge tracing (Pandey and Karypis 2019), with a learned attention bias by distance.

        u_t = W [q_t; v_{t-1}]                       the step's item and the response before it, as one token
        x = causal Pre-LN Transformer blocks over u
        logits_t = (0, C [x_t; q_t] + c)

    The paper keeps items (queries) and responses (keys, values) apart. Here one token holds both, so that one stack of blocks sees
    both. The bias of each head by distance takes the place of the paper's positions; it can learn attention that fades, as in AKT
    (Ghosh et al. 2020, section 3.2).

    Args:
        num_items: int, number of item ids. Id 0 is an item that training did not have.
        num_categories: int, K, at least 2.
        hidden_dim: int, width, a multiple of `num_heads`.
        num_layers, num_heads: ints, of the blocks. Their feed-forward networks are twice as wide as `hidden_dim`.
        response_embedding: str, how a response becomes a vector: `ordered`, `unordered`, `linear_decay` or `adjacent_weighted`
            (`components.response_embedding`).
        item_skills: list of ints, the skill of each item, or None.
        item_scale: float, standard deviation of the items' initial vectors (`components.item_embedding`).
        dropout: float in [0, 1), of the blocks.

    Inputs, a dict of int arrays `(batch, steps)`:
        item_ids: which item was answered.
        responses: 0 to K - 1. A response changes the outputs of later steps only.
        padding_mask: 1 where there is a step.

    Returns:
        A dict of float32 `logits` `(batch, steps, K)`.

    Example:

    >>> model = SAKT(num_items=11, num_categories=5)
    >>> steps = ops.ones((2, 7), "int32")
    >>> tuple(model({"item_ids": steps, "responses": steps, "padding_mask": steps})["logits"].shape)
    (2, 7, 5)
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
        self.position_bias = RelativePositionBias(num_heads, dtype=policy, name="position_bias")
        self.blocks = [
            TransformerBlock(num_heads, 2 * hidden_dim, dropout, dtype=policy, name=f"block_{number}")
            for number in range(num_layers)
        ]
        self.norm = keras.layers.LayerNormalization(epsilon=1e-6, dtype=policy, name="norm")
        self.category_logits = keras.layers.Dense(num_categories - 1, dtype=policy, name="category_logits")

    def build(self, input_shape=None):
        hidden_dim = self.config["hidden_dim"]
        self.item_embedding.build()
        self.response_embedding.build((None, None, hidden_dim))
        for layer in (self.token, self.category_logits):
            layer.build((None, None, 2 * hidden_dim))
        for layer in (self.position_bias, *self.blocks, self.norm):
            layer.build((None, None, hidden_dim))
        self.built = True

    def call(self, inputs, training=None):
        item = self.item_embedding(inputs["item_ids"])  # q_t
        responses = self.response_embedding(item, inputs["responses"])  # v_t
        previous = previous_step(responses)  # v_{t-1}
        x = self.token(ops.concatenate([item, previous], axis=-1))
        bias = self.position_bias(x)
        for block in self.blocks:
            x = block(x, padding_mask=inputs["padding_mask"], attention_bias=bias, causal=True, training=training)
        logits = self.category_logits(ops.concatenate([self.norm(x), item], axis=-1))
        return {"logits": with_reference_category(logits)}

    def get_config(self):
        return {**super().get_config(), **self.config}
