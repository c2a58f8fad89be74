"""Context-query attention."""

import keras
from keras import ops

from components.dropout import Dropout
from components.masking import masking_bias


@keras.saving.register_keras_serializable(package="qkv_zoo")
class ContextQueryAttention(keras.layers.Layer):
    """Attention of each token over the tokens of the other segment, with trilinear similarity.

    With the normalised inputs x, and tokens i and j of different segments:

        S[i, j] = w1 . x_i + w2 . x_j + (w3 * x_i) . x_j      similarity (Seo et al. 2017, equation 1)
        A = softmax_j(S)                                      attention
        a_i = sum_j A[i, j] x_j                               what the other segment holds for token i
        b_i = sum_j A[i, j] a_j                               what token i's segment holds for the tokens that it attends to
        output = inputs + dropout(W [a, x * a, x * b])

    The second attention, `b`, is that of DCN (Xiong et al. 2017, equation 4), which QANet uses (Yu et al. 2018). The
    question and the context stand in one sequence, so that one matrix S has both directions.

    Args:
        dropout: float in [0, 1), fraction of the branch's outputs dropped in training.

    Call arguments:
        inputs: float `(batch, sequence, hidden_dim)`.
        segment_ids: integer `(batch, sequence)`, 0 for the question and 1 for the context.
        padding_mask: `(batch, sequence)`, True or 1 for a real token.

    Returns:
        float `(batch, sequence, hidden_dim)`.

    Example:
        >>> layer, segment_ids = ContextQueryAttention(), ops.array([[0, 0, 0, 1, 1]])
        >>> tuple(layer(ops.ones((1, 5, 3)), segment_ids, ops.ones((1, 5))).shape)
        (1, 5, 3)
    """

    def __init__(self, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.dropout = dropout
        self.supports_masking = True

    def build(self, input_shape):
        hidden_dim = input_shape[-1]
        # w1 . x_i adds the same number to a whole row, which its softmax ignores, so only w2 and w3 are needed.
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
        # A product with a column, transposed, would be the same numbers; converters to ONNX fold that wrongly over free axes.
        similarity = similarity + ops.sum(x * ops.cast(self.column_weight[:, 0], x.dtype), axis=-1)[:, None, :]
        mask = ops.not_equal(segment_ids[:, :, None], segment_ids[:, None, :])
        mask = ops.logical_and(mask, ops.cast(padding_mask, "bool")[:, None, :])
        similarity = ops.cast(similarity, "float32") + masking_bias(mask, "float32")
        attention = ops.cast(ops.softmax(similarity, axis=-1), x.dtype)
        attended = ops.matmul(attention, x)
        attended_back = ops.matmul(attention, attended)
        merged = self.merge(ops.concatenate([attended, x * attended, x * attended_back], axis=-1))
        return inputs + self.branch_dropout(merged, training=training)

    def compute_output_shape(self, input_shape, **_):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "dropout": self.dropout}
