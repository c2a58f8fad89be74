"""Training of a model on one batch."""

import keras

from utils.training.fit import build_loss


def learn(model, inputs, targets, steps: int) -> list[float]:
    """Train a built and compiled model on one batch and return the loss of each step.

    `fit` would be several times as slow here: it makes iterators for every epoch, and TensorFlow traces a step twice that makes
    the variables of the optimizer and of the loss.
    """
    model.optimizer.build(model.trainable_variables)
    if keras.backend.backend() == "tensorflow":
        build_loss(model, (inputs, targets))
    losses = []
    for _ in range(steps):
        model.reset_metrics()  # else the loss is a mean over all steps so far
        losses.append(float(model.train_on_batch(inputs, targets, return_dict=True)["loss"]))
    return losses
