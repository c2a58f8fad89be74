"""Masks as numbers that are added to logits."""

import keras
from keras import ops


def masking_bias(mask, dtype):
    """0 where the mask is True, and a large negative number where it is False.

    The number is -1e9, or -3e4 in float16. No logit outweighs it, and two such numbers can be added without overflow.

    Args:
        mask: bool or 0/1 tensor of any shape.
        dtype: str, type of the result.

    Returns:
        A tensor of the shape of `mask`.
    """
    lowest = -3e4 if keras.backend.standardize_dtype(dtype) == "float16" else -1e9
    return ops.where(ops.cast(mask, "bool"), ops.cast(0.0, dtype), ops.cast(lowest, dtype))
