"""ListMLE."""

import keras
from keras import ops

from components.losses.ranking_loss import IGNORED, RankingLoss


@keras.saving.register_keras_serializable(package="qkv_zoo")
class ListMLE(RankingLoss):
    """Negative log-likelihood of the order by relevance under the Plackett-Luce model (Xia et al. 2008).

        -sum_i log( exp(s_i / t) / sum_{j: r_j <= r_i} exp(s_j / t) )

    with scores `s`, relevance `r` and the temperature `t`; i runs over the query's own relevant candidates, j over all of its own.
    Candidates of equal relevance have no order: each stands in the other's sum.

    Args:
        temperature: float above 0, `t`; 1 where the temperature is learned.

    Example:
        >>> y_true = ops.array([[1.0, 0.0, 1.0, 1.0, 7.0, 7.0, 7.0]])  # two slots: relevance, mask, groups; the query's group
        >>> y_pred = ops.array([[[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]])  # the query, its two slots
        >>> round(float(ListMLE(temperature=1.0)(y_true, y_pred)), 4)
        0.4375
    """

    name = "list_mle"
    uses_temperature = True
    needs_own_negatives = True

    def __init__(self, temperature=0.05, **kwargs):
        super().__init__(**kwargs)
        self.temperature = temperature

    def per_query(self, scores, own_scores, relevance, mask, negatives):
        own_scores = own_scores / self.temperature
        not_before = ops.logical_and(relevance[:, None] <= relevance[:, :, None], mask[:, None])
        log_sums = ops.logsumexp(ops.where(not_before, own_scores[:, None], IGNORED), axis=2)
        return ops.sum(ops.where(ops.logical_and(mask, relevance > 0), log_sums - own_scores, 0.0), axis=1)

    def get_config(self):
        return {**super().get_config(), "temperature": self.temperature}
