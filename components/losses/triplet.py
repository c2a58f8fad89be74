"""The triplet loss."""

import keras
from keras import ops

from components.losses.ranking_loss import RankingLoss, flatten, masked_mean, most_relevant


@keras.saving.register_keras_serializable(package="qkv_zoo")
class Triplet(RankingLoss):
    """Mean of `max(0, margin - s+ + s-)` over the negatives (Schroff et al. 2015, equation 2).

    The positive is the query's most relevant candidate. The negatives are its less relevant candidates and the most relevant
    candidates of other queries. The paper uses squared distances: for unit vectors this is half of its loss at half of its margin.

    Args:
        margin: float, by how much the positive's cosine should exceed a negative's.

    Example:
        >>> y_true = ops.array([[1.0, 0.0, 1.0, 1.0, 7.0, 7.0, 7.0]])  # two slots: relevance, mask, groups; the query's group
        >>> y_pred = ops.array([[[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]])  # the query, its two slots
        >>> round(float(Triplet(margin=1.0)(y_true, y_pred)), 4)
        0.4
    """

    name = "triplet"

    def __init__(self, margin=0.2, **kwargs):
        super().__init__(**kwargs)
        self.margin = margin

    @classmethod
    def from_settings(cls, *, temperature, margin, dim):
        return cls(margin)

    def per_query(self, scores, own_scores, relevance, mask, negatives):
        best, has_relevant, less_relevant = most_relevant(relevance)
        positive = ops.sum(own_scores * best, axis=1)[:, None]
        other_positives = ops.logical_and(best > 0, has_relevant[:, None])[None]
        masks = [ops.logical_and(less_relevant, mask), flatten(ops.logical_and(negatives, other_positives))]
        loss = ops.relu(self.margin - positive + ops.concatenate([own_scores, flatten(scores)], axis=1))
        return ops.where(has_relevant, masked_mean(loss, ops.concatenate(masks, axis=1)), 0.0)

    def get_config(self):
        return {**super().get_config(), "margin": self.margin}
