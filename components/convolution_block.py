"""A residual convolution block."""

import keras
from keras import ops

from components.dropout import Dropout


@keras.saving.register_keras_serializable(package="qkv_zoo")
class ConvolutionBlock(keras.layers.Layer):
    """A gated convolution over neighbouring tokens, with a residual connection.

        value, gate = split(conv(norm(x)));  output = x + dropout(value * sigmoid(gate))

    This is a gated linear unit (Dauphin et al. 2017, equation 1) in the place of QANet's convolutions (Yu et al. 2018, figure 1).
    Padded positions are set to 0 before the convolution, so padding changes no real output.

    Args:
        width: odd int above 0, number of tokens that one output depends on.
        dropout: float in [0, 1), fraction of the branch's outputs dropped in training.

    Call arguments:
        inputs: float `(batch, sequence, hidden_dim)`.
        padding_mask: `(batch, sequence)`, True or 1 for a real token; None if all are.

    Returns:
        float `(batch, sequence, hidden_dim)`.

    Raises:
        ValueError: `width` is even or not positive.

    Example:
        >>> layer = ConvolutionBlock(width=3)
        >>> tuple(layer(ops.ones((2, 7, 5))).shape)
        (2, 7, 5)
    """

    def __init__(self, width, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        if width <= 0 or width % 2 == 0:
            raise ValueError(f"width must be odd and positive, got {width}")
        self.width = width
        self.dropout = dropout
        self.supports_masking = True

    def build(self, input_shape):
        policy = self.dtype_policy
        self.norm = keras.layers.LayerNormalization(epsilon=1e-6, dtype=policy, name="norm")
        self.convolution = keras.layers.Conv1D(
            2 * input_shape[-1], self.width, padding="same", dtype=policy, name="convolution"
        )
        self.branch_dropout = Dropout(self.dropout, dtype=policy)
        self.norm.build(input_shape)
        self.convolution.build(input_shape)

    def call(self, inputs, padding_mask=None, training=None):
        x = self.norm(inputs)
        if padding_mask is not None:
            x = x * ops.cast(padding_mask, x.dtype)[:, :, None]
        value, gate = ops.split(self.convolution(x), 2, axis=-1)
        return inputs + self.branch_dropout(value * ops.sigmoid(gate), training=training)

    def compute_output_shape(self, input_shape, **_):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "width": self.width, "dropout": self.dropout}
