"""DeepGPCM: knowledge tracing by a dynamic key-value memory, with a partial-credit output."""

import keras
from keras import ops

from components.ability_filter import OFFSET_SCALE, AbilityFilter
from components.dynamic_key_value_memory import DynamicKeyValueMemory
from components.irt_logits import HEADS, with_reference_category
from components.irt_parameters import IRTParameters
from components.item_embedding import ItemEmbedding
from components.shared_response_embedding import response_embedding_layer

MAX_PAIRS = 4096
"""Up to this many pairs of item and response, `DeepGPCM` computes what depends on an item, or on a pair, once for each of them: a
usual batch has more steps than that."""


@keras.saving.register_keras_serializable(package="qkv_zoo")
class DeepGPCM(keras.Model):
    """Predicts a student's next response from the responses before it (Zhang et al. 2017; Yeung 2019; Muraki 1992).

    At step t the item's vector q_t addresses a memory. The memory is read first, and the step's response is written to it after
    that. The read r_t gives the student's ability, the item's vector gives discrimination and thresholds:

        r_t = read of DynamicKeyValueMemory at q_t                   Zhang et al. 2017, section 3.2
        s_t = tanh(W r_t + b), or tanh(W [r_t; q_t] + b)             summary
        theta_t, alpha_t, beta_t = IRTParameters(s_t, q_t)           ability, discrimination, thresholds
        logits_t = gpcm_logits(theta_t, alpha_t, beta_t)             Muraki 1992, equation 4; or graded_logits

    With `ability_filter`, the ability of IRTParameters is the offset n_t of `components.ability_filter.AbilityFilter`, which gives
    ability as a distribution; theta_t is its mean, and the logits are averaged over it.

    With `head="linear"` and two categories this is DKVMN as published: `logits_t = (0, w . s_t + b)`.

    Args:
        num_items: int, number of item ids. Id 0 is an item that training did not have.
        num_categories: int, K, at least 2.
        num_slots, key_dim, value_dim, summary_dim: ints, sizes of the memory and of `s_t`.
        response_embedding: str, how a response becomes a vector: `ordered`, `unordered`, `linear_decay` or `adjacent_weighted`
            (`components.response_embedding`).
        head: str, `gpcm`, `graded` (which makes thresholds monotone) or `linear`.
        monotone: bool, whether thresholds grow with the category.
        item_discrimination: bool, whether discrimination depends on the item alone; if False, on the student too.
        ability_sees_item: bool, whether `s_t` depends on the item as well, as published; always so with the head `linear`.
            It predicts better, but ability then takes over part of an item's difficulty, and the thresholds no longer recover
            the true ones (docs/tracing.md).
        shared_embedding: bool, compute the vector of a response from the item's vector. If False, each pair has a vector of its
            own in a table, as published.
        item_skills: list of ints, the skill of each item, or None.
        item_scale: float, standard deviation of the items' initial vectors (`components.item_embedding`).
        dropout: float in [0, 1), fraction of the elements of `s_t` that is dropped in training, the same at all steps of a
            sequence (Gal and Ghahramani 2016).
        ability_filter: bool, whether ability is a distribution. Without effect where the head is `linear`.

    Inputs, a dict of int arrays `(batch, steps)`:
        item_ids: which item was answered.
        responses: 0 to K - 1. A response changes the outputs of later steps only.
        padding_mask: 1 where there is a step.

    Returns:
        A dict of float32 arrays: `logits` `(batch, steps, K)`; `address` `(batch, steps, num_slots)`, the attention over slots;
        unless the head is `linear`, `ability` and `discrimination` `(batch, steps)` and `thresholds` `(batch, steps, K - 1)`;
        with `ability_filter`, `ability_error` `(batch, steps)`.

    Raises:
        ValueError: an unknown head or `response_embedding`, fewer than two categories, or not one skill for each item.

    Example:

    >>> model = DeepGPCM(num_items=11, num_categories=5)
    >>> steps = ops.ones((2, 7), "int32")
    >>> tuple(model({"item_ids": steps, "responses": steps, "padding_mask": steps})["logits"].shape)
    (2, 7, 5)
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
        ability_filter=False,
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
            "ability_filter": ability_filter and head != "linear",
        }
        policy = self.dtype_policy
        self.item_embedding = ItemEmbedding(
            num_items, key_dim, item_skills, item_scale, dtype=policy, name="item_embedding"
        )
        self.response_embedding = response_embedding_layer(
            num_items, num_categories, value_dim, response_embedding, shared_embedding, policy
        )
        self.memory = DynamicKeyValueMemory(num_slots, value_dim, dtype=policy, name="memory")
        # Not `summary`, which is a method of keras.Model: on PyTorch the method would win.
        self.summary_layer = keras.layers.Dense(summary_dim, "tanh", dtype=policy, name="summary")
        self.dropout = keras.layers.SpatialDropout1D(dropout, dtype=policy, name="dropout")
        if head == "linear":
            self.category_logits = keras.layers.Dense(num_categories - 1, dtype=policy, name="category_logits")
        else:
            monotone, scale = monotone or head == "graded", OFFSET_SCALE if ability_filter else 1.0
            self.irt = IRTParameters(num_categories, monotone, item_discrimination, scale, dtype=policy, name="irt")
            if ability_filter:
                self.ability_filter = AbilityFilter(
                    num_categories, num_slots, head, dtype="float32", name="ability_filter"
                )

    def build(self, input_shape=None):
        key, value, summary = ((None, None, self.config[name]) for name in ("key_dim", "value_dim", "summary_dim"))
        self.item_embedding.build((None, None))
        self.response_embedding.build(key, (None, None))
        self.memory.build(key, value)
        item_dim = self.config["key_dim"] if self.config["ability_sees_item"] else 0
        self.summary_layer.build((None, None, self.config["value_dim"] + item_dim))
        if self.config["head"] == "linear":
            self.category_logits.build(summary)
        else:
            self.irt.build(summary, key)
            if self.config["ability_filter"]:
                self.ability_filter.build()
        self.built = True

    def call(self, inputs, training=None):
        num_items, num_categories = self.config["num_items"], self.config["num_categories"]
        item_ids, responses = inputs["item_ids"], inputs["responses"]
        rows, query_rows = None, None
        if num_items * num_categories <= MAX_PAIRS:
            query_rows, rows = item_ids, item_ids * num_categories + responses
            item_ids = ops.arange(num_items)
            queries = self.item_embedding(item_ids)  # the q_t of all items
            pairs = ops.repeat(item_ids, num_categories)
            items = ops.repeat(queries, num_categories, axis=0) if self.config["shared_embedding"] else pairs
            responses = ops.tile(ops.arange(num_categories), [num_items])
        else:
            queries = self.item_embedding(item_ids)  # q_t
            items = queries if self.config["shared_embedding"] else item_ids
        written = self.response_embedding(items, responses)
        read, address = self.memory(queries, written, inputs["padding_mask"], rows, query_rows)  # r_t
        address = ops.cast(address, "float32")
        summary = self.dropout(self._summary(read, queries, query_rows), training=training)  # s_t
        if self.config["head"] == "linear":
            return {"logits": with_reference_category(self.category_logits(summary)), "address": address}
        item = queries if query_rows is None else ops.take(queries, query_rows, axis=0)
        irt = {name: ops.cast(value, "float32") for name, value in self.irt(summary, item).items()}
        if self.config["ability_filter"]:
            irt |= self.ability_filter(address, **irt, responses=inputs["responses"])
            return {"address": address, **irt}
        return {"logits": HEADS[self.config["head"]](**irt), "address": address, **irt}

    def _summary(self, read, queries, query_rows):
        """Return s_t before its dropout. Where the vectors of the items are a table, its part of W is applied once per item."""
        layer = self.summary_layer
        if not self.config["ability_sees_item"]:
            return layer(read)
        if query_rows is None:
            return layer(ops.concatenate([read, queries], axis=-1))
        kernel, value_dim = ops.cast(layer.kernel, read.dtype), self.config["value_dim"]
        of_items = ops.matmul(queries, kernel[value_dim:]) + ops.cast(layer.bias, read.dtype)
        return layer.activation(ops.matmul(read, kernel[:value_dim]) + ops.take(of_items, query_rows, axis=0))

    def get_config(self):
        return {**super().get_config(), **self.config}
