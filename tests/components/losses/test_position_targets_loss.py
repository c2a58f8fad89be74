"""PositionTargetsLoss by hand. Runs on every Keras backend."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from components.losses.position_cross_entropy import PositionCrossEntropy
from components.losses.position_targets_loss import PositionTargetsLoss

FORBIDDEN = -1e9
LOGITS = np.array([[1.0, FORBIDDEN, 2.0, 0.5, FORBIDDEN], [0.3, FORBIDDEN, 0.4, 3.0, -1.0]], "float32")
POSITIONS = np.array([[2, 2, 3], [0, 0, 0]], "float32")  # the target, and its sentence
TEACHER = np.array([[0.1, 0.0, 0.6, 0.3, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0]], "float32")
TARGETS = np.concatenate([POSITIONS, TEACHER], axis=1)


def log_softmax(row, temperature=1.0):
    total = math.log(sum(math.exp(value / temperature) for value in row))
    return [value / temperature - total for value in row]


def by_hand(smoothing, sentence_weight, teacher_weight, temperature):
    losses = []
    for row, (target, first, last), teacher in zip(LOGITS.tolist(), POSITIONS.astype(int), TEACHER, strict=True):
        logs = log_softmax(row)
        allowed = [log for log, logit in zip(logs, row, strict=True) if logit > -1e8]
        loss = (1 - smoothing) * -logs[target] + smoothing * -sum(allowed) / len(allowed)
        if sum(teacher):
            softened = log_softmax(row, temperature)
            divergence = sum(p * (math.log(p) - log) for p, log in zip(teacher, softened, strict=True) if p)
            loss = (1 - teacher_weight) * loss + teacher_weight * temperature**2 * divergence
        losses.append(loss - sentence_weight * math.log(sum(math.exp(log) for log in logs[first : last + 1])))
    return losses


@pytest.mark.parametrize(
    ("smoothing", "sentence_weight", "teacher_weight", "temperature"),
    [(0.0, 0.0, 0.7, 2.0), (0.1, 0.5, 0.7, 2.0), (0.2, 1.5, 0.0, 1.0), (0.0, 0.0, 1.0, 10.0)],
)
def test_equals_a_loop(smoothing, sentence_weight, teacher_weight, temperature):
    settings = (smoothing, sentence_weight, teacher_weight, temperature)
    loss = PositionTargetsLoss(*settings, reduction="none")
    targets = TARGETS if teacher_weight else POSITIONS
    np.testing.assert_allclose(ops.convert_to_numpy(loss(targets, LOGITS)), by_hand(*settings), rtol=1e-5)


def test_without_a_teacher_and_a_sentence_it_is_the_cross_entropy():
    for teacher_weight in (0.0, 0.7):  # the second row has no teacher
        loss = PositionTargetsLoss(0.1, teacher_weight=teacher_weight, reduction="none")(TARGETS, LOGITS)
        expected = PositionCrossEntropy(0.1, reduction="none")(POSITIONS[:, 0], LOGITS)
        rows = slice(1, 2) if teacher_weight else slice(0, 2)
        np.testing.assert_allclose(ops.convert_to_numpy(loss)[rows], ops.convert_to_numpy(expected)[rows], rtol=1e-6)


def test_a_student_that_says_what_its_teacher_says_has_no_divergence():
    temperature = 3.0
    teacher = np.exp([log_softmax(row, temperature) for row in LOGITS.tolist()])
    loss = PositionTargetsLoss(teacher_weight=1.0, temperature=temperature, reduction="none")
    values = loss(np.concatenate([POSITIONS, teacher], axis=1).astype("float32"), LOGITS)
    np.testing.assert_allclose(ops.convert_to_numpy(values), 0.0, atol=1e-5)


def test_a_sentence_that_is_certain_costs_nothing_more_wherever_in_it_the_answer_is():
    logits = np.array([[FORBIDDEN, 1.0, 2.0, FORBIDDEN]] * 2, "float32")
    targets = np.array([[1, 1, 2], [2, 1, 2]], "float32")
    extra = [
        ops.convert_to_numpy(PositionTargetsLoss(sentence_weight=weight, reduction="none")(targets, logits))
        for weight in (0.0, 5.0)
    ]
    np.testing.assert_allclose(*extra, atol=1e-6)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="no teacher's probabilities"):
        PositionTargetsLoss(teacher_weight=0.5)(POSITIONS, LOGITS)
    for settings in ({"teacher_weight": 1.1}, {"sentence_weight": -1.0}, {"temperature": 0.0}):
        with pytest.raises(ValueError, match="must be"):
            PositionTargetsLoss(**settings)


def test_round_trip():
    loss = PositionTargetsLoss(0.2, 0.5, 0.7, 2.0, name="start_loss", reduction="sum")
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert isinstance(again, PositionTargetsLoss) and again.get_config() == loss.get_config()
    value = ops.convert_to_numpy(again(TARGETS, LOGITS))
    np.testing.assert_allclose(value, sum(by_hand(0.2, 0.5, 0.7, 2.0)), rtol=1e-5)
