"""Activations against their definitions."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from components.activations import gelu, gelu_tanh, get_activation

X = np.linspace(-9, 9, 1001, dtype="float32")
EXACT = X * 0.5 * (1 + np.vectorize(math.erf)(X / math.sqrt(2)))
TANH = X * 0.5 * (1 + np.tanh(math.sqrt(2 / math.pi) * (X + 0.044715 * X**3)))


@pytest.mark.parametrize(("function", "expected"), [(gelu, EXACT), (gelu_tanh, TANH)])
def test_equals_the_definition(function, expected):
    np.testing.assert_allclose(ops.convert_to_numpy(function(X)), expected, atol=2e-6)
    half = function(ops.cast(X, "bfloat16"))
    assert keras.backend.standardize_dtype(half.dtype) == "bfloat16"
    np.testing.assert_allclose(ops.convert_to_numpy(ops.cast(half, "float32")), expected, rtol=0.02, atol=0.02)


def test_the_two_differ():
    assert np.abs(EXACT - TANH).max() > 1e-4


def test_names():
    assert get_activation("gelu") is gelu and get_activation("gelu_tanh") is gelu_tanh and get_activation(gelu) is gelu
    assert get_activation("relu") is keras.activations.relu and get_activation(None) is keras.activations.linear


@pytest.mark.parametrize("function", [gelu, gelu_tanh])
def test_come_back_from_a_configuration(function):
    assert get_activation(keras.activations.serialize(function)) is function
