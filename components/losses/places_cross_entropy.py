"""Cross-entropy at some places of each row."""

import keras
from keras import ops

NO_TARGET = -1
"""The target of a place that does not count."""


@keras.saving.register_keras_serializable(package="qkv_zoo")
class PlacesCrossEntropy(keras.losses.Loss):
    """The mean cross-entropy of those places of a row that have a target, from logits.

    A row without a target has the loss 0.

    Call arguments:
        y_true: integer `(batch, places)`, the classes; -1 for a place without a target.
        y_pred: float `(batch, places, classes)`, logits.

    Returns:
        float32, one value per row `(batch,)` in nats, then reduced.

    Example:
        >>> loss = PlacesCrossEntropy()
        >>> round(float(loss(ops.array([[1, -1]]), ops.array([[[0.0, 0.0], [5.0, 0.0]]]))), 4)  # log 2
        0.6931
    """

    def __init__(self, name="places_cross_entropy", **kwargs):
        super().__init__(name=name, **kwargs)

    def call(self, y_true, y_pred):
        targets = ops.cast(y_true, "int32")
        log_probabilities = ops.log_softmax(ops.cast(y_pred, "float32"), axis=-1)
        loss = -ops.take_along_axis(log_probabilities, ops.maximum(targets, 0)[:, :, None], axis=-1)[:, :, 0]
        counts = ops.cast(targets != NO_TARGET, "float32")
        return ops.sum(loss * counts, axis=-1) / ops.maximum(ops.sum(counts, axis=-1), 1.0)
