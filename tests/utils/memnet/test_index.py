"""Retrieval from all facts: the inverted index against a loop over all facts, and nearest neighbours against exact search."""

import numpy as np
import pytest

from utils.memnet.index import VectorIndex, WordIndex

RNG = np.random.default_rng(0)
KEYS = np.where(RNG.random((300, 4)) < 0.2, 0, RNG.zipf(1.3, (300, 4)).clip(1, 200)).astype(np.int32)


def by_loop(words, cutoff):
    """Facts with a rare word of the question, and the score of each: the inverse frequency of all words shared."""
    facts_of = {word: [n for n, key in enumerate(KEYS) if word in key] for word in dict.fromkeys(words)}
    facts_of = {word: facts for word, facts in facts_of.items() if facts}
    rare = [word for word, facts in facts_of.items() if len(facts) <= cutoff]
    rare = rare or sorted(facts_of, key=lambda word: len(facts_of[word]))[:1]
    candidates = {fact for word in rare for fact in facts_of[word]}
    idf = {word: np.log(1 + len(KEYS) / len(facts)) for word, facts in facts_of.items()}
    return {fact: sum(idf[word] for word in facts_of if word in KEYS[fact]) for fact in candidates}


@pytest.mark.parametrize("cutoff", [5, 40, 1000])
def test_equals_a_loop_over_all_facts(cutoff):
    keys = np.stack([np.unique(row, return_index=False).tolist() + [0] * (4 - len(np.unique(row))) for row in KEYS])
    index = WordIndex(keys.astype(np.int32), cutoff)
    for _ in range(40):
        words = RNG.integers(1, 210, 5).tolist()
        expected = by_loop(words, cutoff)
        candidates = index.candidates(words, 1000)
        assert set(candidates.tolist()) == set(expected)
        scores = [expected[fact] for fact in candidates.tolist()]
        np.testing.assert_allclose(scores, sorted(scores, reverse=True))
        np.testing.assert_array_equal(index.candidates(words, 3), candidates[:3])


def test_unknown_words_have_no_candidates():
    index = WordIndex(KEYS)
    assert 10_000 not in index and int(KEYS.max()) in index
    assert index.candidates([10_000], 5).tolist() == [] and index.candidates([], 5).tolist() == []


@pytest.mark.parametrize("count", [1, 30, 3000])
def test_nearest_neighbours_are_mostly_those_of_exact_search(count):
    pytest.importorskip("faiss")
    vectors = RNG.normal(size=(count, 16)).astype(np.float32)
    queries = vectors[:50] + 0.1 * RNG.normal(size=vectors[:50].shape).astype(np.float32)
    index = VectorIndex(vectors, probes=64)
    neighbours = index.candidates(queries, 10)
    exact = np.argsort(-(queries @ vectors.T), axis=1)[:, :10]
    recall = np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(neighbours, exact, strict=True)])
    assert recall > 0.8
    assert all(len(row) == min(10, count) for row in neighbours)
