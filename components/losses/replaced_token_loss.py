"""Binary cross-entropy of whether each token was replaced."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="qkv_zoo")
class ReplacedTokenLoss(keras.losses.Loss):
    """Binary cross-entropy of replaced tokens (Clark et al. 2020, section 2), the mean over those tokens of a row that count.

    The labels come with the predictions, because the model draws the replacements itself.

    Call arguments:
        y_true: `(batch, sequence)`, 1 for a token that counts, 0 for special tokens and padding.
        y_pred: float `(batch, sequence, 2)`, the logit and the label (1 for replaced) of each token.

    Returns:
        float32, one value per row `(batch,)` in nats, then reduced.

    Example:
        >>> loss = ReplacedTokenLoss()
        >>> round(float(loss(ops.array([[1, 0]]), ops.array([[[0.0, 1.0], [9.0, 0.0]]]))), 4)  # log 2
        0.6931
    """

    def __init__(self, name="replaced_token_loss", **kwargs):
        super().__init__(name=name, **kwargs)

    def call(self, y_true, y_pred):
        logits, labels = ops.cast(y_pred[..., 0], "float32"), ops.cast(y_pred[..., 1], "float32")
        loss = ops.softplus(logits) - logits * labels
        counts = ops.cast(y_true, "float32")
        return ops.sum(loss * counts, axis=-1) / ops.maximum(ops.sum(counts, axis=-1), 1.0)
