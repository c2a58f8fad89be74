"""Context-query attention."""

import keras
from keras import ops

from components.dropout import Dropout
from components.masking import masking_bias


@keras.saving.register_keras_serializable(package="qkv_zoo")
class ContextQueryAttention(keras.layers.Layer):
    """Tell every token of one segment what the other segment holds for it, with trilinear similarity.

    `S[i, j] = w1 . x_i + w2 . x_j + (w3 * x_i) . x_j` for tokens `i`, `j` of different segments (Seo et al. 2017,
    section 2.4); `A = softmax_j(S)`, `a_i = sum_j A[i, j] x_j`; `b_i = sum_j A[i, j] r_j` where `r_j` is what token `j`
    reads back (the second softmax of DCN, Xiong et al. 2017, equation 4, that QANet uses);
    output `x + dropout(W [a, x * a, x * b])`, where all `x` on the right are normalised first. Both directions come from one
    matrix, because both segments stand in one sequence.

    Args:
        dropout: dropped share of the branch in training, 0-1.

    Call arguments: inputs `(batch, sequence, hidden_dim)`; segment_ids and padding_mask `(batch, sequence)`.
    Output: `(batch, sequence, hidden_dim)`.
    """

    def __init__(self, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.dropout = dropout
        self.supports_masking = True

    def build(self, input_shape):
        hidden_dim = input_shape[-1]
        # The row term w1 . x_i shifts a whole row before its softmax and so has no effect: w2 and w3 are what is left.
        self.column_weight = self.add_weight(name="column_weight", shape=(hidden_dim, 1))
        self.product_weight = self.add_weight(
            name="product_weight", shape=(hidden_dim,), initializer=keras.initializers.Constant(hidden_dim**-0.5)
        )
        self.merge = keras.layers.Dense(hidden_dim, dtype=self.dtype_policy, name="merge")
        self.merge.build((*input_shape[:-1], 3 * hidden_dim))
        self.branch_dropout = Dropout(self.dropout, dtype=self.dtype_policy)
        self.norm = keras.layers.LayerNormalization(epsilon=1e-6, dtype=self.dtype_policy, name="norm")
        self.norm.build(input_shape)

    def call(self, inputs, segment_ids, padding_mask, training=None):
        x = self.norm(inputs)
        similarity = ops.matmul(x * ops.cast(self.product_weight, x.dtype), ops.transpose(x, (0, 2, 1)))
        similarity = similarity + ops.transpose(ops.matmul(x, ops.cast(self.column_weight, x.dtype)), (0, 2, 1))
        other = ops.not_equal(segment_ids[:, :, None], segment_ids[:, None, :])
        other = ops.logical_and(other, ops.cast(padding_mask, "bool")[:, None, :])
        similarity = ops.cast(similarity, "float32") + masking_bias(other, "float32")
        attention = ops.cast(ops.softmax(similarity, axis=-1), x.dtype)  # softmax in float32, whatever the precision
        across = ops.matmul(attention, x)
        back = ops.matmul(attention, across)
        merged = self.merge(ops.concatenate([across, x * across, x * back], axis=-1))
        return inputs + self.branch_dropout(merged, training=training)

    def compute_output_shape(self, input_shape, **_):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "dropout": self.dropout}
