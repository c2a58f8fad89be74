"""An item and its response as a vector."""

import keras
from keras import ops

from components.item_embedding import with_mean_as_row_0

RESPONSE_EMBEDDINGS = ("ordered", "unordered", "linear_decay", "adjacent_weighted")
"""The kinds of `response_weights`."""


def response_weights(responses, num_categories, kind):
    """The weight of each of an item's vectors for a response.

    With the response r, K categories, and k = 0 .. K - 1:

        ordered              two vectors: 1(r > 0) and r / (K - 1)
        unordered            K vectors: 1(r = k)
        linear_decay         K vectors: max(0, 1 - |k - r| / (K - 1))
        adjacent_weighted    K vectors: 1 where k = r, 0.5 where |k - r| = 1, else 0

    Args:
        responses: integer tensor of any shape, 0 to K - 1.
        num_categories: int, K.
        kind: str, one of the above.

    Returns:
        float32 `(..., num_vectors)`.

    Raises:
        ValueError: an unknown kind.
    """
    r = ops.cast(responses, "float32")[..., None]
    if kind == "ordered":
        return ops.concatenate([ops.cast(r > 0, "float32"), r / (num_categories - 1)], axis=-1)
    distance = ops.abs(ops.arange(num_categories, dtype="float32") - r)
    if kind == "unordered":
        return ops.cast(distance < 0.5, "float32")
    if kind == "linear_decay":
        return ops.maximum(0.0, 1 - distance / (num_categories - 1))
    if kind == "adjacent_weighted":
        return ops.where(distance < 0.5, 1.0, ops.where(distance < 1.5, 0.5, 0.0))
    raise ValueError(f"kind {kind!r} must be one of {', '.join(RESPONSE_EMBEDDINGS)}")


@keras.saving.register_keras_serializable(package="qkv_zoo")
class ResponseEmbedding(keras.layers.Layer):
    """A vector for an item and its response: `sum_k weight_k(response) E_k[item]`, with the weights of `response_weights`.

    This equals a matrix times the concatenation of `weight_k q` over k, where q is the item's one-hot vector, but is much faster.

    Args:
        num_items: int, number of item ids, at least 2. Id 0 is an unknown item, whose vectors are the means of the others'.
        num_categories: int, K, at least 2.
        dim: int, size of the vectors.
        kind: str, a kind of `response_weights`.

    Call arguments:
        item_ids: integer tensor of any shape.
        responses: integer tensor of the same shape, 0 to K - 1.

    Returns:
        float `(..., dim)`.

    Raises:
        ValueError: an unknown kind.

    Example:
        >>> layer = ResponseEmbedding(num_items=5, num_categories=4, dim=7)
        >>> tuple(layer(ops.array([[3, 1, 0]]), ops.array([[0, 2, 3]])).shape)
        (1, 3, 7)
    """

    def __init__(self, num_items, num_categories, dim, kind="linear_decay", **kwargs):
        super().__init__(**kwargs)
        if kind not in RESPONSE_EMBEDDINGS:
            raise ValueError(f"kind {kind!r} must be one of {', '.join(RESPONSE_EMBEDDINGS)}")
        self.num_items = num_items
        self.num_categories = num_categories
        self.dim = dim
        self.kind = kind
        self.num_vectors = 2 if kind == "ordered" else num_categories

    def build(self, *_):
        # Without autocast, the mean over items is computed in float32 at any precision.
        self.vectors = self.add_weight(
            name="vectors",
            shape=(self.num_items, self.num_vectors * self.dim),
            initializer=keras.initializers.RandomNormal(stddev=self.num_vectors**-0.5 / 5),
            autocast=False,
        )

    def call(self, item_ids, responses):
        vectors = ops.cast(ops.take(with_mean_as_row_0(self.vectors), item_ids, axis=0), self.compute_dtype)
        vectors = ops.reshape(vectors, (*ops.shape(item_ids), self.num_vectors, self.dim))
        weights = ops.cast(response_weights(responses, self.num_categories, self.kind), self.compute_dtype)
        return ops.sum(vectors * weights[..., None], axis=-2)

    def compute_output_shape(self, item_ids_shape, responses_shape):
        return (*item_ids_shape, self.dim)

    def get_config(self):
        return {
            **super().get_config(),
            "num_items": self.num_items,
            "num_categories": self.num_categories,
            "dim": self.dim,
            "kind": self.kind,
        }
