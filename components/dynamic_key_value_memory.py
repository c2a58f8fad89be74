"""Key-value memory that a sequence reads and writes step by step."""

import keras
import numpy as np
from keras import ops

from components.memory_scan import memory_scan


@keras.saving.register_keras_serializable(package="qkv_zoo")
class DynamicKeyValueMemory(keras.layers.Layer):
    """A memory that each step of a sequence reads and then writes (DKVMN; Zhang et al. 2017, section 3.2).

    The keys K and the initial values M_1 are learned. At step t, with the slots i:

        w_t = softmax_i(query_t . K_i)                                 address
        r_t = sum_i w_t(i) M_t(i)                                      read
        e_t = sigmoid(E value_t + b);  a_t = tanh(D value_t + c)       what to erase, what to add
        M_{t+1}(i) = M_t(i) (1 - w_t(i) e_t) + w_t(i) a_t              write

    A step reads before it writes, so its read depends on the values of earlier steps only.

    With `forgetting`, the write is M_{t+1}(i) = f (M_t(i) (1 - w_t(i) e_t) + w_t(i) a_t). The learned factor f = sigmoid(g) has one
    number for each element of a value. Its numbers start between 0.8 and 0.999, so that elements remember for different times. For
    simulated students who practise and forget, this lowered the NLL from 0.9299 to 0.9269 (docs/tracing.md).

    Addresses and memory are computed in float32 at any precision.

    Args:
        num_slots: int, number of slots.
        value_dim: int, size of the value of a slot.
        forgetting: bool, whether the memory fades over time.

    Call arguments:
        query: float `(batch, steps, key_dim)`; with `query_rows`, a table `(num_queries, key_dim)`.
        value: float `(batch, steps, write_dim)`, what each step writes; with `rows`, a table `(num_rows, write_dim)`.
        padding_mask: `(batch, steps)`, True or 1 for a real step; None if all are. Padding writes nothing, but the memory fades at
            it too. Reads at padding have no meaning.
        rows: integer `(batch, steps)`, the row of the table `value` that each step writes. The layer then computes what to erase
            and to add once per row, not once per step.
        query_rows: integer `(batch, steps)`, the row of the table `query` that each step reads by. The layer then computes the
            addresses once per row.

    Returns:
        A pair: the reads, float `(batch, steps, value_dim)`; and the addresses, float32 `(batch, steps, num_slots)`, which sum to 1
        over the slots.

    Example:
        >>> read, address = DynamicKeyValueMemory(num_slots=5, value_dim=7)(ops.ones((2, 11, 3)), ops.ones((2, 11, 13)))
        >>> tuple(read.shape), tuple(address.shape)
        ((2, 11, 7), (2, 11, 5))
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

        def normal(stddev):
            return keras.initializers.RandomNormal(stddev=stddev)  # its first argument is the mean

        self.keys = self.add_weight(
            name="keys", shape=(self.num_slots, query_shape[-1]), initializer=normal(query_shape[-1] ** -0.5)
        )
        # Without autocast, the memory stays in float32 at any precision.
        self.values = self.add_weight(
            name="values", shape=(self.num_slots, self.value_dim), initializer=normal(0.1), autocast=False
        )
        self.erase, self.add = dense("erase", "sigmoid"), dense("add", "tanh")
        if self.forgetting:
            forgotten = np.geomspace(0.2, 0.001, self.value_dim)  # 1 - f
            self.fading = self.add_weight(
                name="fading",
                shape=(self.value_dim,),
                initializer=lambda *_, **__: np.log(1 / forgotten - 1),
                autocast=False,
            )

    def call(self, query, value, padding_mask=None, rows=None, query_rows=None):
        logits = ops.matmul(query, ops.transpose(ops.cast(self.keys, query.dtype)))
        address = ops.softmax(ops.cast(logits, "float32"), axis=-1)  # w_t
        # The scan takes arrays with the axis of steps first.
        if query_rows is not None:
            address = ops.take(address, query_rows, axis=0)
        address = write_address = ops.swapaxes(address, 0, 1)
        if padding_mask is not None:
            write_address = address * ops.cast(ops.transpose(padding_mask), "float32")[..., None]
        erase, add = (ops.cast(layer(value), "float32") for layer in (self.erase, self.add))  # e_t, a_t
        if rows is None:
            erase, add = ops.swapaxes(erase, 0, 1), ops.swapaxes(add, 0, 1)
        else:
            erase, add = (ops.take(table, ops.transpose(rows), axis=0) for table in (erase, add))
        factor = []
        if self.forgetting:
            factor = [ops.sigmoid(self.fading)]  # f
            erase, add = erase * factor[0], add * factor[0]
        memory = ops.broadcast_to(self.values, (ops.shape(address)[1], self.num_slots, self.value_dim))  # M_1
        read = memory_scan(memory, write_address, erase, add, *factor)  # r_t
        return ops.cast(ops.swapaxes(read, 0, 1), self.compute_dtype), ops.swapaxes(address, 0, 1)

    def compute_output_shape(
        self, query_shape, value_shape, padding_mask_shape=None, rows_shape=None, query_rows_shape=None
    ):
        steps = query_shape[:-1] if query_rows_shape is None else query_rows_shape
        return (*steps, self.value_dim), (*steps, self.num_slots)

    def get_config(self):
        return {
            **super().get_config(),
            "num_slots": self.num_slots,
            "value_dim": self.value_dim,
            "forgetting": self.forgetting,
        }
