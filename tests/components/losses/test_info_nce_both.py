"""InfoNCEBoth against a loop."""

from components.losses.info_nce_both import InfoNCEBoth
from tests.helpers.ranking_batch import (
    GROUP,
    B,
    T,
    assert_equals_loop,
    best,
    has_relevant,
    less_relevant_scores,
    negatives,
    score,
    softmax_loss,
)


def test_it_equals_a_loop():
    def loop(b):
        if not has_relevant(b):
            return 0.0
        candidates = less_relevant_scores(b) + [score(b, c, s) for c, s in negatives(b)]
        queries = [score(c, b, best(b)) for c in range(B) if GROUP[c] != GROUP[b]]
        positive = score(b, b, best(b))
        return (softmax_loss(positive, candidates) + softmax_loss(positive, queries)) / 2

    assert_equals_loop(InfoNCEBoth(T), loop)
