"""InfoNCE in both directions."""

import keras
from keras import ops

from components.losses.info_nce import InfoNCE
from components.losses.ranking_loss import log_sum_exp, most_relevant


@keras.saving.register_keras_serializable(package="qkv_zoo")
class InfoNCEBoth(InfoNCE):
    """The mean of `InfoNCE` and of the same loss in the other direction, which ranks the batch's queries for the positive.

    Args:
        temperature: float above 0; 1 where the temperature is learned.

    Example:
        >>> y_true = ops.array([[1.0, 0.0, 1.0, 1.0, 7.0, 7.0, 7.0]])  # two slots: relevance, mask, groups; the query's group
        >>> y_pred = ops.array([[[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]])  # the query, its two slots
        >>> round(float(InfoNCEBoth(temperature=1.0)(y_true, y_pred)), 4)
        0.2187
    """

    name = "infonce_both"

    def per_query(self, scores, own_scores, relevance, mask, negatives):
        loss = super().per_query(scores, own_scores, relevance, mask, negatives)
        best, has_relevant, _ = most_relevant(relevance)
        positive = ops.sum(own_scores / self.temperature * best, axis=1)
        # [c, b]: the positive of query c scored with query b, and whether it is a negative of query b.
        other_queries = ops.einsum("bcs,cs->cb", scores / self.temperature, best)
        is_negative = ops.einsum("bcs,cs->cb", ops.cast(negatives, best.dtype), best) > 0
        parts = [(positive[:, None], ops.ones_like(positive[:, None], "bool")), (other_queries, is_negative)]
        return ops.where(has_relevant, (loss + log_sum_exp(parts) - positive) / 2, 0.0)
