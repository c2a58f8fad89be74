"""Losses for responses in ordered categories, from logits."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="qkv_zoo")
class OrdinalLoss(keras.losses.Loss):
    """A weighted sum of losses for responses in ordered categories.

    With K categories, `p` the softmax of the logits, `r` the response, and `F(k)` the sum of `p` up to category k:

    - `cross_entropy`: `-log p_r`;
    - `focal`: `-(1 - p_r)^gamma log p_r` (Lin et al. 2017, equation 4);
    - `soft_qwk`: `sum_k (k - r)^2 p_k`, divided by its expectation if responses and predictions of this batch were independent: one
      minus quadratic weighted kappa, with probabilities in the place of decisions (de la Torre et al. 2018);
    - `earth_mover`: `sum_k (F(k) - 1(r <= k))^2` (Hou et al. 2016, equation 3);
    - `cumulative`: the binary cross-entropies of `P(r > k)`, summed over k (CORAL; Cao et al. 2020, equation 4).

    Cross-entropy alone gave the best accuracy, NLL and, with a fitted decision rule, the best QWK; `soft_qwk` alone makes
    probabilities extreme (docs/tracing.md).

    To add a loss, write one method and name it in `PARTS`.

    Args:
        weights: dict of a part's name to its weight, a float of 0 or more; at least one above 0. None is cross-entropy alone.
        gamma: float, 0 or more, the exponent of `focal`.
        reduction: how the values of single responses become one, as in `keras.losses.Loss`. The default divides by the sum of the
            sample weights, so that padding with weight 0 changes nothing; `sum_over_batch_size` divides by the number of responses.

    Call arguments:
        y_true: integer `(...)`, 0 to K - 1.
        y_pred: float `(..., K)`, logits.
        sample_weight: float `(...)` or None.

    Returns:
        float32, a scalar; `(...)` with the reduction `none`.

    Raises:
        ValueError: an unknown part, a negative weight, none above 0, a negative gamma; or `soft_qwk`, which only a batch as a whole
            has, with the reduction `none`.

    Example:
        >>> loss = OrdinalLoss({"cross_entropy": 1.0, "earth_mover": 0.5})
        >>> round(float(loss(ops.array([0, 2]), ops.array([[0.0, 0.0, 0.0], [0.0, 0.0, 9.0]]))), 4)
        0.6883
    """

    def __init__(self, weights=None, gamma=2.0, reduction="mean_with_sample_weight", name="ordinal_loss", **kwargs):
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.weights = dict(weights or {"cross_entropy": 1.0})
        self.gamma = gamma
        unknown = set(self.weights) - set(self.PARTS)
        if unknown or min(self.weights.values()) < 0 or not sum(self.weights.values()) > 0 or gamma < 0:
            raise ValueError(
                f"weights {self.weights} must be of {', '.join(self.PARTS)}, none below 0 and not all 0; gamma {gamma} at least 0"
            )
        if self.weights.get("soft_qwk") and reduction in ("none", None):
            raise ValueError(
                "soft_qwk is defined for a whole batch: the reduction 'none' has no value for each response"
            )

    def __call__(self, y_true, y_pred, sample_weight=None):
        logits = ops.cast(y_pred, "float32")
        target = ops.one_hot(ops.cast(y_true, "int32"), logits.shape[-1], dtype="float32")
        weights = ops.ones_like(target[..., 0]) if sample_weight is None else ops.cast(sample_weight, "float32")
        normalised_weights = weights / ops.maximum(ops.sum(weights), 1e-9)
        log_probabilities = ops.log_softmax(logits, axis=-1)
        values = sum(
            weight * self.PARTS[name](self, target, log_probabilities, normalised_weights)
            for name, weight in self.weights.items()
            if weight > 0
        )
        if self.reduction == "mean_with_sample_weight":
            return ops.sum(normalised_weights * values)
        values = weights * values
        if self.reduction in ("none", None):
            return values
        return ops.sum(values) if self.reduction == "sum" else ops.mean(values)

    # Each part has the arguments `target`, one-hot `(..., K)`; `log_probabilities`, `(..., K)`; and `weights`, `(...)` with the sum
    # 1. It returns the values of the responses, `(...)`, whose weighted mean is the loss.

    def cross_entropy(self, target, log_probabilities, weights):
        return -ops.sum(target * log_probabilities, axis=-1)

    def focal(self, target, log_probabilities, weights):
        log_p = ops.sum(target * log_probabilities, axis=-1)
        # The gradient of a power is not finite at 0.
        return -(ops.maximum(1 - ops.exp(log_p), 1e-7) ** self.gamma) * log_p

    def soft_qwk(self, target, log_probabilities, weights):
        probabilities, category = ops.exp(log_probabilities), ops.arange(target.shape[-1], dtype="float32")
        cost = (category[:, None] - category) ** 2
        target_margin, predicted_margin = (
            ops.sum(ops.reshape(weights[..., None] * part, (-1, part.shape[-1])), axis=0)
            for part in (target, probabilities)
        )
        expected = ops.sum(cost * target_margin[:, None] * predicted_margin)
        return ops.sum(ops.matmul(target, cost) * probabilities, axis=-1) / ops.maximum(expected, 1e-7)

    def earth_mover(self, target, log_probabilities, weights):
        difference = ops.cumsum(ops.exp(log_probabilities), axis=-1) - ops.cumsum(target, axis=-1)
        return ops.sum(difference**2, axis=-1)

    def cumulative(self, target, log_probabilities, weights):
        not_above = ops.cumsum(target, axis=-1)[..., :-1]  # 1(r <= k), for k < K - 1
        log_not_above = _log_cumsum_exp(log_probabilities)[..., :-1]
        log_above = ops.flip(_log_cumsum_exp(ops.flip(log_probabilities, axis=-1)), axis=-1)[..., 1:]
        return -ops.sum(not_above * log_not_above + (1 - not_above) * log_above, axis=-1)

    PARTS = {part.__name__: part for part in (cross_entropy, focal, soft_qwk, earth_mover, cumulative)}  # noqa: RUF012
    """Name to method of every part."""

    def get_config(self):
        return {**super().get_config(), "weights": self.weights, "gamma": self.gamma}


def _log_cumsum_exp(log_probabilities):
    """`log F(k)`, exact where the sum underflows."""
    running = [log_probabilities[..., 0]]
    for category in range(1, log_probabilities.shape[-1]):
        running.append(ops.logaddexp(running[-1], log_probabilities[..., category]))
    return ops.stack(running, axis=-1)
