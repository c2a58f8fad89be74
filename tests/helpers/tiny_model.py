"""A small network whose kernels end in names that `--distribute model` splits."""

import keras


@keras.saving.register_keras_serializable(package="qkv_zoo_tests")
class TinyModel(keras.Model):
    """Two dense layers with dropout between them: `{"x": (batch, 6)}` to `(batch, 3)`."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.expand = keras.layers.Dense(8, "tanh", dtype=self.dtype_policy, name="expand")
        self.dropout = keras.layers.Dropout(0.25, seed=3, dtype=self.dtype_policy)
        self.contract = keras.layers.Dense(3, dtype=self.dtype_policy, name="contract")

    def build(self, input_shape):
        self.expand.build((None, 6))
        self.contract.build((None, 8))

    def call(self, inputs, training=None):
        return self.contract(self.dropout(self.expand(inputs["x"]), training=training))
