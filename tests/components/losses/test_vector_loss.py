"""Losses of predicted vectors against loops in NumPy."""

import numpy as np
import pytest
from keras import ops

from components.losses.vector_loss import VectorLoss

NEGATIVES = VectorLoss.NEGATIVES

RNG = np.random.default_rng(2)
COUNT, DIM = 11, 7


def unit(*shape):
    x = RNG.normal(size=shape)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


TARGETS, PREDICTED = unit(COUNT, DIM), unit(COUNT, DIM)
DOCUMENT = np.array([4, 4, 4, 4, 9, 9, 9, 2, 2, 2, 5])
PLACE = np.array([3, 5, 9, 30, 5, 6, 7, 1, 2, 90, 4])
TRUE = np.column_stack([TARGETS, DOCUMENT, PLACE]).astype("float32")


def loss(weights, **settings):
    return np.asarray(
        ops.convert_to_numpy(VectorLoss(weights, reduction=None, **settings)(TRUE, PREDICTED.astype("float32")))
    )


def info_nce(negatives, temperature, exclusion):
    losses = []
    for i in range(COUNT):
        others = []
        for j in range(COUNT):
            same = DOCUMENT[i] == DOCUMENT[j]
            near = same and 0 < PLACE[i] - PLACE[j] <= exclusion
            is_negative = {"all": True, "same_document": same, "other_documents": not same}[negatives]
            if i != j and is_negative and not near:
                others.append(np.exp(PREDICTED[i] @ TARGETS[j] / temperature))
        positive = np.exp(PREDICTED[i] @ TARGETS[i] / temperature)
        losses.append(-np.log(positive / (positive + sum(others))))
    return np.array(losses)


def test_parts_equal_their_formulas_and_add_up():
    cosine = (PREDICTED * TARGETS).sum(axis=1)
    np.testing.assert_allclose(loss({"cosine": 1}), 1 - cosine, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(loss({"mse": 1}), 2 * (1 - cosine) / DIM, rtol=1e-4, atol=1e-6)
    expected = 2 * (1 - cosine) + 0.5 * info_nce("all", 0.1, 5)
    np.testing.assert_allclose(
        loss({"cosine": 2, "info_nce": 0.5}, negatives="all", temperature=0.1), expected, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("negatives", NEGATIVES)
@pytest.mark.parametrize("exclusion", [0, 5])
def test_negatives_are_those_asked_for(negatives, exclusion):
    actual = loss({"info_nce": 1}, negatives=negatives, temperature=0.2, exclusion=exclusion)
    np.testing.assert_allclose(actual, info_nce(negatives, 0.2, exclusion), rtol=1e-4, atol=1e-5)


def test_kinds_of_negatives_differ():
    actual = [loss({"info_nce": 1}, negatives=kind).mean() for kind in NEGATIVES]
    assert min(abs(a - b) for n, a in enumerate(actual) for b in actual[:n]) > 1e-3


@pytest.mark.parametrize("weights", [{}, {"mse": 0}, {"mse": -1, "cosine": 2}, {"kappa": 1}])
def test_weights_that_can_not_work_are_told(weights):
    with pytest.raises(ValueError, match="must be of mse, cosine, info_nce"):
        VectorLoss(weights)


def test_unknown_negatives_are_told():
    with pytest.raises(ValueError, match="must be one of"):
        VectorLoss({"mse": 1}, negatives="none")
