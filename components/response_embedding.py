"""An item and its response as a vector."""

import keras
from keras import ops

from components.item_embedding import with_unknown

RESPONSE_EMBEDDINGS = ("ordered", "unordered", "linear_decay", "adjacent_weighted")


def response_weights(responses, num_categories, kind):
    """What multiplies each of an item's vectors when the item was answered thus, float32 `(..., vectors)`.

    With `r` the response, `K` the categories and `k` from 0 to K - 1:

    - `ordered`: two vectors, `1(r > 0)` and `r / (K - 1)`;
    - `unordered`: K vectors, `1(r = k)`;
    - `linear_decay`: K vectors, `max(0, 1 - |k - r| / (K - 1))`;
    - `adjacent_weighted`: K vectors, 1 where `k = r`, 0.5 next to it, else 0.
    """
    r = ops.cast(responses, "float32")[..., None]
    if kind == "ordered":
        return ops.concatenate([ops.cast(r > 0, "float32"), r / (num_categories - 1)], axis=-1)
    away = ops.abs(ops.arange(num_categories, dtype="float32") - r)
    if kind == "unordered":
        return ops.cast(away < 0.5, "float32")
    if kind == "linear_decay":
        return ops.maximum(0.0, 1 - away / (num_categories - 1))
    if kind == "adjacent_weighted":
        return ops.where(away < 0.5, 1.0, ops.where(away < 1.5, 0.5, 0.0))
    raise ValueError(f"kind {kind!r} must be one of {RESPONSE_EMBEDDINGS}")


@keras.saving.register_keras_serializable(package="qkv_zoo")
class ResponseEmbedding(keras.layers.Layer):
    """A vector for an item and how it was answered: `sum_k weight_k(response) E_k[item]`, weights as `response_weights` has them.

    This is a matrix times the published concatenation of `weight_k q`, with `q` the item's one-hot vector.

    Args:
        num_items: item ids, at least 2; 0 is an item that is not known, whose vectors are the mean of the others.
        num_categories: K, at least 2.
        dim: size of the vectors.
        kind: `ordered`, `unordered`, `linear_decay` or `adjacent_weighted`.

    Call arguments: item_ids and responses, integers of one shape. Output: that shape and `(dim,)`.
    """

    def __init__(self, num_items, num_categories, dim, kind="linear_decay", **kwargs):
        super().__init__(**kwargs)
        if kind not in RESPONSE_EMBEDDINGS:
            raise ValueError(f"kind {kind!r} must be one of {RESPONSE_EMBEDDINGS}")
        self.num_items = num_items
        self.num_categories = num_categories
        self.dim = dim
        self.kind = kind
        self.num_vectors = 2 if kind == "ordered" else num_categories

    def build(self, *_):
        self.vectors = self.add_weight(
            name="vectors",
            shape=(self.num_items, self.num_vectors * self.dim),
            initializer=keras.initializers.RandomNormal(stddev=self.num_vectors**-0.5 / 5),
        )

    def call(self, item_ids, responses):
        vectors = ops.cast(ops.take(with_unknown(self.vectors), item_ids, axis=0), self.compute_dtype)
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
