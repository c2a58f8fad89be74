"""Weights between this project's DKVMN and pykt-toolkit's."""

import numpy as np
import pytest

from benchmarks.dkvmn_curve import COPY, OWN, PEER, epoch_rows
from benchmarks.pykt_dkvmn import (
    named_weights,
    new_dkvmn,
    set_named_weights,
    weights_for_pykt,
    weights_from_pykt,
)

NUM_ITEMS, DIM, NUM_SLOTS = 5, 3, 2


@pytest.fixture(scope="module")
def model():
    return new_dkvmn(NUM_ITEMS, DIM, NUM_SLOTS)


def test_weights_come_back_as_they_were(model):
    weights = named_weights(model)
    back = weights_from_pykt(weights_for_pykt(weights))
    assert back.keys() == weights.keys()
    for name, array in weights.items():
        np.testing.assert_array_equal(back[name], array, err_msg=name)
    set_named_weights(model, {name: array + 1 for name, array in back.items()})
    for name, array in named_weights(model).items():
        np.testing.assert_array_equal(array, weights[name] + 1, err_msg=name)


def test_pykt_looks_a_response_up_at_item_plus_items_times_response(model):
    weights = named_weights(model)
    table = weights_for_pykt(weights)["v_emb_layer.weight"]
    for item in range(NUM_ITEMS):
        for response in (0, 1):
            expected = weights["response_embedding/vectors"][item, response * DIM : (response + 1) * DIM]
            np.testing.assert_array_equal(table[item + NUM_ITEMS * response], expected)


def test_rows_of_the_curve():
    def side(losses):
        return {"losses": losses, "auc": [0.5, 0.75], "seconds": 1}

    sides = {PEER: side([4, 2, 1, 3]), COPY: side([4, 2.5, 1, 2]), OWN: side([1, 1, 1, 1])}
    first, second = epoch_rows(sides, epochs=2)
    assert first[f"loss, {PEER}"] == 3 and second[f"loss, {COPY}"] == 1.5
    assert first["largest difference in a step"] == 0.5 and second["largest difference in a step"] == 1
    assert second[f"AUC, {OWN}"] == 0.75
