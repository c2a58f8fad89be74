"""The partial credit model and its parameters, against their equations."""

import keras
import numpy as np
import pytest
from keras import ops

from components.gpcm import (
    RESPONSE_EMBEDDINGS,
    IRTParameters,
    ResponseEmbedding,
    gpcm_logits,
    graded_logits,
    response_weights,
)

RNG = np.random.default_rng(2)
BATCH, STEPS, SUMMARY, ITEM = 2, 5, 7, 3


def numpy_of(value):
    return ops.convert_to_numpy(value)


@pytest.mark.parametrize("categories", [2, 3, 11])
def test_probabilities_equal_the_equation(categories):
    theta, alpha = RNG.normal(size=5).astype("float32"), RNG.uniform(0.3, 2, 5).astype("float32")
    beta = RNG.normal(size=(5, categories - 1)).astype("float32")
    found = numpy_of(ops.softmax(gpcm_logits(theta, alpha, beta)))
    for n in range(5):
        weights = [np.exp(sum(alpha[n] * (theta[n] - beta[n, h]) for h in range(k))) for k in range(categories)]
        np.testing.assert_allclose(found[n], np.array(weights) / sum(weights), rtol=2e-4)


def test_two_categories_are_the_two_parameter_logistic_model():
    theta, alpha, beta = (np.array([value], "float32") for value in (0.7, 1.3, -0.4))
    found = numpy_of(ops.softmax(gpcm_logits(theta, alpha, beta[:, None])))
    np.testing.assert_allclose(found[0, 1], 1 / (1 + np.exp(-1.3 * 1.1)), rtol=1e-5)


@pytest.mark.parametrize("categories", [2, 3, 11])
def test_graded_probabilities_equal_the_equation(categories):
    theta, alpha = RNG.normal(size=5), RNG.uniform(0.3, 2, 5)
    beta = np.cumsum(RNG.uniform(0.1, 0.5, (5, categories - 1)), axis=1) - 1
    found = numpy_of(ops.exp(graded_logits(theta, alpha, beta)))
    above = 1 / (1 + np.exp(-alpha[:, None] * (theta[:, None] - beta)))
    above = np.concatenate([np.ones((5, 1)), above, np.zeros((5, 1))], axis=1)
    np.testing.assert_allclose(found, above[:, :-1] - above[:, 1:], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("head", [gpcm_logits, graded_logits])
@pytest.mark.parametrize("categories", [2, 11])
def test_extreme_abilities_have_finite_losses(categories, head):
    theta = np.array([-50.0, 50.0], "float32")
    logits = head(theta, np.full(2, 20.0, "float32"), np.zeros((2, categories - 1), "float32"))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="none")
    for response in (0, categories - 1):
        assert np.isfinite(numpy_of(loss(np.full(2, response), logits))).all()


def layer(**settings):
    keras.utils.set_random_seed(4)
    made = IRTParameters(**{"num_categories": 4, "scale": 2.0} | settings)
    made.build((BATCH, STEPS, SUMMARY), (BATCH, STEPS, ITEM))
    return made


SUMMARIES = RNG.normal(size=(BATCH, STEPS, SUMMARY)).astype("float32")
ITEMS = RNG.normal(size=(BATCH, STEPS, ITEM)).astype("float32")


@pytest.mark.parametrize("settings", [{}, {"monotone": True}, {"item_discrimination": True}])
def test_parameters_equal_the_equations(settings):
    made = layer(**settings)
    found = {name: numpy_of(value) for name, value in made(SUMMARIES, ITEMS).items()}

    def dense(part, inputs):
        return inputs @ numpy_of(part.kernel) + numpy_of(part.bias)

    both = ITEMS if made.item_discrimination else np.concatenate([SUMMARIES, ITEMS], axis=-1)
    np.testing.assert_allclose(found["ability"], 2 * dense(made.ability, SUMMARIES)[..., 0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        found["discrimination"], np.log1p(np.exp(dense(made.discrimination, both)))[..., 0], rtol=1e-4
    )
    expected = dense(made.thresholds, ITEMS)
    if made.monotone:
        steps = np.log1p(np.exp(expected[..., 1:]))
        expected = np.concatenate([expected[..., :1], expected[..., :1] + np.cumsum(steps, axis=-1)], axis=-1)
        assert (np.diff(found["thresholds"], axis=-1) > 0).all()
    np.testing.assert_allclose(found["thresholds"], expected, rtol=1e-4, atol=1e-5)
    assert found["ability"].shape == found["discrimination"].shape == (BATCH, STEPS)
    assert found["thresholds"].shape == (BATCH, STEPS, 3) and (found["discrimination"] > 0).all()


def test_it_comes_back_from_its_configuration():
    made = layer(monotone=True, item_discrimination=True)
    again = IRTParameters.from_config(made.get_config())
    assert again.get_config() == made.get_config()
    with pytest.raises(ValueError, match="num_categories 1"):
        IRTParameters(1)


def test_response_weights_by_hand():
    expected = {
        "ordered": [[0, 0], [1, 1 / 3], [1, 1]],
        "unordered": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]],
        "linear_decay": [[1, 2 / 3, 1 / 3, 0], [2 / 3, 1, 2 / 3, 1 / 3], [0, 1 / 3, 2 / 3, 1]],
        "adjacent_weighted": [[1, 0.5, 0, 0], [0.5, 1, 0.5, 0], [0, 0, 0.5, 1]],
    }
    assert set(expected) == set(RESPONSE_EMBEDDINGS)
    for kind, rows in expected.items():
        np.testing.assert_allclose(numpy_of(response_weights(np.array([0, 1, 3]), 4, kind)), rows, atol=1e-6)
    with pytest.raises(ValueError, match="kind 'none'"):
        response_weights(np.array([0]), 4, "none")


@pytest.mark.parametrize("kind", RESPONSE_EMBEDDINGS)
def test_a_response_is_a_matrix_times_weighted_one_hot_items(kind):
    keras.utils.set_random_seed(1)
    made = ResponseEmbedding(6, 4, 5, kind)
    items, responses = RNG.integers(0, 6, (2, 3)), RNG.integers(0, 4, (2, 3))
    found = numpy_of(made(items.astype("int32"), responses.astype("int32")))
    tables = numpy_of(made.vectors).reshape(6, -1, 5).copy()
    tables[0] = tables[1:].mean(axis=0)  # the item that is not known
    weights = numpy_of(response_weights(responses, 4, kind))
    one_hot = np.concatenate([weights[..., k, None] * np.eye(6)[items] for k in range(tables.shape[1])], axis=-1)
    matrix = tables.transpose(1, 0, 2).reshape(-1, 5)
    np.testing.assert_allclose(found, one_hot @ matrix, atol=1e-6)
    again = ResponseEmbedding.from_config(made.get_config())
    assert again.get_config() == made.get_config()


def test_an_unknown_response_embedding_is_refused():
    with pytest.raises(ValueError, match="kind 'none'"):
        ResponseEmbedding(6, 4, 5, "none")
