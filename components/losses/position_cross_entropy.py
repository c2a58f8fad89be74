"""The loss of one end of an answer span."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="qkv_zoo")
class PositionCrossEntropy(keras.losses.Loss):
    """Cross-entropy over positions, from logits, with label smoothing over the positions that can be chosen.

    `(1 - s) * -log p[target] + s * mean over allowed j of -log p[j]`; a logit of -1e8 or less is no allowed position,
    so smoothing never pushes probability onto padding or the question.

    Args:
        label_smoothing: `s`, 0-1.

    Call: targets `(batch,)` integers, logits `(batch, sequence)`. Result per example `(batch,)` in nats, then reduced.
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
            allowed = logits > -1e8
            everywhere = ops.sum(ops.where(allowed, -log_probabilities, 0.0), axis=-1)
            everywhere = everywhere / ops.maximum(ops.sum(ops.cast(allowed, "float32"), axis=-1), 1.0)
            loss = (1.0 - self.label_smoothing) * loss + self.label_smoothing * everywhere
        return loss

    def get_config(self):
        return {**super().get_config(), "label_smoothing": self.label_smoothing}
