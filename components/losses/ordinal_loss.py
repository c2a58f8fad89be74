"""Losses for responses in ordered categories, from logits."""

import keras
from keras import ops

PARTS = ("cross_entropy", "focal", "soft_qwk", "earth_mover", "cumulative")


@keras.saving.register_keras_serializable(package="qkv_zoo")
class OrdinalLoss(keras.losses.Loss):
    """A weighted sum of losses of ordered categories; a mean over the responses that have weight, so that padding counts nowhere.

    With `p` the softmax of the logits, `r` the response, `F(k)` the sum of `p` up to category k:

    - `cross_entropy`: `-log p_r`;
    - `focal`: `-(1 - p_r)^gamma log p_r` (Lin et al. 2017, equation 4);
    - `soft_qwk`: `sum_k (k - r)^2 p_k` over its expectation if responses and predictions were independent, both with the margins of
      this batch: 1 less the quadratic weighted kappa, with probabilities in the place of decisions (de la Torre et al. 2018);
    - `earth_mover`: `sum_k (F(k) - 1(r <= k))^2` (Hou et al. 2016, equation 3);
    - `cumulative`: the binary cross-entropies of `P(r > k)`, summed over k (the loss of CORAL; Cao et al. 2020, equation 4).

    Args:
        weights: weight of each part by its name, at least one above zero and none below.
        gamma: of `focal`, at least 0.

    Called with integer targets `(...)`, logits `(..., categories)` and perhaps sample weights `(...)`; returns a float32 scalar.
    """

    def __init__(self, weights=None, gamma=2.0, name="ordinal_loss", **kwargs):
        super().__init__(name=name, **kwargs)
        self.weights = dict(weights or {"cross_entropy": 1.0})
        self.gamma = gamma
        unknown = set(self.weights) - set(PARTS)
        if unknown or min(self.weights.values()) < 0 or not sum(self.weights.values()) > 0 or gamma < 0:
            raise ValueError(
                f"weights {self.weights} must be of {PARTS}, none below 0 and not all 0; gamma {gamma} at least 0"
            )

    def __call__(self, y_true, y_pred, sample_weight=None):
        logits = ops.cast(y_pred, "float32")
        categories = logits.shape[-1]
        right = ops.one_hot(ops.cast(y_true, "int32"), categories, dtype="float32")
        weight = ops.ones_like(right[..., 0]) if sample_weight is None else ops.cast(sample_weight, "float32")
        weight = weight / ops.maximum(ops.sum(weight), 1e-9)
        log_chances = ops.log_softmax(logits, axis=-1)
        chances = ops.exp(log_chances)
        total = 0.0
        for name, share in self.weights.items():
            if share > 0:
                part = getattr(self, f"_{name}")
                total = total + share * part(right, log_chances, chances, weight, categories)
        return total

    def _cross_entropy(self, right, log_chances, chances, weight, categories):
        return -ops.sum(weight * ops.sum(right * log_chances, axis=-1))

    def _focal(self, right, log_chances, chances, weight, categories):
        surprise = -ops.sum(right * log_chances, axis=-1)
        missing = ops.maximum(1 - ops.sum(right * chances, axis=-1), 1e-7)  # the gradient of a power at 0 is not finite
        return ops.sum(weight * missing**self.gamma * surprise)

    def _soft_qwk(self, right, log_chances, chances, weight, categories):
        place = ops.arange(categories, dtype="float32")
        cost = (place[:, None] - place) ** 2
        of_right, of_chances = (
            ops.sum(ops.reshape(weight[..., None] * part, (-1, categories)), axis=0) for part in (right, chances)
        )
        by_chance = ops.sum(cost * of_right[:, None] * of_chances)
        observed = ops.sum(weight * ops.sum(ops.matmul(right, cost) * chances, axis=-1))
        return observed / ops.maximum(by_chance, 1e-7)

    def _earth_mover(self, right, log_chances, chances, weight, categories):
        return ops.sum(weight * ops.sum((ops.cumsum(chances, axis=-1) - ops.cumsum(right, axis=-1)) ** 2, axis=-1))

    def _cumulative(self, right, log_chances, chances, weight, categories):
        below = ops.cumsum(right, axis=-1)[..., :-1]  # 1(r <= k), k < K - 1
        log_below = _log_cumulative(log_chances)[..., :-1]
        log_above = ops.flip(_log_cumulative(ops.flip(log_chances, axis=-1)), axis=-1)[..., 1:]
        return -ops.sum(weight * ops.sum(below * log_below + (1 - below) * log_above, axis=-1))

    def get_config(self):
        return {**super().get_config(), "weights": self.weights, "gamma": self.gamma}


def _log_cumulative(log_chances):
    """`log F(k)`, exact where the sum underflows."""
    running = [log_chances[..., 0]]
    for category in range(1, log_chances.shape[-1]):
        running.append(ops.logaddexp(running[-1], log_chances[..., category]))
    return ops.stack(running, axis=-1)
