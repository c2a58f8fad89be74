"""Item numbers, pieces and batches."""

import numpy as np
import pytest

from tests.helpers.tracing_sequences import SEQUENCES
from utils.tracing.features import assemble, cut, item_numbers, training_batches
from utils.tracing.sequences import ResponseSequence


def test_items_are_numbered_from_one():
    assert item_numbers([ResponseSequence("a", ("10", "9", "10"), np.zeros(3, int))]) == {"9": 1, "10": 2}


@pytest.mark.parametrize("history", [0, 4, 9])
def test_every_response_is_scored_once_and_history_goes_before_it(history):
    numbers = item_numbers(SEQUENCES)
    for whole in SEQUENCES:
        pieces = cut([whole], numbers, 10, history)
        scored = np.concatenate([piece.responses[piece.first_scored :] for piece in pieces])
        np.testing.assert_array_equal(scored, whole.responses)
        items = np.concatenate([piece.items[piece.first_scored :] for piece in pieces])
        assert items.tolist() == [numbers[item] for item in whole.items]
        start = 0
        for piece in pieces:
            assert len(piece.items) <= 10 and piece.first_scored == min(start, history)
            before = [numbers[item] for item in whole.items[start - piece.first_scored : start]]
            assert piece.items[: piece.first_scored].tolist() == before
            start += len(piece.items) - piece.first_scored


def test_items_that_training_never_had_are_zero():
    (piece,) = cut([SEQUENCES[2]], {}, 100)
    assert not piece.items.any()


def test_batches_mask_padding_and_history():
    pieces = cut(SEQUENCES[3:5], item_numbers(SEQUENCES), 20, 5)
    inputs, targets, weights = assemble(pieces)
    assert inputs["item_ids"].shape == targets.shape == weights.shape == (3, 32)
    np.testing.assert_array_equal(inputs["padding_mask"].sum(axis=1), [len(piece.items) for piece in pieces])
    assert weights.sum() == sum(len(part.responses) for part in SEQUENCES[3:5])
    assert (
        not (weights * (1 - inputs["padding_mask"])).any() and not inputs["item_ids"][inputs["padding_mask"] == 0].any()
    )


def test_step_n_is_always_the_same_batch_and_an_epoch_scores_every_response_once():
    pieces = cut(SEQUENCES, item_numbers(SEQUENCES), 15)
    steps = -(-len(pieces) // 4)

    def batches(first, count):
        found = training_batches(pieces, 4, 3, first)
        return [next(found) for _ in range(count)]

    whole = batches(0, 2 * steps)
    for first in (1, steps, steps + 2):
        for mine, other in zip(batches(first, 2), whole[first:], strict=False):
            np.testing.assert_array_equal(mine[0]["item_ids"], other[0]["item_ids"])
    for epoch in (whole[:steps], whole[steps:]):
        assert sum(weights.sum() for *_, weights in epoch) == sum(len(part.responses) for part in SEQUENCES)
    assert any(not np.array_equal(a[1], b[1]) for a, b in zip(whole[:steps], whole[steps:], strict=True))
