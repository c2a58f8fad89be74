"""Listwise against a loop."""

import numpy as np

from components.losses.listwise import Listwise
from tests.helpers.ranking_batch import RELEVANCE, T, assert_equals_loop, has_relevant, negatives, own, score


def test_it_equals_a_loop():
    def loop(b):
        if not has_relevant(b):
            return 0.0
        scores = [score(b, c, s) for c, s in [*negatives(b), *((b, s) for s in own(b))]]
        log_total = np.log(sum(np.exp(value / T) for value in scores))
        return -sum(RELEVANCE[b, s] / RELEVANCE[b].sum() * (score(b, b, s) / T - log_total) for s in own(b))

    assert_equals_loop(Listwise(T), loop)
