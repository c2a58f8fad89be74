"""Lexical match: let a model see which tokens belong to the same word.

A model trained from scratch on some ten thousand questions has no chance to learn that "Denver" in the question is
"Denver" in the text from embeddings alone. These layers say it outright, as input features and as attention bias.
"""

import keras
from keras import ops

NUM_MAPS = 4  # same word, same stem; each across the two segments and within one
NUM_FEATURES = 4


def match_maps(word_ids, stem_ids, segment_ids, dtype="float32"):
    """Which pairs of tokens are the same word or stem.

    Args:
        word_ids, stem_ids: `(batch, sequence)` integers, equal for equal words or stems (punctuation marks count
            as words); 0 for special tokens and padding.
        segment_ids: `(batch, sequence)`, 0 for the question and 1 for the context.

    Returns:
        0/1 of shape `(batch, 4, sequence, sequence)`: same word across segments, same stem across, same word within a
        segment, same stem within (a token with itself included).
    """
    across = ops.not_equal(segment_ids[:, :, None], segment_ids[:, None, :])
    maps = []
    for ids in (word_ids, stem_ids):
        same = ops.logical_and(ops.equal(ids[:, :, None], ids[:, None, :]), ops.not_equal(ids, 0)[:, :, None])
        maps.append((ops.logical_and(same, across), ops.logical_and(same, ops.logical_not(across))))
    (word_across, word_within), (stem_across, stem_within) = maps
    return ops.stack([ops.cast(m, dtype) for m in (word_across, stem_across, word_within, stem_within)], axis=1)


@keras.saving.register_keras_serializable(package="qkv_zoo")
class LexicalMatchFeatures(keras.layers.Layer):
    """Input features from `match_maps`, projected and ready to be added to the embeddings.

    Per token: does its word, its stem occur in the other segment (DrQA's exact match, Chen et al. 2017, section 3.2);
    and the same divided by how often the word or stem occurs in the context, because a rare match says more.

    Input: maps `(batch, 4, sequence, sequence)`. Call argument `segment_ids`: `(batch, sequence)`.
    Output: `(batch, sequence, hidden_dim)`.
    """

    def __init__(self, hidden_dim, **kwargs):
        super().__init__(**kwargs)
        self.hidden_dim = hidden_dim

    def build(self, input_shape):
        # Features are 0-1 and few: a wide start lets them be heard beside the embeddings from the first step.
        self.kernel = self.add_weight(
            name="kernel",
            shape=(NUM_FEATURES, self.hidden_dim),
            initializer=keras.initializers.RandomNormal(stddev=0.5),
        )

    def call(self, maps, segment_ids):
        in_context = ops.cast(segment_ids, maps.dtype)[:, None, None, :]
        found = ops.max(maps[:, :2], axis=-1)
        occurrences = ops.sum((maps[:, :2] + maps[:, 2:]) * in_context, axis=-1)
        features = ops.concatenate([found, found / ops.maximum(occurrences, 1)], axis=1)
        return ops.matmul(ops.transpose(features, (0, 2, 1)), ops.cast(self.kernel, maps.dtype))

    def compute_output_shape(self, input_shape, **_):
        return (input_shape[0], input_shape[2], self.hidden_dim)

    def get_config(self):
        return {**super().get_config(), "hidden_dim": self.hidden_dim}


@keras.saving.register_keras_serializable(package="qkv_zoo")
class LexicalMatchBias(keras.layers.Layer):
    """Attention bias from `match_maps`: `bias[b, h, i, j] = sum_m weight[m, h] * maps[b, m, i, j]`.

    Input: maps `(batch, 4, sequence, sequence)`. Output: `(batch, num_heads, sequence, sequence)`.
    """

    def __init__(self, num_heads, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads

    def build(self, input_shape):
        self.weight = self.add_weight(
            name="weight",
            shape=(NUM_MAPS, self.num_heads),
            initializer=keras.initializers.RandomUniform(0.0, 2.0),
        )

    def call(self, maps):
        weight = ops.cast(self.weight, maps.dtype)
        shape = ops.shape(maps)
        flat = ops.reshape(maps, (shape[0], NUM_MAPS, shape[2] * shape[3]))
        bias = ops.matmul(ops.transpose(weight)[None], flat)
        return ops.reshape(bias, (shape[0], self.num_heads, shape[2], shape[3]))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.num_heads, *input_shape[2:])

    def get_config(self):
        return {**super().get_config(), "num_heads": self.num_heads}
