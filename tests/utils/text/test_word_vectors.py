"""Word vectors by co-occurrence."""

import numpy as np
import pytest

from utils.text import word_vectors
from utils.text.word_vectors import cooccurrence_vectors


def test_words_of_like_surroundings_get_like_vectors():
    # 2 and 3 stand between the same neighbours, 4 between others; 6 never occurs.
    texts = [[0, 2, 1]] * 5 + [[0, 3, 1]] * 5 + [[5, 4, 5]] * 5
    vectors = cooccurrence_vectors(texts, vocabulary_size=7, dim=3, window=1)
    assert vectors.shape == (7, 3) and vectors.dtype == np.float32
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    assert unit[2] @ unit[3] > 0.99
    assert abs(unit[2] @ unit[4]) < 0.1
    assert np.abs(vectors[6]).max() < 1e-5
    assert vectors.std() == pytest.approx(1.0, rel=1e-3)


def test_the_factors_give_back_the_information_matrix():
    """With all dimensions kept but one of rank zero, U S U^T of a positive semi-definite M is M itself."""
    texts = [[0, 0], [1, 1], [0, 0], [2, 2]]
    vectors = cooccurrence_vectors(texts, vocabulary_size=5, dim=3, window=1).astype(np.float64)
    total = np.array([4.0, 2.0, 2.0])  # each pair counts both ways
    probabilities = total**0.75 / (total**0.75).sum()
    expected = np.diag(np.log(total / (total * probabilities)))
    product = (vectors @ vectors.T)[:3, :3]
    np.testing.assert_allclose(product / product[0, 0], expected / expected[0, 0], atol=1e-5)


def test_same_seed_same_vectors_and_bad_dim():
    texts = [np.arange(11) % 5, [3, 1, 2]]
    first, second = (cooccurrence_vectors(texts, 13, 4, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    with pytest.raises(ValueError, match="less than vocabulary_size"):
        cooccurrence_vectors(texts, 5, 5)


@pytest.mark.parametrize("max_tokens", [16_000, 20])
def test_blocks_change_nothing(monkeypatch, max_tokens):
    """Against the pairs of all texts at once, counted with `np.unique`."""
    rng = np.random.default_rng(0)
    texts = [rng.zipf(1.3, rng.integers(0, 40)) % 31 for _ in range(200)]
    monkeypatch.setattr(word_vectors, "MAX_TOKENS", max_tokens)
    whole = cooccurrence_vectors(texts, 37, 5)
    monkeypatch.setattr(word_vectors, "TOKENS_AT_ONCE", 50)
    monkeypatch.setattr(word_vectors, "ROWS_AT_ONCE", 3)
    np.testing.assert_array_equal(cooccurrence_vectors(iter(texts), 37, 5), whole)
    pairs = np.array([(a, b) for text in texts for d in range(1, 5) for a, b in zip(text, text[d:], strict=False)])
    expected = np.zeros((31, 31), np.float32)
    np.add.at(expected, (pairs[:, 0], pairs[:, 1]), 1)
    seen = np.zeros((31, 31), np.int32)
    for left, right in word_vectors._neighbours(texts, 4):
        np.add.at(seen, (left, right), 1)
    np.testing.assert_array_equal(word_vectors._in_both_directions(seen), expected + expected.T)
