"""A small batch for ranking losses, with empty slots, mined negatives and two queries that ask nearly the same."""

import numpy as np
from keras import ops

B, S, DIM, T = 5, 3, 7, 0.2
RNG = np.random.default_rng(1)
VECTORS = RNG.normal(size=(B, 1 + S, DIM))
VECTORS = (VECTORS / np.linalg.norm(VECTORS, axis=-1, keepdims=True)).astype("float32")
RELEVANCE = np.array([[0.25, 1, 0.5], [1, 0, 0], [0.75, 0.75, 0.25], [0, 0, 0], [1, 0, 0]], "float32")
MASK = np.array([[1, 1, 1], [1, 1, 0], [1, 1, 1], [1, 1, 0], [1, 0, 0]], "float32")
GROUP = np.array([4, 9, 4, 7, 8], "float32")  # queries 0 and 2 ask nearly the same
SLOT_GROUPS = np.tile(GROUP[:, None], (1, S))
SLOT_GROUPS[1, 1], SLOT_GROUPS[3, 0] = 4, 9  # mined: an answer to 0 and 2 stands with 1, and one to 1 with 3
TRUE = np.column_stack([RELEVANCE, MASK, SLOT_GROUPS, GROUP])


def call(loss, true=TRUE, vectors=VECTORS):
    """The loss of each query, `(B,)`."""
    return ops.convert_to_numpy(loss.call(ops.convert_to_tensor(true), ops.convert_to_tensor(vectors)))


def assert_equals_loop(loss, loop):
    """The loss equals `loop(b)` for every query b, and the batch's loss is the mean."""
    expected = [loop(b) for b in range(B)]
    np.testing.assert_allclose(call(loss), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(float(loss(TRUE, VECTORS)), np.mean(expected), rtol=1e-4)


def score(b, c, s):
    """The score of query b and slot s of query c."""
    return float(VECTORS[b, 0] @ VECTORS[c, 1 + s])


def own(b):
    """The slots of query b that hold a candidate."""
    return [s for s in range(S) if MASK[b, s]]


def best(b):
    return int(RELEVANCE[b].argmax())


def has_relevant(b):
    return RELEVANCE[b].max() > 0


def negatives(b):
    """Slots (c, s) of other queries that hold negatives of query b."""
    return [(c, s) for c in range(B) for s in range(S) if c != b and SLOT_GROUPS[c, s] != GROUP[b] and MASK[c, s]]


def positive_negatives(b):
    """Those of `negatives(b)` that are the positives of their queries."""
    return [(c, s) for c, s in negatives(b) if s == best(c) and RELEVANCE[c, s] > 0]


def less_relevant_scores(b):
    return [score(b, b, s) for s in own(b) if RELEVANCE[b, s] < RELEVANCE[b].max()]


def softmax_loss(positive, negative_scores):
    return np.log(np.exp(positive / T) + sum(np.exp(value / T) for value in negative_scores)) - positive / T


def mean(values):
    return sum(values) / len(values) if values else 0.0
