"""Batches are a pure function of seed and epoch, hold every example once, and keep similar lengths together."""

import itertools

import numpy as np
import pytest

from utils.common.batching import (
    BATCH_SIZE_MARK,
    WHOLE,
    BatchPart,
    epochs_from,
    length_sorted_batches,
    pad_rows,
    round_up,
)

LENGTHS = np.random.default_rng(5).integers(1, 60, 103)


def batches(seed, epoch, **options):
    arguments = {"batch_size": 7, "pool_batches": 4} | options
    return length_sorted_batches(LENGTHS, rng=np.random.default_rng([seed, epoch]), **arguments)


def as_lists(arrays):
    return [array.tolist() for array in arrays]


def test_epochs_go_on_from_a_step():
    assert list(itertools.islice(epochs_from(0, 3), 3)) == [(0, 0), (1, 0), (2, 0)]
    assert list(itertools.islice(epochs_from(5, 3), 3)) == [(1, 2), (2, 0), (3, 0)]
    assert list(itertools.islice(epochs_from(6, 3), 2)) == [(2, 0), (3, 0)]


def test_batches_depend_on_seed_and_epoch_alone():
    assert as_lists(batches(1, 2)) == as_lists(batches(1, 2))
    assert len({str(as_lists(batches(seed, epoch))) for seed in (0, 1) for epoch in (0, 1, 2)}) == 6


@pytest.mark.parametrize(("batch_size", "pool_batches"), [(7, 4), (1, 1), (103, 2), (5, 1000), (1000, 1)])
def test_every_example_is_in_one_batch(batch_size, pool_batches):
    epoch = batches(0, 0, batch_size=batch_size, pool_batches=pool_batches)
    assert sorted(np.concatenate(epoch).tolist()) == list(range(103))
    assert sorted(map(len, epoch)) == sorted(
        [batch_size] * (103 // batch_size) + [103 % batch_size] * (103 % batch_size > 0)
    )


def test_batches_hold_similar_lengths_of_one_pool():
    shuffled = np.random.default_rng(0).permutation(103)
    epoch = length_sorted_batches(LENGTHS, 7, np.random.default_rng(1), pool_batches=4, order=shuffled)
    pools = [set(shuffled[start : start + 28].tolist()) for start in range(0, 103, 28)]
    assert all(any(set(batch.tolist()) <= pool for pool in pools) for batch in epoch)
    for batch in epoch:  # no length within a batch's range belongs to another batch of the pool
        (pool,) = (pool for pool in pools if set(batch.tolist()) <= pool)
        others = LENGTHS[sorted(pool - set(batch.tolist()))]
        assert not ((others > LENGTHS[batch].min()) & (others < LENGTHS[batch].max())).any()


def test_the_order_of_random_draws_is_fixed():
    """A permutation of the examples, then one of the batches: what a resumed run of an earlier version relies on."""
    rng = np.random.default_rng(3)
    order = rng.permutation(103)
    expected = []
    for start in range(0, 103, 28):
        pool = sorted(order[start : start + 28].tolist(), key=lambda number: LENGTHS[number])
        expected += [pool[first : first + 7] for first in range(0, len(pool), 7)]
    expected = [expected[number] for number in rng.permutation(len(expected))]
    assert as_lists(length_sorted_batches(LENGTHS, 7, np.random.default_rng(3), 4)) == expected


def test_rounding_up():
    assert [round_up(length, 8) for length in (0, 1, 8, 9)] == [0, 8, 8, 16] and round_up(5, 1) == 5


def test_rows_are_padded_and_masked():
    values, mask = pad_rows([[3, 1, 2], [], [7]], padding=9)
    assert values.tolist() == [[3, 1, 2], [9, 9, 9], [7, 9, 9]] and mask.tolist() == [[1, 1, 1], [0, 0, 0], [1, 0, 0]]
    assert values.dtype == mask.dtype == np.int32
    values, mask = pad_rows([np.array([5, 6, 7]), (0,)], multiple=4)
    assert values.tolist() == [[5, 6, 7, 0], [0, 0, 0, 0]] and mask.tolist() == [[1, 1, 1, 0], [1, 0, 0, 0]]
    assert pad_rows([[], []])[1].tolist() == [[0], [0]]


@pytest.mark.parametrize("batch_size", [1, 5, 7, 12])
@pytest.mark.parametrize(("processes", "devices_each"), [(1, 3), (2, 1), (3, 2)])
def test_parts_hold_every_row_in_order_and_repeat_only_the_last(batch_size, processes, devices_each):
    all_devices = processes * devices_each
    parts = [BatchPart(process * devices_each, devices_each, all_devices) for process in range(processes)]
    rows = [part.rows(batch_size) for part in parts]
    assert {len(part_rows) for part_rows in rows} == {devices_each * -(-batch_size // all_devices)}
    together = np.concatenate(rows)
    np.testing.assert_array_equal(together[:batch_size], np.arange(batch_size))
    assert set(together[batch_size:]) <= {batch_size - 1}


def test_the_mark_has_the_size_of_the_batch():
    assert BatchPart(2, 2, 6, is_marked=True).mark({}, 5)[BATCH_SIZE_MARK].shape == (2, 1, 1, 1, 1, 5)
    assert WHOLE.mark({}, 5) == {}
