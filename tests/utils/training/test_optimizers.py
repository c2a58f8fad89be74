"""Layer-wise learning rates."""

import keras
import numpy as np
import pytest

from models.bert_qa import BertQA
from utils.training.optimizers import LayerwiseAdamW

SIZE = {"vocabulary_size": 11, "hidden_dim": 6, "num_layers": 3, "num_heads": 2, "intermediate_dim": 5, "max_length": 7}


@pytest.fixture
def model():
    keras.utils.set_random_seed(3)
    model = BertQA(SIZE)
    model.build()
    return model


def moves(model, **settings):
    """The largest change of every variable in one step from equal gradients: Adam's first step is the learning rate itself."""
    optimizer = LayerwiseAdamW(0.01, weight_decay=0.0, **settings)
    before = [keras.ops.convert_to_numpy(variable) for variable in model.trainable_variables]
    optimizer.apply(
        [keras.ops.ones_like(variable) for variable in model.trainable_variables], model.trainable_variables
    )
    after = [keras.ops.convert_to_numpy(variable) for variable in model.trainable_variables]
    paths = [variable.path.removeprefix(model.name + "/") for variable in model.trainable_variables]
    return {path: float(np.abs(a - b).max()) for path, a, b in zip(paths, after, before, strict=True)}


def test_each_layer_learns_slower_than_the_one_above(model):
    moved = moves(model, decay=0.5, num_layers=3)
    expected = {
        "span_head/": 1,
        "block_2/": 0.5,
        "block_1/": 0.25,
        "block_0/": 0.125,
        "embedding": 0.0625,
        "position/": 0.0625,
    }
    for part, factor in expected.items():
        found = [move for path, move in moved.items() if part in path]
        np.testing.assert_allclose(found, 0.01 * factor, rtol=1e-3)
    assert sum(any(part in path for part in expected) for path in moved) == len(moved)


def test_without_decay_it_is_adamw(model):
    np.testing.assert_allclose(list(moves(model).values()), 0.01, rtol=1e-3)


def test_it_comes_back_from_its_config():
    again = LayerwiseAdamW.from_config(LayerwiseAdamW(0.1, decay=0.7, num_layers=4).get_config())
    assert again.factor("x/encoder/block_3/expand/kernel") == 0.7 and again.factor("x/span_head/bias") == 1
