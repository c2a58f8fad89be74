"""R-Drop."""

import keras
from keras import ops

from components.losses.position_cross_entropy import LOWEST_ALLOWED_LOGIT


@keras.saving.register_keras_serializable(package="qkv_zoo")
class RDrop(keras.losses.Loss):
    """A loss of positions, and the disagreement of two predictions for each example (Liang et al. 2021, equations 2 to 4).

        mean of loss(p) and loss(q) + weight / 2 (KL(p || q) + KL(q || p))

    where p and q are the softmax of two rows of logits for the same example, made with different dropout. The two are neighbours in
    the batch. The paper adds the two losses, so that its alpha is twice this weight.

    Args:
        loss: `keras.losses.Loss` whose `call` gives one value per row, such as `PositionCrossEntropy`.
        weight: float, 0 or more.

    Call arguments:
        y_true: as `loss` takes them; rows 2i and 2i + 1 belong to the same example.
        y_pred: float `(batch, sequence)`, logits; the batch is even.

    Returns:
        float32, one value per row `(batch,)` in nats, then reduced.

    Raises:
        ValueError: a negative weight.

    Example:
        >>> from components.losses.position_cross_entropy import PositionCrossEntropy
        >>> loss = RDrop(PositionCrossEntropy(), weight=1.0)
        >>> logits = ops.log(ops.array([[0.8, 0.2], [0.2, 0.8]]))
        >>> round(float(loss(ops.array([0, 0]), logits)), 4)  # -(log 0.8 + log 0.2) / 2 + 0.6 log 4
        1.7481
    """

    def __init__(self, loss, weight, name="r_drop", **kwargs):
        super().__init__(name=name, **kwargs)
        if weight < 0:
            raise ValueError(f"weight {weight} must be 0 or more")
        self.loss = keras.losses.get(loss)
        self.weight = weight

    def call(self, y_true, y_pred):
        logits = ops.cast(y_pred, "float32")
        pairs = ops.reshape(logits, (-1, 2, ops.shape(logits)[1]))
        allowed = ops.all(pairs > LOWEST_ALLOWED_LOGIT, axis=1)
        logs = ops.log_softmax(pairs, axis=-1)
        # KL(p || q) + KL(q || p) in one sum.
        terms = (ops.exp(logs[:, 0]) - ops.exp(logs[:, 1])) * (logs[:, 0] - logs[:, 1])
        disagreement = ops.sum(ops.where(allowed, terms, 0.0), axis=-1)
        return self.loss.call(y_true, logits) + self.weight / 2 * ops.repeat(disagreement, 2)

    def get_config(self):
        loss = keras.saving.serialize_keras_object(self.loss)
        return {**super().get_config(), "loss": loss, "weight": self.weight}
