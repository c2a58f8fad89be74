"""A sequence moved on by one step."""

from keras import ops


def previous_step(sequence):
    """What each step saw one step before; zeros at the first one.

    Models that predict the response of step t from this see nothing of step t itself.

    Args:
        sequence: `(batch, steps, dim)`.

    Returns:
        `(batch, steps, dim)`.

    Example:
        >>> ops.convert_to_numpy(previous_step(ops.array([[[1.0], [2.0], [3.0]]])))[0, :, 0].tolist()
        [0.0, 1.0, 2.0]
    """
    return ops.pad(sequence, ((0, 0), (1, 0), (0, 0)))[:, :-1]
