"""What all ranking losses share."""

import keras
from keras import ops

IGNORED = -1e9
"""Replaces a logit that must not count in a sum of exponentials."""


class RankingLoss(keras.losses.Loss):
    """Base class of the losses that train an encoder to rank candidates by their cosine with a query.

    A batch has B queries with S slots each. A slot holds one of the query's own candidates or a mined negative, which is a
    candidate of another query. The candidates in other queries' slots are negatives as well, except those of the query's own
    group: its own candidates, mined for another query, and the candidates of a query that says nearly the same.

    A subclass sets the class attributes, implements `per_query`, and keeps every constructor argument in `get_config`.
    `components.losses.RANKING_LOSSES` then has it by its name.

    A query counts as 0 where the loss has nothing to compare: no relevant candidate (InfoNCE, Triplet, Listwise, ListMLE,
    ApproxNDCG), no candidate (RelevanceMSE), or no two candidates of different relevance (MarginMSE).

    Attributes of the class:
        name: str, unique; selects the loss on the command line.
        uses_temperature: bool, whether the constructor takes `temperature`, and a learned temperature makes sense.
        needs_own_negatives: bool, whether the loss compares a query's own slots alone, so that a query needs two slots or more.
            Such losses teach little about search among all candidates: trained from scratch they reached NDCG@10 0.03 there, and
            InfoNCE 0.09 (docs/ranking.md).

    Call arguments:
        y_true: float32 `(B, 3 S + 1)`. For each slot its relevance, 0 to 1; for each slot 1 if it holds a candidate, else 0; for
            each slot the group of the query that its candidate belongs to; last, the query's own group. Groups are whole numbers up
            to 2^24.
        y_pred: float `(B, 1 + S, dim)`, the query's vector and those of its slots. Candidates have unit norm. A query has unit norm
            too, or the inverse of a learned temperature as its norm. Or float `(B, S)`, the scores of a model that reads a query
            together with each of its slots (`models.cross_encoder`); then no slot of another query is a negative.
    """

    name = None
    uses_temperature = False
    needs_own_negatives = False

    def __init__(self, name=None, **kwargs):
        super().__init__(name=name or self.name, **kwargs)

    @classmethod
    def from_settings(cls, *, temperature, margin, dim):
        """The loss for a run's settings, of which it takes those that it uses.

        Args:
            temperature: float, what cosines are divided by; 1 where the temperature is learned.
            margin: float, the margin between cosines.
            dim: int, size of the vectors.
        """
        return cls(temperature) if cls.uses_temperature else cls()

    @classmethod
    def shorter_dims(cls, dim):
        """Lengths below `dim` to which vectors can be cut after training with this loss; none for most losses."""
        return []

    def call(self, y_true, y_pred):
        y_true, y_pred = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
        has_vectors = len(y_pred.shape) == 3
        slots = ops.shape(y_pred)[1] - int(has_vectors)
        relevance, mask = y_true[:, :slots], y_true[:, slots : 2 * slots] > 0
        slot_groups, group = y_true[:, 2 * slots : -1], y_true[:, -1]
        relevance = ops.where(mask, relevance, 0.0)
        if not has_vectors:
            scores = ops.zeros_like(y_pred)[:, None] + ops.zeros_like(y_pred)[None]
            return self.per_query(scores, y_pred, relevance, mask, scores > 0)
        scores = ops.einsum("bd,csd->bcs", y_pred[:, 0], y_pred[:, 1:])
        rows = ops.arange(ops.shape(y_true)[0])
        same_query = (rows[:, None] == rows[None])[..., None]
        own_scores = ops.sum(ops.where(same_query, scores, 0.0), axis=1)
        negatives = ops.logical_and(group[:, None, None] != slot_groups[None], mask[None])
        negatives = ops.logical_and(negatives, ops.logical_not(same_query))
        return self.per_query(scores, own_scores, relevance, mask, negatives)

    def per_query(self, scores, own_scores, relevance, mask, negatives):
        """The loss of each query.

        Args:
            scores: float32 `(B, B, S)`; `[b, c, s]` is the score of query b and slot s of query c.
            own_scores: float32 `(B, S)`, the scores of each query and its own slots.
            relevance: float32 `(B, S)`, of the own slots; 0 where a slot is empty.
            mask: bool `(B, S)`, True where an own slot holds a candidate.
            negatives: bool `(B, B, S)`, True where a slot of another query holds a negative.

        Returns:
            float32 `(B,)`.
        """
        raise NotImplementedError


def most_relevant(relevance):
    """The positive of each query.

    Args:
        relevance: float32 `(B, S)`.

    Returns:
        The most relevant slot as one-hot `(B, S)`, the first of equals; whether it is relevant at all, bool `(B,)`; which slots are
        less relevant, bool `(B, S)`.
    """
    highest = ops.max(relevance, axis=1, keepdims=True)
    slot = ops.cumsum(ops.ones_like(relevance), axis=1) - 1  # `ops.arange` would need S, which a graph may not know
    first = ops.cast(ops.argmax(relevance, axis=1), relevance.dtype)
    one_hot = ops.cast(slot == first[:, None], relevance.dtype)
    return one_hot, highest[:, 0] > 0, relevance < highest


def log_sum_exp(parts):
    """The logarithm of a sum of exponentials over pairs of logits `(B, n)` and masks of those that count: `(B,)`."""
    return ops.logsumexp(ops.concatenate([ops.where(mask, logits, IGNORED) for logits, mask in parts], 1), axis=1)


def flatten(array):
    """`(B, ...)` as `(B, n)`."""
    return ops.reshape(array, (ops.shape(array)[0], -1))


def masked_mean(values, mask):
    """The mean over the last axis of the values where the mask is True; 0 where it is True nowhere."""
    weights = ops.cast(mask, values.dtype)
    return ops.sum(values * weights, axis=-1) / ops.maximum(ops.sum(weights, axis=-1), 1.0)
