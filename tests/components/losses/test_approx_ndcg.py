"""ApproxNDCG against a loop."""

import numpy as np

from components.losses.approx_ndcg import ApproxNDCG
from tests.helpers.ranking_batch import RELEVANCE, T, assert_equals_loop, has_relevant, negatives, own, score


def test_it_equals_a_loop():
    def loop(b):
        if not has_relevant(b):
            return 0.0
        r, candidates, dcg = RELEVANCE[b], [(b, s) for s in own(b)] + negatives(b), 0
        for i in own(b):
            differences = [score(b, c, s) - score(b, b, i) for c, s in candidates if (c, s) != (b, i)]
            dcg += r[i] / np.log2(2 + sum(1 / (1 + np.exp(-value / T)) for value in differences))
        return 1 - dcg / sum(value / np.log2(2 + place) for place, value in enumerate(sorted(r, reverse=True)))

    assert_equals_loop(ApproxNDCG(T), loop)
