"""BM25's index on disk, beside the one that bm25s makes in memory."""

import bm25s
import numpy as np
import pytest

from utils.ranking import bm25
from utils.ranking.bm25 import BM25, BM25Scores
from utils.ranking.word_scores import stemmed_words

WORDS = np.array(["apple", "apples", "running", "Zürich", "is", "the", "die", "über", "cat"])


def make_texts():
    rng = np.random.default_rng(1)
    texts = [" ".join(rng.choice(WORDS, rng.integers(0, 9))) for _ in range(60)]
    assert "" in texts
    return texts


@pytest.mark.parametrize("together", [1, 20, 10**6])
@pytest.mark.parametrize("is_named", [True, False])
def test_scores_are_those_of_bm25s_bit_for_bit(monkeypatch, tmp_path, together, is_named):
    monkeypatch.setattr(bm25, "WORDS_TOGETHER", together)
    texts = make_texts()
    reference = bm25s.BM25()
    reference.index([stemmed_words(text) or [""] for text in texts], show_progress=False)
    indexes = [BM25(iter(texts), tmp_path if is_named else None)]
    indexes += [BM25.open(tmp_path)] if is_named else []
    questions = ["the cat", "apple apples unknown", "Zürich über die cat running"]
    for index in indexes:
        for question in questions:
            words = [word for word in stemmed_words(question) if word in reference.vocab_dict]
            np.testing.assert_array_equal(index.scores(question), reference.get_scores(words))
        assert not index.scores("unknown").any() and index.num_texts == 60
        scores = BM25Scores(index, questions, np.array([5, 5, 0]))
        block = scores.block(np.array([2, 0]), slice(1, 3))
        assert block.tolist() == [[index.scores(questions[n])[place] for place in (5, 0)] for n in (2, 0)]
