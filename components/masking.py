"""Masks as numbers that are added to logits."""

import keras
from keras import ops


def masking_bias(mask, dtype):
    """0 where `mask` is true and a number that no logit outweighs where it is not, shaped as `mask`."""
    lowest = -3e4 if keras.backend.standardize_dtype(dtype) == "float16" else -1e9
    return ops.where(ops.cast(mask, "bool"), ops.cast(0.0, dtype), ops.cast(lowest, dtype))
