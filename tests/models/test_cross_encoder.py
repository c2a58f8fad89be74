"""CrossEncoder: slots, padding, segments, learning."""

import keras
import numpy as np
import pytest
from keras import ops

from components.losses import RANKING_LOSSES
from models.cross_encoder import CrossEncoder
from tests.helpers.calls import call_compiled
from tests.helpers.learning import learn
from tests.helpers.model_cases import pair_inputs
from tests.models.test_text_encoder import ENCODER


def make(pooling="mean"):
    keras.utils.set_random_seed(4)
    model = CrossEncoder(ENCODER | {"dropout": 0.0, "num_segments": 2}, pooling=pooling)
    model.build()
    return model


def with_head(model):
    """The model with a score head of large weights, so that differences show."""
    model.score_head.kernel.assign(np.random.default_rng(2).normal(size=model.score_head.kernel.shape))
    return model


def call(model, inputs):
    return ops.convert_to_numpy(call_compiled(model, inputs))


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_a_pair_has_the_same_score_in_a_slot_alone_and_with_more_padding(pooling):
    model, inputs = with_head(make(pooling)), pair_inputs(3, 9)
    scores = call(model, inputs)
    assert scores.shape == (3, 2) and np.isfinite(scores).all()
    alone = {name: array[1, 0][None] for name, array in inputs.items()}
    np.testing.assert_allclose(call(model, alone), scores[1, :1], rtol=1e-4, atol=1e-5)
    longer = {name: np.pad(array, ((0, 0), (0, 4))) for name, array in alone.items()}
    np.testing.assert_allclose(call(model, longer), scores[1, :1], rtol=1e-4, atol=1e-5)


def test_the_text_is_told_from_the_question():
    model, inputs = with_head(make()), pair_inputs(1, 9)
    other = {**inputs, "segment_ids": 1 - inputs["segment_ids"]}
    assert np.abs(call(model, inputs) - call(model, other)).max() > 1e-3


def test_an_unknown_pooling_is_refused():
    with pytest.raises(ValueError, match="mean or cls"):
        make("max")


@pytest.mark.parametrize("loss", ["listwise_own", "triplet"])
def test_it_learns_to_order_the_slots(loss):
    model, inputs = make(), pair_inputs(3, 9)
    inputs["padding_mask"][-1, 1] = 1
    groups = np.arange(3)
    targets = np.column_stack([[0, 1, 0], [1, 0, 1], *np.ones((2, 3)), groups, groups, groups]).astype("float32")
    settings = {"temperature": 1.0, "margin": 0.2, "dim": 1}
    model.compile(keras.optimizers.Adam(0.01), RANKING_LOSSES[loss].from_settings(**settings))
    learn(model, inputs, targets, 30)
    first, second = call(model, inputs).T
    assert ((second > first) == (targets[:, 1] > targets[:, 0])).all()
