"""InfoNCE."""

import keras
from keras import ops

from components.losses.ranking_loss import RankingLoss, flatten, log_sum_exp, most_relevant


@keras.saving.register_keras_serializable(package="qkv_zoo")
class InfoNCE(RankingLoss):
    """Cross-entropy of the positive among the positive and the negatives (van den Oord et al. 2018, equation 4).

        -log( exp(s+ / t) / (exp(s+ / t) + sum_negatives exp(s- / t)) )

    with scores `s` and the temperature `t`. The positive is the query's most relevant candidate. The negatives are the less
    relevant candidates in its own slots and all candidates of other queries. Subclasses use only some of these.

    Args:
        temperature: float above 0, `t`; 1 where the temperature is learned.

    Example:
        >>> y_true = ops.array([[1.0, 0.0, 1.0, 1.0, 7.0, 7.0, 7.0]])  # two slots: relevance, mask, groups; the query's group
        >>> y_pred = ops.array([[[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]])  # the query, its two slots
        >>> round(float(InfoNCE(temperature=1.0)(y_true, y_pred)), 4)
        0.4375
    """

    name = "infonce"
    uses_temperature = True
    own_negatives = True
    """Whether a query's own less relevant candidates are negatives."""
    batch_negatives = True
    """Whether the candidates of other queries are negatives; without `own_negatives`, only their most relevant ones."""

    def __init__(self, temperature=0.05, **kwargs):
        super().__init__(**kwargs)
        self.temperature = temperature

    def per_query(self, scores, own_scores, relevance, mask, negatives):
        scores, own_scores = scores / self.temperature, own_scores / self.temperature
        best, has_relevant, less_relevant = most_relevant(relevance)
        positive = ops.sum(own_scores * best, axis=1)
        parts = [(positive[:, None], ops.ones_like(positive[:, None], "bool"))]
        if self.own_negatives:
            parts.append((own_scores, ops.logical_and(less_relevant, mask)))
        if self.batch_negatives:
            if not self.own_negatives:
                negatives = ops.logical_and(negatives, ops.logical_and(best > 0, has_relevant[:, None])[None])
            parts.append((flatten(scores), flatten(negatives)))
        return ops.where(has_relevant, log_sum_exp(parts) - positive, 0.0)

    def get_config(self):
        return {**super().get_config(), "temperature": self.temperature}
