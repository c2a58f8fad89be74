"""Batches in the form that Keras trains on."""

from __future__ import annotations

import itertools

import keras
import numpy as np

BATCHES_PER_STACK = 16
"""The most batches of equal shapes that are passed to TensorFlow together."""
STACK_BYTES = 8 * 2**20
"""The size that such a stack of batches should not exceed."""


def as_dataset(batches, first_step: int, steps: int | None = None, wanted_request=None):
    """Batches in the form that Keras trains on.

    Args:
        batches: function of a step number that returns an iterator of batches from that step on.
        first_step: the step to begin at.
        steps: number of batches; None for all.
        wanted_request: for a model on several devices, what this process asks of all of them with its next batch; see
            `utils.training.distribution`.

    Returns:
        a `tf.data.Dataset` with axes of unknown length on TensorFlow, a generator on other backends.
    """
    if keras.backend.backend() != "tensorflow":
        return _generate(itertools.islice(batches(first_step), steps), wanted_request)
    import tensorflow as tf

    first_batch = next(batches(first_step))
    batch_bytes = sum(array.nbytes for array in tf.nest.flatten(first_batch))
    stack_size = max(1, min(BATCHES_PER_STACK, STACK_BYTES // batch_bytes))
    spec = tf.nest.map_structure(lambda array: tf.TensorSpec((None,) * (1 + array.ndim), array.dtype), first_batch)

    def stacks():
        # Each element of a Python generator has a fixed cost. Neighbouring batches of equal shapes share it as one element.
        stack, stack_shapes = [], None
        for batch in itertools.islice(batches(first_step), steps):
            shapes = [array.shape for array in tf.nest.flatten(batch)]
            if stack and (shapes != stack_shapes or len(stack) == stack_size):
                yield tf.nest.map_structure(lambda *arrays: np.stack(arrays), *stack)
                stack = []
            stack.append(batch)
            stack_shapes = shapes
        if stack:
            yield tf.nest.map_structure(lambda *arrays: np.stack(arrays), *stack)

    dataset = tf.data.Dataset.from_generator(stacks, output_signature=spec)
    return dataset.flat_map(lambda *stack: tf.data.Dataset.from_tensor_slices(stack)).prefetch(2)


def _generate(batches, wanted_request):
    """The batches as a generator, because Keras rejects other iterators."""
    from utils.training.distribution import ask, is_distributed

    for batch in batches:
        if wanted_request is not None and is_distributed():
            ask(batch, wanted_request())
        yield batch
