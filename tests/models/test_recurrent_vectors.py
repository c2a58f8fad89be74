"""RecurrentVectors, LSTM and GRU: sizes, padding, learning."""

import keras
import numpy as np
import pytest

from models.recurrent_vectors import RecurrentVectors
from tests.helpers.vector_inputs import CONTEXT, DIM, check_learning, check_outputs


def make(cell="lstm", **settings):
    keras.utils.set_random_seed(3)
    model = RecurrentVectors(DIM, cell, hidden_dim=13, context_length=CONTEXT, **settings)
    model.build()
    return model


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("settings", [{}, {"query_head": False, "recency": False}])
def test_outputs(cell, settings):
    check_outputs(make(cell, **settings), ["predicted"] + ["query"] * settings.get("query_head", True))


@pytest.mark.parametrize(("cell", "size"), [("lstm", 5_116_672), ("gru", 7_087_104)])
def test_their_sizes_are_the_published_ones(cell, size):
    model = RecurrentVectors(768, cell, recency=False, query_head=False)
    model.build()
    assert model.count_params() == size


def test_an_unknown_cell_is_refused():
    with pytest.raises(ValueError, match="must be lstm or gru"):
        RecurrentVectors(DIM, "rnn")


def test_contexts_of_another_length_are_refused():
    vectors = np.ones((2, 2 * CONTEXT, DIM), "float32")
    with pytest.raises(ValueError, match=f"must be padded to context_length {CONTEXT}"):
        make("lstm")({"vectors": vectors, "padding_mask": np.ones((2, 2 * CONTEXT), "int32")})


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_it_learns(cell):
    check_learning(make(cell), 200 if cell == "gru" else 150)
