"""The weights of a model that is trained: their moving average for evaluation, and copies."""

from __future__ import annotations

import contextlib

import keras


@contextlib.contextmanager
def averaged_weights(model):
    """Within the block, the model's weights are the optimizer's moving averages, if it keeps any."""
    values = own_weights(model)
    if not values:
        yield
        return
    _averaging_optimizer(model).finalize_variable_values(model.trainable_variables)
    # On JAX they are now the optimizer's own arrays, which a prediction would take from it.
    assign_values(model.trainable_variables, own_weights(model))
    try:
        yield
    finally:
        assign_values(model.trainable_variables, values)


def _averaging_optimizer(model):
    # In float16 the optimizer with the averages is wrapped in one that scales the loss.
    return getattr(model.optimizer, "inner_optimizer", model.optimizer)


def own_weights(model) -> list:
    """Copies of the model's weights, where the optimizer keeps an average of them that may take their place; else nothing."""
    if not _averaging_optimizer(model).use_ema:
        return []
    return [keras.ops.copy(variable) for variable in model.trainable_variables]


def assign_values(variables: list, values: list) -> None:
    """Assign to variables what `own_weights` copied, if it did."""
    for variable, value in zip(variables, values or variables, strict=True):
        if value is not variable:
            variable.assign(value)


def inference_copy(model, weights=None, policy="float32"):
    """A copy of the model with the same weights, without optimizer and loss, to save, export and evaluate.

    Args:
        model: the model.
        weights: the values of its weights, for a model whose weights lie on several devices.
        policy: the copy's dtype policy, such as `mixed_bfloat16`.
    """
    copy = type(model).from_config({**model.get_config(), "dtype": policy})
    copy.build(None)
    copy.set_weights(model.get_weights() if weights is None else weights)
    return copy
