"""The memory scan and its gradient against loops over time."""

import keras
import numpy as np
import pytest
from keras import ops

from components.memory_scan import STEPS_PER_CHUNK, memory_scan

BATCH, SLOTS, DIM = 2, 5, 7
RNG = np.random.default_rng(6)


def parts(steps):
    """Memory, address, erase, add and what is factor; time first."""
    address = RNG.random((steps, BATCH, SLOTS))
    shape = (steps, BATCH, DIM)
    arrays = RNG.normal(size=(BATCH, SLOTS, DIM)), address / address.sum(-1, keepdims=True), RNG.random(shape)
    return [array.astype("float32") for array in (*arrays, RNG.normal(size=shape), RNG.uniform(0.8, 1, DIM))]


def loop(memory, address, erase, add, factor=1.0):
    """The equations, step by step; the backend's own gradient of it is the reference."""
    reads = []
    for step in range(address.shape[0]):
        weight = address[step][..., None]
        reads.append(ops.sum(weight * memory, axis=1))
        memory = memory * (factor - weight * erase[step][:, None]) + weight * add[step][:, None]
    return ops.stack(reads)


def with_gradients(function, arguments, upstream, compiled):
    """The function's value, and the gradient of its product with `upstream` for each argument."""
    if keras.backend.backend() == "jax":
        import jax

        def run(*arguments):
            reads, backward = jax.vjp(function, *arguments)
            return [reads, *backward(upstream)]

        return (jax.jit(run) if compiled else run)(*arguments)
    if keras.backend.backend() == "torch":
        inputs = [ops.convert_to_tensor(array).requires_grad_() for array in arguments]
        reads = function(*inputs)
        ops.sum(reads * ops.convert_to_tensor(upstream)).backward()
        return [ops.convert_to_numpy(array) for array in (reads, *(tensor.grad for tensor in inputs))]
    import tensorflow as tf

    @tf.function(jit_compile=compiled)
    def run(*arguments):
        with tf.GradientTape() as tape:
            tape.watch(arguments)
            reads = function(*arguments)
            total = ops.sum(reads * upstream)
        return [reads, *tape.gradient(total, arguments)]

    return run(*map(tf.convert_to_tensor, arguments))


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(("steps", "fading"), [(2, True), (16, False), (19, True), (19, False)])
def test_reads_and_gradients_equal_those_of_a_loop(steps, fading, compiled):
    arguments, upstream = parts(steps)[: 5 if fading else 4], RNG.normal(size=(steps, BATCH, DIM)).astype("float32")
    expected = with_gradients(loop, arguments, upstream, False)
    for one, other in zip(with_gradients(memory_scan, arguments, upstream, compiled), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=2e-5)


def test_nothing_erased_and_nothing_added_leaves_the_memory_as_it_was():
    memory, address, erase, add, _ = parts(20)
    reads = ops.convert_to_numpy(memory_scan(*map(ops.convert_to_tensor, (memory, address, 0 * erase, 0 * add))))
    np.testing.assert_allclose(reads, np.einsum("tbn,bnd->tbd", address, memory), rtol=1e-5, atol=1e-6)


def test_a_slot_that_is_erased_and_written_holds_what_was_added():
    memory, address, erase, add, _ = parts(2)
    address[:] = np.eye(SLOTS)[3]
    reads = ops.convert_to_numpy(memory_scan(*map(ops.convert_to_tensor, (memory, address, erase * 0 + 1, add))))
    np.testing.assert_allclose(reads, [memory[:, 3], add[0]], rtol=1e-6)


def test_the_chunks_are_shorter_than_the_sequences_tested():
    assert STEPS_PER_CHUNK in (4, 8, 16)  # of 16 and 19 steps, one with a rest and one without
