"""DeepGPCM: knowledge tracing by a dynamic key-value memory, with a partial-credit output."""

import keras
from keras import ops

from components.gpcm import HEADS, IRTParameters, response_embedding_layer
from components.item_embedding import ItemEmbedding
from components.key_value_memory import DynamicKeyValueMemory

MOST_PAIRS = 4096
"""Of items and responses, for which `DeepGPCM` computes what they write beforehand: fewer than the steps of a usual batch."""


@keras.saving.register_keras_serializable(package="qkv_zoo")
class DeepGPCM(keras.Model):
    """What a student will answer, from what was answered before (Zhang et al. 2017; Yeung 2019; Muraki 1992).

    The item's vector addresses a memory, which is read before this step's response is written to it; the read gives ability, the
    item discrimination and thresholds, and those the categories' logits:

        r_t = read of DynamicKeyValueMemory at q_t;  s_t = tanh(W r_t + b), or tanh(W [r_t; q_t] + b)
        theta_t, alpha_t, beta_t = IRTParameters(s_t, q_t);  logits = gpcm_logits(theta_t, alpha_t, beta_t), or graded_logits

    With `head="linear"` and two categories it is DKVMN as published: `logits = (0, w . s_t + b)`, the sigmoid's logit.

    Args:
        num_items: item ids, 0 included, which is an item that training did not have.
        num_categories: K, at least 2.
        num_slots, key_dim, value_dim, summary_dim: sizes of the memory and of `s`.
        response_embedding: a kind of `components.gpcm.ResponseEmbedding`.
        shared_embedding: whether an answered item's vector is made from the item's (`SharedResponseEmbedding`) or is one of a table
            of its own, as published.
        item_skills, item_scale: the number of each item's skill, or None, and how far apart items begin; `skills` and `scale` of
            `components.item_embedding.ItemEmbedding`.
        head: `gpcm`, `graded` (whose thresholds are monotone) or `linear`.
        monotone, item_discrimination: see `IRTParameters`.
        ability_sees_item: whether `s` is made from the item as well, as in Yeung 2019 and in DKVMN, and always so with the head
            `linear`. Then ability may hold part of an item's difficulty, and thresholds are not the item's alone.
        dropout: share of the elements of `s` that are dropped in training, the same at all of a sequence's steps (Gal and
            Ghahramani 2016).

    Inputs, a dict of integers `(batch, steps)`: `item_ids`; `responses`, 0 to K - 1; `padding_mask`, 1 where there is a step.
    The response of a step has no influence on its own output nor on an earlier one.

    Output: a dict of float32 `logits` `(batch, steps, K)` and `address` `(batch, steps, num_slots)`; unless the head is
    `linear` also `ability` and `discrimination` `(batch, steps)`, and `thresholds` `(batch, steps, K - 1)`.
    """

    def __init__(
        self,
        num_items,
        num_categories,
        num_slots=20,
        key_dim=50,
        value_dim=100,
        summary_dim=50,
        response_embedding="linear_decay",
        head="gpcm",
        monotone=False,
        item_discrimination=True,
        ability_sees_item=False,
        shared_embedding=True,
        item_skills=None,
        item_scale=0.03,
        dropout=0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if head not in (*HEADS, "linear"):
            raise ValueError(f"head {head!r} must be one of {', '.join(HEADS)}, linear")
        self.config = {
            "num_items": num_items,
            "num_categories": num_categories,
            "num_slots": num_slots,
            "key_dim": key_dim,
            "value_dim": value_dim,
            "summary_dim": summary_dim,
            "response_embedding": response_embedding,
            "head": head,
            "monotone": monotone,
            "item_discrimination": item_discrimination,
            "ability_sees_item": ability_sees_item or head == "linear",
            "shared_embedding": shared_embedding,
            "item_skills": None if item_skills is None else [int(skill) for skill in item_skills],
            "item_scale": item_scale,
            "dropout": dropout,
        }
        policy = self.dtype_policy
        self.item_embedding = ItemEmbedding(
            num_items, key_dim, item_skills, item_scale, dtype=policy, name="item_embedding"
        )
        self.response_embedding = response_embedding_layer(
            num_items, num_categories, value_dim, response_embedding, shared_embedding, policy
        )
        self.memory = DynamicKeyValueMemory(num_slots, value_dim, dtype=policy, name="memory")
        self.summary = keras.layers.Dense(summary_dim, "tanh", dtype=policy, name="summary")
        self.dropout = keras.layers.SpatialDropout1D(dropout, dtype=policy, name="dropout")
        if head == "linear":
            self.categories = keras.layers.Dense(num_categories - 1, dtype=policy, name="categories")
        else:
            monotone = monotone or head == "graded"
            self.irt = IRTParameters(num_categories, monotone, item_discrimination, dtype=policy, name="irt")

    def build(self, input_shape=None):
        sizes = {name: (None, None, self.config[name]) for name in ("key_dim", "value_dim", "summary_dim")}
        self.item_embedding.build((None, None))
        self.response_embedding.build((None, None, self.config["key_dim"]), (None, None))
        self.memory.build(sizes["key_dim"], sizes["value_dim"])
        seen = self.config["key_dim"] if self.config["ability_sees_item"] else 0
        self.summary.build((None, None, self.config["value_dim"] + seen))
        if self.config["head"] == "linear":
            self.categories.build(sizes["summary_dim"])
        else:
            self.irt.build(sizes["summary_dim"], sizes["key_dim"])
        self.built = True

    def call(self, inputs, training=None):
        item = self.item_embedding(inputs["item_ids"])
        read, address = self._read(item, inputs)
        seen = ops.concatenate([read, item], axis=-1) if self.config["ability_sees_item"] else read
        summary = self.dropout(self.summary(seen), training=training)
        if self.config["head"] == "linear":
            others = ops.cast(self.categories(summary), "float32")
            return {"logits": ops.concatenate([ops.zeros_like(others[..., :1]), others], axis=-1), "address": address}
        irt = self.irt(summary, item)
        logits = HEADS[self.config["head"]](irt["ability"], irt["discrimination"], irt["thresholds"])
        return {"logits": logits, "address": address, **irt}

    def _read(self, item, inputs):
        """The memory's reads and addresses. What a step writes depends on the item and the response alone, so where these have few
        pairs, it is computed for the pairs."""
        items, categories = self.config["num_items"], self.config["num_categories"]
        item_ids, responses, rows = inputs["item_ids"], inputs["responses"], None
        if items * categories <= MOST_PAIRS:
            rows = item_ids * categories + responses
            item_ids, responses = ops.repeat(ops.arange(items), categories), ops.tile(ops.arange(categories), [items])
        of_items = self.item_embedding(item_ids) if self.config["shared_embedding"] else item_ids
        answered = self.response_embedding(of_items, responses)
        return self.memory(item, answered, inputs["padding_mask"], rows)

    def get_config(self):
        return {**super().get_config(), **self.config}
