"""Lexical match maps by hand. Runs on every Keras backend."""

import numpy as np
from keras import ops

from components.lexical_match_maps import match_maps
from tests.helpers.lexical_match import LENGTH, maps_by_hand


def pairs(matrix):
    """Where a symmetric map is set, each pair once."""
    assert (matrix == matrix.T).all()
    return [(int(i), int(j)) for i, j in np.argwhere(matrix) if i <= j]


def test_maps_by_hand():
    maps = maps_by_hand()
    assert maps.shape == (1, 4, LENGTH, LENGTH)
    word_across, stem_across, word_within, stem_within = maps[0]
    itself = [(i, i) for i in (1, 2, 3, 5, 6, 7, 8)]  # special tokens and padding match nothing, not even themselves
    assert pairs(word_across) == [(3, 7), (3, 8)]
    assert pairs(stem_across) == [(2, 6), (3, 7), (3, 8)]
    assert pairs(word_within) == pairs(stem_within) == sorted([*itself, (7, 8)])


def test_maps_need_only_equality_and_keep_rows_apart():
    rng = np.random.default_rng(2)
    words, segments = rng.integers(0, 5, (3, 7)), rng.integers(0, 2, (3, 7))
    renamed = np.array([0, 2_147_483_646, 7, 1, 2_147_483_647])[words].astype("int32")
    maps = ops.convert_to_numpy(match_maps(words, words, segments))
    np.testing.assert_array_equal(ops.convert_to_numpy(match_maps(renamed, renamed, segments)), maps)
    for row in range(3):
        one = slice(row, row + 1)
        np.testing.assert_array_equal(
            ops.convert_to_numpy(match_maps(words[one], words[one], segments[one])), maps[one]
        )
