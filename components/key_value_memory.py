"""Key-value memory: reading, and writing step by step."""

import keras
import numpy as np
from keras import ops

from components.attention import masking_bias

STEPS_A_CHUNK = 8
"""Of `memory_scan`: the memory is kept at the beginning of every chunk, and computed again within it for the gradient."""


@keras.saving.register_keras_serializable(package="qkv_zoo")
class KeyValueMemory(keras.layers.Layer):
    """Read a memory by attention over its keys.

    `address_i = softmax_i(query . key_i)`, `read = sum_i address_i value_i` (Miller et al. 2016, section 3.1). It has no weights.
    An empty memory is read as zeros.

    Call arguments:
        query: `(batch, dim)`.
        keys: `(batch, num_slots, dim)`.
        values: `(batch, num_slots, value_dim)`.
        memory_mask: `(batch, num_slots)`, True or 1 for a slot that holds something.

    Output: the pair of read, `(batch, value_dim)`, and address logits, float32 `(batch, num_slots)`, -1e9 where a slot is empty;
    their softmax is the address.
    """

    def call(self, query, keys, values, memory_mask):
        logits = ops.cast(ops.einsum("bd,bnd->bn", query, keys), "float32") + masking_bias(memory_mask, "float32")
        address = ops.cast(ops.softmax(logits, axis=-1), values.dtype) * ops.cast(memory_mask, values.dtype)
        return ops.einsum("bn,bnd->bd", address, values), logits

    def compute_output_shape(self, query_shape, keys_shape, values_shape, memory_mask_shape):
        return (*query_shape[:-1], values_shape[-1]), keys_shape[:-1]


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


@ops.custom_gradient
def memory_scan(memory, address, erase, add, *fading):
    """Read, then write, at every step, as `DynamicKeyValueMemory` does: `M_{t+1} = M_t (kept - w_t e_t) + w_t a_t`.

    One compiled loop forward and one backward. Kept for the gradient is the memory at the start of each chunk of steps, from which
    the chunk's other states are computed again: the states of all steps would be `steps` times the memory.

    Args:
        memory: `M_1`, `(batch, num_slots, value_dim)`, float32, as are all.
        address: `(steps, batch, num_slots)`.
        erase, add: `(steps, batch, value_dim)`.
        fading: `kept`, `(value_dim,)`; without it nothing fades, and `kept` is 1.

    Returns:
        the reads, `(steps, batch, value_dim)`.
    """
    kept = fading[0] if fading else 1.0
    steps, batch, slots = ops.shape(address)
    dim = ops.shape(memory)[-1]
    chunks = (steps + STEPS_A_CHUNK - 1) // STEPS_A_CHUNK

    def length(chunk):
        return ops.minimum(STEPS_A_CHUNK, steps - chunk * STEPS_A_CHUNK)

    def forward(chunk, state):
        memory, starts, reads = state

        def step(offset, state):
            memory, reads = state
            t = chunk * STEPS_A_CHUNK + offset
            weight = _at(address, t)
            read = ops.sum(weight[..., None] * memory, axis=1)
            return _written(memory, weight, _at(erase, t), _at(add, t), kept), _put(reads, t, read)

        starts = _put(starts, chunk, memory)
        memory, reads = ops.fori_loop(0, length(chunk), step, (memory, reads))
        return memory, starts, reads

    empty = ops.zeros((chunks, batch, slots, dim)), ops.zeros((steps, batch, dim))
    _, starts, reads = ops.fori_loop(0, chunks, forward, (memory, *empty))

    def gradient(*given, upstream=None):
        upstream = given[0] if upstream is None else upstream

        def backward(number, state):
            chunk = chunks - 1 - number

            def again(offset, state):
                memory, states = state
                t = chunk * STEPS_A_CHUNK + offset
                return _written(memory, _at(address, t), _at(erase, t), _at(add, t), kept), _put(states, offset, memory)

            def step(number, state):
                of_memory, of_address, of_erase, of_add, *of_kept = state
                offset = length(chunk) - 1 - number
                t = chunk * STEPS_A_CHUNK + offset
                memory, weight = _at(states, offset), _at(address, t)[..., None]
                erased, added, of_read = (_at(part, t)[:, None] for part in (erase, add, upstream))
                weighted = weight * of_memory
                of_address = _put(
                    of_address, t, ops.sum(of_memory * (added - memory * erased) + memory * of_read, axis=2)
                )
                of_erase = _put(of_erase, t, -ops.sum(weighted * memory, axis=1))
                of_add = _put(of_add, t, ops.sum(weighted, axis=1))
                of_kept = [of + ops.sum(of_memory * memory, axis=(0, 1)) for of in of_kept]
                of_memory = of_memory * (kept - weight * erased) + weight * of_read
                return of_memory, of_address, of_erase, of_add, *of_kept

            states = ops.zeros((STEPS_A_CHUNK, batch, slots, dim))
            _, states = ops.fori_loop(0, length(chunk), again, (_at(starts, chunk), states))
            return ops.fori_loop(0, length(chunk), step, state)

        zeros = (ops.zeros_like(part) for part in (memory, address, erase, add, *fading))
        return ops.fori_loop(0, chunks, backward, tuple(zeros))

    return reads, gradient


def _written(memory, weight, erase, add, kept):
    """`M_{t+1}` of `M_t`."""
    weight = weight[..., None]
    return memory * (kept - weight * erase[:, None]) + weight * add[:, None]


def _at(sequence, t):
    """`sequence[t]`."""
    shape = ops.shape(sequence)
    return ops.reshape(ops.slice(sequence, (t, *[0] * (len(shape) - 1)), (1, *shape[1:])), shape[1:])


def _put(sequence, t, element):
    """The sequence with `element` at `t`."""
    return ops.slice_update(sequence, (t, *[0] * (len(element.shape))), element[None])
