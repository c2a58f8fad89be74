"""An item and its response as a vector, by one matrix for all items."""

import keras
from keras import ops

from components.response_embedding import RESPONSE_EMBEDDINGS, ResponseEmbedding, response_weights


@keras.saving.register_keras_serializable(package="qkv_zoo")
class SharedResponseEmbedding(keras.layers.Layer):
    """A vector for an item and its response, from the item's vector q in the place of its one-hot vector.

        W [weight_1 q; ...; weight_n q; weight_1; ...; weight_n]

    with the weights of `response_weights`. All items share W, so a few responses to each are enough to learn it.

    Args:
        num_categories: int, K, at least 2.
        dim: int, size of the vectors.
        kind: str, a kind of `response_weights`.

    Call arguments:
        items: float `(..., item_dim)`, the vectors of the items.
        responses: integer `(...)`, 0 to K - 1.

    Returns:
        float `(..., dim)`.

    Raises:
        ValueError: an unknown kind.

    Example:
        >>> layer = SharedResponseEmbedding(num_categories=4, dim=7)
        >>> tuple(layer(ops.ones((1, 3, 5)), ops.array([[0, 2, 3]])).shape)
        (1, 3, 7)
    """

    def __init__(self, num_categories, dim, kind="linear_decay", **kwargs):
        super().__init__(**kwargs)
        if kind not in RESPONSE_EMBEDDINGS:
            raise ValueError(f"kind {kind!r} must be one of {', '.join(RESPONSE_EMBEDDINGS)}")
        self.num_categories = num_categories
        self.dim = dim
        self.kind = kind
        self.num_vectors = 2 if kind == "ordered" else num_categories

    def build(self, items_shape, responses_shape=None):
        self.dense = keras.layers.Dense(self.dim, use_bias=False, dtype=self.dtype_policy, name="dense")
        self.dense.build((None, self.num_vectors * (items_shape[-1] + 1)))

    def call(self, items, responses):
        weights = ops.cast(response_weights(responses, self.num_categories, self.kind), self.compute_dtype)
        weighted_items = weights[..., None] * items[..., None, :]
        weighted_items = ops.reshape(weighted_items, (*ops.shape(responses), self.num_vectors * items.shape[-1]))
        return self.dense(ops.concatenate([weighted_items, weights], axis=-1))

    def compute_output_shape(self, items_shape, responses_shape):
        return (*items_shape[:-1], self.dim)

    def get_config(self):
        return {
            **super().get_config(),
            "num_categories": self.num_categories,
            "dim": self.dim,
            "kind": self.kind,
        }


def response_embedding_layer(num_items, num_categories, dim, kind, shared, dtype):
    """A `SharedResponseEmbedding` if `shared`, else a `ResponseEmbedding`, which takes item ids in the place of item vectors."""
    common = {"kind": kind, "dtype": dtype, "name": "response_embedding"}
    if shared:
        return SharedResponseEmbedding(num_categories, dim, **common)
    return ResponseEmbedding(num_items, num_categories, dim, **common)
