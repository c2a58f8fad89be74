"""Item response theory: ability, discrimination and thresholds from vectors."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="qkv_zoo")
class IRTParameters(keras.layers.Layer):
    """Ability, discrimination and thresholds from a student's and an item's vector (Yeung 2019).

        theta = scale (w . summary + b)
        alpha = softplus(v . [summary; item] + c), or softplus(v . item + c) with item_discrimination
        beta = W item + d

    With `monotone`, `beta_1` is the first element of `W item + d`, and each further threshold adds the softplus of the next element
    (Tsutsumi et al. 2021). `scale` is learned. All results are float32 at any precision.

    Args:
        num_categories: int, K, at least 2.
        monotone: bool, whether thresholds grow with the category.
        item_discrimination: bool, whether discrimination depends on the item alone.
        initial_scale: float, initial value of `scale`.

    Call arguments:
        summary: float `(..., summary_dim)`, the student's vector; None leaves ability out, with `item_discrimination`.
        item: float `(..., item_dim)`.

    Returns:
        A dict of float32 tensors: `ability` (unless `summary` is None) and `discrimination` `(...)`, `thresholds`
        `(..., K - 1)`.

    Raises:
        ValueError: `num_categories` is less than 2.

    Example:
        >>> layer = IRTParameters(num_categories=4)
        >>> parameters = layer(ops.ones((2, 5, 7)), ops.ones((2, 5, 3)))
        >>> tuple(parameters["ability"].shape), tuple(parameters["thresholds"].shape)
        ((2, 5), (2, 5, 3))
    """

    def __init__(self, num_categories, monotone=False, item_discrimination=False, initial_scale=1.0, **kwargs):
        super().__init__(**kwargs)
        if num_categories < 2:
            raise ValueError(f"num_categories {num_categories} must be at least 2")
        self.num_categories = num_categories
        self.monotone = monotone
        self.item_discrimination = item_discrimination
        self.initial_scale = initial_scale

    def build(self, summary_shape, item_shape):
        def dense(units, input_dim, name, bias=0.0):
            initializer = keras.initializers.Constant(bias)
            layer = keras.layers.Dense(units, bias_initializer=initializer, dtype=self.dtype_policy, name=name)
            layer.build((None, input_dim))
            return layer

        has_ability, item_dim = summary_shape is not None, item_shape[-1]
        if has_ability:
            self.ability = dense(1, summary_shape[-1], "ability")
        discrimination_dim = item_dim if self.item_discrimination else summary_shape[-1] + item_dim
        self.discrimination = dense(1, discrimination_dim, "discrimination", bias=0.5413)  # softplus(0.5413) = 1
        self.thresholds = dense(self.num_categories - 1, item_dim, "thresholds")
        if has_ability:
            scale = keras.initializers.Constant(self.initial_scale)
            self.ability_scale = self.add_weight(name="ability_scale", shape=(), initializer=scale, autocast=False)

    def call(self, summary, item):
        discrimination_inputs = item if self.item_discrimination else ops.concatenate([summary, item], axis=-1)
        discrimination = ops.cast(self.discrimination(discrimination_inputs)[..., 0], "float32")
        thresholds = ops.cast(self.thresholds(item), "float32")
        if self.monotone and self.num_categories > 2:
            increments = ops.concatenate([thresholds[..., :1], ops.softplus(thresholds[..., 1:])], axis=-1)
            thresholds = ops.cumsum(increments, axis=-1)
        parameters = {"discrimination": ops.softplus(discrimination), "thresholds": thresholds}
        if summary is None:
            return parameters
        return {"ability": self.ability_scale * ops.cast(self.ability(summary)[..., 0], "float32"), **parameters}

    def get_config(self):
        return {
            **super().get_config(),
            "num_categories": self.num_categories,
            "monotone": self.monotone,
            "item_discrimination": self.item_discrimination,
            "initial_scale": self.initial_scale,
        }
