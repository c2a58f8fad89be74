"""Vectors of texts do not depend on their order or on the texts beside them."""

import numpy as np
import pytest

from utils.text.embedding import BATCH_SIZE, embed, padded_length, token_ids
from utils.text.tokenization import train_tokenizer

PADDING = 3


class Encoder:
    """The mean and the largest of a text's token ids; checks every batch."""

    def __init__(self):
        self.shapes = []

    def predict_on_batch(self, inputs):
        ids, mask = inputs["token_ids"], inputs["padding_mask"]
        assert ids.shape == mask.shape and (ids[mask == 0] == PADDING).all()
        assert (np.diff(mask, axis=1) <= 0).all()
        self.shapes.append(ids.shape)
        means = (ids * mask).sum(axis=1) / np.maximum(mask.sum(axis=1), 1)
        return np.stack([means, (ids * mask).max(axis=1), mask.sum(axis=1)], axis=1).astype("float16")


@pytest.fixture
def texts():
    rng = np.random.default_rng(1)
    return [rng.integers(4, 50, rng.integers(1, 70)).tolist() for _ in range(2 * BATCH_SIZE + 5)]


def test_vectors_by_hand():
    vectors = embed(Encoder(), [[7, 9], [5], [4, 4, 10]], PADDING)
    assert vectors.tolist() == [[8, 9, 2], [5, 5, 1], [6, 10, 3]] and vectors.dtype == np.float32


def test_the_order_of_the_texts_changes_nothing(texts):
    vectors = embed(Encoder(), texts, PADDING)
    order = np.random.default_rng(2).permutation(len(texts))
    np.testing.assert_array_equal(embed(Encoder(), [texts[number] for number in order], PADDING), vectors[order])


def test_a_text_alone_has_the_vector_that_it_has_among_others(texts):
    vectors = embed(Encoder(), texts, PADDING)
    for number in (0, BATCH_SIZE, len(texts) - 1):
        np.testing.assert_array_equal(embed(Encoder(), [texts[number]], PADDING), vectors[number : number + 1])


def test_batches_have_few_sizes_and_lengths(texts):
    encoder = Encoder()
    embed(encoder, texts, PADDING)
    assert [size for size, _ in encoder.shapes] == [BATCH_SIZE, BATCH_SIZE, 8]  # the last 5, in a power of two
    lengths = [length for _, length in encoder.shapes]
    assert lengths == sorted(lengths) and all(length == padded_length(length) for length in lengths)
    assert lengths[0] < lengths[-1]


def test_progress_is_reported_where_it_is_asked_for(texts, capsys):
    embed(Encoder(), texts, PADDING)
    assert capsys.readouterr() == ("", "")
    embed(Encoder(), texts, PADDING, progress="answers")
    out, errors = capsys.readouterr()
    assert out == "" and errors == f"answers: {BATCH_SIZE} of {len(texts)} texts embedded\n"


def test_token_ids_are_cut_and_the_tokenizer_is_left_as_it_was():
    tokenizer = train_tokenizer(["the cat sat on the mat"] * 3, 60)
    cut, whole = token_ids(tokenizer, ("the cat sat", "mat"), 2), token_ids(tokenizer, ["the cat sat"], 100)
    assert cut[0] == whole[0][:2] and len(whole[0]) > 2 and len(cut[1]) <= 2
    assert tokenizer.truncation is None
    with pytest.raises(TypeError):
        token_ids(tokenizer, [None], 2)
    assert tokenizer.truncation is None
