"""Key-value memory that a sequence reads and writes step by step."""

import keras
import numpy as np
from keras import ops

from components.memory_scan import memory_scan


@keras.saving.register_keras_serializable(package="qkv_zoo")
class DynamicKeyValueMemory(keras.layers.Layer):
    """A memory that a sequence reads and writes, step by step (DKVMN; Zhang et al. 2017, section 3.2).

    Keys `K` and the values at the beginning, `M_1`, are learned. At step t, with slots i,

        w_t = softmax_i(query_t . K_i)                         address
        r_t = sum_i w_t(i) M_t(i)                              read, before the step writes
        e_t = sigmoid(E value_t + b);  a_t = tanh(D value_t + c)
        M_{t+1}(i) = M_t(i) (1 - w_t(i) e_t) + w_t(i) a_t      erase, then add

    so that no read depends on its own step's value or on a later one. With `forgetting`, what a step leaves is multiplied by
    `f = sigmoid(g)`, one number for every element of a value, and so fades while nothing is written; `f` is learned and begins
    between 0.8 and 0.999, so that elements remember for different times.

    Args:
        num_slots: slots of the memory, N.
        value_dim: size of a slot's value.
        forgetting: whether the memory fades.

    Call arguments:
        query: `(batch, steps, key_dim)`.
        value: `(batch, steps, write_dim)`, what each step writes; with `rows`, `(count, write_dim)`.
        padding_mask: `(batch, steps)`, True or 1 where there is a step; others write nothing (but the memory fades at them too).
            Their reads mean nothing.
        rows: `(batch, steps)`, integers: which row of `value` each step writes. Erase and add are then computed once a row, not
            once a step.

    Output: the pair of reads, `(batch, steps, value_dim)`, and addresses, `(batch, steps, num_slots)`.
    """

    def __init__(self, num_slots, value_dim, forgetting=False, **kwargs):
        super().__init__(**kwargs)
        self.num_slots = num_slots
        self.value_dim = value_dim
        self.forgetting = forgetting

    def build(self, query_shape, value_shape, *_):
        def dense(name, activation):
            layer = keras.layers.Dense(self.value_dim, activation, dtype=self.dtype_policy, name=name)
            layer.build(value_shape)
            return layer

        normal = keras.initializers.RandomNormal
        self.keys = self.add_weight(
            name="keys", shape=(self.num_slots, query_shape[-1]), initializer=normal(query_shape[-1] ** -0.5)
        )
        self.values = self.add_weight(name="values", shape=(self.num_slots, self.value_dim), initializer=normal(0.1))
        self.erase, self.add = dense("erase", "sigmoid"), dense("add", "tanh")
        if self.forgetting:
            fading = np.geomspace(0.2, 0.001, self.value_dim)
            self.fading = self.add_weight(
                name="fading", shape=(self.value_dim,), initializer=lambda *_, **__: np.log(1 / fading - 1)
            )

    def call(self, query, value, padding_mask=None, rows=None):
        address = ops.softmax(ops.cast(ops.matmul(query, ops.transpose(self.keys)), "float32"), axis=-1)
        written = address
        if padding_mask is not None:
            written = address * ops.cast(padding_mask, "float32")[..., None]
        erase, add = (ops.cast(layer(value), "float32") for layer in (self.erase, self.add))
        if rows is None:
            erase, add = ops.swapaxes(erase, 0, 1), ops.swapaxes(add, 0, 1)
        else:
            erase, add = (ops.take(part, ops.transpose(rows), axis=0) for part in (erase, add))
        kept = []
        if self.forgetting:
            kept = [ops.sigmoid(ops.cast(self.fading, "float32"))]
            erase, add = erase * kept[0], add * kept[0]
        values = ops.cast(self.values, "float32")
        values = ops.broadcast_to(values, (ops.shape(query)[0], self.num_slots, self.value_dim))
        read = ops.swapaxes(memory_scan(values, ops.swapaxes(written, 0, 1), erase, add, *kept), 0, 1)
        return ops.cast(read, self.compute_dtype), ops.cast(address, self.compute_dtype)

    def compute_output_shape(self, query_shape, *_):
        return (*query_shape[:-1], self.value_dim), (*query_shape[:-1], self.num_slots)

    def get_config(self):
        return {
            **super().get_config(),
            "num_slots": self.num_slots,
            "value_dim": self.value_dim,
            "forgetting": self.forgetting,
        }
