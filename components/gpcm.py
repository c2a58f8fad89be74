"""Item response theory as layers: a person's ability and an item's parameters, the partial credit model, responses as vectors."""

import keras
from keras import ops

from components.item_embedding import with_unknown

RESPONSE_EMBEDDINGS = ("ordered", "unordered", "linear_decay", "adjacent_weighted")


def gpcm_logits(ability, discrimination, thresholds):
    """Logits of ordered categories under the generalised partial credit model (Muraki 1992, equation 4).

    `logit_k = sum_{h=1..k} alpha (theta - beta_h)`, the empty sum being 0; their softmax is `P(k)`. With two categories this is the
    two-parameter logistic model. Computed in float32.

    Args:
        ability: theta, `(...)`.
        discrimination: alpha > 0, `(...)`.
        thresholds: beta, `(..., categories - 1)`.

    Returns:
        float32 `(..., categories)`.
    """
    ability, discrimination, thresholds = (ops.cast(part, "float32") for part in (ability, discrimination, thresholds))
    steps = discrimination[..., None] * (ability[..., None] - thresholds)
    return ops.concatenate([ops.zeros_like(steps[..., :1]), ops.cumsum(steps, axis=-1)], axis=-1)


def graded_logits(ability, discrimination, thresholds):
    """Logits of ordered categories under the graded response model (Samejima 1969): log-probabilities, float32.

    `P(r > k) = sigmoid(alpha (theta - beta_{k+1}))`: logits that differ by thresholds alone, the ordinal head of CORAL (Cao et al.
    2020), whose loss is `components.losses.ordinal_loss`'s `cumulative`, with thresholds and a slope of each item's own.

    Args and return value as of `gpcm_logits`; thresholds must grow with the category (`IRTParameters(monotone=True)`).
    """
    ability, discrimination, thresholds = (ops.cast(part, "float32") for part in (ability, discrimination, thresholds))
    above = discrimination[..., None] * (ability[..., None] - thresholds)  # falls with k
    over, under = -ops.softplus(-above), -ops.softplus(above)  # log P(r > k), log P(r <= k)
    # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - e^(b-a))
    apart = ops.log(ops.maximum(-ops.expm1(above[..., 1:] - above[..., :-1]), 1e-20))
    between = over[..., :-1] + under[..., 1:] + apart
    return ops.concatenate([under[..., :1], between, over[..., -1:]], axis=-1)


HEADS = {"gpcm": gpcm_logits, "graded": graded_logits}
"""How ability, discrimination and thresholds become logits."""


@keras.saving.register_keras_serializable(package="qkv_zoo")
class IRTParameters(keras.layers.Layer):
    """Ability, discrimination and thresholds from what is known of a person and of an item (Yeung 2019; Tsutsumi et al. 2021).

    `theta = scale (w_s . summary + b)` with a learned `scale`; `alpha = softplus(w_a . [summary, item] + b)`, or of the item alone;
    `beta = W item + b`, or with `monotone` its first element plus the running sum of the softplus of the others.

    Args:
        num_categories: K, at least 2.
        monotone: whether thresholds grow with the category.
        item_discrimination: whether discrimination is the item's alone.
        scale: where the scale of ability starts.

    Call arguments: summary `(..., summary_dim)`; item `(..., item_dim)`.

    Output: a dict of `ability` and `discrimination`, `(...)`, and `thresholds`, `(..., K - 1)`.
    """

    def __init__(self, num_categories, monotone=False, item_discrimination=False, scale=1.0, **kwargs):
        super().__init__(**kwargs)
        if num_categories < 2:
            raise ValueError(f"num_categories {num_categories} must be at least 2")
        self.num_categories = num_categories
        self.monotone = monotone
        self.item_discrimination = item_discrimination
        self.scale = scale

    def build(self, summary_shape, item_shape):
        def dense(units, width, name, bias=0.0):
            initializer = keras.initializers.Constant(bias)
            layer = keras.layers.Dense(units, bias_initializer=initializer, dtype=self.dtype_policy, name=name)
            layer.build((None, width))
            return layer

        both = item_shape[-1] if self.item_discrimination else summary_shape[-1] + item_shape[-1]
        self.ability = dense(1, summary_shape[-1], "ability")
        self.discrimination = dense(1, both, "discrimination", bias=0.5413)  # softplus of it is 1
        self.thresholds = dense(self.num_categories - 1, item_shape[-1], "thresholds")
        self.ability_scale = self.add_weight(
            name="ability_scale", shape=(), initializer=keras.initializers.Constant(self.scale)
        )

    def call(self, summary, item):
        of_both = item if self.item_discrimination else ops.concatenate([summary, item], axis=-1)
        thresholds = self.thresholds(item)
        if self.monotone and self.num_categories > 2:
            grown = ops.concatenate([thresholds[..., :1], ops.softplus(thresholds[..., 1:])], axis=-1)
            thresholds = ops.cumsum(grown, axis=-1)
        return {
            "ability": ops.cast(self.ability_scale, summary.dtype) * self.ability(summary)[..., 0],
            "discrimination": ops.softplus(self.discrimination(of_both))[..., 0],
            "thresholds": thresholds,
        }

    def get_config(self):
        return {
            **super().get_config(),
            "num_categories": self.num_categories,
            "monotone": self.monotone,
            "item_discrimination": self.item_discrimination,
            "scale": self.scale,
        }


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
