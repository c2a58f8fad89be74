"""Attention of each step of a sequence over the steps before it, which fades with distance."""

import keras
import numpy as np
from keras import ops

from components.masking import masking_bias


@keras.saving.register_keras_serializable(package="qkv_zoo")
class PastAttention(keras.layers.Layer):
    """Attention of each step over the steps before it, in several heads.

    In each head, with the steps j before t:

        l_tj = Q query_t . K key_j / sqrt(head_dim) - s (t - j)
        w_tj = exp(l_tj) / (1 + sum_j exp(l_tj))
        head_t = sum_j w_tj V value_j

    and the output is W_O [head 1; ...; head h]. Q, K, V and W_O have biases, too.

    The step itself is left out: where values hold responses, no step sees its own. Each head has a learned factor s > 0, which
    lets it look far back or at the last steps only. ALiBi has such a bias with fixed factors (Press et al. 2022), and FoLiBi
    brought it to knowledge tracing (Im et al. 2023). Thanks to the 1 in the sum, a step can attend to nothing, as the first step
    has to; it then gets the bias of W_O alone.

    The factors start between 0.5 for the first head, which sees about two steps, and 0.002 for the last one. Bias and softmax are
    computed in float32 at any precision.

    Args:
        num_heads: int, number of heads h; must divide the size of the vectors.

    Call arguments:
        query, key, value: float `(batch, steps, dim)`. Padding has to stand at the end.

    Returns:
        float `(batch, steps, dim)`.

    Raises:
        ValueError: `num_heads` does not divide `dim`.

    Example:
        >>> items, responses = ops.ones((2, 7, 15)), ops.ones((2, 7, 15))
        >>> tuple(PastAttention(num_heads=3)(items, items, responses).shape)
        (2, 7, 15)
    """

    def __init__(self, num_heads, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads

    def build(self, query_shape, *_):
        dim = query_shape[-1]
        if dim % self.num_heads:
            raise ValueError(f"num_heads {self.num_heads} does not divide the size of the vectors, {dim}")

        def dense(name):
            layer = keras.layers.Dense(dim, dtype=self.dtype_policy, name=name)
            layer.build(query_shape)
            return layer

        self.query, self.key, self.value = dense("query"), dense("key"), dense("value")
        self.output_projection = dense("output")
        log_factors = np.log(np.geomspace(0.5, 0.002, self.num_heads))
        self.log_fading = self.add_weight(
            name="log_fading", shape=(self.num_heads,), initializer=lambda *_, **__: log_factors, autocast=False
        )  # log s

    def call(self, query, key, value):
        batch, steps, dim = ops.shape(query)[0], ops.shape(query)[1], query.shape[-1]
        head_dim = dim // self.num_heads

        def split(x):
            return ops.transpose(ops.reshape(x, (batch, steps, self.num_heads, head_dim)), (0, 2, 1, 3))

        queries, keys, values = split(self.query(query)), split(self.key(key)), split(self.value(value))
        logits = ops.matmul(queries * head_dim**-0.5, ops.transpose(keys, (0, 1, 3, 2)))
        position = ops.arange(steps)
        distance = position[:, None] - position[None, :]  # t - j
        factors = ops.exp(ops.cast(self.log_fading, "float32"))[:, None, None]  # s
        fading = factors * ops.cast(ops.maximum(distance, 0), "float32")
        logits = ops.cast(logits, "float32") - fading + masking_bias(distance > 0, "float32")
        nothing = ops.zeros_like(logits[..., :1])
        weights = ops.softmax(ops.concatenate([nothing, logits], axis=-1), axis=-1)[..., 1:]
        heads = ops.matmul(ops.cast(weights, values.dtype), values)
        return self.output_projection(ops.reshape(ops.transpose(heads, (0, 2, 1, 3)), (batch, steps, dim)))

    def compute_output_shape(self, query_shape, key_shape=None, value_shape=None):
        return query_shape

    def get_config(self):
        return {**super().get_config(), "num_heads": self.num_heads}
