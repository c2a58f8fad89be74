"""Key-value memory that is read."""

import keras
from keras import ops

from components.masking import masking_bias


@keras.saving.register_keras_serializable(package="qkv_zoo")
class KeyValueMemory(keras.layers.Layer):
    """Reads a memory by attention over its keys (Miller et al. 2016, section 3.1).

        address = softmax_i(query . key_i + bias_i);  read = sum_i address_i value_i

    An empty memory is read as zeros. The layer has no weights. From the products of query and keys on, the address
    is computed in float32 at any precision.

    Call arguments:
        query: float `(batch, key_dim)`.
        keys: float `(batch, num_slots, key_dim)`.
        values: float `(batch, num_slots, value_dim)`.
        memory_mask: `(batch, num_slots)`, True or 1 for a slot in use.
        bias: float `(batch, num_slots)`, added to the logits of the address; None for none.

    Returns:
        A pair: the read, float `(batch, value_dim)`; and the logits of the address, float32 `(batch, num_slots)`, about -1e9 for
        slots that are not in use.

    Example:
        >>> read, logits = KeyValueMemory()(ops.ones((2, 3)), ops.ones((2, 5, 3)), ops.ones((2, 5, 7)), ops.ones((2, 5)))
        >>> tuple(read.shape), tuple(logits.shape)
        ((2, 7), (2, 5))
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.autocast = False  # the bias stays in float32

    def call(self, query, keys, values, memory_mask, bias=None):
        query, keys, values = (ops.cast(part, self.compute_dtype) for part in (query, keys, values))
        logits = ops.cast(ops.einsum("bd,bnd->bn", query, keys), "float32") + masking_bias(memory_mask, "float32")
        if bias is not None:
            logits = logits + ops.cast(bias, "float32")
        address = ops.cast(ops.softmax(logits, axis=-1), values.dtype) * ops.cast(memory_mask, values.dtype)
        return ops.einsum("bn,bnd->bd", address, values), logits

    def compute_output_shape(self, query_shape, keys_shape, values_shape, memory_mask_shape, bias_shape=None):
        return (*query_shape[:-1], values_shape[-1]), keys_shape[:-1]
