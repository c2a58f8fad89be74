"""Key-value memory: reading."""

import keras
from keras import ops

from components.masking import masking_bias


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
