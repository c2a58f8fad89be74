"""Activation functions of pretrained checkpoints."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="qkv_zoo")
def gelu(x):
    """Exact GELU: `x` times the standard normal distribution function of `x` (Hendrycks and Gimpel 2016).

    Computed in float32, because the error function of half-precision numbers takes twice the time on CPUs.

    Args:
        x: float tensor of any shape.

    Returns:
        A tensor of the shape and type of `x`.
    """
    return ops.cast(keras.activations.gelu(ops.cast(x, "float32")), x.dtype)


@keras.saving.register_keras_serializable(package="qkv_zoo")
def gelu_tanh(x):
    """The tanh approximation of GELU (Hendrycks and Gimpel 2016), for checkpoints that were trained with it.

    Args:
        x: float tensor of any shape.

    Returns:
        A tensor of the shape and type of `x`.
    """
    return keras.activations.gelu(x, approximate=True)


def get_activation(activation):
    """As `keras.activations.get`, but `gelu` and `gelu_tanh` are the functions of this file.

    Args:
        activation: a name, a function, a serialised function, or None.

    Returns:
        The function.
    """
    if activation in ("gelu", "gelu_tanh"):
        return gelu if activation == "gelu" else gelu_tanh
    return keras.activations.get(activation)
