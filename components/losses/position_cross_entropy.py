"""Cross-entropy of a position."""

import keras
from keras import ops

LOWEST_ALLOWED_LOGIT = -1e8
"""`span_logits` gives lower logits to positions that no answer can have."""


@keras.saving.register_keras_serializable(package="qkv_zoo")
class PositionCrossEntropy(keras.losses.Loss):
    """Cross-entropy over positions, from logits, with label smoothing over the allowed positions.

        (1 - s) * -log p[target] + s * mean over allowed j of -log p[j],  p = softmax(logits)

    A position with a logit of -1e8 or less is not allowed, so smoothing pushes no probability onto padding or the question.

    Args:
        label_smoothing: float, s, 0 to 1.

    Call arguments:
        y_true: integer `(batch,)`, the target positions.
        y_pred: float `(batch, sequence)`, logits.

    Returns:
        float32, one value per row `(batch,)` in nats, then reduced.

    Example:
        >>> loss = PositionCrossEntropy()
        >>> round(float(loss(ops.array([1]), ops.array([[0.0, 0.0, -1e9]]))), 4)  # log 2
        0.6931
    """

    def __init__(self, label_smoothing=0.0, name="position_cross_entropy", **kwargs):
        super().__init__(name=name, **kwargs)
        self.label_smoothing = label_smoothing

    def call(self, y_true, y_pred):
        logits = ops.cast(y_pred, "float32")
        targets = ops.reshape(ops.cast(y_true, "int32"), (-1, 1))
        log_probabilities = ops.log_softmax(logits, axis=-1)
        loss = -ops.take_along_axis(log_probabilities, targets, axis=1)[:, 0]
        if self.label_smoothing:
            allowed = logits > LOWEST_ALLOWED_LOGIT
            uniform = ops.sum(ops.where(allowed, -log_probabilities, 0.0), axis=-1)
            uniform = uniform / ops.maximum(ops.sum(ops.cast(allowed, "float32"), axis=-1), 1.0)
            loss = (1.0 - self.label_smoothing) * loss + self.label_smoothing * uniform
        return loss

    def get_config(self):
        return {**super().get_config(), "label_smoothing": self.label_smoothing}
