"""An LSTM cell whose inputs are projected beforehand, for all steps at once."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="qkv_zoo")
class ProjectedLSTMCell(keras.layers.Layer):
    """One step of an LSTM, for `keras.layers.RNN` (Hochreiter and Schmidhuber 1997; forget gate: Gers et al. 2000).

        i, f, g, o = split(x' + U h);  c' = sigmoid(f) c + sigmoid(i) tanh(g);  h' = sigmoid(o) tanh(c')

    A Dense layer computes x' = W x + b for the whole sequence before. One large product is faster than a small one at each step.
    Together they equal `keras.layers.LSTMCell`, weight for weight.

    Args:
        units: int, size of the state.

    Call arguments:
        inputs: float `(batch, 4 * units)`, x'.
        states: list of h and c, each float `(batch, units)`.

    Returns:
        A pair: h' `(batch, units)`, and the list of h' and c'.

    Example:
        >>> layer = keras.layers.RNN(ProjectedLSTMCell(5))
        >>> tuple(layer(ops.ones((2, 7, 20))).shape)
        (2, 5)
    """

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.state_size = [units, units]
        self.output_size = units

    def build(self, *_):
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel", shape=(self.units, 4 * self.units), initializer="orthogonal"
        )

    def call(self, inputs, states, training=None):
        hidden, cell = states
        gates = inputs + ops.matmul(hidden, ops.cast(self.recurrent_kernel, inputs.dtype))
        input_gate, forget_gate, candidate, output_gate = ops.split(gates, 4, axis=-1)
        cell = ops.sigmoid(forget_gate) * cell + ops.sigmoid(input_gate) * ops.tanh(candidate)
        hidden = ops.sigmoid(output_gate) * ops.tanh(cell)
        return hidden, [hidden, cell]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def forget_bias(shape, dtype=None):
    """Initialiser for the bias of the Dense layer before the cell: 1 for the forget gate, else 0.

    Jozefowicz et al. 2015, section 2.2.

    Args:
        shape: `(4 * units,)`.
        dtype: str, type of the result.

    Returns:
        A tensor of that shape.
    """
    units = shape[0] // 4
    return ops.concatenate([ops.zeros(units, dtype), ops.ones(units, dtype), ops.zeros(2 * units, dtype)])
