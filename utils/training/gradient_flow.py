"""The size of the gradient that reaches each layer of a model."""

from __future__ import annotations

import numpy as np


def gradient_flow(model) -> dict[str, float]:
    """The root mean square of the gradient of each layer's weights.

        rms = sqrt(mean(v / (1 - beta_2^t)))

    `v` is the second moment that Adam keeps (Kingma and Ba 2015, algorithm 1): a moving average of the squared clipped gradient,
    over about the last thousand steps. The mean is over all elements of the layer's weights.

    Args:
        model: compiled with Adam or AdamW, and trained for at least one step.

    Returns:
        `gradient_LAYER` to its root mean square, in the model's order.
    """
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    moments = [variable for variable in optimizer.variables if variable.path.endswith("_velocity")]
    bias_correction = 1 - optimizer.beta_2 ** int(optimizer.iterations)
    squares: dict[str, list] = {}
    for weight, moment in zip(model.trainable_variables, moments, strict=True):
        layer = weight.path.split("/")[1]
        squares.setdefault(layer, []).append(np.asarray(moment, np.float64).ravel() / bias_correction)
    return {f"gradient_{layer}": float(np.sqrt(np.concatenate(parts).mean())) for layer, parts in squares.items()}
