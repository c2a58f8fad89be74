"""Lexical match: let a model see which tokens belong to the same word.

A model trained from scratch on some ten thousand questions has no chance to learn that "Denver" in the question is
"Denver" in the text from embeddings alone. These layers say it outright, as input features and as attention bias.
"""

from keras import ops

NUM_MAPS = 4  # same word, same stem; each across the two segments and within one


def match_maps(word_ids, stem_ids, segment_ids, dtype="float32"):
    """Which pairs of tokens are the same word or stem.

    Args:
        word_ids, stem_ids: `(batch, sequence)` integers, equal for equal words or stems (punctuation marks count
            as words); 0 for special tokens and padding.
        segment_ids: `(batch, sequence)`, 0 for the question and 1 for the context.

    Returns:
        0/1 of shape `(batch, 4, sequence, sequence)`: same word across segments, same stem across, same word within a
        segment, same stem within (a token with itself included).
    """
    across = ops.not_equal(segment_ids[:, :, None], segment_ids[:, None, :])
    maps = []
    for ids in (word_ids, stem_ids):
        same = ops.logical_and(ops.equal(ids[:, :, None], ids[:, None, :]), ops.not_equal(ids, 0)[:, :, None])
        maps.append((ops.logical_and(same, across), ops.logical_and(same, ops.logical_not(across))))
    (word_across, word_within), (stem_across, stem_within) = maps
    return ops.stack([ops.cast(m, dtype) for m in (word_across, stem_across, word_within, stem_within)], axis=1)
