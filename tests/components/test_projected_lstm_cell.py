"""The LSTM cell of projected inputs is Keras's LSTM."""

import keras
import numpy as np
from keras import ops

from components.projected_lstm_cell import ProjectedLSTMCell, forget_bias

X = np.random.default_rng(1).normal(size=(2, 5, 3)).astype("float32")
MASK = np.array([[1, 1, 1, 1, 1], [0, 0, 1, 1, 1]], bool)


def test_it_is_the_lstm_of_keras_weight_for_weight():
    keras.utils.set_random_seed(2)
    project = keras.layers.Dense(16, bias_initializer=forget_bias)
    ours, theirs = (
        keras.layers.RNN(ProjectedLSTMCell(4), return_sequences=True),
        keras.layers.LSTM(4, return_sequences=True),
    )
    for layer in (project, theirs):
        layer.build(X.shape)
    ours.build((2, 5, 16))
    assert ops.convert_to_numpy(project.bias).tolist() == [0] * 4 + [1] * 4 + [0] * 8
    np.testing.assert_array_equal(ops.convert_to_numpy(theirs.cell.bias), ops.convert_to_numpy(project.bias))
    theirs.cell.kernel.assign(project.kernel)
    theirs.cell.recurrent_kernel.assign(ours.cell.recurrent_kernel)
    actual, expected = (ops.convert_to_numpy(output) for output in (ours(project(X), mask=MASK), theirs(X, mask=MASK)))
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)
