"""Activation functions that checkpoints are trained with."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="qkv_zoo")
def gelu(x):
    """GELU, exact: `x` times the normal distribution function of `x` (Hendrycks and Gimpel 2016).

    Computed in float32 whatever `x` is: the error function of half-precision numbers takes twice the time on CPUs.
    """
    return ops.cast(keras.activations.gelu(ops.cast(x, "float32")), x.dtype)


@keras.saving.register_keras_serializable(package="qkv_zoo")
def gelu_tanh(x):
    """GELU by its tanh approximation (same source), which some checkpoints were trained with."""
    return keras.activations.gelu(x, approximate=True)


def by_name(activation):
    """The activation function: `gelu` and `gelu_tanh` are these, all else is as `keras.activations.get` has it."""
    if activation in ("gelu", "gelu_tanh"):
        return gelu if activation == "gelu" else gelu_tanh
    return keras.activations.get(activation)
