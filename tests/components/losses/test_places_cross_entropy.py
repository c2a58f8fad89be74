"""PlacesCrossEntropy against a plain loop. Runs on every Keras backend."""

import numpy as np
from keras import ops

from components.losses.places_cross_entropy import PlacesCrossEntropy

LOGITS = np.random.default_rng(0).normal(size=(3, 4, 5)).astype("float32")
TARGETS = np.array([[1, -1, 4, 0], [-1, -1, -1, -1], [2, 2, 2, -1]])


def test_the_mean_over_the_places_of_a_row_that_have_a_target():
    expected = []
    for row in range(3):
        losses = [0.0]
        for place in range(4):
            if TARGETS[row, place] >= 0:
                logits = LOGITS[row, place].astype(float)
                losses.append(np.log(np.exp(logits).sum()) - logits[TARGETS[row, place]])
        expected.append(sum(losses) / max(len(losses) - 1, 1))
    values = ops.convert_to_numpy(PlacesCrossEntropy(reduction="none")(TARGETS, LOGITS))
    np.testing.assert_allclose(values, expected, rtol=1e-5)
    assert values[1] == 0
