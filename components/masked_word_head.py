"""The head of a masked language model."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="qkv_zoo")
class MaskedWordHead(keras.layers.Layer):
    """Logits of the tokens that stand at masked places, with the embeddings of the encoder (Devlin et al. 2019, section 3.1).

        logits = LayerNorm(gelu(W x + b)) embeddings^T + bias

    Args:
        vocabulary_size: int, number of token ids.
        embedding_dim: int, width of the embeddings; None means that of the inputs.

    Call arguments:
        inputs: float `(batch, sequence, hidden_dim)`, vectors of the tokens.
        places: integer `(batch, places)`, positions of the masked tokens.
        embeddings: float `(vocabulary_size, embedding_dim)`, vectors of all tokens.

    Returns:
        float32 `(batch, places, vocabulary_size)`.

    Example:

    >>> layer = MaskedWordHead(vocabulary_size=11)
    >>> tuple(layer(ops.ones((2, 7, 5)), ops.zeros((2, 3), "int32"), ops.ones((11, 5))).shape)
    (2, 3, 11)
    """

    def __init__(self, vocabulary_size, embedding_dim=None, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.embedding_dim = embedding_dim

    def build(self, input_shape, *_):
        policy, width = self.dtype_policy, self.embedding_dim or input_shape[-1]
        self.transform = keras.layers.Dense(width, "gelu", dtype=policy, name="transform")
        self.norm = keras.layers.LayerNormalization(epsilon=1e-6, dtype=policy, name="norm")
        self.transform.build(input_shape)
        self.norm.build((*input_shape[:-1], width))
        self.bias = self.add_weight(name="bias", shape=(self.vocabulary_size,), initializer="zeros")

    def call(self, inputs, places, embeddings):
        x = ops.take_along_axis(inputs, places[:, :, None], axis=1)
        x = self.norm(self.transform(x))
        logits = ops.matmul(x, ops.cast(ops.transpose(embeddings), x.dtype))
        return ops.cast(logits, "float32") + ops.cast(self.bias, "float32")

    def compute_output_spec(self, inputs, places, embeddings):
        return keras.KerasTensor((*places.shape, self.vocabulary_size), dtype="float32")

    def get_config(self):
        settings = {"vocabulary_size": self.vocabulary_size, "embedding_dim": self.embedding_dim}
        return {**super().get_config(), **settings}
