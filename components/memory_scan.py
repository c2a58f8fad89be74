"""The loop over time of `DynamicKeyValueMemory`, with a gradient that needs little memory."""

from keras import ops

STEPS_PER_CHUNK = 4
"""The forward pass stores the memory at the start of each chunk only; the backward pass computes the steps between again.

With 8, half as much is stored, but compilation takes 0.4 to 0.8 s longer, and a step up to 7 % on TensorFlow (JAX: equal)."""


@ops.custom_gradient
def memory_scan(memory, address, erase, add, *factor):
    """Reads, then writes, at every step: `r_t = sum_i w_t(i) M_t(i);  M_{t+1} = M_t (f - w_t e_t) + w_t a_t`.

    `f` is 1 if nothing fades. Else `erase` and `add` must have been multiplied by it.

    The forward and the backward pass are one compiled loop each. To store the memory of every step for the gradient would take
    `steps` times the size of the memory. So the forward pass stores it once per chunk of steps, and the backward pass computes the
    steps of a chunk again. With the gradient D of M, and the gradient g of the reads, it goes back in time:

        gradient of w_t(i)      sum_d D_{t+1}(i, d) (a_t(d) - M_t(i, d) e_t(d)) + M_t(i, d) g_t(d)
        gradient of e_t(d)      -sum_i w_t(i) M_t(i, d) D_{t+1}(i, d)
        gradient of a_t(d)      sum_i w_t(i) D_{t+1}(i, d)
        D_t = D_{t+1} (f - w_t e_t) + w_t g_t

    Every sum is a product of matrix and vector, which XLA computes several times as fast as a product that is summed.

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
    steps = ops.shape(address)[0]
    chunks = (steps + STEPS_PER_CHUNK - 1) // STEPS_PER_CHUNK
    # Steps that fill up the last chunk have the address 0 and write nothing.
    sequences = [_in_chunks(sequence, chunks) for sequence in (address, erase, add)]

    def read_chunk(chunk, state):
        memory, chunk_starts, reads = state
        chunk_starts, chunk_reads = _set(chunk_starts, chunk, memory), []
        for w, e, a in _steps(sequences, chunk):
            chunk_reads.append(_sum_slots(w, memory))
            memory = _write(memory, w, e, a, f)
        return memory, chunk_starts, _set(reads, chunk, ops.stack(chunk_reads))

    zeros = ops.zeros((chunks, *ops.shape(memory))), ops.zeros_like(sequences[2])
    _, chunk_starts, reads = ops.fori_loop(0, chunks, read_chunk, (memory, *zeros))

    def gradient(*args, upstream=None):
        upstream = args[0] if upstream is None else upstream  # backends pass it by position or by name
        backward_sequences = [*sequences, _in_chunks(upstream, chunks)]

        def backward_chunk(number, gradients):
            chunk = chunks - 1 - number
            d_memory, d_address, d_erase, d_add, *d_factor = gradients  # d_memory is the gradient of M_{t+1}
            chunk_steps = _steps(backward_sequences, chunk)
            memories = [_get(chunk_starts, chunk)]
            for w, e, a, _ in chunk_steps[:-1]:
                memories.append(_write(memories[-1], w, e, a, f))
            parts = []
            for (w, e, a, g), m in zip(reversed(chunk_steps), reversed(memories), strict=True):
                product = m * d_memory
                d_w = _sum_values(d_memory, a) - _sum_values(product, e) + _sum_values(m, g)
                parts.append((d_w, -_sum_slots(w, product), _sum_slots(w, d_memory)))
                d_factor = [d_f + ops.sum(product, axis=(0, 1)) for d_f in d_factor]
                d_memory = _write(d_memory, w, e, g, f)
            stacked = (ops.stack(part[::-1]) for part in zip(*parts, strict=True))
            sums = zip((d_address, d_erase, d_add), stacked, strict=True)
            return d_memory, *(_set(array, chunk, part) for array, part in sums), *d_factor

        zeros = tuple(ops.zeros_like(array) for array in (memory, *sequences, *factor))
        d_memory, d_address, d_erase, d_add, *d_factor = ops.fori_loop(0, chunks, backward_chunk, zeros)
        return d_memory, *(_in_steps(array, steps) for array in (d_address, d_erase, d_add)), *d_factor

    return _in_steps(reads, steps), gradient


def _write(memory, address, erase, add, factor):
    """M_{t+1} from M_t."""
    w = address[..., None]
    return memory * (factor - w * erase[:, None]) + w * add[:, None]


def _sum_slots(address, memory):
    """`sum_i w(i) M(i)`, `(batch, value_dim)`."""
    return ops.einsum("bi,bid->bd", address, memory)


def _sum_values(memory, vector):
    """`sum_d M(d) v(d)`, `(batch, num_slots)`."""
    return ops.einsum("bid,bd->bi", memory, vector)


def _in_chunks(sequence, chunks):
    """`(steps, batch, dim)` as `(chunks, STEPS_PER_CHUNK, batch, dim)`, filled up with zeros."""
    steps, batch, dim = ops.shape(sequence)
    padded = ops.pad(sequence, ((0, STEPS_PER_CHUNK * chunks - steps), (0, 0), (0, 0)))
    return ops.reshape(padded, (chunks, STEPS_PER_CHUNK, batch, dim))


def _in_steps(chunks, steps):
    """The opposite of `_in_chunks`."""
    return ops.reshape(chunks, (-1, *ops.shape(chunks)[2:]))[:steps]


def _steps(sequences, chunk):
    """The parts of these sequences at each step of a chunk, a list of tuples."""
    parts = [_get(sequence, chunk) for sequence in sequences]
    return [tuple(part[step] for part in parts) for step in range(STEPS_PER_CHUNK)]


def _get(sequence, t):
    """`sequence[t]`, for a `t` that is a tensor."""
    shape = ops.shape(sequence)
    return ops.reshape(ops.slice(sequence, (t, *[0] * (len(shape) - 1)), (1, *shape[1:])), shape[1:])


def _set(sequence, t, element):
    """A copy of `sequence` with `element` at `t`, which is a tensor."""
    return ops.slice_update(sequence, (t, *[0] * (len(element.shape))), element[None])
