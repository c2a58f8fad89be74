"""The head of a masked language model."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="qkv_zoo")
class MaskedWordHead(keras.layers.Layer):
    """Logits of the tokens that stand at masked places, with the embeddings of the encoder (Devlin et al. 2019, section 3.1).

        logits = LayerNorm(gelu(W x + b)) embeddings^T + bias

    Args:
        vocabulary_size: int, number of token ids.

    Call arguments:
        inputs: float `(batch, sequence, hidden_dim)`, vectors of the tokens.
        places: integer `(batch, places)`, positions of the masked tokens.
        embeddings: float `(vocabulary_size, hidden_dim)`, vectors of all tokens.

    Returns:
        float32 `(batch, places, vocabulary_size)`.

    Example:

    >>> layer = MaskedWordHead(vocabulary_size=11)
    >>> tuple(layer(ops.ones((2, 7, 5)), ops.zeros((2, 3), "int32"), ops.ones((11, 5))).shape)
    (2, 3, 11)
    """

    def __init__(self, vocabulary_size, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size

    def build(self, input_shape, *_):
        policy = self.dtype_policy
        self.transform = keras.layers.Dense(input_shape[-1], "gelu", dtype=policy, name="transform")
        self.norm = keras.layers.LayerNormalization(epsilon=1e-6, dtype=policy, name="norm")
        self.transform.build(input_shape)
        self.norm.build(input_shape)
        self.bias = self.add_weight(name="bias", shape=(self.vocabulary_size,), initializer="zeros")

    def call(self, inputs, places, embeddings):
        x = ops.take_along_axis(inputs, places[:, :, None], axis=1)
        x = self.norm(self.transform(x))
        logits = ops.matmul(x, ops.cast(ops.transpose(embeddings), x.dtype))
        return ops.cast(logits, "float32") + ops.cast(self.bias, "float32")

    def compute_output_spec(self, inputs, places, embeddings):
        return keras.KerasTensor((*places.shape, self.vocabulary_size), dtype="float32")

    def get_config(self):
        return {**super().get_config(), "vocabulary_size": self.vocabulary_size}
