"""MarginMSE against a loop."""

from components.losses.margin_mse import MarginMSE
from tests.helpers.ranking_batch import RELEVANCE, assert_equals_loop, mean, own, score


def test_it_equals_a_loop():
    def loop(b):
        r = RELEVANCE[b]
        pairs = [(i, j) for i in own(b) for j in own(b) if r[i] > r[j]]
        return mean([(score(b, b, i) - score(b, b, j) - (r[i] - r[j])) ** 2 for i, j in pairs])

    assert_equals_loop(MarginMSE(), loop)
