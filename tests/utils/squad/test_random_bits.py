"""Random bits of rows: the same for a key, even, and other bits for other keys and streams."""

import numpy as np

from utils.squad.random_bits import as_fraction, key_of_batch, mixed_bits


def test_fractions_are_even_and_depend_on_key_and_number_alone():
    numbers = np.arange(20_000)
    fractions = as_fraction(mixed_bits(key_of_batch((5, 7), 3), numbers))
    counts, _ = np.histogram(fractions, bins=10, range=(0, 1))
    assert counts.sum() == len(numbers) and (abs(counts - 2_000) < 200).all()
    assert (as_fraction(mixed_bits(key_of_batch((5, 7), 3), numbers[40:50])) == fractions[40:50]).all()
    for key, stream in (((6, 7), 3), ((5, 8), 3), ((5, 7), 4)):
        other = as_fraction(mixed_bits(key_of_batch(key, stream), numbers))
        assert abs(np.corrcoef(fractions, other)[0, 1]) < 0.05


def test_each_row_may_have_a_key_of_its_own():
    keys = mixed_bits(key_of_batch((5, 7), 3), np.arange(2))[:, None]
    both = mixed_bits(keys, np.arange(4))
    assert both.shape == (2, 4) and (both[0] == mixed_bits(keys[0], np.arange(4))).all() and (both[0] != both[1]).all()
