"""BertEncoder: equal to transformers' models of four architectures (fixtures/make_pretrained.py), and its own file round trip."""

import numpy as np
import pytest
from keras import ops

from components.bert_encoder import BertEncoder
from tests.helpers.paths import FIXTURES
from utils.text.pretrained.checkpoint import assign, read_checkpoint

PRETRAINED = FIXTURES / "pretrained"
KINDS = ["bert", "distilbert", "electra", "roberta"]


def loaded(kind):
    checkpoint = read_checkpoint(PRETRAINED / kind)
    encoder = BertEncoder(**checkpoint.encoder, name="encoder")
    encoder.build()
    assign(encoder, checkpoint.weights)
    return encoder


def references(kind):
    with np.load(PRETRAINED / kind / "expected.npz") as stored:
        return {name: stored[name] for name in ("token_ids", "segment_ids", "padding_mask")}, stored["hidden"]


@pytest.mark.parametrize("kind", KINDS)
def test_hidden_states_equal_those_of_transformers(kind):
    encoder, (inputs, expected) = loaded(kind), references(kind)
    real = inputs["padding_mask"] == 1
    assert not real.all() and expected[real].std() > 0.5
    np.testing.assert_allclose(ops.convert_to_numpy(encoder(**inputs))[real], expected[real], atol=1e-4)
    # and padding plays no part: the shortest row by itself
    row = int(real.sum(axis=1).argmin())
    alone = {name: array[row : row + 1, : real[row].sum()] for name, array in inputs.items()}
    np.testing.assert_allclose(ops.convert_to_numpy(encoder(**alone))[0], expected[row][real[row]], atol=1e-4)


def test_segments_count_where_there_are_some():
    for kind in KINDS:
        encoder, (inputs, _) = loaded(kind), references(kind)
        changed = ops.convert_to_numpy(encoder(**inputs | {"segment_ids": 1 - inputs["segment_ids"]}))
        same = np.allclose(changed, ops.convert_to_numpy(encoder(**inputs)), atol=1e-5)
        assert same == (kind in ("distilbert", "roberta"))
