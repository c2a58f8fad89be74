"""Lexical match: which tokens belong to the same word.

A model that is trained from scratch on some ten thousand questions cannot learn from embeddings that "Denver" in the question is
"Denver" in the context. `LexicalMatchFeatures` and `LexicalMatchBias` tell it, as input features and as attention bias.
"""

from keras import ops

NUM_MAPS = 4
"""Number of maps that `match_maps` returns."""


def match_maps(word_ids, stem_ids, segment_ids, dtype="float32"):
    """Which pairs of tokens have the same word or the same stem.

    Args:
        word_ids: integer `(batch, sequence)`, equal for equal words; 0 for special tokens and padding. Punctuation marks are words.
        stem_ids: integer `(batch, sequence)`, equal for equal stems; 0 for special tokens and padding.
        segment_ids: integer `(batch, sequence)`, 0 for the question and 1 for the context.
        dtype: str, type of the result.

    Returns:
        0/1 tensor `(batch, 4, sequence, sequence)`: same word in different segments, same stem in different segments, same word in
        one segment, same stem in one segment. In the last two, a token matches itself.
    """
    across = ops.not_equal(segment_ids[:, :, None], segment_ids[:, None, :])
    maps = []
    for ids in (word_ids, stem_ids):
        same = ops.logical_and(ops.equal(ids[:, :, None], ids[:, None, :]), ops.not_equal(ids, 0)[:, :, None])
        maps.append((ops.logical_and(same, across), ops.logical_and(same, ops.logical_not(across))))
    (word_across, word_within), (stem_across, stem_within) = maps
    return ops.stack([ops.cast(m, dtype) for m in (word_across, stem_across, word_within, stem_within)], axis=1)
