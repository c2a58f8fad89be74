"""A Transformer block."""

import keras

from components.activations import get_activation
from components.dropout import Dropout
from components.multi_head_self_attention import MultiHeadSelfAttention


@keras.saving.register_keras_serializable(package="qkv_zoo")
class TransformerBlock(keras.layers.Layer):
    """Self-attention and a feed-forward network, each with a residual connection and layer normalisation.

        Pre-LN     x = x + attention(norm(x));  x = x + ffn(norm(x))      (Xiong et al. 2020)
        Post-LN    x = norm(x + attention(x));  x = norm(x + ffn(x))      (Vaswani et al. 2017, section 3.1)

    A stack of Pre-LN blocks needs one more normalisation at its end.

    Args:
        num_heads: int, number of attention heads; must divide `hidden_dim`.
        intermediate_dim: int, width of the feed-forward network.
        dropout: float in [0, 1), fraction of both branches' outputs dropped in training.
        attention_dropout: float in [0, 1), fraction of the attention weights dropped in training; slow on CPUs.
        norm_first: bool, Pre-LN if True, Post-LN if False.
        activation: activation of the feed-forward network, as for `components.activations.get_activation`.
        norm_epsilon: float, added to the variance in the normalisations.
        kernel_initializer: initialiser of all kernels.

    Call arguments, return values and errors are those of `MultiHeadSelfAttention`.

    Example:
        >>> layer = TransformerBlock(num_heads=3, intermediate_dim=11)
        >>> tuple(layer(keras.ops.ones((2, 7, 15))).shape)
        (2, 7, 15)
    """

    def __init__(
        self,
        num_heads,
        intermediate_dim,
        dropout=0.0,
        attention_dropout=0.0,
        norm_first=True,
        activation="gelu",
        norm_epsilon=1e-6,
        kernel_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.intermediate_dim = intermediate_dim
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        self.norm_first = norm_first
        self.activation = get_activation(activation)
        self.norm_epsilon = norm_epsilon
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.supports_masking = True

    def build(self, input_shape):
        def initializer():
            return self.kernel_initializer.clone()

        policy = self.dtype_policy
        self.attention = MultiHeadSelfAttention(
            self.num_heads, self.attention_dropout, kernel_initializer=initializer(), dtype=policy, name="attention"
        )
        self.attention_norm = keras.layers.LayerNormalization(
            epsilon=self.norm_epsilon, dtype=policy, name="attention_norm"
        )
        self.expand = keras.layers.Dense(
            self.intermediate_dim, self.activation, kernel_initializer=initializer(), dtype=policy, name="expand"
        )
        self.contract = keras.layers.Dense(
            input_shape[-1], kernel_initializer=initializer(), dtype=policy, name="contract"
        )
        self.ffn_norm = keras.layers.LayerNormalization(epsilon=self.norm_epsilon, dtype=policy, name="ffn_norm")
        self.attention_branch_dropout = Dropout(self.dropout, dtype=policy)
        self.ffn_branch_dropout = Dropout(self.dropout, dtype=policy)
        for layer in (self.attention, self.attention_norm, self.expand, self.ffn_norm):
            layer.build(input_shape)
        self.contract.build((*input_shape[:-1], self.intermediate_dim))

    def call(self, inputs, padding_mask=None, attention_bias=None, causal=False, return_attention=False, training=None):
        attended, attention = self.attention(
            self.attention_norm(inputs) if self.norm_first else inputs,
            padding_mask=padding_mask,
            attention_bias=attention_bias,
            causal=causal,
            return_attention=True,
            training=training,
        )
        x = inputs + self.attention_branch_dropout(attended, training=training)
        if not self.norm_first:
            x = self.attention_norm(x)
        transformed = self.contract(self.expand(self.ffn_norm(x) if self.norm_first else x))
        x = x + self.ffn_branch_dropout(transformed, training=training)
        if not self.norm_first:
            x = self.ffn_norm(x)
        return (x, attention) if return_attention else x

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "intermediate_dim": self.intermediate_dim,
            "dropout": self.dropout,
            "attention_dropout": self.attention_dropout,
            "norm_first": self.norm_first,
            "activation": keras.activations.serialize(self.activation),
            "norm_epsilon": self.norm_epsilon,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
