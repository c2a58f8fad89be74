"""Logits of ordered categories against their equations."""

import keras
import numpy as np
import pytest
from keras import ops

from components.irt_logits import gpcm_logits, graded_logits, with_reference_category

RNG = np.random.default_rng(2)


def numpy_of(value):
    return ops.convert_to_numpy(value)


@pytest.mark.parametrize("categories", [2, 3, 11])
def test_probabilities_equal_the_equation(categories):
    theta, alpha = RNG.normal(size=5).astype("float32"), RNG.uniform(0.3, 2, 5).astype("float32")
    beta = RNG.normal(size=(5, categories - 1)).astype("float32")
    actual = numpy_of(ops.softmax(gpcm_logits(theta, alpha, beta)))
    for n in range(5):
        weights = [np.exp(sum(alpha[n] * (theta[n] - beta[n, h]) for h in range(k))) for k in range(categories)]
        np.testing.assert_allclose(actual[n], np.array(weights) / sum(weights), rtol=2e-4)


def test_two_categories_are_the_two_parameter_logistic_model():
    theta, alpha, beta = (np.array([value], "float32") for value in (0.7, 1.3, -0.4))
    actual = numpy_of(ops.softmax(gpcm_logits(theta, alpha, beta[:, None])))
    np.testing.assert_allclose(actual[0, 1], 1 / (1 + np.exp(-1.3 * 1.1)), rtol=1e-5)


@pytest.mark.parametrize("categories", [2, 3, 11])
def test_graded_probabilities_equal_the_equation(categories):
    theta, alpha = RNG.normal(size=5), RNG.uniform(0.3, 2, 5)
    beta = np.cumsum(RNG.uniform(0.1, 0.5, (5, categories - 1)), axis=1) - 1
    actual = numpy_of(ops.exp(graded_logits(theta, alpha, beta)))
    above = 1 / (1 + np.exp(-alpha[:, None] * (theta[:, None] - beta)))
    above = np.concatenate([np.ones((5, 1)), above, np.zeros((5, 1))], axis=1)
    np.testing.assert_allclose(actual, above[:, :-1] - above[:, 1:], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("head", [gpcm_logits, graded_logits])
@pytest.mark.parametrize("categories", [2, 11])
def test_extreme_abilities_have_finite_losses(categories, head):
    theta = np.array([-50.0, 50.0], "float32")
    logits = head(theta, np.full(2, 20.0, "float32"), np.zeros((2, categories - 1), "float32"))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="none")
    for response in (0, categories - 1):
        assert np.isfinite(numpy_of(loss(np.full(2, response), logits))).all()


def test_the_first_category_is_the_reference():
    logits = RNG.normal(size=(2, 5, 3)).astype("float32")
    actual = numpy_of(with_reference_category(logits))
    np.testing.assert_array_equal(actual[..., 1:], logits)
    assert actual.shape == (2, 5, 4) and not actual[..., 0].any()
