"""Losses of predicted vectors."""

import keras
from keras import ops

PARTS = ("mse", "cosine", "info_nce")
NEGATIVES = ("all", "same_document", "other_documents")


@keras.saving.register_keras_serializable(package="qkv_zoo")
class VectorLoss(keras.losses.Loss):
    """A weighted sum of losses of predicted unit vectors `p` against the vectors `y` that were to be predicted.

        mse         mean of (p - y)^2 over the vector's elements; of unit vectors it is 2 (1 - p.y) / dim
        cosine      1 - p.y
        info_nce    -log( exp(p.y / t) / sum_{y' in batch} exp(p.y' / t) )        (van den Oord et al. 2018, equation 4)

    In `info_nce`, `y` itself and the negatives among the batch's targets stand in the sum. A target from the last `exclusion`
    places before the right one in the same document is never a negative: it stands in the context, and a search leaves it out.

    Args:
        weights: part to weight; at least one must be more than 0.
        negatives: `all`; `same_document`, of which a batch should then hold several targets; or `other_documents`.
        temperature: `t`.
        exclusion: places.

    Call arguments: y_true `(batch, dim + 2)`, the vector, its document's number and its place in it (numbers up to 2^24); y_pred
    `(batch, dim)`.

    Raises:
        ValueError: an unknown part or kind of negatives, a negative weight, or none over 0.
    """

    def __init__(self, weights, negatives="same_document", temperature=0.1, exclusion=5, name="vector_loss", **kwargs):
        super().__init__(name=name, **kwargs)
        unknown = [part for part in weights if part not in PARTS]
        if unknown or min(weights.values(), default=0) < 0 or not sum(weights.values()) > 0:
            raise ValueError(f"weights {weights} must be of {', '.join(PARTS)}, 0 or more, and not all 0")
        if negatives not in NEGATIVES:
            raise ValueError(f"negatives {negatives!r} must be one of {', '.join(NEGATIVES)}")
        self.weights = dict(weights)
        self.negatives = negatives
        self.temperature = temperature
        self.exclusion = exclusion

    def call(self, y_true, y_pred):
        y_true, y_pred = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
        wanted, document, place = y_true[:, :-2], y_true[:, -2], y_true[:, -1]
        parts = {
            "mse": lambda: ops.mean(ops.square(y_pred - wanted), axis=-1),
            "cosine": lambda: 1 - ops.sum(y_pred * wanted, axis=-1),
            "info_nce": lambda: self._info_nce(wanted, document, place, y_pred),
        }
        return sum(weight * parts[part]() for part, weight in self.weights.items() if weight)

    def _info_nce(self, wanted, document, place, found):
        logits = ops.matmul(found, ops.transpose(wanted)) / self.temperature
        same = document[:, None] == document[None]
        before = place[:, None] - place[None]
        itself = ops.logical_and(same, before == 0)
        near = ops.logical_and(same, ops.logical_and(before > 0, before <= self.exclusion))
        left_out = {"all": near, "same_document": ops.logical_or(near, ops.logical_not(same)), "other_documents": same}
        left_out = ops.logical_and(left_out[self.negatives], ops.logical_not(itself))
        logits = ops.where(left_out, -1e9, logits)
        return ops.logsumexp(logits, axis=-1) - ops.diagonal(logits)

    def get_config(self):
        return {
            **super().get_config(),
            "weights": self.weights,
            "negatives": self.negatives,
            "temperature": self.temperature,
            "exclusion": self.exclusion,
        }
