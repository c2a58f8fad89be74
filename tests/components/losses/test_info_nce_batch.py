"""InfoNCEBatch against a loop."""

from components.losses.info_nce_batch import InfoNCEBatch
from tests.helpers.ranking_batch import (
    T,
    assert_equals_loop,
    best,
    has_relevant,
    positive_negatives,
    score,
    softmax_loss,
)


def test_it_equals_a_loop():
    def loop(b):
        scores = [score(b, c, s) for c, s in positive_negatives(b)]
        return softmax_loss(score(b, b, best(b)), scores) if has_relevant(b) else 0.0

    assert_equals_loop(InfoNCEBatch(T), loop)
