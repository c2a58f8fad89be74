"""Contexts, targets and batches."""

import numpy as np
import pytest

from utils.vectors.data import VectorDocuments
from utils.vectors.features import contexts, loss_targets, training_batches
from utils.vectors.splits import target_rows

RNG = np.random.default_rng(1)
LENGTHS = (9, 3, 7, 40, 6)
COUNT, DIM = sum(LENGTHS), 5


@pytest.fixture
def data():
    vectors = RNG.normal(size=(COUNT, DIM)).astype("float16")
    return VectorDocuments(vectors, np.repeat(np.arange(5), LENGTHS), None, list("abcde"), "v.npz")


def test_contexts_end_before_the_target_and_never_cross_a_border(data):
    rows = target_rows(data, np.arange(5), 2)
    assert len(rows) == sum(length - 2 for length in LENGTHS)
    inputs = contexts(data, rows, 4)
    for row, vectors, mask in zip(rows, inputs["vectors"], inputs["padding_mask"], strict=True):
        start = data.starts[data.document[row]]
        places = np.arange(max(start, row - 4), row)
        assert mask.tolist() == [0] * (4 - len(places)) + [1] * len(places)
        np.testing.assert_array_equal(vectors[4 - len(places) :], data.take(places))
        assert not vectors[: 4 - len(places)].any()


def test_loss_targets_hold_vector_document_and_place(data):
    values = loss_targets(data, np.array([5, 20]))
    np.testing.assert_array_equal(values[:, :DIM], data.take(np.array([5, 20])))
    assert values[:, DIM:].tolist() == [[0, 5], [3, 1]]


def test_batches_hold_every_target_once_per_epoch_and_are_the_same_from_any_step(data):
    rows = target_rows(data, np.array([0, 2, 3]), 2)
    steps, batches = 4, training_batches(data, rows, 4, 13, 5, 0)
    first = [next(batches) for _ in range(3 * steps)]
    for epoch in range(3):
        values = np.concatenate([targets[:, DIM:] for _, targets in first[epoch * steps : (epoch + 1) * steps]])
        assert sorted(map(tuple, values)) == sorted(map(tuple, loss_targets(data, rows)[:, DIM:]))
    assert not np.array_equal(first[0][1], first[steps][1])
    for step in (1, 4, 6):
        np.testing.assert_array_equal(next(training_batches(data, rows, 4, 13, 5, step))[1], first[step][1])


def test_batches_hold_several_targets_of_a_document():
    document = np.repeat(np.arange(50), 40)
    data = VectorDocuments(RNG.normal(size=(2000, 3)), document, None, [""] * 50, "")
    _, targets = next(training_batches(data, target_rows(data, np.arange(50), 5), 4, 64, 0, 0))
    assert len(np.unique(targets[:, 3])) <= 6


def test_a_context_may_end_with_the_row_itself(data):
    """It is the context of the row after, and exists for the last row of a document, too."""
    rows = np.array([3, 5, 11])
    inputs = contexts(data, rows, 4, include_row=True)
    after = contexts(data, np.array([4, 6]), 4)
    for name, array in after.items():
        np.testing.assert_array_equal(inputs[name][:2], array)
    assert inputs["padding_mask"][2].tolist() == [0, 1, 1, 1]
    np.testing.assert_array_equal(inputs["vectors"][2, 1:], data.take(np.array([9, 10, 11])))
