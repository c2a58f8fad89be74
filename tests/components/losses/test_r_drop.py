"""RDrop by hand. Runs on every Keras backend."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from components.losses.position_cross_entropy import PositionCrossEntropy
from components.losses.position_targets_loss import PositionTargetsLoss
from components.losses.r_drop import RDrop

FORBIDDEN = -1e9
LOGITS = np.array(
    [[1.0, FORBIDDEN, 2.0, 0.5], [0.7, FORBIDDEN, -1.0, 0.2], [3.0, 0.0, 1.0, FORBIDDEN], [0.0, 1.5, 1.0, FORBIDDEN]],
    "float32",
)
TARGETS = np.array([2, 2, 0, 0])


def softmax(row):
    weights = [math.exp(value) for value in row]
    return [weight / sum(weights) for weight in weights]


def divergence(p, q):
    return sum(one * math.log(one / other) for one, other in zip(p, q, strict=True) if one)


def by_hand(weight):
    rows = [softmax(row) for row in LOGITS.tolist()]
    losses = []
    for first in (0, 2):
        p, q = rows[first], rows[first + 1]
        disagreement = weight / 2 * (divergence(p, q) + divergence(q, p))
        losses += [disagreement - math.log(row[TARGETS[first]]) for row in (p, q)]
    return losses


@pytest.mark.parametrize("weight", [0.0, 0.5, 4.0])
def test_equals_a_loop_over_the_pairs(weight):
    loss = RDrop(PositionCrossEntropy(), weight, reduction="none")
    np.testing.assert_allclose(ops.convert_to_numpy(loss(TARGETS, LOGITS)), by_hand(weight), rtol=1e-5)


def test_copies_that_agree_have_the_loss_alone():
    pairs = np.repeat(LOGITS[::2], 2, axis=0)
    inner = PositionTargetsLoss(0.1, sentence_weight=0.5)
    targets = np.column_stack([TARGETS, np.zeros(4), np.full(4, 3)]).astype("float32")
    values = [ops.convert_to_numpy(loss(targets, pairs)) for loss in (inner, RDrop(inner, 7.0))]
    np.testing.assert_allclose(*values, rtol=1e-6)


def test_both_copies_learn_from_their_disagreement():
    """The gradient of the disagreement alone, by differences."""

    def disagreement(logits):
        values = [RDrop(PositionCrossEntropy(), weight, reduction="sum")(TARGETS, logits) for weight in (0.0, 1.0)]
        return float(values[1]) - float(values[0])

    for row in (0, 1):
        moved = LOGITS.copy()
        moved[row, 0] += 0.1
        assert abs(disagreement(moved) - disagreement(LOGITS)) > 1e-3


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="0 or more"):
        RDrop(PositionCrossEntropy(), -0.5)
    with pytest.raises(Exception, match="reshape"):
        RDrop(PositionCrossEntropy(), 0.5)(TARGETS[:3], LOGITS[:3])


def test_round_trip():
    loss = RDrop(PositionTargetsLoss(0.2, 0.5), 0.7, name="start_loss", reduction="sum")
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert isinstance(again, RDrop) and again.get_config() == loss.get_config()
    assert isinstance(again.loss, PositionTargetsLoss) and again.loss.sentence_weight == 0.5
