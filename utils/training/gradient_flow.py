"""How much gradient reaches each component of a model."""

from __future__ import annotations

import numpy as np


def gradient_flow(model) -> dict[str, float]:
    """Root mean square of the gradient of each component's weights, over their elements and about the last thousand steps.

    These are the second moments that Adam keeps anyway (Kingma and Ba 2015, algorithm 1), of the clipped gradient, with their
    correction for the first steps. A component is a layer of the model.

    Args:
        model: compiled with Adam or AdamW, and trained for a step at least.

    Returns:
        `gradient_COMPONENT` to a number, in the model's order.
    """
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    moments = [variable for variable in optimizer.variables if variable.path.endswith("_velocity")]
    corrected = 1 - optimizer.beta_2 ** int(optimizer.iterations)
    found = {}
    for weight, moment in zip(model.trainable_variables, moments, strict=True):
        component = weight.path.split("/")[1]
        found.setdefault(component, []).append(np.asarray(moment, np.float64).ravel() / corrected)
    return {f"gradient_{name}": float(np.sqrt(np.concatenate(parts).mean())) for name, parts in found.items()}
