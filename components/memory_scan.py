"""The scan of a dynamic key-value memory, with a gradient that needs little memory."""

from keras import ops

STEPS_PER_CHUNK = 8
"""Of `memory_scan`: the memory is kept at the beginning of every chunk, and computed again within it for the gradient."""


@ops.custom_gradient
def memory_scan(memory, address, erase, add, *fading):
    """Read, then write, at every step, as `DynamicKeyValueMemory` does: `M_{t+1} = M_t (kept - w_t e_t) + w_t a_t`.

    One compiled loop forward and one backward. Kept for the gradient is the memory at the start of each chunk of steps, from which
    the chunk's other states are computed again: the states of all steps would be `steps` times the memory.

    Args:
        memory: `M_1`, `(batch, num_slots, value_dim)`, float32, as are all.
        address: `(steps, batch, num_slots)`.
        erase, add: `(steps, batch, value_dim)`.
        fading: `kept`, `(value_dim,)`; without it nothing fades, and `kept` is 1.

    Returns:
        the reads, `(steps, batch, value_dim)`.
    """
    kept = fading[0] if fading else 1.0
    steps, batch, slots = ops.shape(address)
    dim = ops.shape(memory)[-1]
    chunks = (steps + STEPS_PER_CHUNK - 1) // STEPS_PER_CHUNK

    def length(chunk):
        return ops.minimum(STEPS_PER_CHUNK, steps - chunk * STEPS_PER_CHUNK)

    def forward(chunk, state):
        memory, starts, reads = state

        def step(offset, state):
            memory, reads = state
            t = chunk * STEPS_PER_CHUNK + offset
            weight = _at(address, t)
            read = ops.sum(weight[..., None] * memory, axis=1)
            return _written(memory, weight, _at(erase, t), _at(add, t), kept), _put(reads, t, read)

        starts = _put(starts, chunk, memory)
        memory, reads = ops.fori_loop(0, length(chunk), step, (memory, reads))
        return memory, starts, reads

    empty = ops.zeros((chunks, batch, slots, dim)), ops.zeros((steps, batch, dim))
    _, starts, reads = ops.fori_loop(0, chunks, forward, (memory, *empty))

    def gradient(*given, upstream=None):
        upstream = given[0] if upstream is None else upstream

        def backward(number, state):
            chunk = chunks - 1 - number

            def again(offset, state):
                memory, states = state
                t = chunk * STEPS_PER_CHUNK + offset
                return _written(memory, _at(address, t), _at(erase, t), _at(add, t), kept), _put(states, offset, memory)

            def step(number, state):
                of_memory, of_address, of_erase, of_add, *of_kept = state
                offset = length(chunk) - 1 - number
                t = chunk * STEPS_PER_CHUNK + offset
                memory, weight = _at(states, offset), _at(address, t)[..., None]
                erased, added, of_read = (_at(part, t)[:, None] for part in (erase, add, upstream))
                weighted = weight * of_memory
                of_address = _put(
                    of_address, t, ops.sum(of_memory * (added - memory * erased) + memory * of_read, axis=2)
                )
                of_erase = _put(of_erase, t, -ops.sum(weighted * memory, axis=1))
                of_add = _put(of_add, t, ops.sum(weighted, axis=1))
                of_kept = [of + ops.sum(of_memory * memory, axis=(0, 1)) for of in of_kept]
                of_memory = of_memory * (kept - weight * erased) + weight * of_read
                return of_memory, of_address, of_erase, of_add, *of_kept

            states = ops.zeros((STEPS_PER_CHUNK, batch, slots, dim))
            _, states = ops.fori_loop(0, length(chunk), again, (_at(starts, chunk), states))
            return ops.fori_loop(0, length(chunk), step, state)

        zeros = (ops.zeros_like(part) for part in (memory, address, erase, add, *fading))
        return ops.fori_loop(0, chunks, backward, tuple(zeros))

    return reads, gradient


def _written(memory, weight, erase, add, kept):
    """`M_{t+1}` of `M_t`."""
    weight = weight[..., None]
    return memory * (kept - weight * erase[:, None]) + weight * add[:, None]


def _at(sequence, t):
    """`sequence[t]`."""
    shape = ops.shape(sequence)
    return ops.reshape(ops.slice(sequence, (t, *[0] * (len(shape) - 1)), (1, *shape[1:])), shape[1:])


def _put(sequence, t, element):
    """The sequence with `element` at `t`."""
    return ops.slice_update(sequence, (t, *[0] * (len(element.shape))), element[None])
