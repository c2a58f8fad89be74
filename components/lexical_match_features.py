"""Lexical match as input features."""

import keras
from keras import ops

NUM_FEATURES = 4


@keras.saving.register_keras_serializable(package="qkv_zoo")
class LexicalMatchFeatures(keras.layers.Layer):
    """Features of each token from `match_maps`, projected so that they can be added to embeddings.

    The features are: whether the token's word occurs in the other segment, whether its stem does (the exact match of DrQA; Chen et
    al. 2017, section 3.2), and both divided by the number of occurrences in the context, because a rare match says more.

    Args:
        hidden_dim: int, width of the output.

    Call arguments:
        maps: float 0/1 tensor `(batch, 4, sequence, sequence)`, from `match_maps`.
        segment_ids: integer `(batch, sequence)`, 0 for the question and 1 for the context.

    Returns:
        float `(batch, sequence, hidden_dim)`.

    Example:
        >>> layer = LexicalMatchFeatures(hidden_dim=5)
        >>> tuple(layer(ops.ones((2, 4, 7, 7)), ops.ones((2, 7))).shape)
        (2, 7, 5)
    """

    def __init__(self, hidden_dim, **kwargs):
        super().__init__(**kwargs)
        self.hidden_dim = hidden_dim

    def build(self, input_shape):
        # There are only four features between 0 and 1. Large initial weights make them count beside the embeddings from the start.
        self.kernel = self.add_weight(
            name="kernel",
            shape=(NUM_FEATURES, self.hidden_dim),
            initializer=keras.initializers.RandomNormal(stddev=0.5),
        )

    def call(self, maps, segment_ids):
        in_context = ops.cast(segment_ids, maps.dtype)[:, None, None, :]
        matches = ops.max(maps[:, :2], axis=-1)
        occurrences = ops.sum((maps[:, :2] + maps[:, 2:]) * in_context, axis=-1)
        features = ops.concatenate([matches, matches / ops.maximum(occurrences, 1)], axis=1)
        return ops.matmul(ops.transpose(features, (0, 2, 1)), ops.cast(self.kernel, maps.dtype))

    def compute_output_shape(self, input_shape, **_):
        return (input_shape[0], input_shape[2], self.hidden_dim)

    def get_config(self):
        return {**super().get_config(), "hidden_dim": self.hidden_dim}
