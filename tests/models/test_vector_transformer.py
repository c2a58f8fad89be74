"""VectorTransformer: size, order, padding, learning."""

import keras
import numpy as np
import pytest

from models.vector_transformer import VectorTransformer
from tests.helpers.calls import outputs
from tests.helpers.vector_inputs import CONTEXT, DIM, batch, check_learning, check_outputs


def make(**settings):
    keras.utils.set_random_seed(3)
    model = VectorTransformer(DIM, CONTEXT, hidden_dim=12, num_layers=2, num_heads=3, intermediate_dim=17, **settings)
    model.build()
    return model


@pytest.mark.parametrize("settings", [{}, {"query_head": False, "recency": False}])
def test_outputs(settings):
    check_outputs(make(**settings), ["predicted", "attention"] + ["query"] * settings.get("query_head", True))


def test_its_size():
    model = VectorTransformer(768, 5, recency=False, query_head=False)
    model.build()
    assert model.count_params() == 13_400_832


def test_the_order_matters():
    inputs = batch()
    shuffled = {**inputs, "vectors": inputs["vectors"][:, [3, 0, 5, 1, 4, 2, 6]]}
    model = make()
    assert np.abs(outputs(model, shuffled)["predicted"][0] - outputs(model, inputs)["predicted"][0]).max() > 1e-4


def test_a_shorter_context_is_refused():
    model = VectorTransformer(3, 5, hidden_dim=6, num_heads=2, num_layers=1, intermediate_dim=7)
    with pytest.raises(ValueError, match="a context has 4 vectors; it must be padded to context_length 5"):
        model({"vectors": np.ones((1, 4, 3), "float32"), "padding_mask": np.ones((1, 4))})


def test_it_learns():
    check_learning(make())
