"""Dropout that needs few random bits."""

import keras
from keras import ops

LEVELS = 2**16
"""Number of values that a random number of 16 bits can have."""


@keras.saving.register_keras_serializable(package="qkv_zoo")
class Dropout(keras.layers.Dropout):
    """Dropout (Srivastava et al. 2014) that takes half the time of Keras's on a CPU.

    In training, each value becomes 0 with probability `rate`. The others are divided by `1 - rate`, so that the mean stays.

    `keras.layers.Dropout` draws 32 random bits for each value, which is a large part of a training step on a CPU. This layer draws
    16. The rate is therefore rounded to a multiple of 1/65,536, and the values are divided by the rounded one.

    Args:
        rate: float in [0, 1), the fraction of values that become 0 in training.

    Call arguments:
        inputs: float tensor of any shape.
        training: bool; nothing is dropped if False.

    Returns:
        A tensor of the same shape.

    Raises:
        ValueError: `rate` is 1, or `noise_shape` is set.

    Example:
        >>> layer = Dropout(0.5)
        >>> layer(ops.ones((2, 3))).shape == (2, 3)
        True
    """

    def __init__(self, rate, **kwargs):
        super().__init__(rate, **kwargs)
        if rate >= 1 or self.noise_shape is not None:
            raise ValueError(f"rate {rate} must be less than 1, and noise_shape {self.noise_shape} must be None")

    def call(self, inputs, training=False):
        dropped_levels = min(round(self.rate * LEVELS), LEVELS - 1)
        if not training or not dropped_levels:
            return inputs
        levels = self._levels(ops.shape(inputs))
        keep = ops.greater_equal(levels, ops.cast(dropped_levels, levels.dtype))
        scale = ops.cast(LEVELS / (LEVELS - dropped_levels), inputs.dtype)
        return inputs * ops.where(keep, scale, ops.zeros_like(scale))

    def _levels(self, shape):
        """A random number from 0 to `LEVELS - 1` for each value."""
        if keras.backend.backend() == "torch":  # Keras has no unsigned numbers of 16 bits there
            return keras.random.randint(shape, 0, LEVELS, dtype="int32", seed=self.seed_generator)
        count = 1
        for size in shape:
            count = count * size
        # A random number of 32 bits is viewed as two of 16. `ops.view` needs a last axis of known size, so they are a column.
        pairs = (count + 1) // 2
        bits = keras.random.randint((pairs, 1), -(2**31), 2**31 - 1, dtype="int32", seed=self.seed_generator)
        return ops.reshape(ops.reshape(ops.view(bits, "uint16"), (-1,))[:count], shape)
