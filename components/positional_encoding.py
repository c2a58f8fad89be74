"""Positional encoding."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="qkv_zoo")
class PositionalEncoding(keras.layers.Layer):
    """Adds a vector for its position to each vector of a sequence.

    The vectors are computed (Vaswani et al. 2017, section 3.5), with the position p and d = `hidden_dim`:

        PE[p, 2i] = sin(p / 10000^(2i/d)),  PE[p, 2i+1] = cos(p / 10000^(2i/d))

    With `learned` they are trained (Devlin et al. 2019).

    Args:
        max_length: int above 0, the longest sequence.
        learned: bool, whether the vectors are trained.

    Call arguments:
        inputs: float `(batch, sequence, hidden_dim)`, with a sequence of at most `max_length`.

    Returns:
        A tensor of the same shape.

    Raises:
        ValueError: `max_length` is not positive, or a sequence of known length is longer.

    Example:
        >>> layer = PositionalEncoding(max_length=11)
        >>> tuple(layer(ops.zeros((2, 7, 5))).shape)
        (2, 7, 5)
    """

    def __init__(self, max_length, learned=False, **kwargs):
        super().__init__(**kwargs)
        if max_length <= 0:
            raise ValueError(f"max_length must be positive, got {max_length}")
        self.max_length = max_length
        self.learned = learned
        self.supports_masking = True

    def build(self, input_shape):
        hidden_dim = input_shape[-1]
        if self.learned:
            self.table = self.add_weight(
                name="table",
                shape=(self.max_length, hidden_dim),
                initializer=keras.initializers.TruncatedNormal(stddev=0.02),
            )
        else:
            self.table = sinusoidal_table(self.max_length, hidden_dim)

    def call(self, inputs):
        length = inputs.shape[1]
        if isinstance(length, int) and length > self.max_length:  # an exporter's symbolic length cannot be compared
            raise ValueError(f"a sequence of {length} is longer than max_length {self.max_length}")
        table = ops.cast(ops.convert_to_tensor(self.table), inputs.dtype)
        return inputs + ops.take(table, ops.arange(ops.shape(inputs)[1]), axis=0)[None]

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "max_length": self.max_length, "learned": self.learned}


def sinusoidal_table(max_length: int, hidden_dim: int) -> np.ndarray:
    """The computed vectors of all positions.

    Returns:
        float32 `(max_length, hidden_dim)`, sines in the even columns.
    """
    column = np.arange(hidden_dim)
    angle = np.arange(max_length)[:, None] / 10_000.0 ** ((column - column % 2) / hidden_dim)
    return np.where(column % 2 == 0, np.sin(angle), np.cos(angle)).astype(np.float32)
