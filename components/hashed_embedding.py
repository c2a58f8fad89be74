"""Word embeddings with vectors for unknown words."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="qkv_zoo")
class HashedEmbedding(keras.layers.Layer):
    """A learned vector for each word of a vocabulary, and a fixed random vector for every other word.

        vector(id) = learned[id]                                                     id below vocabulary_size
        vector(id) = gain [fixed[h % num_buckets]; fixed[h // num_buckets]]          id = vocabulary_size + h

    Here h is a hash of the word, below `num_buckets ** 2`. Two unknown words have the same vector only if they have the same hash,
    so a model can tell apart and match names that it was never trained on. Id 0 is padding, whose vector is zeros. This follows
    Svenstrup et al. 2017, section 3, whose hashed vectors are learned.

    Args:
        vocabulary_size: int, number of ids with a learned vector, including 0.
        dim: int, size of a vector; an even number if words are hashed.
        num_buckets: int, rows of the fixed table; 0 if there are no unknown words.
        gain: float, initial value of the learned factor `gain`. The fixed vectors have a norm of about 1.

    Call arguments:
        ids: integer tensor of any shape.
        return_parts: bool, whether to return the learned and the fixed vectors apart.

    Returns:
        float `(..., dim)`. With `return_parts` a pair of such tensors, the learned and the fixed vectors; each is zeros for the
        words of the other.

    Raises:
        ValueError: words are hashed and `dim` is odd.

    Example:
        >>> layer = HashedEmbedding(vocabulary_size=5, dim=6, num_buckets=11)
        >>> tuple(layer(ops.array([[1, 4, 5 + 120]])).shape)
        (1, 3, 6)
    """

    def __init__(self, vocabulary_size, dim, num_buckets=8192, gain=3.0, **kwargs):
        super().__init__(**kwargs)
        if num_buckets and dim % 2:
            raise ValueError(f"dim {dim} must be even where words are hashed")
        self.vocabulary_size = vocabulary_size
        self.dim = dim
        self.num_buckets = num_buckets
        self.gain = gain

    def build(self, input_shape=None):
        self.learned = self.add_weight(
            name="learned",
            shape=(self.vocabulary_size, self.dim),
            initializer=keras.initializers.RandomNormal(stddev=0.1),
            autocast=False,  # gradients of many places add up in few rows
        )
        if self.num_buckets:
            self.fixed = self.add_weight(
                name="fixed",
                shape=(self.num_buckets, self.dim // 2),
                initializer=keras.initializers.RandomNormal(stddev=self.dim**-0.5),
                trainable=False,
            )
            self.fixed_gain = self.add_weight(name="gain", shape=(), initializer=keras.initializers.Constant(self.gain))

    def call(self, ids, return_parts=False):
        is_known = ops.logical_and(ids > 0, ids < self.vocabulary_size)
        learned = ops.take(self.learned, ops.where(is_known, ids, 0), axis=0)
        learned = ops.cast(learned, self.compute_dtype) * ops.cast(is_known, self.compute_dtype)[..., None]
        if not self.num_buckets:
            return (learned, ops.zeros_like(learned)) if return_parts else learned
        is_unknown = ids >= self.vocabulary_size
        word_hash = ops.where(is_unknown, ids - self.vocabulary_size, 0)
        rows = (word_hash % self.num_buckets, word_hash // self.num_buckets)
        fixed = ops.concatenate([ops.take(self.fixed, row, axis=0) for row in rows], axis=-1)
        scale = ops.cast(is_unknown, self.compute_dtype) * ops.cast(self.fixed_gain, self.compute_dtype)
        fixed = ops.cast(fixed, self.compute_dtype) * scale[..., None]
        return (learned, fixed) if return_parts else learned + fixed

    def get_config(self):
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "dim": self.dim,
            "num_buckets": self.num_buckets,
            "gain": self.gain,
        }
