"""AdamW that trains alike on every backend, and a variant with a learning rate per layer."""

from __future__ import annotations

import keras
from keras import ops

from utils.training.schedules import WarmupThenDecay

NOT_DECAYED = frozenset(
    {
        "bias",
        "qkv_bias",
        "gamma",
        "beta",
        "gain",
        "log_scale",
        "ability_scale",
        "vector_weight",
        "log_deviation",
        "kept_logit",
        "log_drift",
        "mean_gain",
        "learning_logit",
        "fading",
        "log_fading",
        "recency_bias",
        "weights_by_distance",
        "distance",
        "parameters",
    }
)
"""Last parts of the paths of variables without weight decay: biases, scales, and numbers that stand for themselves (weights by
distance, factors of forgetting, BM25's parameters)."""


def make_optimizer(
    learning_rate: float,
    total_steps: int,
    *,
    warmup_steps: int = 0,
    weight_decay: float = 0.0,
    clip_norm: float = 1.0,
    decay: str = "cosine",
    ema_momentum: float = 0.0,
    layer_decay: float = 1.0,
    num_layers: int = 0,
) -> AdamW:
    """The optimizer that all train scripts use: AdamW under linear warm-up and decay, with clipped gradients.

    Args:
        learning_rate: peak learning rate, reached after the warm-up.
        total_steps: steps of the whole training.
        warmup_steps: steps of linear warm-up, cut to a fifth of `total_steps`.
        weight_decay: decoupled weight decay; `NOT_DECAYED` lists what has none.
        clip_norm: global norm that gradients are clipped to.
        decay: what follows the warm-up, `cosine`, `linear`, `polynomial` or `constant`.
        ema_momentum: momentum of the moving average of the weights, 0 for no average. On SQuAD the average changed nothing that
            could be measured (F1 by 0.0, 95 % interval -0.4 to 0.4; docs/squad.md); on few students it helped (docs/tracing.md).
        layer_decay: factor on the learning rate from one encoder block to the block below, in (0, 1].
        num_layers: blocks of the encoder; needed where `layer_decay` is below 1.
    """
    schedule = WarmupThenDecay(learning_rate, min(warmup_steps, total_steps // 5), total_steps, decay)
    settings = {"weight_decay": weight_decay, "global_clipnorm": clip_norm}
    if ema_momentum:
        settings |= {"use_ema": True, "ema_momentum": ema_momentum}
    if layer_decay == 1.0:
        return AdamW(schedule, **settings)
    return LayerwiseAdamW(schedule, layer_decay=layer_decay, num_layers=num_layers, **settings)


@keras.saving.register_keras_serializable(package="qkv_zoo")
class AdamW(keras.optimizers.AdamW):
    """AdamW (Loshchilov and Hutter 2019, algorithm 2) that adds up the gradients of repeated embedding rows first.

    On TensorFlow the gradient of an embedding comes as one slice per occurrence of a row. Keras' own AdamW squares these slices
    one by one (a row that occurs four times with gradient 1 gets a second moment of 4 where 16 is right) and takes the norm for
    `global_clipnorm` before they are added; on JAX it does neither. Here slices are added first, so that both backends take the
    same steps.

    Weight decay leaves out the variables whose path ends in a name of `NOT_DECAYED`, compared as a whole.

    `gradient_norm` is a variable: the global norm of the last step's gradient before clipping, sqrt(sum_i g_i^2) over all weights.

    The learning rate and Adam's bias corrections are not computed anew for each weight, as Keras does, and on TensorFlow one
    kernel updates a weight and its two moments. So steps are traced and compiled sooner (docs/speed.md).

    Takes the arguments of `keras.optimizers.AdamW`.

    Raises:
        ValueError: `amsgrad` is set, which is not supported.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.amsgrad:
            raise ValueError("amsgrad is not supported here; keras.optimizers.AdamW has it")

    def build(self, variables):
        if not self.built:
            super().build(variables)
            self.gradient_norm = self.add_variable((), dtype="float32", name="gradient_norm")

    def apply(self, grads, trainable_variables=None):
        if keras.backend.backend() == "tensorflow":
            variables = self._trainable_variables if trainable_variables is None else list(trainable_variables)
            grads = [dense_gradient(*pair) for pair in zip(grads, variables, strict=True)]
        return super().apply(grads, trainable_variables)

    def _clip_gradients(self, grads):
        norm = ops.sqrt(ops.sum(ops.stack([ops.sum(ops.square(gradient)) for gradient in grads])))
        self.gradient_norm.assign(norm)
        if not self.global_clipnorm:
            return super()._clip_gradients(grads)
        # As in Keras, which would compute the norm again: 1 at most, and NaN where the norm is not finite.
        scale = self.global_clipnorm * ops.minimum(1.0 / norm, 1.0 / self.global_clipnorm) + (norm - norm)
        return [gradient * scale for gradient in grads]

    def _apply_weight_decay(self, variables):
        if keras.backend.backend() == "torch" or _is_distributed():
            return super()._apply_weight_decay(variables)
        if self.weight_decay:
            decay = self.learning_rate * self.weight_decay
            for variable in filter(self._use_weight_decay, variables):
                variable.assign(variable - variable * ops.cast(decay, variable.dtype))

    def _backend_update_step(self, grads, trainable_variables, learning_rate):
        step = ops.cast(self.iterations + 1, "float32")
        correction = ops.sqrt(1 - ops.power(self.beta_2, step)) / (1 - ops.power(self.beta_1, step))
        super()._backend_update_step(grads, trainable_variables, learning_rate * correction)

    def update_step(self, gradient, variable, learning_rate):
        """Move a variable and its moments; `learning_rate` holds Adam's bias corrections already."""
        index = self._get_variable_index(variable)
        momentum, velocity = self._momentums[index], self._velocities[index]
        gradient = ops.cast(gradient, variable.dtype)
        learning_rate = ops.cast(learning_rate, variable.dtype)
        is_exact = keras.backend.standardize_dtype(variable.dtype) in ("float32", "float64")  # beta_2 is 1 in bfloat16
        if keras.backend.backend() == "tensorflow" and is_exact:
            return _apply_adam(self, gradient, variable, momentum.value, velocity.value, learning_rate)
        self.assign_add(momentum, (gradient - momentum) * (1 - self.beta_1))
        self.assign_add(velocity, (ops.square(gradient) - velocity) * (1 - self.beta_2))
        self.assign_sub(variable, momentum * learning_rate / (ops.sqrt(velocity) + self.epsilon))

    def _use_weight_decay(self, variable):
        # TensorFlow passes its own variable, whose name is not the path: look the Keras variable up.
        variable = self._trainable_variables[self._get_variable_index(variable)]
        return variable.path.rsplit("/", 1)[-1] not in NOT_DECAYED and super()._use_weight_decay(variable)


@keras.saving.register_keras_serializable(package="qkv_zoo")
class LayerwiseAdamW(AdamW):
    """AdamW whose learning rate is multiplied by `layer_decay` once for every layer below the head.

    The head learns at the full rate, the top block at `layer_decay` times it, the block below at `layer_decay ** 2`, the
    embeddings at `layer_decay ** (num_layers + 1)` (Howard and Ruder 2018, section 3.2; Clark et al. 2020, appendix A). Weight
    decay keeps the full rate.

    Args:
        layer_decay: factor from a layer to the one below, in (0, 1]; 1 is `AdamW`.
        num_layers: blocks of the encoder, whose variables are `.../encoder/block_0/...` and up.

    Raises:
        ValueError: `layer_decay` is out of range, or below 1 without `num_layers`.
    """

    def __init__(self, *args, layer_decay=1.0, num_layers=0, **kwargs):
        super().__init__(*args, **kwargs)
        if not 0 < layer_decay <= 1 or (layer_decay < 1 and num_layers < 1):
            raise ValueError(
                f"layer_decay {layer_decay} must be in (0, 1], and below 1 it needs num_layers, got {num_layers}"
            )
        self.layer_decay = layer_decay
        self.num_layers = num_layers

    def factor(self, path: str) -> float:
        """The factor on the learning rate of the variable with this path."""
        parts = path.split("/")
        if "encoder" not in parts:
            return 1.0
        below = parts[parts.index("encoder") + 1]
        depth = int(below.removeprefix("block_")) if below.startswith("block_") else -1  # -1: embeddings
        return self.layer_decay ** (self.num_layers - depth)

    def build(self, variables):
        super().build(variables)
        self.factors = [self.factor(variable.path) for variable in variables]

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient, variable, learning_rate * self.factors[self._get_variable_index(variable)])

    def get_config(self):
        return {**super().get_config(), "layer_decay": self.layer_decay, "num_layers": self.num_layers}


def _is_distributed() -> bool:
    """Whether `tf.distribute` runs this step, where variables are changed by its own calls."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return tf.distribute.has_strategy()


def _apply_adam(optimizer, gradient, variable, momentum, velocity, learning_rate):
    """TensorFlow's kernel for a step of Adam, its own bias corrections turned off (powers of 0)."""
    import tensorflow as tf

    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=momentum.handle,
        v=velocity.handle,
        beta1_power=tf.zeros((), variable.dtype),
        beta2_power=tf.zeros((), variable.dtype),
        lr=learning_rate,
        beta1=tf.cast(optimizer.beta_1, variable.dtype),
        beta2=tf.cast(optimizer.beta_2, variable.dtype),
        epsilon=tf.cast(optimizer.epsilon, variable.dtype),
        grad=gradient,
    )


def dense_gradient(gradient, variable):
    """The gradient of `variable` as one tensor, in which the slices of a repeated row are added up; TensorFlow only."""
    import tensorflow as tf

    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    return tf.math.unsorted_segment_sum(gradient.values, gradient.indices, variable.shape[0])
