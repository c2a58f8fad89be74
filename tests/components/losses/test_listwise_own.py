"""ListwiseOwn against a loop."""

import numpy as np

from components.losses.listwise_own import ListwiseOwn
from tests.helpers.ranking_batch import RELEVANCE, T, assert_equals_loop, has_relevant, own, score


def test_it_equals_a_loop():
    def loop(b):
        if not has_relevant(b):
            return 0.0
        log_total = np.log(sum(np.exp(score(b, b, s) / T) for s in own(b)))
        return -sum(RELEVANCE[b, s] / RELEVANCE[b].sum() * (score(b, b, s) / T - log_total) for s in own(b))

    assert_equals_loop(ListwiseOwn(T), loop)
