"""Multi-head self-attention."""

import keras
from keras import ops

from components.dropout import Dropout
from components.masking import masking_bias


@keras.saving.register_keras_serializable(package="qkv_zoo")
class MultiHeadSelfAttention(keras.layers.Layer):
    """Scaled dot-product attention of a sequence over itself, in several heads (Vaswani et al. 2017, section 3.2.2).

        head = softmax(Q K^T / sqrt(head_dim) + bias) V;  output = W_O [head_1; ...; head_h]

    One projection makes the queries Q, keys K and values V of all heads. The softmax is computed in float32 at any precision.

    Args:
        num_heads: int, number of heads h; must divide `hidden_dim`.
        dropout: float in [0, 1), fraction of the attention weights dropped in training. It is slow on CPUs, because there is a
            weight for every pair of tokens.
        use_bias: bool, whether the projections have biases.
        kernel_initializer: initialiser of the projections.

    Call arguments:
        inputs: float `(batch, sequence, hidden_dim)`.
        padding_mask: `(batch, sequence)`, True or 1 for a real token; None if all are. No token attends to padding.
        attention_bias: float, added to the logits; broadcasts to `(batch, num_heads, sequence, sequence)`.
        causal: bool, whether each position attends only to itself and to earlier positions.
        return_attention: bool, whether to return the attention weights as well.

    Returns:
        float `(batch, sequence, hidden_dim)`, finite but meaningless at padding. With `return_attention` a pair of it and the
        attention weights, float32 `(batch, num_heads, sequence, sequence)`, whose rows sum to 1.

    Raises:
        ValueError: `num_heads` does not divide `hidden_dim`.

    Example:
        >>> layer = MultiHeadSelfAttention(num_heads=3)
        >>> tuple(layer(ops.ones((2, 7, 15)), causal=True).shape)
        (2, 7, 15)
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
        # Initialised as one matrix, the kernel would get the Glorot limits of a layer with three times as many outputs.
        self.qkv_kernel = self.add_weight(
            name="qkv_kernel", shape=(hidden_dim, 3 * hidden_dim), initializer=self._initialize_parts
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

    def _initialize_parts(self, shape, dtype=None):
        size = shape[0]
        parts = [self.kernel_initializer.clone()((size, size), dtype=dtype) for _ in range(3)]
        return ops.concatenate(parts, axis=-1)

    def call(self, inputs, padding_mask=None, attention_bias=None, causal=False, return_attention=False, training=None):
        batch, length = ops.shape(inputs)[0], ops.shape(inputs)[1]
        hidden_dim = self.num_heads * self.head_dim
        qkv = ops.matmul(inputs, ops.cast(self.qkv_kernel, inputs.dtype))
        if self.use_bias:
            qkv = qkv + ops.cast(self.qkv_bias, inputs.dtype)
        split_heads = (batch, length, self.num_heads, self.head_dim)
        query, key, value = (ops.reshape(part, split_heads) for part in ops.split(qkv, 3, axis=-1))
        query = ops.transpose(query, (0, 2, 1, 3)) * self.head_dim**-0.5
        logits = ops.matmul(query, ops.transpose(key, (0, 2, 3, 1)))
        if attention_bias is not None:
            logits = logits + ops.cast(attention_bias, logits.dtype)
        if padding_mask is not None:
            logits = logits + masking_bias(padding_mask, logits.dtype)[:, None, None, :]
        if causal:
            position = ops.arange(length)
            logits = logits + masking_bias(position[None, :] <= position[:, None], logits.dtype)
        # The rows of a softmax in bfloat16 sum to between 0.994 and 1.006.
        attention = ops.softmax(ops.cast(logits, "float32"), axis=-1)
        value = ops.transpose(value, (0, 2, 1, 3))
        heads = ops.matmul(self.attention_dropout(ops.cast(attention, value.dtype), training=training), value)
        outputs = self.output_projection(ops.reshape(ops.transpose(heads, (0, 2, 1, 3)), (batch, length, hidden_dim)))
        return (outputs, attention) if return_attention else outputs

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "dropout": self.dropout,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
