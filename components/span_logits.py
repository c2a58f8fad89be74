"""What a span model may answer."""

from keras import ops

from components.masking import masking_bias


def span_logits(logits, segment_ids, padding_mask):
    """Start and end logits, with -1e9 wherever no answer can start or end.

    Args:
        logits: `(batch, sequence, 2)`, of start and end.
        segment_ids: `(batch, sequence)`, 1 for the context.
        padding_mask: `(batch, sequence)`, 1 for a real token.

    Returns:
        A dict of `start` and `end`, float32 `(batch, sequence)`. Only tokens of segment 1 (the context and
        the separator after it) and the first token (no answer in this window) can be chosen.
    """
    logits = ops.cast(logits, "float32")
    first = ops.equal(ops.arange(ops.shape(segment_ids)[1]), 0)[None, :]
    allowed = ops.logical_and(ops.logical_or(ops.equal(segment_ids, 1), first), ops.cast(padding_mask, "bool"))
    logits = logits + masking_bias(allowed, "float32")[:, :, None]
    return {"start": logits[:, :, 0], "end": logits[:, :, 1]}
