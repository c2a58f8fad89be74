"""A question and a context with words in common, and their match maps."""

import numpy as np
from keras import ops

from components.lexical_match_maps import match_maps

# [CLS] who painted roses [SEP] she paints roses roses [SEP] [PAD]; "painted" and "paints" share a stem.
WORDS = np.array([[0, 11, 12, 13, 0, 14, 15, 13, 13, 0, 0]])
STEMS = np.array([[0, 21, 22, 23, 0, 24, 22, 23, 23, 0, 0]])
SEGMENTS = np.array([[0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0]])
LENGTH = WORDS.shape[1]


def maps_by_hand():
    return ops.convert_to_numpy(match_maps(WORDS, STEMS, SEGMENTS))
