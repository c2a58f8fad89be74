"""Squared error of scores against relevance."""

import keras
from keras import ops

from components.losses.ranking_loss import RankingLoss, masked_mean


@keras.saving.register_keras_serializable(package="qkv_zoo")
class RelevanceMSE(RankingLoss):
    """Mean of `(s - r)^2` over a query's own candidates, with score `s` and relevance `r`: the cosine learns the relevance.

    Example:
        >>> y_true = ops.array([[1.0, 0.0, 1.0, 1.0, 7.0, 7.0, 7.0]])  # two slots: relevance, mask, groups; the query's group
        >>> y_pred = ops.array([[[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]])  # the query, its two slots
        >>> round(float(RelevanceMSE()(y_true, y_pred)), 4)
        0.08
    """

    name = "mse"
    needs_own_negatives = True

    def per_query(self, scores, own_scores, relevance, mask, negatives):
        return masked_mean(ops.square(own_scores - relevance), mask)
