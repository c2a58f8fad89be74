"""DynamicKeyValueMemory and its scan against loops over time."""

import keras
import numpy as np
import pytest
from keras import ops

from components import key_value_memory
from components.key_value_memory import DynamicKeyValueMemory, memory_scan

BATCH, SLOTS, DIM, QUERY, WRITE = 2, 5, 7, 3, 11
RNG = np.random.default_rng(6)


def parts(steps):
    """Memory, address, erase, add and what is kept; time first."""
    address = RNG.random((steps, BATCH, SLOTS))
    shape = (steps, BATCH, DIM)
    arrays = RNG.normal(size=(BATCH, SLOTS, DIM)), address / address.sum(-1, keepdims=True), RNG.random(shape)
    return [array.astype("float32") for array in (*arrays, RNG.normal(size=shape), RNG.uniform(0.8, 1, DIM))]


def loop(memory, address, erase, add, kept=1.0):
    """The equations, step by step; the backend's own gradient of it is the reference."""
    reads = []
    for step in range(address.shape[0]):
        weight = address[step][..., None]
        reads.append(ops.sum(weight * memory, axis=1))
        memory = memory * (kept - weight * erase[step][:, None]) + weight * add[step][:, None]
    return ops.stack(reads)


def with_gradients(function, given, upstream, compiled):
    """The function's value, and the gradient of its product with `upstream` for each argument."""
    if keras.backend.backend() == "jax":
        import jax

        def both(*given):
            reads, backward = jax.vjp(function, *given)
            return [reads, *backward(upstream)]

        return (jax.jit(both) if compiled else both)(*given)
    import tensorflow as tf

    @tf.function(jit_compile=compiled)
    def both(*given):
        with tf.GradientTape() as tape:
            tape.watch(given)
            reads = function(*given)
            total = ops.sum(reads * upstream)
        return [reads, *tape.gradient(total, given)]

    return both(*map(tf.convert_to_tensor, given))


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(("steps", "fading"), [(2, True), (16, False), (19, True), (19, False)])
def test_reads_and_gradients_equal_those_of_a_loop(steps, fading, compiled):
    given, upstream = parts(steps)[: 5 if fading else 4], RNG.normal(size=(steps, BATCH, DIM)).astype("float32")
    expected = with_gradients(loop, given, upstream, False)
    for one, other in zip(with_gradients(memory_scan, given, upstream, compiled), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=2e-5)


def test_nothing_erased_and_nothing_added_leaves_the_memory_as_it_was():
    memory, address, erase, add, _ = parts(20)
    reads = ops.convert_to_numpy(memory_scan(memory, address, 0 * erase, 0 * add))
    np.testing.assert_allclose(reads, np.einsum("tbn,bnd->tbd", address, memory), rtol=1e-5)


def test_a_slot_that_is_erased_and_written_holds_what_was_added():
    memory, address, erase, add, _ = parts(2)
    address[:] = np.eye(SLOTS)[3]
    reads = ops.convert_to_numpy(memory_scan(memory, address, erase * 0 + 1, add))
    np.testing.assert_allclose(reads, [memory[:, 3], add[0]], rtol=1e-6)


def layer_and_inputs(steps=19, forgetting=False):
    keras.utils.set_random_seed(2)
    layer = DynamicKeyValueMemory(SLOTS, DIM, forgetting)
    query, value = (RNG.normal(size=(BATCH, steps, size)).astype("float32") for size in (QUERY, WRITE))
    return layer, query, value


@pytest.mark.parametrize("forgetting", [False, True])
def test_the_layer_equals_its_equations(forgetting):
    layer, query, value = layer_and_inputs(forgetting=forgetting)
    read, address = (ops.convert_to_numpy(part) for part in layer(query, value))
    keys, memory = (ops.convert_to_numpy(weight) for weight in (layer.keys, layer.values))
    (erase, b), (add, c) = ([ops.convert_to_numpy(w) for w in part.weights] for part in (layer.erase, layer.add))
    fades = 1 / (1 + np.exp(-ops.convert_to_numpy(layer.fading))) if forgetting else 1
    for row in range(BATCH):
        state = memory.copy()
        for step in range(query.shape[1]):
            scores = np.exp(keys @ query[row, step])
            weight = scores / scores.sum()
            np.testing.assert_allclose(address[row, step], weight, rtol=1e-4)
            np.testing.assert_allclose(read[row, step], weight @ state, rtol=1e-3, atol=1e-5)
            erased = 1 / (1 + np.exp(-(value[row, step] @ erase + b)))
            added = np.tanh(value[row, step] @ add + c)
            state = (state * (1 - np.outer(weight, erased)) + np.outer(weight, added)) * fades


def test_a_read_sees_neither_its_own_value_nor_later_ones():
    layer, query, value = layer_and_inputs()
    before = ops.convert_to_numpy(layer(query, value)[0])
    changed = value.copy()
    changed[:, 9:] += 1
    after = ops.convert_to_numpy(layer(query, changed)[0])
    np.testing.assert_array_equal(after[:, :10], before[:, :10])
    assert (np.abs(after[:, 10:] - before[:, 10:]).max(axis=(0, 2)) > 1e-6).all()


def test_padding_writes_nothing():
    layer, query, value = layer_and_inputs()
    mask = np.ones(query.shape[:2], bool)
    mask[:, 4] = False
    kept = [step for step in range(query.shape[1]) if step != 4]
    found = ops.convert_to_numpy(layer(query, value, mask)[0])[:, kept]
    np.testing.assert_allclose(found, layer(query[:, kept], value[:, kept])[0], rtol=1e-4, atol=1e-6)


def test_rows_of_few_values_are_the_same_as_their_copies():
    layer, query, value = layer_and_inputs()
    rows = RNG.integers(0, 3, query.shape[:2])
    few = value[0, :3]
    expected = layer(query, few[rows])
    for one, other in zip(layer(query, few, None, rows), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_it_saves_loads_and_keeps_its_shapes(tmp_path):
    layer, query, value = layer_and_inputs()
    inputs = keras.Input((None, QUERY)), keras.Input((None, WRITE))
    model = keras.Model(inputs, layer(*inputs))
    assert [tuple(output.shape) for output in model.outputs] == [(None, None, DIM), (None, None, SLOTS)]
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    for length in (3, 19):
        given = query[:, :length], value[:, :length]
        for expected, found in zip(model(given), again(given), strict=True):
            np.testing.assert_array_equal(found, expected)


def test_half_precision_keeps_the_state_in_float32():
    layer, query, value = layer_and_inputs(200)
    half = DynamicKeyValueMemory(SLOTS, DIM, dtype="mixed_bfloat16")
    half.build(query.shape, value.shape)
    layer(query, value)
    half.set_weights(layer.get_weights())
    read, _ = half(query, value)
    assert keras.backend.standardize_dtype(read.dtype) == "bfloat16"
    np.testing.assert_allclose(np.asarray(ops.cast(read, "float32")), layer(query, value)[0], atol=0.05)


def test_the_chunks_are_shorter_than_the_sequences_tested():
    assert key_value_memory.STEPS_A_CHUNK in (8, 16)  # of 16 and 19 steps, one with a rest and one without
