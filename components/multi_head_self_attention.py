"""Multi-head self-attention."""

import keras
from keras import ops

from components.dropout import Dropout
from components.masking import masking_bias


@keras.saving.register_keras_serializable(package="qkv_zoo")
class MultiHeadSelfAttention(keras.layers.Layer):
    """Scaled dot-product attention of a sequence over itself, in several heads.

    `softmax(q k^T / sqrt(head_dim) + bias) v` per head, heads concatenated and projected
    (Vaswani et al. 2017, section 3.2.2). Queries, keys and values come from one projection.

    Args:
        num_heads: number of heads; must divide `hidden_dim`.
        dropout: share of attention weights dropped in training, 0-1. It is the dearest dropout there is on a CPU.
        use_bias: whether the projections have biases.

    Call arguments:
        inputs: `(batch, sequence, hidden_dim)`.
        padding_mask: `(batch, sequence)`, True or 1 for a real token; padded tokens are never attended to.
        attention_bias: added to the logits before the softmax; broadcasts to `(batch, num_heads, sequence, sequence)`.
        causal: position `i` attends to positions `<= i` only.
        return_attention: also return the weights, float32 `(batch, num_heads, sequence, sequence)`; rows sum to one.

    Output: `(batch, sequence, hidden_dim)`. What stands at padded positions has no meaning (but is finite).

    Raises:
        ValueError: `num_heads` does not divide `hidden_dim`.
    """

    def __init__(self, num_heads, dropout=0.0, use_bias=True, kernel_initializer="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.dropout = dropout
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.supports_masking = True

    def build(self, input_shape):
        hidden_dim = input_shape[-1]
        if hidden_dim % self.num_heads:
            raise ValueError(f"num_heads {self.num_heads} does not divide hidden_dim {hidden_dim}")
        self.head_dim = hidden_dim // self.num_heads
        # One matrix for all three would get Glorot limits of a 1:3 layer, so it is initialised part by part.
        self.qkv_kernel = self.add_weight(
            name="qkv_kernel", shape=(hidden_dim, 3 * hidden_dim), initializer=self._three_kernels
        )
        if self.use_bias:
            self.qkv_bias = self.add_weight(name="qkv_bias", shape=(3 * hidden_dim,), initializer="zeros")
        self.output_projection = keras.layers.Dense(
            hidden_dim,
            use_bias=self.use_bias,
            kernel_initializer=self.kernel_initializer.clone(),
            dtype=self.dtype_policy,
            name="output",
        )
        self.output_projection.build(input_shape)
        self.attention_dropout = Dropout(self.dropout, dtype=self.dtype_policy)

    def _three_kernels(self, shape, dtype=None):
        size = shape[0]
        parts = [self.kernel_initializer.clone()((size, size), dtype=dtype) for _ in range(3)]
        return ops.concatenate(parts, axis=-1)

    def call(self, inputs, padding_mask=None, attention_bias=None, causal=False, return_attention=False, training=None):
        batch, length = ops.shape(inputs)[0], ops.shape(inputs)[1]
        hidden_dim = self.num_heads * self.head_dim
        qkv = ops.matmul(inputs, ops.cast(self.qkv_kernel, inputs.dtype))
        if self.use_bias:
            qkv = qkv + ops.cast(self.qkv_bias, inputs.dtype)
        by_head = (batch, length, self.num_heads, self.head_dim)
        query, key, value = (ops.reshape(part, by_head) for part in ops.split(qkv, 3, axis=-1))
        query = ops.transpose(query, (0, 2, 1, 3)) * self.head_dim**-0.5
        logits = ops.matmul(query, ops.transpose(key, (0, 2, 3, 1)))
        if attention_bias is not None:
            logits = logits + ops.cast(attention_bias, logits.dtype)
        if padding_mask is not None:
            logits = logits + masking_bias(padding_mask, logits.dtype)[:, None, None, :]
        if causal:
            position = ops.arange(length)
            logits = logits + masking_bias(position[None, :] <= position[:, None], logits.dtype)
        # In float32: rows of a softmax in bfloat16 sum to between 0.994 and 1.006.
        attention = ops.softmax(ops.cast(logits, "float32"), axis=-1)
        value = ops.transpose(value, (0, 2, 1, 3))
        mixed = ops.matmul(self.attention_dropout(ops.cast(attention, value.dtype), training=training), value)
        mixed = ops.reshape(ops.transpose(mixed, (0, 2, 1, 3)), (batch, length, hidden_dim))
        outputs = self.output_projection(mixed)
        return (outputs, attention) if return_attention else outputs

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "dropout": self.dropout,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
