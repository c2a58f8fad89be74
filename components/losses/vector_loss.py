"""Losses of predicted vectors."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="qkv_zoo")
class VectorLoss(keras.losses.Loss):
    """A weighted sum of losses of predicted unit vectors `p` against target unit vectors `y`.

        mse         mean of (p - y)^2 over the vector's elements; of unit vectors it is 2 (1 - p.y) / dim
        cosine      1 - p.y
        info_nce    -log( exp(p.y / t) / sum_{y'} exp(p.y' / t) )        (van den Oord et al. 2018, equation 4)

    In `info_nce`, the sum is over `y` itself and its negatives among the batch's targets. A target up to `exclusion` places before
    `y` in the same document is never a negative: it stands in the context.

    To add a loss, write one method and name it in `PARTS`.

    Args:
        weights: dict of a part's name to its weight, a float of 0 or more; at least one above 0.
        negatives: which of the batch's targets are negatives: `all`; `same_document`, for which a batch should have several
            targets of a document; or `other_documents`.
        temperature: float above 0, `t`.
        exclusion: int, 0 or more, number of places.

    Call arguments:
        y_true: float32 `(batch, dim + 2)`: the target vector, the number of its document, its place in the document. Numbers are
            whole, up to 2^24.
        y_pred: float `(batch, dim)`.

    Returns:
        float32, one value per row `(batch,)`, then reduced.

    Raises:
        ValueError: an unknown part or kind of negatives, a negative weight, or none above 0.

    Example:
        >>> loss = VectorLoss({"cosine": 1.0, "mse": 0.5})
        >>> y_true = ops.array([[0.6, 0.8, 4.0, 1.0]])  # a vector, document 4, place 1
        >>> round(float(loss(y_true, ops.array([[1.0, 0.0]]))), 4)  # 0.4 + 0.5 * 0.4
        0.6
    """

    NEGATIVES = ("all", "same_document", "other_documents")

    def __init__(self, weights, negatives="same_document", temperature=0.1, exclusion=5, name="vector_loss", **kwargs):
        super().__init__(name=name, **kwargs)
        unknown = set(weights) - set(self.PARTS)
        if unknown or min(weights.values(), default=0) < 0 or not sum(weights.values()) > 0:
            raise ValueError(f"weights {weights} must be of {', '.join(self.PARTS)}, 0 or more, and not all 0")
        if negatives not in self.NEGATIVES:
            raise ValueError(f"negatives {negatives!r} must be one of {', '.join(self.NEGATIVES)}")
        self.weights = dict(weights)
        self.negatives = negatives
        self.temperature = temperature
        self.exclusion = exclusion

    def call(self, y_true, y_pred):
        y_true, y_pred = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
        target, document, place = y_true[:, :-2], y_true[:, -2], y_true[:, -1]
        return sum(
            weight * self.PARTS[part](self, y_pred, target, document, place)
            for part, weight in self.weights.items()
            if weight
        )

    def mse(self, predicted, target, document, place):
        return ops.mean(ops.square(predicted - target), axis=-1)

    def cosine(self, predicted, target, document, place):
        return 1 - ops.sum(predicted * target, axis=-1)

    def info_nce(self, predicted, target, document, place):
        logits = ops.matmul(predicted, ops.transpose(target)) / self.temperature
        same_document = document[:, None] == document[None]
        distance = place[:, None] - place[None]
        itself = ops.logical_and(same_document, distance == 0)
        in_context = ops.logical_and(distance > 0, distance <= self.exclusion)
        excluded = ops.logical_and(same_document, in_context)
        if self.negatives == "same_document":
            excluded = ops.logical_or(excluded, ops.logical_not(same_document))
        elif self.negatives == "other_documents":
            excluded = same_document
        logits = ops.where(ops.logical_and(excluded, ops.logical_not(itself)), -1e9, logits)
        return ops.logsumexp(logits, axis=-1) - ops.diagonal(logits)

    PARTS = {part.__name__: part for part in (mse, cosine, info_nce)}  # noqa: RUF012
    """Name to method of every part."""

    def get_config(self):
        return {
            **super().get_config(),
            "weights": self.weights,
            "negatives": self.negatives,
            "temperature": self.temperature,
            "exclusion": self.exclusion,
        }
