"""The Transformer block."""

import keras

from components.activations import by_name
from components.dropout import Dropout
from components.multi_head_self_attention import MultiHeadSelfAttention


@keras.saving.register_keras_serializable(package="qkv_zoo")
class TransformerBlock(keras.layers.Layer):
    """Self-attention and a feed-forward network, each with a residual connection and layer normalisation.

    Pre-LN (Xiong et al. 2020): `x = x + attention(norm(x)); x = x + ffn(norm(x))`; a stack of them wants one more
    normalisation at its end. Post-LN (Vaswani et al. 2017, BERT): `x = norm(x + attention(x)); x = norm(x + ffn(x))`.

    Args:
        num_heads: attention heads.
        intermediate_dim: width of the feed-forward network.
        dropout: dropped share of both branches' outputs in training, 0-1.
        attention_dropout: dropped share of attention weights in training, 0-1.
        norm_first: Pre-LN if true, Post-LN if false.
        activation: of the feed-forward network; a Keras name (`gelu` is `components.activations`'), or `gelu_tanh`.
        norm_epsilon: added to the variance in the normalisations.

    Call arguments as for `MultiHeadSelfAttention`. Input and output: `(batch, sequence, hidden_dim)`; with
    `return_attention` also the weights `(batch, num_heads, sequence, sequence)`.
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
        self.activation = by_name(activation)
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
