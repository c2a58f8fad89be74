"""Ids that are drawn from a distribution, with random numbers that the caller has."""

from keras import ops

BLOCK = 128
"""Ids whose probabilities are added up together."""


def sampled_ids(logits, draws):
    """Draw an id from softmax(logits) in each place: the first id up to which the probabilities add up to more than the draw.

    The sums are taken in two steps, over blocks of ids and within a block, because a running sum over a whole vocabulary is slow
    and inexact. The result is a pure function of the arguments, so that training can be resumed and divided.

    Args:
        logits: float `(batch, places, ids)`.
        draws: float `(batch, places)` in [0, 1), uniform random numbers.

    Returns:
        int32 `(batch, places)`.

    Example:

    >>> logits = ops.log(ops.convert_to_tensor([[[0.25, 0.5, 0.25]] * 3]))
    >>> ops.convert_to_numpy(sampled_ids(logits, ops.convert_to_tensor([[0.1, 0.7, 0.8]]))).tolist()
    [[0, 1, 2]]
    """
    probabilities = ops.softmax(ops.cast(logits, "float32"), axis=-1)
    num_ids = probabilities.shape[-1]
    num_blocks = -(-num_ids // BLOCK)
    shape = ops.shape(probabilities)
    blocks = ops.pad(probabilities, ((0, 0), (0, 0), (0, num_blocks * BLOCK - num_ids)))
    blocks = ops.reshape(blocks, (shape[0], shape[1], num_blocks, BLOCK))
    totals = ops.cumsum(ops.sum(blocks, axis=-1), axis=-1)  # of each block and those before it
    draws = ops.cast(draws, "float32")[:, :, None] * totals[:, :, -1:]  # the sum of all may be a little off 1
    block = ops.minimum(ops.sum(ops.cast(totals <= draws, "int32"), axis=-1, keepdims=True), num_blocks - 1)
    rest = draws - ops.where(block > 0, ops.take_along_axis(totals, ops.maximum(block - 1, 0), axis=-1), 0.0)
    within = ops.cumsum(ops.take_along_axis(blocks, block[:, :, :, None], axis=2)[:, :, 0], axis=-1)
    place = ops.sum(ops.cast(within <= rest, "int32"), axis=-1)
    return ops.minimum(block[:, :, 0] * BLOCK + ops.minimum(place, BLOCK - 1), num_ids - 1)
