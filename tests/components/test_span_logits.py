"""Where an answer may start and end."""

import numpy as np
from keras import ops

from components.span_logits import span_logits


def test_only_the_context_and_the_first_token_can_be_chosen():
    # [CLS] question [SEP] context context [SEP] padding padding
    segment_ids = np.array([[0, 0, 0, 1, 1, 1, 0], [0, 0, 1, 1, 0, 0, 0]])
    padding_mask = np.array([[1, 1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 0, 0, 0]])
    logits = np.random.default_rng(1).normal(size=(2, 7, 2)).astype("float32")
    actual = span_logits(logits, segment_ids, padding_mask)
    allowed = np.array([[1, 0, 0, 1, 1, 1, 0], [1, 0, 1, 1, 0, 0, 0]], bool)
    for number, name in enumerate(("start", "end")):
        values = ops.convert_to_numpy(actual[name])
        np.testing.assert_array_equal(values[allowed], logits[..., number][allowed])
        assert (values[~allowed] < -9e8).all()


def test_half_precision_becomes_float32():
    ones = np.ones((1, 3))
    actual = span_logits(ops.ones((1, 3, 2), dtype="bfloat16"), ones, ones)
    assert {ops.dtype(value) for value in actual.values()} == {"float32"}
