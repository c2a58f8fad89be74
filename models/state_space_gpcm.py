"""StateSpaceGPCM: knowledge tracing by a Bayes filter over a student's state, with a partial-credit output."""

import math

import keras
from keras import ops

from components.ability_filter import AbilityFilter
from components.irt_logits import HEADS
from components.irt_parameters import IRTParameters
from components.item_embedding import ItemEmbedding, with_mean_as_row_0


def own_slot(shape, dtype=None):
    """Initial B: each skill has a slot of its own, or shares one with few others; skills that start in one slot stay there.

    Args:
        shape: `(num_skills, num_slots)`.
        dtype: str, type of the result.
    """
    own = max(4.0, math.log(6 * max(shape[1] - 1, 1)))  # its weight in softmax is at least 0.85
    return own * ops.one_hot(ops.arange(shape[0]) % shape[1], shape[1], dtype=dtype)


@keras.saving.register_keras_serializable(package="qkv_zoo")
class StateSpaceGPCM(keras.Model):
    """Predicts a student's next response from a normal distribution of their state (Wang, Berger and Burdick 2013; Muraki 1992).

    The state is the student's level, their gain by practice, and the ability that was practised in each slot. Nothing but the
    filter reads the responses, so its standard errors of ability are those of a Bayes filter. Its equations are those of
    `components.ability_filter.AbilityFilter`. With q_t the item's vector:

        w_t = softmax(A q_t + B[skill])               to which slots the item belongs; B only where skills are known
        alpha_t, beta_t = IRTParameters(q_t)          discrimination, thresholds
        logits_t, m_t, s_t = AbilityFilter(w, alpha, beta, responses before t)

    It has few weights: those of the items and eleven numbers of the filter.

    Args:
        num_items: int, number of item ids. Id 0 is an item that training did not have.
        num_categories: int, K, at least 2.
        num_slots: int, slots; as many as there are skills, or more.
        key_dim: int, size of an item's vector.
        head: str, `gpcm` or `graded` (which makes thresholds monotone).
        monotone: bool, whether thresholds grow with the category.
        item_skills: list of ints, the skill of each item, or None.
        item_scale: float, standard deviation of the items' initial vectors (`components.item_embedding`).

    Inputs, a dict of int arrays `(batch, steps)`:
        item_ids: which item was answered.
        responses: 0 to K - 1. A response changes the outputs of later steps only.
        padding_mask: 1 where there is a step; not used, since padding stands at the end.

    Returns:
        A dict of float32 arrays: `logits` `(batch, steps, K)`; `ability`, `ability_error` (m and s) and `discrimination`
        `(batch, steps)`; `thresholds` `(batch, steps, K - 1)`; `address` `(batch, steps, num_slots)`.

    Raises:
        ValueError: an unknown head, fewer than two categories, or not one skill for each item.

    Example:

    >>> model = StateSpaceGPCM(num_items=11, num_categories=5)
    >>> steps = ops.ones((2, 7), "int32")
    >>> tuple(model({"item_ids": steps, "responses": steps, "padding_mask": steps})["ability_error"].shape)
    (2, 7)
    """

    def __init__(
        self,
        num_items,
        num_categories,
        num_slots=10,
        key_dim=20,
        head="gpcm",
        monotone=False,
        item_skills=None,
        item_scale=0.03,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if head not in HEADS:
            raise ValueError(f"head {head!r} must be one of {', '.join(HEADS)}")
        self.config = {
            "num_items": num_items,
            "num_categories": num_categories,
            "num_slots": num_slots,
            "key_dim": key_dim,
            "head": head,
            "monotone": monotone,
            "item_skills": None if item_skills is None else [int(skill) for skill in item_skills],
            "item_scale": item_scale,
        }
        policy = self.dtype_policy
        self.item_embedding = ItemEmbedding(
            num_items, key_dim, item_skills, item_scale, dtype=policy, name="item_embedding"
        )
        self.address_logits = keras.layers.Dense(num_slots, use_bias=False, dtype=policy, name="address_logits")
        if item_skills is not None:
            num_skills = max(self.config["item_skills"]) + 1
            self.skill_slots = keras.layers.Embedding(
                num_skills, num_slots, own_slot, dtype=policy.variable_dtype, name="skill_slots"
            )  # gradients of many steps add up in few rows
        monotone = monotone or head == "graded"
        self.irt = IRTParameters(num_categories, monotone, item_discrimination=True, dtype=policy, name="irt")
        self.ability_filter = AbilityFilter(num_categories, num_slots, head, dtype="float32", name="ability_filter")

    def build(self, input_shape=None):
        item = (None, None, self.config["key_dim"])
        self.item_embedding.build((None, None))
        self.address_logits.build(item)
        if self.config["item_skills"] is not None:
            self.skill_slots.build()
        self.irt.build(None, item)
        self.ability_filter.build()
        self.built = True

    def call(self, inputs, training=None):
        item = self.item_embedding(inputs["item_ids"])  # q_t
        logits = ops.cast(self.address_logits(item), "float32")
        if self.config["item_skills"] is not None:
            slots = with_mean_as_row_0(self.skill_slots(ops.array(self.config["item_skills"])))
            logits = logits + ops.cast(ops.take(slots, inputs["item_ids"], axis=0), "float32")
        address = ops.softmax(logits, axis=-1)  # w_t
        parameters = self.irt(None, item)  # alpha_t, beta_t
        return {
            "address": address,
            **parameters,
            **self.ability_filter(address, **parameters, responses=inputs["responses"]),
        }

    def get_config(self):
        return {**super().get_config(), **self.config}
