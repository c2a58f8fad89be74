"""An item and its response as a vector, with one matrix for all items."""

import keras
from keras import ops

from components.response_embedding import ResponseEmbedding, response_weights


@keras.saving.register_keras_serializable(package="qkv_zoo")
class SharedResponseEmbedding(keras.layers.Layer):
    """As `ResponseEmbedding`, but from the item's vector `q` in the place of its one-hot vector: `W [weight_1 q; ...; weight_n q;
    weight_1; ...; weight_n]`. Items share W, so that few responses an item suffice.

    Args:
        num_categories, dim, kind: as of `ResponseEmbedding`.

    Call arguments: items `(..., item_dim)`; responses, integers `(...)`. Output: `(..., dim)`.
    """

    def __init__(self, num_categories, dim, kind="linear_decay", **kwargs):
        super().__init__(**kwargs)
        self.num_categories = num_categories
        self.dim = dim
        self.kind = kind

    def build(self, item_shape, responses_shape=None):
        num_vectors = 2 if self.kind == "ordered" else self.num_categories
        self.dense = keras.layers.Dense(self.dim, use_bias=False, dtype=self.dtype_policy, name="dense")
        self.dense.build((None, num_vectors * (item_shape[-1] + 1)))

    def call(self, items, responses):
        weights = ops.cast(response_weights(responses, self.num_categories, self.kind), self.compute_dtype)
        of_items = weights[..., None] * items[..., None, :]
        of_items = ops.reshape(of_items, (*ops.shape(responses), weights.shape[-1] * items.shape[-1]))
        return self.dense(ops.concatenate([of_items, weights], axis=-1))

    def compute_output_shape(self, item_shape, responses_shape):
        return (*item_shape[:-1], self.dim)

    def get_config(self):
        return {
            **super().get_config(),
            "num_categories": self.num_categories,
            "dim": self.dim,
            "kind": self.kind,
        }


def response_embedding_layer(num_items, num_categories, dim, kind, shared, dtype):
    """A `SharedResponseEmbedding`, or a `ResponseEmbedding`, which is called with item ids in the place of vectors."""
    common = {"kind": kind, "dtype": dtype, "name": "response_embedding"}
    if shared:
        return SharedResponseEmbedding(num_categories, dim, **common)
    return ResponseEmbedding(num_items, num_categories, dim, **common)
