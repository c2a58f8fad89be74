"""A student's ability as a distribution that the responses change: a Bayes filter with learned dynamics."""

import keras
from keras import ops

from components.ability_filter_cell import AbilityFilterCell

OFFSET_SCALE = 0.1
"""Initial scale of the network's ability where a filter estimates ability, too. So the filter learns first: where the network does
its work, standard errors are too small."""


@keras.saving.register_keras_serializable(package="qkv_zoo")
class AbilityFilter(keras.layers.Layer):
    """Ability with its standard error, and the probabilities of a response that follow from both.

    A student's state x is a level a, which counts for all items; a gain g, what full practice adds; and for each slot the ability
    c(i) that was practised. Items belong to slots by their address w. With the offset n_t, which is 0 if it is not given:

        theta_t = n_t + h_t . x_t = n_t + a + sum_i w_t(i) c(i)                 ability on the item of step t
        x_1 ~ N((0, mean gain, 0), diagonal)
        c(i) <- f (1 - l w_t(i)) c(i) + l w_t(i) g                              practice and forgetting, after each response
        a <- f_a a,  g <- f_g g, and noise with a variance of its own for a, g and c

    So x stays normal but for the responses: x_t given those before t has mean and covariance, ability on the item the mean m_t and
    the variance s_t^2, and the logits are averaged over it:

        P(r_t = k) = integral of N(theta; m_t, s_t^2) P(k | theta, alpha_t, beta_t) over theta

    The response changes the state by assumed-density filtering: ability's posterior is replaced by the normal distribution with
    its mean and variance (Minka 2001, chapter 3), both by Gauss-Hermite quadrature. A response model with such a state is a dynamic
    item response model (Wang, Berger and Burdick 2013). Training with cross-entropy maximises its marginal likelihood, as far as
    these approximations go. All deviations and the factors f are learned, one each for level, gain and all slots; so are l and
    the mean gain, one number each.
    Computed in float32; in a model of lower precision give it `dtype="float32"`, or its inputs are rounded.

    Args:
        num_categories: int, K, at least 2.
        num_slots: int, slots.
        head: str, `gpcm` or `graded`, how ability and an item's parameters become probabilities.

    Call arguments:
        address: float `(batch, steps, num_slots)`, w.
        discrimination: float32 `(batch, steps)`, alpha.
        thresholds: float32 `(batch, steps, K - 1)`, beta.
        responses: int `(batch, steps)`, 0 to K - 1. A response changes later steps only. Padding has to stand at the end.
        ability: float32 `(batch, steps)`, n, or None.

    Returns:
        A dict of float32 tensors: `logits` `(batch, steps, K)`, which are log-probabilities; `ability` and `ability_error`
        `(batch, steps)`, m and s.

    Example:
        >>> layer = AbilityFilter(num_categories=4, num_slots=3)
        >>> slots, steps, responses = ops.ones((2, 5, 3)), ops.ones((2, 5)), ops.ones((2, 5), "int32")
        >>> tuple(layer(slots, steps, slots, responses)["ability_error"].shape)
        (2, 5)
    """

    def __init__(self, num_categories, num_slots, head="gpcm", **kwargs):
        super().__init__(**kwargs)
        self.num_categories = num_categories
        self.num_slots = num_slots
        self.head = head

    def build(self, *_):
        cell = AbilityFilterCell(self.num_categories, self.num_slots, self.head, dtype="float32", name="cell")
        self.filter = keras.layers.RNN(cell, return_sequences=True, dtype="float32", name="filter")
        self.filter.build((None, None, 2 * self.num_categories + 1 + self.num_slots))

    def call(self, address, discrimination, thresholds, responses, ability=None):
        discrimination = discrimination[..., None]
        offset = ops.zeros_like(discrimination) if ability is None else ability[..., None]
        responses = ops.one_hot(responses, self.num_categories)
        steps = ops.concatenate(
            [ops.cast(part, "float32") for part in (offset, discrimination, thresholds, responses, address)], axis=-1
        )
        outputs = self.filter(steps)
        return {"logits": outputs[..., :-2], "ability": outputs[..., -2], "ability_error": outputs[..., -1]}

    def get_config(self):
        sizes = {"num_categories": self.num_categories, "num_slots": self.num_slots, "head": self.head}
        return {**super().get_config(), **sizes}
