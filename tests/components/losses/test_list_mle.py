"""ListMLE against a loop and against Keras RS."""

import numpy as np
import pytest
from keras import ops

from components.losses.list_mle import ListMLE
from tests.helpers.ranking_batch import RELEVANCE, RNG, T, assert_equals_loop, own, score


def test_it_equals_a_loop():
    def loop(b):
        r, loss = RELEVANCE[b], 0.0
        for i in own(b):
            if r[i] > 0:
                loss += np.log(sum(np.exp(score(b, b, j) / T) for j in own(b) if r[j] <= r[i])) - score(b, b, i) / T
        return loss

    assert_equals_loop(ListMLE(T), loop)


def test_without_ties_it_equals_keras_rs():
    keras_rs = pytest.importorskip("keras_rs", reason="requirements-dev.txt has it")

    scores, relevance = RNG.normal(size=(2, 4)).astype("float32"), np.array([[3, 0, 1, 2], [0, 1, 3, 2]], "float32")
    loss = ListMLE(0.5).per_query(None, ops.convert_to_tensor(scores), relevance / 3, np.ones((2, 4), bool), None)
    expected = keras_rs.losses.ListMLELoss(temperature=0.5, reduction=None)(relevance, scores)
    np.testing.assert_allclose(ops.convert_to_numpy(loss), ops.convert_to_numpy(expected), rtol=1e-4)
