"""Learning-rate schedules: linear warm-up, then decay."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="qkv_zoo")
class WarmupThenDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Rise linearly from 0 to `learning_rate` over `warmup_steps`, then decay to `final_fraction` of it at `total_steps`.

    With `p` the share of the steps after warm-up that are done: `linear` 1 - p; `cosine` (1 + cos(pi p)) / 2;
    `polynomial` (1 - p)^2; `constant` 1.

    Raises:
        ValueError: an unknown decay, or a warm-up that is not shorter than the whole.
    """

    def __init__(self, learning_rate, warmup_steps, total_steps, decay="cosine", final_fraction=0.0):
        if decay not in ("linear", "cosine", "polynomial", "constant"):
            raise ValueError(f"decay must be linear, cosine, polynomial or constant, got {decay!r}")
        if not 0 <= warmup_steps < total_steps:
            raise ValueError(f"warmup_steps {warmup_steps} must be less than total_steps {total_steps}")
        self.learning_rate = learning_rate
        self.warmup_steps = warmup_steps
        self.total_steps = total_steps
        self.decay = decay
        self.final_fraction = final_fraction

    def __call__(self, step):
        # The optimizer counts from 0, and a first step at rate 0 would be wasted.
        step = ops.cast(step, "float32") + 1.0
        warm = step / max(self.warmup_steps, 1)
        done = ops.clip((step - self.warmup_steps) / (self.total_steps - self.warmup_steps), 0.0, 1.0)
        if self.decay == "linear":
            factor = 1.0 - done
        elif self.decay == "cosine":
            factor = 0.5 * (1.0 + ops.cos(3.141592653589793 * done))
        elif self.decay == "polynomial":
            factor = ops.square(1.0 - done)
        else:
            factor = ops.ones_like(done)
        factor = self.final_fraction + (1.0 - self.final_fraction) * factor
        return self.learning_rate * ops.where(step < self.warmup_steps, warm, factor)

    def get_config(self):
        return {
            "learning_rate": self.learning_rate,
            "warmup_steps": self.warmup_steps,
            "total_steps": self.total_steps,
            "decay": self.decay,
            "final_fraction": self.final_fraction,
        }
