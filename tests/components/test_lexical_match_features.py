"""LexicalMatchFeatures by hand. Runs on every Keras backend."""

import numpy as np
from keras import ops

from components.lexical_match_features import LexicalMatchFeatures
from tests.helpers.lexical_match import LENGTH, SEGMENTS, maps_by_hand


def test_features_by_hand():
    layer = LexicalMatchFeatures(hidden_dim=7)
    actual = ops.convert_to_numpy(layer(maps_by_hand(), segment_ids=SEGMENTS))
    features = np.zeros((LENGTH, 4))  # word actual, stem actual, and each over its occurrences in the context
    features[[3, 7, 8]] = [1, 1, 1 / 2, 1 / 2]  # roses: twice in the context
    features[[2, 6]] = [0, 1, 0, 1]  # painted, paints: the stem stands in the context once
    np.testing.assert_allclose(actual[0], features @ layer.get_weights()[0], atol=1e-6)
    assert actual.shape == (1, LENGTH, 7) and layer.compute_output_shape((None, 4, None, None)) == (None, None, 7)
