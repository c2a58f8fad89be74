"""Lexical match: maps by hand, features and bias against loops of their own. Runs on every Keras backend."""

import numpy as np
import pytest
from keras import ops

from components.lexical_match import LexicalMatchBias, LexicalMatchFeatures, match_maps

# [CLS] who painted roses [SEP] she paints roses roses [SEP] [PAD]; "painted" and "paints" share a stem.
WORDS = np.array([[0, 11, 12, 13, 0, 14, 15, 13, 13, 0, 0]])
STEMS = np.array([[0, 21, 22, 23, 0, 24, 22, 23, 23, 0, 0]])
SEGMENTS = np.array([[0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0]])
LENGTH = WORDS.shape[1]


def maps_by_hand():
    return ops.convert_to_numpy(match_maps(WORDS, STEMS, SEGMENTS))


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


def test_features_by_hand():
    layer = LexicalMatchFeatures(hidden_dim=7)
    found = ops.convert_to_numpy(layer(maps_by_hand(), segment_ids=SEGMENTS))
    features = np.zeros((LENGTH, 4))  # word found, stem found, and each over its occurrences in the context
    features[[3, 7, 8]] = [1, 1, 1 / 2, 1 / 2]  # roses: twice in the context
    features[[2, 6]] = [0, 1, 0, 1]  # painted, paints: the stem stands in the context once
    np.testing.assert_allclose(found[0], features @ layer.get_weights()[0], atol=1e-6)
    assert found.shape == (1, LENGTH, 7) and layer.compute_output_shape((None, 4, None, None)) == (None, None, 7)


@pytest.mark.parametrize("num_heads", [2, 5])
def test_bias_equals_a_loop(num_heads):
    layer, maps = LexicalMatchBias(num_heads), maps_by_hand()
    bias = ops.convert_to_numpy(layer(maps))
    (weight,) = layer.get_weights()
    assert bias.shape == (1, num_heads, LENGTH, LENGTH) and weight.shape == (4, num_heads)
    for head in range(num_heads):
        expected = sum(weight[number, head] * maps[0, number] for number in range(4))
        np.testing.assert_allclose(bias[0, head], expected, atol=1e-6)
