"""What every ranking loss keeps: no two are the same, who is a negative, what padding changes, and how it is chosen by name."""

import numpy as np
import pytest

from components.losses import RANKING_LOSSES
from tests.helpers.ranking_batch import DIM, MASK, VECTORS, T, call

LOSSES = {name: loss.from_settings(temperature=T, margin=0.3, dim=DIM) for name, loss in RANKING_LOSSES.items()}
every_loss = pytest.mark.parametrize("name", LOSSES)


def test_no_two_are_the_same():
    values = {name: call(loss) for name, loss in LOSSES.items()}
    for name, one in values.items():
        for other, two in values.items():
            assert name == other or np.abs(one - two).max() > 1e-3, (name, other)


@every_loss
def test_what_stands_in_empty_slots_and_in_the_same_group_changes_nothing(name):
    loss, changed = LOSSES[name], VECTORS.copy()
    changed[:, 1:][MASK == 0] = VECTORS[0, 0]
    np.testing.assert_allclose(call(loss, vectors=changed), call(loss), rtol=1e-4, atol=1e-6)
    changed = VECTORS.copy()
    changed[2, 1:] = VECTORS[0, 0]  # a near duplicate's answers are no negatives of query 0
    changed[1, 2] = VECTORS[0, 0]  # nor is an answer of its own that was mined for another
    np.testing.assert_allclose(call(loss, vectors=changed)[0], call(loss)[0], rtol=1e-4, atol=1e-6)


@every_loss
def test_its_class_tells_what_it_uses(name):
    """Another temperature changes the loss if `uses_temperature`, and only then; its name is the class's."""
    loss, warmer = LOSSES[name], RANKING_LOSSES[name].from_settings(temperature=2 * T, margin=0.3, dim=DIM)
    assert loss.name == RANKING_LOSSES[name].name == name
    assert np.allclose(call(loss), call(warmer)) == (not loss.uses_temperature)


@every_loss
def test_a_loss_that_does_not_see_other_queries_candidates_needs_own_negatives(name):
    loss, changed = LOSSES[name], VECTORS.copy()
    changed[[1, 3, 4], 1:] = VECTORS[0, 0]
    assert np.allclose(call(loss, vectors=changed)[0], call(loss)[0]) == loss.needs_own_negatives
