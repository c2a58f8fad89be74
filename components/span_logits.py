"""Logits of the start and the end of an answer."""

from keras import ops

from components.masking import masking_bias


def span_logits(logits, segment_ids, padding_mask):
    """Start and end logits, with -1e9 wherever no answer can start or end.

    An answer can start and end at tokens of segment 1, which are the context and the separator after it, and at the first token,
    which stands for "no answer in this window".

    Args:
        logits: float `(batch, sequence, 2)`, of the start and the end.
        segment_ids: integer `(batch, sequence)`, 1 for the context.
        padding_mask: `(batch, sequence)`, True or 1 for a real token.

    Returns:
        A dict of `start` and `end`, float32 `(batch, sequence)`.
    """
    logits = ops.cast(logits, "float32")
    is_first = ops.equal(ops.arange(ops.shape(segment_ids)[1]), 0)[None, :]
    allowed = ops.logical_and(ops.logical_or(ops.equal(segment_ids, 1), is_first), ops.cast(padding_mask, "bool"))
    logits = logits + masking_bias(allowed, "float32")[:, :, None]
    return {"start": logits[:, :, 0], "end": logits[:, :, 1]}
