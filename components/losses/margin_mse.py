"""Squared error of differences of scores against differences of relevance."""

import keras
from keras import ops

from components.losses.ranking_loss import RankingLoss, flatten, masked_mean


@keras.saving.register_keras_serializable(package="qkv_zoo")
class MarginMSE(RankingLoss):
    """Mean of `((s_i - s_j) - (r_i - r_j))^2` over pairs of a query's own candidates with `r_i > r_j`.

    Hofstätter et al. 2020, equation 3, with the relevance `r` in the place of a teacher's scores; `s` are the scores.

    Example:
        >>> y_true = ops.array([[1.0, 0.0, 1.0, 1.0, 7.0, 7.0, 7.0]])  # two slots: relevance, mask, groups; the query's group
        >>> y_pred = ops.array([[[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]])  # the query, its two slots
        >>> round(float(MarginMSE()(y_true, y_pred)), 4)
        0.16
    """

    name = "margin_mse"
    needs_own_negatives = True

    def per_query(self, scores, own_scores, relevance, mask, negatives):
        margin = own_scores[:, :, None] - own_scores[:, None]
        target = relevance[:, :, None] - relevance[:, None]
        pairs = ops.logical_and(target > 0, ops.logical_and(mask[:, :, None], mask[:, None]))
        return masked_mean(flatten(ops.square(margin - target)), flatten(pairs))
