"""Triplet against a loop."""

from components.losses.triplet import Triplet
from tests.helpers.ranking_batch import (
    assert_equals_loop,
    best,
    has_relevant,
    less_relevant_scores,
    mean,
    positive_negatives,
    score,
)


def test_it_equals_a_loop():
    def loop(b):
        scores = less_relevant_scores(b) + [score(b, c, s) for c, s in positive_negatives(b)]
        return mean([max(0, 0.3 - score(b, b, best(b)) + wrong) for wrong in scores]) if has_relevant(b) else 0.0

    assert_equals_loop(Triplet(0.3), loop)
