"""ApproxNDCG."""

import keras
from keras import ops

from components.losses.ranking_loss import RankingLoss, flatten


@keras.saving.register_keras_serializable(package="qkv_zoo")
class ApproxNDCG(RankingLoss):
    """One minus NDCG with smooth ranks (Qin et al. 2010, equations 9 and 12).

        1 - DCG / ideal DCG,  DCG = sum_i r_i / log2(1 + rank_i),  rank_i = 1 + sum_{j != i} sigmoid((s_j - s_i) / t)

    with scores `s`, relevance `r` as the gain, and the temperature `t`; i runs over the query's own candidates. The candidates of
    other queries count in the ranks, with gain 0.

    Args:
        temperature: float above 0, `t`; 1 where the temperature is learned.

    Example:
        >>> y_true = ops.array([[1.0, 0.0, 1.0, 1.0, 7.0, 7.0, 7.0]])  # two slots: relevance, mask, groups; the query's group
        >>> y_pred = ops.array([[[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]])  # the query, its two slots
        >>> round(float(ApproxNDCG(temperature=1.0)(y_true, y_pred)), 4)
        0.1905
    """

    name = "approx_ndcg"
    uses_temperature = True

    def __init__(self, temperature=0.05, **kwargs):
        super().__init__(**kwargs)
        self.temperature = temperature

    def per_query(self, scores, own_scores, relevance, mask, negatives):
        all_scores = ops.concatenate([own_scores, flatten(scores)], axis=1)
        all_masks = ops.concatenate([mask, flatten(negatives)], axis=1)
        above = ops.sigmoid((all_scores[:, None] - own_scores[:, :, None]) / self.temperature)
        # The sum has i itself, as sigmoid(0) = 0.5; so it starts at 0.5 in the place of 1.
        ranks = 0.5 + ops.sum(ops.where(all_masks[:, None], above, 0.0), axis=2)
        dcg = ops.sum(ops.where(mask, relevance / ops.log2(1 + ranks), 0.0), axis=1)
        ideal_ranks = ops.cumsum(ops.ones_like(relevance), axis=1)
        ideal_dcg = ops.sum(ops.flip(ops.sort(relevance, axis=1), axis=1) / ops.log2(1 + ideal_ranks), axis=1)
        return ops.where(ideal_dcg > 0, 1 - dcg / ops.maximum(ideal_dcg, 1e-9), 0.0)

    def get_config(self):
        return {**super().get_config(), "temperature": self.temperature}
