"""SAKT: knowledge tracing by attention over the responses so far."""

from functools import partial

import keras
from keras import ops

from components.dropout import Dropout
from components.irt_logits import with_reference_category
from components.item_embedding import ItemEmbedding
from components.past_attention import PastAttention
from components.shared_response_embedding import SharedResponseEmbedding


@keras.saving.register_keras_serializable(package="qkv_zoo")
class SAKT(keras.Model):
    """Self-attentive knowledge tracing (Pandey and Karypis 2019), with attention that fades with distance.

    The item of a step asks, the items before it are what it is compared with, and the responses to them are what it gets:

        a_t = PastAttention(query q_t, keys q_j, values v_j, j < t)      v_j: the vector of an item and its response
        x_t = q_t + a_t;  x_t = x_t + ffn(norm(x_t))
        logits_t = (0, C gelu(W [norm(x_t); q_t] + b) + c)

    In the paper, keys are computed from items with their responses; here from items alone, as in AKT (Ghosh et al. 2020). In the
    place of its vectors of positions, `PastAttention` has a bias by distance. This model's own are the normalisation before the
    feed-forward network and before the last hidden layer, and that layer, which sees the item again. A second block did not improve
    the AUC on ASSISTments 2009 (docs/tracing.md).

    Args:
        num_items: int, number of item ids. Id 0 is an item that training did not have.
        num_categories: int, K, at least 2.
        hidden_dim: int, width, a multiple of `num_heads`. The feed-forward network is twice as wide.
        num_heads: int, attention heads.
        response_embedding: str, how a response becomes a vector: `ordered`, `unordered`, `linear_decay` or `adjacent_weighted`
            (`components.response_embedding`).
        item_skills: list of ints, the skill of each item, or None.
        item_scale: float, standard deviation of the items' initial vectors (`components.item_embedding`).
        dropout: float in [0, 1), fraction of the outputs of attention, feed-forward network and W that is dropped in training.

    Inputs, a dict of int arrays `(batch, steps)`:
        item_ids: which item was answered.
        responses: 0 to K - 1. A response changes the outputs of later steps only.
        padding_mask: 1 where there is a step; not used, since padding stands at the end.

    Returns:
        A dict of float32 `logits` `(batch, steps, K)`.

    Raises:
        ValueError: an unknown `response_embedding`, not one skill for each item, or `num_heads` does not divide `hidden_dim`.

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
            "num_heads": num_heads,
            "response_embedding": response_embedding,
            "item_skills": None if item_skills is None else [int(skill) for skill in item_skills],
            "item_scale": item_scale,
            "dropout": dropout,
        }
        policy = self.dtype_policy

        def dense(units, activation, name):
            return keras.layers.Dense(units, activation, dtype=policy, name=name)

        self.item_embedding = ItemEmbedding(
            num_items, hidden_dim, item_skills, item_scale, dtype=policy, name="item_embedding"
        )
        self.response_embedding = SharedResponseEmbedding(
            num_categories, hidden_dim, response_embedding, dtype=policy, name="response_embedding"
        )
        self.attention = PastAttention(num_heads, dtype=policy, name="attention")
        self.ffn_norm = keras.layers.LayerNormalization(epsilon=1e-6, dtype=policy, name="ffn_norm")
        self.expand = dense(2 * hidden_dim, "gelu", "expand")
        self.contract = dense(hidden_dim, None, "contract")
        self.norm = keras.layers.LayerNormalization(epsilon=1e-6, dtype=policy, name="norm")
        self.hidden = dense(hidden_dim, "gelu", "hidden")  # W, b
        self.category_logits = dense(num_categories - 1, None, "category_logits")  # C, c
        self.dropout = Dropout(dropout, dtype=policy)

    def build(self, input_shape=None):
        hidden = (None, None, self.config["hidden_dim"])
        wide = (None, None, 2 * self.config["hidden_dim"])
        self.item_embedding.build()
        for layer in (self.response_embedding, self.attention, self.ffn_norm, self.expand, self.norm):
            layer.build(hidden)
        for layer in (self.contract, self.hidden):
            layer.build(wide)
        self.category_logits.build(hidden)
        self.built = True

    def call(self, inputs, training=None):
        item = self.item_embedding(inputs["item_ids"])  # q_t
        responses = self.response_embedding(item, inputs["responses"])  # v_t
        dropout = partial(self.dropout, training=training)
        x = item + dropout(self.attention(item, item, responses))
        x = x + dropout(self.contract(self.expand(self.ffn_norm(x))))
        hidden = dropout(self.hidden(ops.concatenate([self.norm(x), item], axis=-1)))
        return {"logits": with_reference_category(self.category_logits(hidden))}

    def get_config(self):
        return {**super().get_config(), **self.config}
