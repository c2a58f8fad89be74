"""One step of the Bayes filter over ability."""

import keras
import numpy as np
from keras import ops

from components.irt_logits import HEADS

NODES = 9
"""Nodes of the Gauss-Hermite quadrature over ability."""
WEIGHT_SCALE = 10.0
"""The filter's numbers are its weights times this. Adam moves a weight by about the learning rate per step, and these numbers have
to move by several units within some hundred steps."""


@keras.saving.register_keras_serializable(package="qkv_zoo")
class AbilityFilterCell(keras.layers.Layer):
    """One step of `AbilityFilter`, for `keras.layers.RNN`.

    Args:
        num_categories, num_slots, head: as in `AbilityFilter`.

    Call arguments:
        inputs: float32 `(batch, 2 K + 1 + num_slots)`: n_t, alpha_t, beta_t, the response (one-hot), and w_t.
        states: list of mean `(batch, num_slots + 2)` and covariance `(batch, num_slots + 2, num_slots + 2)` of the student's state.

    Returns:
        A pair: `(batch, K + 2)` with the log-probabilities, m_t and s_t; and the list of the next states.

    Example:
        >>> layer = keras.layers.RNN(AbilityFilterCell(num_categories=4, num_slots=3))
        >>> tuple(layer(ops.ones((2, 7, 12))).shape)
        (2, 6)
    """

    def __init__(self, num_categories, num_slots, head="gpcm", **kwargs):
        super().__init__(**kwargs)
        self.num_categories = num_categories
        self.num_slots = num_slots
        self.head = head
        size = num_slots + 2
        self.state_size = [size, (size, size)]
        self.output_size = num_categories + 2
        nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
        self.nodes, self.log_weights = nodes.astype("float32"), np.log(weights / weights.sum()).astype("float32")
        self.identity = np.eye(size, dtype="float32")
        self.is_level, self.is_gain = self.identity[:2]
        self.is_slot = 1 - self.is_level - self.is_gain

    def build(self, *_):
        def numbers(name, *values):
            values = np.array(values, "float32") / WEIGHT_SCALE
            return self.add_weight(name=name, shape=values.shape, initializer=lambda *_, **__: values, autocast=False)

        # A number each for level, gain and slots
        self.log_deviation = numbers("log_deviation", 0.0, -1.0, -1.5)
        self.kept_logit = numbers("kept_logit", 7.0, 7.0, 3.0)
        self.log_drift = numbers("log_drift", -4.5, -4.5, -4.0)
        self.mean_gain = numbers("mean_gain", 0.5)
        self.learning_logit = numbers("learning_logit", -2.0)

    def _by_part(self, numbers):
        """The number of each part of the state, from those of level, gain and slots."""
        return WEIGHT_SCALE * (numbers[0] * self.is_level + numbers[1] * self.is_gain + numbers[2] * self.is_slot)

    def get_initial_state(self, batch_size=None):
        mean = WEIGHT_SCALE * self.mean_gain[0] * self.is_gain
        covariance = ops.exp(2 * self._by_part(self.log_deviation)) * self.identity
        return [ops.broadcast_to(part, (batch_size, *part.shape)) for part in (mean, covariance)]

    def call(self, inputs, states, training=None):
        inputs, state, covariance = (ops.cast(part, "float32") for part in (inputs, *states))  # of x_t
        k = self.num_categories
        offset, discrimination, thresholds = inputs[:, :1], inputs[:, 1:2], inputs[:, 2 : k + 1]
        response, address = inputs[:, k + 1 : 2 * k + 1], inputs[:, 2 * k + 1 : 2 * k + 1 + self.num_slots]
        zeros = ops.zeros_like(offset)
        direction = ops.concatenate([zeros + 1, zeros, address], axis=-1)  # h_t

        # Ability before the response: theta_t ~ N(m_t, s_t^2)
        with_ability = ops.einsum("bij,bj->bi", covariance, direction)  # covariance of the state with ability
        mean = offset + ops.sum(direction * state, axis=-1, keepdims=True)
        # Rounding can make a variance of almost 0 negative.
        deviation = ops.sqrt(ops.maximum(ops.sum(direction * with_ability, axis=-1, keepdims=True), 1e-8))
        logits = HEADS[self.head](mean + deviation * self.nodes, discrimination, thresholds[:, None, :])
        joint = ops.log_softmax(logits) + self.log_weights[:, None]  # (batch, nodes, K)
        output = ops.concatenate([ops.logsumexp(joint, axis=1), mean, deviation], axis=-1)

        # After the response: mean and variance of ability, in units of s_t, and what they say of the state
        posterior = ops.softmax(ops.sum(joint * response[:, None, :], axis=-1), axis=-1)  # (batch, nodes)
        shift = ops.sum(posterior * self.nodes, axis=-1, keepdims=True)
        variance = ops.sum(posterior * (self.nodes - shift) ** 2, axis=-1, keepdims=True)
        step = with_ability / deviation
        state = state + step * shift
        covariance = covariance - step[:, :, None] * step[:, None, :] * (1 - variance)[..., None]

        # Practice and forgetting: x_{t+1} = F x_t + noise
        learned = ops.sigmoid(WEIGHT_SCALE * self.learning_logit[0]) * ops.concatenate([zeros, zeros, address], axis=-1)
        kept = ops.sigmoid(self._by_part(self.kept_logit)) * (1 - learned)
        transition = kept[:, :, None] * self.identity + learned[:, :, None] * self.is_gain  # F
        state = ops.einsum("bij,bj->bi", transition, state)
        covariance = ops.matmul(ops.matmul(transition, covariance), ops.swapaxes(transition, 1, 2))
        return output, [state, covariance + ops.exp(2 * self._by_part(self.log_drift)) * self.identity]

    def get_config(self):
        sizes = {"num_categories": self.num_categories, "num_slots": self.num_slots, "head": self.head}
        return {**super().get_config(), **sizes}
