"""ListNet's listwise loss."""

import keras
from keras import ops

from components.losses.ranking_loss import RankingLoss, flatten, log_sum_exp


@keras.saving.register_keras_serializable(package="qkv_zoo")
class Listwise(RankingLoss):
    """Cross-entropy of the softmax of scores against normalised relevance (ListNet; Cao et al. 2007, equation 6).

        -sum_i (r_i / sum_k r_k) log( exp(s_i / t) / sum_j exp(s_j / t) )

    with scores `s`, relevance `r` and the temperature `t`; i runs over the query's own candidates. The candidates of other queries
    stand in the sum over j with relevance 0.

    Args:
        temperature: float above 0, `t`; 1 where the temperature is learned.

    Example:
        >>> y_true = ops.array([[1.0, 0.0, 1.0, 1.0, 7.0, 7.0, 7.0]])  # two slots: relevance, mask, groups; the query's group
        >>> y_pred = ops.array([[[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]])  # the query, its two slots
        >>> round(float(Listwise(temperature=1.0)(y_true, y_pred)), 4)
        0.4375
    """

    name = "listwise"
    uses_temperature = True
    batch_negatives = True
    """Whether the candidates of other queries stand in the sum over j."""

    def __init__(self, temperature=0.05, **kwargs):
        super().__init__(**kwargs)
        self.temperature = temperature

    def per_query(self, scores, own_scores, relevance, mask, negatives):
        own_scores = own_scores / self.temperature
        parts = [(own_scores, mask)]
        if self.batch_negatives:
            parts.append((flatten(scores) / self.temperature, flatten(negatives)))
        total = ops.sum(relevance, axis=1)
        loss = log_sum_exp(parts) - ops.sum(own_scores * relevance, axis=1) / ops.maximum(total, 1e-9)
        return ops.where(total > 0, loss, 0.0)

    def get_config(self):
        return {**super().get_config(), "temperature": self.temperature}
