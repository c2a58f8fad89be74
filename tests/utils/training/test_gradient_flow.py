"""gradient_flow against gradients computed by hand."""

import keras
import numpy as np
import pytest

from utils.training.gradient_flow import gradient_flow


def test_one_step_gives_the_gradient_itself():
    """After one step, Adam's corrected second moment is the squared gradient: here `2 x (w x - y)`, of one weight."""
    inputs = keras.Input((2,))
    outputs = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones", name="one")(inputs)
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.AdamW(1e-9, weight_decay=0.1), loss="mse")
    x, y = np.array([[1.0, 2.0]]), np.array([[5.0]])
    model.fit(x, y, verbose=0)
    (flow,) = gradient_flow(model).values()
    gradient = 2 * x * (x.sum() - y)
    assert flow == pytest.approx(np.sqrt((gradient**2).mean()), rel=1e-4)


def test_a_layer_without_influence_gets_none():
    class Two(keras.Model):
        def __init__(self):
            super().__init__()
            self.used, self.unused = keras.layers.Dense(1, name="used"), keras.layers.Dense(1, name="unused")

        def build(self, shape):
            self.used.build(shape)
            self.unused.build(shape)
            self.built = True

        def call(self, x):
            return self.used(x) + 0 * self.unused(x)

    model = Two()
    model.build((None, 3))
    model.compile(keras.optimizers.Adam(0.01), loss="mse")
    model.fit(np.ones((4, 3)), np.zeros((4, 1)), verbose=0)
    flow = gradient_flow(model)
    assert list(flow) == ["gradient_used", "gradient_unused"]
    assert flow["gradient_used"] > 0 == flow["gradient_unused"]
