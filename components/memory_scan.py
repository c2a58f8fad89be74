"""The loop over time of `DynamicKeyValueMemory`, with a gradient that needs little memory."""

from keras import ops

STEPS_PER_CHUNK = 8
"""The forward pass stores the memory at the start of each chunk only; the backward pass computes the steps between again."""


@ops.custom_gradient
def memory_scan(memory, address, erase, add, *factor):
    """Reads, then writes, at every step: `r_t = sum_i w_t(i) M_t(i);  M_{t+1} = M_t (f - w_t e_t) + w_t a_t`.

    `f` is 1 if nothing fades. Else `erase` and `add` must have been multiplied by it.

    The forward and the backward pass are one compiled loop each. To store the memory of every step for the gradient would take
    `steps` times the size of the memory. So the forward pass stores it once per chunk of steps, and the backward pass computes the
    steps of a chunk again.

    Args:
        memory: M_1, float32 `(batch, num_slots, value_dim)`.
        address: w, float32 `(steps, batch, num_slots)`.
        erase: e, float32 `(steps, batch, value_dim)`.
        add: a, float32 `(steps, batch, value_dim)`.
        factor: f, float32 `(value_dim,)`, or nothing.

    Returns:
        The reads r, float32 `(steps, batch, value_dim)`.
    """
    f = factor[0] if factor else 1.0
    steps, batch, slots = ops.shape(address)
    dim = ops.shape(memory)[-1]
    chunks = (steps + STEPS_PER_CHUNK - 1) // STEPS_PER_CHUNK

    def length(chunk):
        return ops.minimum(STEPS_PER_CHUNK, steps - chunk * STEPS_PER_CHUNK)

    def read_chunk(chunk, state):
        memory, chunk_starts, reads = state

        def step(offset, state):
            memory, chunk_reads = state
            t = chunk * STEPS_PER_CHUNK + offset
            w = _get(address, t)
            chunk_reads = _set(chunk_reads, offset, ops.sum(w[..., None] * memory, axis=1))
            return _write(memory, w, _get(erase, t), _get(add, t), f), chunk_reads

        chunk_starts = _set(chunk_starts, chunk, memory)
        # To set an element may copy the whole array, so the reads of a chunk are collected in a small one.
        memory, chunk_reads = ops.fori_loop(0, length(chunk), step, (memory, ops.zeros((STEPS_PER_CHUNK, batch, dim))))
        return memory, chunk_starts, _set(reads, chunk, chunk_reads)

    zeros = ops.zeros((chunks, batch, slots, dim)), ops.zeros((chunks, STEPS_PER_CHUNK, batch, dim))
    _, chunk_starts, reads = ops.fori_loop(0, chunks, read_chunk, (memory, *zeros))
    reads = ops.reshape(reads, (chunks * STEPS_PER_CHUNK, batch, dim))[:steps]

    def gradient(*args, upstream=None):
        upstream = args[0] if upstream is None else upstream  # backends pass it by position or by name

        def backward_chunk(number, gradients):
            chunk = chunks - 1 - number

            def recompute(offset, state):
                memory, memories = state
                t = chunk * STEPS_PER_CHUNK + offset
                next_memory = _write(memory, _get(address, t), _get(erase, t), _get(add, t), f)
                return next_memory, _set(memories, offset, memory)

            def step(number, gradients):
                d_memory, d_address, d_erase, d_add, *d_factor = gradients  # d_memory is the gradient of M_{t+1}
                offset = length(chunk) - 1 - number
                t = chunk * STEPS_PER_CHUNK + offset
                m, w = _get(memories, offset), _get(address, t)[..., None]
                e, a, d_read = (_get(array, t)[:, None] for array in (erase, add, upstream))
                weighted = w * d_memory
                d_address = _set(d_address, t, ops.sum(d_memory * (a - m * e) + m * d_read, axis=2))
                d_erase = _set(d_erase, t, -ops.sum(weighted * m, axis=1))
                d_add = _set(d_add, t, ops.sum(weighted, axis=1))
                d_factor = [d_f + ops.sum(d_memory * m, axis=(0, 1)) for d_f in d_factor]
                d_memory = d_memory * (f - w * e) + w * d_read
                return d_memory, d_address, d_erase, d_add, *d_factor

            memories = ops.zeros((STEPS_PER_CHUNK, batch, slots, dim))
            _, memories = ops.fori_loop(0, length(chunk), recompute, (_get(chunk_starts, chunk), memories))
            return ops.fori_loop(0, length(chunk), step, gradients)

        zeros = (ops.zeros_like(array) for array in (memory, address, erase, add, *factor))
        return ops.fori_loop(0, chunks, backward_chunk, tuple(zeros))

    return reads, gradient


def _write(memory, address, erase, add, factor):
    """M_{t+1} from M_t."""
    w = address[..., None]
    return memory * (factor - w * erase[:, None]) + w * add[:, None]


def _get(sequence, t):
    """`sequence[t]`, for a `t` that is a tensor."""
    shape = ops.shape(sequence)
    return ops.reshape(ops.slice(sequence, (t, *[0] * (len(shape) - 1)), (1, *shape[1:])), shape[1:])


def _set(sequence, t, element):
    """A copy of `sequence` with `element` at `t`, which is a tensor."""
    return ops.slice_update(sequence, (t, *[0] * (len(element.shape))), element[None])
