"""RelevanceMSE against a loop."""

from components.losses.relevance_mse import RelevanceMSE
from tests.helpers.ranking_batch import RELEVANCE, assert_equals_loop, mean, own, score


def test_it_equals_a_loop():
    assert_equals_loop(RelevanceMSE(), lambda b: mean([(score(b, b, s) - RELEVANCE[b, s]) ** 2 for s in own(b)]))
