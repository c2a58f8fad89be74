"""The learning-rate schedule: linear warm-up, then decay."""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="qkv_zoo")
class WarmupThenDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Rise linearly to `learning_rate`, then decay to `final_fraction` of it.

        t < warmup:   rate = learning_rate * t / warmup
        t >= warmup:  rate = learning_rate * (final_fraction + (1 - final_fraction) * f(p))
                      p = (t - warmup) / (total - warmup); 1 / 2 in a training of one step, whose rate would be 0
                      linear f(p) = 1 - p; cosine f(p) = (1 + cos(pi p)) / 2; polynomial f(p) = (1 - p)^2; constant f(p) = 1

    `t` counts steps from 1. After `total_steps` the rate stays at its last value.

    Args:
        learning_rate: float, the peak.
        warmup_steps: int, steps of the rise; 0 for none.
        total_steps: int, steps of the whole training.
        decay: `linear`, `cosine`, `polynomial` or `constant`.
        final_fraction: float, fraction of the peak that is left at the end, 0-1.

    Raises:
        ValueError: `decay` is unknown, or the warm-up is not shorter than the training.
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
        # The optimizer counts from 0. A first step at rate 0 would be wasted.
        step = ops.cast(step, "float32") + 1.0
        rise = step / max(self.warmup_steps, 1)
        num_steps = self.total_steps - self.warmup_steps if self.total_steps > 1 else 2
        done = ops.clip((step - self.warmup_steps) / num_steps, 0.0, 1.0)
        if self.decay == "linear":
            factor = 1.0 - done
        elif self.decay == "cosine":
            factor = 0.5 * (1.0 + ops.cos(math.pi * done))
        elif self.decay == "polynomial":
            factor = ops.square(1.0 - done)
        else:
            factor = ops.ones_like(done)
        factor = self.final_fraction + (1.0 - self.final_fraction) * factor
        return self.learning_rate * ops.where(step < self.warmup_steps, rise, factor)

    def get_config(self):
        return {
            "learning_rate": self.learning_rate,
            "warmup_steps": self.warmup_steps,
            "total_steps": self.total_steps,
            "decay": self.decay,
            "final_fraction": self.final_fraction,
        }
