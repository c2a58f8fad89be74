"""Cross-entropy of a position, with a teacher and with the sentence of the answer."""

import keras
from keras import ops

from components.losses.position_cross_entropy import LOWEST_ALLOWED_LOGIT, PositionCrossEntropy

NUM_POSITIONS = 3
"""Columns of a target before the teacher's: the position, and the first and last position of its sentence."""


@keras.saving.register_keras_serializable(package="qkv_zoo")
class PositionTargetsLoss(PositionCrossEntropy):
    """`PositionCrossEntropy` beside a teacher's prediction (Hinton et al. 2015) and a loss for the sentence of the answer.

        (1 - a) CE + a T^2 KL(teacher || softmax(logits / T)) + w * -log sum_{i in sentence} p_i,  p = softmax(logits)

    where CE is `PositionCrossEntropy` with its label smoothing. The teacher's probabilities are made at the same temperature T;
    the factor T^2 keeps the size of its gradients (section 2 of the paper). The last term asks for the right sentence, wherever in
    it the probability lies.

    Args:
        label_smoothing: float, 0 to 1.
        sentence_weight: float, w, 0 or more.
        teacher_weight: float, a, 0 to 1. At 0 a target needs no teacher.
        temperature: float above 0, T.

    Call arguments:
        y_true: float32 `(batch, 3)`: the target position, and the first and last position of its sentence; with a teacher
            `(batch, 3 + sequence)`, its probabilities after them. A row whose probabilities are all 0 has no teacher: its a is 0.
        y_pred: float `(batch, sequence)`, logits.

    Returns:
        float32, one value per row `(batch,)` in nats, then reduced.

    Raises:
        ValueError: a weight or the temperature is out of its range, or there is a `teacher_weight` and no teacher in the targets.

    Example:
        >>> loss = PositionTargetsLoss(sentence_weight=1.0)
        >>> logits = ops.array([[0.0, 0.0, 0.0, 0.0]])
        >>> round(float(loss(ops.array([[2.0, 2.0, 3.0]]), logits)), 4)  # log 4, and log 2 for the half that is the sentence
        2.0794
        >>> loss = PositionTargetsLoss(teacher_weight=0.5)
        >>> y_true = ops.array([[2.0, 2.0, 3.0, 0.0, 0.0, 0.5, 0.5]])
        >>> round(float(loss(y_true, logits)), 4)  # 0.5 log 4 + 0.5 log 2
        1.0397
    """

    def __init__(
        self,
        label_smoothing=0.0,
        sentence_weight=0.0,
        teacher_weight=0.0,
        temperature=1.0,
        name="position_targets_loss",
        **kwargs,
    ):
        super().__init__(label_smoothing, name=name, **kwargs)
        if sentence_weight < 0 or not 0 <= teacher_weight <= 1 or temperature <= 0:
            raise ValueError(
                f"sentence_weight {sentence_weight} must be 0 or more, teacher_weight {teacher_weight} between 0 and 1, and "
                f"temperature {temperature} above 0"
            )
        self.sentence_weight = sentence_weight
        self.teacher_weight = teacher_weight
        self.temperature = temperature

    def call(self, y_true, y_pred):
        y_true, logits = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
        loss = super().call(y_true[:, 0], logits)
        if self.teacher_weight:
            if y_true.shape[1] == NUM_POSITIONS:
                raise ValueError(
                    f"teacher_weight is {self.teacher_weight}, but the targets have no teacher's probabilities"
                )
            teacher = y_true[:, NUM_POSITIONS:]
            weight = self.teacher_weight * ops.cast(ops.any(teacher > 0, axis=-1), "float32")
            loss = (1.0 - weight) * loss + weight * self.temperature**2 * self._divergence(teacher, logits)
        if self.sentence_weight:
            loss = loss + self.sentence_weight * _sentence_loss(y_true[:, 1:2], y_true[:, 2:3], logits)
        return loss

    def _divergence(self, teacher, logits):
        """KL(teacher || softmax(logits / T)) over the positions that both allow: `(batch,)`."""
        log_probabilities = ops.log_softmax(logits / self.temperature, axis=-1)
        counts = ops.logical_and(teacher > 0, logits > LOWEST_ALLOWED_LOGIT)
        log_teacher = ops.log(ops.where(counts, teacher, 1.0))
        return ops.sum(ops.where(counts, teacher * (log_teacher - log_probabilities), 0.0), axis=-1)

    def get_config(self):
        return {
            **super().get_config(),
            "sentence_weight": self.sentence_weight,
            "teacher_weight": self.teacher_weight,
            "temperature": self.temperature,
        }


def _sentence_loss(first, last, logits):
    """-log of the probability that lies between two positions `(batch, 1)`, themselves included: `(batch,)`."""
    positions = ops.cast(ops.arange(ops.shape(logits)[1]), "float32")[None]
    in_sentence = ops.logical_and(positions >= first, positions <= last)
    return ops.logsumexp(logits, axis=-1) - ops.logsumexp(ops.where(in_sentence, logits, LOWEST_ALLOWED_LOGIT), axis=-1)
