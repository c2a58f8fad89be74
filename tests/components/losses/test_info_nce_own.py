"""InfoNCEOwn against a loop."""

from components.losses.info_nce_own import InfoNCEOwn
from tests.helpers.ranking_batch import (
    T,
    assert_equals_loop,
    best,
    has_relevant,
    less_relevant_scores,
    score,
    softmax_loss,
)


def test_it_equals_a_loop():
    def loop(b):
        return softmax_loss(score(b, b, best(b)), less_relevant_scores(b)) if has_relevant(b) else 0.0

    assert_equals_loop(InfoNCEOwn(T), loop)
