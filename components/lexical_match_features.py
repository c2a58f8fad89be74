"""Lexical match as input features."""

import keras
from keras import ops

NUM_FEATURES = 4


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
