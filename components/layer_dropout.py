"""Stochastic depth."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="qkv_zoo")
class LayerDropout(keras.layers.Layer):
    """Leaves out a residual branch for some examples of a batch (stochastic depth, Huang et al. 2016, equation 2).

        inputs + (outputs - inputs) b / (1 - rate)          in training, b = 0 with probability rate for each example, else 1
        outputs                                             otherwise

    The paper multiplies the branch by 1 - rate when the model is used; here it is divided by 1 - rate in training, which has the
    same mean. The branch is computed for every example, so this saves no time.

    Args:
        rate: float in [0, 1), the fraction of examples for which the branch is left out in training.
        seed: int, seed of the draws; None draws one.

    Call arguments:
        inputs: float `(batch, ...)`, what goes into the branch.
        outputs: float `(batch, ...)`, what comes out of it, `inputs` included.
        training: bool; nothing is left out if False.

    Returns:
        A tensor of the same shape.

    Raises:
        ValueError: `rate` is negative or at least 1.

    Example:
        >>> layer = LayerDropout(0.5)
        >>> float(layer(ops.zeros((1, 2, 3)), ops.ones((1, 2, 3)), training=True)[0, 0, 0]) in (0.0, 2.0)
        True
    """

    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= rate < 1:
            raise ValueError(f"rate must be at least 0 and less than 1, got {rate}")
        self.rate = rate
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def call(self, inputs, outputs, training=False):
        if not training or not self.rate:
            return outputs
        shape = (ops.shape(inputs)[0], *(1,) * (len(inputs.shape) - 1))
        draws = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator)
        factor = ops.where(draws < self.rate, 0.0, 1 / (1 - self.rate))
        return inputs + (outputs - inputs) * ops.cast(factor, inputs.dtype)

    def compute_output_shape(self, input_shape, *_, **__):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
