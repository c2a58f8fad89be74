"""An LSTM cell whose inputs are projected beforehand, for all steps at once."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="qkv_zoo")
class ProjectedLSTMCell(keras.layers.Layer):
    """A step of an LSTM (Hochreiter and Schmidhuber 1997; with a forget gate, Gers et al. 2000), for `keras.layers.RNN`:

        i, f, g, o = split(x' + U h);  c' = sigmoid(f) c + sigmoid(i) tanh(g);  h' = sigmoid(o) tanh(c')

    x' is `W x + b` of a Dense layer over the whole sequence, which is one large product in the place of many small ones. With it
    the cell is `keras.layers.LSTMCell`, weight for weight.

    Args:
        units: size of the state.

    Call arguments: inputs `(batch, 4 * units)`; states, a list of h and c, `(batch, units)`. Output: h' and `[h', c']`.
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
        hidden, memory = states
        gates = inputs + ops.matmul(hidden, ops.cast(self.recurrent_kernel, inputs.dtype))
        enter, forget, new, leave = ops.split(gates, 4, axis=-1)
        memory = ops.sigmoid(forget) * memory + ops.sigmoid(enter) * ops.tanh(new)
        hidden = ops.sigmoid(leave) * ops.tanh(memory)
        return hidden, [hidden, memory]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def forget_bias(shape, dtype=None):
    """The bias of the Dense layer before the cell: 1 for the forget gate, else 0 (Jozefowicz et al. 2015, section 2.2)."""
    units = shape[0] // 4
    return ops.concatenate([ops.zeros(units, dtype), ops.ones(units, dtype), ops.zeros(2 * units, dtype)])
