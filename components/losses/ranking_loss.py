"""Losses of encoders that rank candidates by their cosine with a query."""

import keras
from keras import ops

NONE = -1e9
"""In the place of a logit that does not count."""


class RankingLoss(keras.losses.Loss):
    """What the losses share: who is a query's candidate, its positive, its negative.

    A batch has B queries with S slots each, filled with their own candidates, and with mined negatives, which are others' own. In
    the batch, what stands in another query's slots is a negative too, unless it is of the query's group: its own answers, which may
    have been mined for another, and those to a question that says nearly the same are none.

    Call arguments:
        y_true: float32 `(B, 3 S + 1)`: relevance of the slots, 0 to 1; whether there is a candidate in each, 0 or 1; the group of
            the query that each is an answer to; the query's own group. Groups are whole numbers up to 2^24.
        y_pred: `(B, 1 + S, dim)`: the query's vector, then the slots'. Candidates are of unit norm; the query too, or its norm is
            the inverse of a learned temperature.

    A query without what a loss compares counts as 0: without a relevant candidate (InfoNCE, Triplet, Listwise, ListMLE,
    ApproxNDCG), without a candidate (RelevanceMSE), without two of different relevance (MarginMSE).
    """

    def call(self, y_true, y_pred):
        y_true, y_pred = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
        slots = ops.shape(y_pred)[1] - 1
        relevance, there = y_true[:, :slots], y_true[:, slots : 2 * slots] > 0
        owners, group = y_true[:, 2 * slots : -1], y_true[:, -1]
        # Of query b and slot s of query c: (B, B, S)
        scores = ops.einsum("bd,csd->bcs", y_pred[:, 0], y_pred[:, 1:])
        rows = ops.arange(ops.shape(y_true)[0])
        itself = rows[:, None] == rows[None]
        own = ops.sum(ops.where(itself[..., None], scores, 0.0), axis=1)
        others = ops.logical_and(group[:, None, None] != owners[None], there[None])
        others = ops.logical_and(others, ops.logical_not(itself)[..., None])
        relevance = ops.where(there, relevance, 0.0)
        return self.of(scores, own, relevance, there, others)

    def of(self, scores, own, relevance, there, others):
        """The loss of each query, `(B,)`.

        Args:
            scores: `(B, B, S)`; `others` alike, True where a candidate of another query is a negative.
            own: `(B, S)`, the scores of the own slots; `relevance` and `there` alike.
        """
        raise NotImplementedError

    def get_config(self):
        return {**super().get_config(), **self.settings}


def positive(relevance):
    """Of each query, its most relevant slot as one-hot `(B, S)`, whether it is relevant at all `(B,)`, and which slots are less
    relevant `(B, S)`."""
    best = ops.max(relevance, axis=1, keepdims=True)
    places = ops.cumsum(ops.ones_like(relevance), axis=1) - 1  # the number of slots is not known where a graph is made
    first = ops.cast(ops.argmax(relevance, axis=1), relevance.dtype)
    chosen = ops.cast(places == first[:, None], relevance.dtype)
    return chosen, best[:, 0] > 0, relevance < best


def log_of_sum(parts):
    """Of logits `(B, n)` with the masks of those that count, the logarithm of the sum of their exponentials, `(B,)`."""
    return ops.logsumexp(ops.concatenate([ops.where(counts, logits, NONE) for logits, counts in parts], 1), axis=1)


def flat(array):
    """`(B, B, S)` as `(B, B * S)`."""
    return ops.reshape(array, (ops.shape(array)[0], -1))


@keras.saving.register_keras_serializable(package="qkv_zoo")
class InfoNCE(RankingLoss):
    """`-log( exp(s+ / t) / (exp(s+ / t) + sum_negatives exp(s- / t)) )` (van den Oord et al. 2018, equation 4).

    The positive is the most relevant candidate. Negatives are, `hard`, the less relevant slots, and, `in_batch`, the positives of
    other queries (`hard`: all their slots). `both` adds the same loss of the positive against the other queries, and halves.

    Args:
        temperature: t; 1 where it is learned.
        in_batch, hard, both: as above.

    Raises:
        ValueError: neither `in_batch` nor `hard`: nothing would be told apart. `both` without `in_batch`.
    """

    def __init__(self, temperature=0.05, in_batch=True, hard=True, both=False, name="info_nce", **kwargs):
        super().__init__(name=name, **kwargs)
        if not (in_batch or hard) or (both and not in_batch):
            raise ValueError("there are no negatives: in_batch or hard must be set, and in_batch for both")
        self.settings = {"temperature": temperature, "in_batch": in_batch, "hard": hard, "both": both}

    def of(self, scores, own, relevance, there, others):
        scores, own = scores / self.settings["temperature"], own / self.settings["temperature"]
        chosen, any_relevant, less = positive(relevance)
        right = ops.sum(own * chosen, axis=1)
        parts = [(right[:, None], ops.ones_like(right[:, None], "bool"))]
        if self.settings["hard"]:
            parts.append((own, ops.logical_and(less, there)))
        if self.settings["in_batch"]:
            relevant = ops.logical_and(chosen > 0, any_relevant[:, None])[None]
            counts = others if self.settings["hard"] else ops.logical_and(others, relevant)
            parts.append((flat(scores), flat(counts)))
        loss = log_of_sum(parts) - right
        if self.settings["both"]:
            against = ops.einsum("bcs,cs->cb", scores, chosen)  # the positive of c with the query of b
            away = ops.einsum("bcs,cs->cb", ops.cast(others, chosen.dtype), chosen) > 0
            loss = (loss + log_of_sum([parts[0], (against, away)]) - right) / 2
        return ops.where(any_relevant, loss, 0.0)


@keras.saving.register_keras_serializable(package="qkv_zoo")
class RelevanceMSE(RankingLoss):
    """Mean of `(s - r)^2` over the own slots: the cosine is to be the relevance."""

    def __init__(self, name="mse", **kwargs):
        super().__init__(name=name, **kwargs)
        self.settings = {}

    def of(self, scores, own, relevance, there, others):
        return mean_where(ops.square(own - relevance), there)


@keras.saving.register_keras_serializable(package="qkv_zoo")
class Triplet(RankingLoss):
    """Mean of `max(0, margin - s+ + s-)` over the negatives: the less relevant own slots, and the positives of other queries. Of
    unit vectors it is half of the squared distances' (Schroff et al. 2015, equation 2), with half of their margin.

    Args:
        margin: of cosines.
    """

    def __init__(self, margin=0.2, name="triplet", **kwargs):
        super().__init__(name=name, **kwargs)
        self.settings = {"margin": margin}

    def of(self, scores, own, relevance, there, others):
        chosen, any_relevant, less = positive(relevance)
        right = ops.sum(own * chosen, axis=1)[:, None]
        relevant = ops.logical_and(chosen > 0, any_relevant[:, None])[None]
        negatives = ops.concatenate([own, flat(scores)], axis=1)
        counts = [ops.logical_and(less, there), flat(ops.logical_and(others, relevant))]
        loss = ops.relu(self.settings["margin"] - right + negatives)
        return ops.where(any_relevant, mean_where(loss, ops.concatenate(counts, axis=1)), 0.0)


@keras.saving.register_keras_serializable(package="qkv_zoo")
class Listwise(RankingLoss):
    """Cross-entropy of the softmax of scores against shares of relevance (Cao et al. 2007, ListNet, equation 6, with `r / sum r`):
    `-sum_i (r_i / sum r) log( exp(s_i / t) / sum_j exp(s_j / t) )`.

    Args:
        temperature: t; 1 where it is learned.
        in_batch: whether other queries' slots stand in the sum, with relevance 0.
    """

    def __init__(self, temperature=0.05, in_batch=True, name="listwise", **kwargs):
        super().__init__(name=name, **kwargs)
        self.settings = {"temperature": temperature, "in_batch": in_batch}

    def of(self, scores, own, relevance, there, others):
        own = own / self.settings["temperature"]
        parts = [(own, there)]
        if self.settings["in_batch"]:
            parts.append((flat(scores) / self.settings["temperature"], flat(others)))
        total = ops.sum(relevance, axis=1)
        loss = log_of_sum(parts) - ops.sum(own * relevance, axis=1) / ops.maximum(total, 1e-9)
        return ops.where(total > 0, loss, 0.0)


@keras.saving.register_keras_serializable(package="qkv_zoo")
class ListMLE(RankingLoss):
    """`-sum_i log( exp(s_i / t) / sum_{j not before i} exp(s_j / t) )` over the relevant own slots by relevance (Xia et al. 2008).
    Of slots equally relevant neither is put before the other: each has all of its equals in its sum. So what is not relevant stands
    in the sums of what is, and among itself in no order.

    Args:
        temperature: t; 1 where it is learned.
    """

    def __init__(self, temperature=0.05, name="list_mle", **kwargs):
        super().__init__(name=name, **kwargs)
        self.settings = {"temperature": temperature}

    def of(self, scores, own, relevance, there, others):
        own = own / self.settings["temperature"]
        behind = ops.logical_and(relevance[:, None] <= relevance[:, :, None], there[:, None])
        sums = ops.logsumexp(ops.where(behind, own[:, None], NONE), axis=2)
        return ops.sum(ops.where(ops.logical_and(there, relevance > 0), sums - own, 0.0), axis=1)


@keras.saving.register_keras_serializable(package="qkv_zoo")
class ApproxNDCG(RankingLoss):
    """`1 - DCG / ideal DCG`, with smooth ranks `1 + sum_{j != i} sigmoid((s_j - s_i) / t)` (Qin et al. 2010, equations 9 and 12),
    and the relevance as gain. Other queries' slots stand in the ranks, with gain 0.

    Args:
        temperature: t; 1 where it is learned.
    """

    def __init__(self, temperature=0.05, name="approx_ndcg", **kwargs):
        super().__init__(name=name, **kwargs)
        self.settings = {"temperature": temperature}

    def of(self, scores, own, relevance, there, others):
        everyone, counts = ops.concatenate([own, flat(scores)], 1), ops.concatenate([there, flat(others)], 1)
        above = ops.sigmoid((everyone[:, None] - own[:, :, None]) / self.settings["temperature"])
        # Each slot meets itself once, as a half.
        ranks = 0.5 + ops.sum(ops.where(counts[:, None], above, 0.0), axis=2)
        ideal = ops.flip(ops.sort(relevance, axis=1), axis=1) / log2(1 + ops.cumsum(ops.ones_like(relevance), 1))
        gained = ops.where(there, relevance / log2(1 + ranks), 0.0)
        total = ops.sum(ideal, axis=1)
        return ops.where(total > 0, 1 - ops.sum(gained, axis=1) / ops.maximum(total, 1e-9), 0.0)


@keras.saving.register_keras_serializable(package="qkv_zoo")
class MarginMSE(RankingLoss):
    """Mean of `((s_i - s_j) - (r_i - r_j))^2` over own slots of which i is more relevant than j (Hofstätter et al. 2020,
    equation 3, with votes as the teacher)."""

    def __init__(self, name="margin_mse", **kwargs):
        super().__init__(name=name, **kwargs)
        self.settings = {}

    def of(self, scores, own, relevance, there, others):
        margin, wanted = own[:, :, None] - own[:, None], relevance[:, :, None] - relevance[:, None]
        counts = ops.logical_and(wanted > 0, ops.logical_and(there[:, :, None], there[:, None]))
        return mean_where(flat(ops.square(margin - wanted)), flat(counts))


@keras.saving.register_keras_serializable(package="qkv_zoo")
class Matryoshka(keras.losses.Loss):
    """The mean of a loss over the first `dims` elements of the vectors, brought to their old norm (Kusupati et al. 2022).

    Args:
        loss: one of the losses above.
        dims: sizes.
    """

    def __init__(self, loss, dims=(32, 64, 128), name="matryoshka", **kwargs):
        super().__init__(name=name, **kwargs)
        self.loss = loss if isinstance(loss, keras.losses.Loss) else keras.saving.deserialize_keras_object(loss)
        self.dims = tuple(dims)

    def call(self, y_true, y_pred):
        y_pred = ops.cast(y_pred, "float32")
        norm = ops.norm(y_pred, axis=-1, keepdims=True)
        cut = [ops.normalize(y_pred[..., :dim], axis=-1, epsilon=1e-9) * norm for dim in self.dims]
        return sum(self.loss.call(y_true, part) for part in cut) / len(cut)

    def get_config(self):
        return {
            **super().get_config(),
            "loss": keras.saving.serialize_keras_object(self.loss),
            "dims": self.dims,
        }


def mean_where(values, counts):
    """The mean along the last axis of what counts, 0 where nothing does."""
    counts = ops.cast(counts, values.dtype)
    return ops.sum(values * counts, axis=-1) / ops.maximum(ops.sum(counts, axis=-1), 1.0)


def log2(x):
    return ops.log(x) / 0.6931471805599453
