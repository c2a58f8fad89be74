"""Word embeddings that know words they have never seen."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="qkv_zoo")
class HashedEmbedding(keras.layers.Layer):
    """A learned vector for every word of a vocabulary, a fixed random one for every other word.

    An id below `vocabulary_size` has a learned row. A larger one is `vocabulary_size + h`, where `h` is a hash of the word
    below `num_buckets ** 2`; its vector is `gain * [rows[h % num_buckets]; rows[h // num_buckets]]` of a fixed table with rows of
    `dim / 2`, so two words have the same vector only if they have the same hash (after Svenstrup et al. 2017, who add rows that are
    learned). Names are told apart, and found again, without training on them. Id 0 is padding: zeros.

    Args:
        vocabulary_size: ids that have a learned vector, 0 included.
        dim: size of a vector; even where words are hashed.
        num_buckets: rows of the fixed table; 0 where no id is larger than the vocabulary.
        gain: where the learned factor on fixed vectors, whose own length is about 1, starts.

    Input: integer ids, any shape. Output: that shape and `(dim,)`; with `parts` a pair, the learned vectors and the fixed ones,
    each zeros for the other's words.
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
        )
        if self.num_buckets:
            self.fixed = self.add_weight(
                name="fixed",
                shape=(self.num_buckets, self.dim // 2),
                initializer=keras.initializers.RandomNormal(stddev=self.dim**-0.5),
                trainable=False,
            )
            self.fixed_gain = self.add_weight(name="gain", shape=(), initializer=keras.initializers.Constant(self.gain))

    def call(self, ids, parts=False):
        known = ops.logical_and(ids > 0, ids < self.vocabulary_size)
        learned = ops.take(self.learned, ops.where(known, ids, 0), axis=0)
        learned = ops.cast(learned, self.compute_dtype) * ops.cast(known, self.compute_dtype)[..., None]
        if not self.num_buckets:
            return (learned, ops.zeros_like(learned)) if parts else learned
        unknown = ids >= self.vocabulary_size
        bucket = ops.where(unknown, ids - self.vocabulary_size, 0)
        halves = (bucket % self.num_buckets, bucket // self.num_buckets)
        fixed = ops.concatenate([ops.take(self.fixed, half, axis=0) for half in halves], axis=-1)
        scale = ops.cast(unknown, self.compute_dtype) * ops.cast(self.fixed_gain, self.compute_dtype)
        fixed = ops.cast(fixed, self.compute_dtype) * scale[..., None]
        return (learned, fixed) if parts else learned + fixed

    def compute_output_shape(self, input_shape, parts=False):
        shape = (*input_shape, self.dim)
        return (shape, shape) if parts else shape

    def get_config(self):
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "dim": self.dim,
            "num_buckets": self.num_buckets,
            "gain": self.gain,
        }
