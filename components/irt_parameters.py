"""Item response theory: ability, discrimination and thresholds from vectors."""

import keras
from keras import ops


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
