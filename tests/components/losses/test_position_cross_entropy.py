"""PositionCrossEntropy by hand. Runs on every Keras backend."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from components.losses.position_cross_entropy import PositionCrossEntropy

FORBIDDEN = -1e9
LOGITS = np.array([[1.0, FORBIDDEN, 2.0, 0.5, FORBIDDEN], [0.0, FORBIDDEN, FORBIDDEN, 3.0, 3.0]], "float32")
TARGETS = np.array([2, 0])


def by_hand(smoothing):
    losses = []
    for row, target in zip(LOGITS.astype(float), TARGETS, strict=True):
        allowed = [value for value in row if value > -1e8]
        total = math.log(sum(math.exp(value) for value in allowed))
        everywhere = sum(total - value for value in allowed) / len(allowed)
        losses.append((1 - smoothing) * (total - row[target]) + smoothing * everywhere)
    return losses


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_equals_a_loop_over_the_allowed_positions(smoothing):
    loss = PositionCrossEntropy(smoothing, reduction="none")
    np.testing.assert_allclose(ops.convert_to_numpy(loss(TARGETS, LOGITS)), by_hand(smoothing), rtol=1e-5)
    mean = PositionCrossEntropy(smoothing)(TARGETS, LOGITS)
    np.testing.assert_allclose(ops.convert_to_numpy(mean), np.mean(by_hand(smoothing)), rtol=1e-5)


def test_equal_logits_over_three_positions_cost_log_three_however_smooth():
    logits = np.array([[7.0, 7.0, 7.0, FORBIDDEN, FORBIDDEN]])
    for smoothing in (0.0, 0.3):
        loss = ops.convert_to_numpy(PositionCrossEntropy(smoothing)(np.array([1]), logits))
        np.testing.assert_allclose(loss, math.log(3), rtol=1e-6)


def test_forbidden_logits_never_matter():
    changed = np.where(LOGITS < -1e8, LOGITS * 3, LOGITS)
    first, second = (ops.convert_to_numpy(PositionCrossEntropy(0.2)(TARGETS, x)) for x in (LOGITS, changed))
    np.testing.assert_array_equal(first, second)


def test_round_trip():
    loss = PositionCrossEntropy(0.2, name="start_loss", reduction="sum")
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert isinstance(again, PositionCrossEntropy) and again.get_config() == loss.get_config()
    np.testing.assert_allclose(ops.convert_to_numpy(again(TARGETS, LOGITS)), sum(by_hand(0.2)), rtol=1e-5)
