"""InfoNCE against a loop."""

import numpy as np

from components.losses.info_nce import InfoNCE
from tests.helpers.ranking_batch import (
    VECTORS,
    T,
    assert_equals_loop,
    best,
    call,
    has_relevant,
    less_relevant_scores,
    negatives,
    score,
    softmax_loss,
)


def loop(b):
    scores = less_relevant_scores(b) + [score(b, c, s) for c, s in negatives(b)]
    return softmax_loss(score(b, b, best(b)), scores) if has_relevant(b) else 0.0


def test_it_equals_a_loop():
    assert_equals_loop(InfoNCE(T), loop)


def test_a_learned_temperature_is_the_norm_of_the_query():
    scaled = VECTORS.copy()
    scaled[:, 0] /= T
    np.testing.assert_allclose(call(InfoNCE(1.0), vectors=scaled), call(InfoNCE(T)), rtol=1e-4)
