"""What ranks answers without training: BM25, length, age, votes; and BM25 as a source of hard negatives."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np

from utils.ranking.features import RankingFeatures
from utils.ranking.records import Query
from utils.text.words import split_words

ORACLE = "votes oracle"


class BM25:
    """BM25 over word stems (Robertson and Zaragoza 2009; k1 1.5, b 0.75, Lucene's idf), by bm25s.

    Args:
        texts: the collection.
    """

    def __init__(self, texts: Sequence[str]):
        import bm25s
        import snowballstemmer

        self.stem = functools.cache(snowballstemmer.stemmer("english").stemWord)
        self.index = bm25s.BM25()
        self.index.index([self.words(text) or [""] for text in texts], show_progress=False)

    def words(self, text: str) -> list[str]:
        return [self.stem(word) for word in split_words(text)]

    def scores(self, query: str) -> np.ndarray:
        """The score of every text, `(texts,)`."""
        words = [word for word in self.words(query) if word in self.index.vocab_dict]
        return self.index.get_scores(words) if words else np.zeros(self.index.scores["num_docs"], np.float32)


def baseline_scores(queries: Sequence[Query], corpus: Sequence) -> dict[str, np.ndarray]:
    """Scores of every candidate of a corpus for each question, `(queries, candidates)`, by name of the baseline.

    `random` scores all alike: metrics of ties are expectations. `length` prefers long answers, `age` old ones, where these are
    known; `votes oracle` has the votes that the grades are made of: no baseline but the ceiling of a question's own answers;
    `given order` is that of the search which MEDIQA's answers come from.

    Args:
        corpus: candidates (`utils.ranking.records.Candidate`).
    """
    shape, votes = (len(queries), len(corpus)), [candidate.votes for candidate in corpus]
    bm25 = BM25([candidate.text for candidate in corpus])
    found = {
        "random": np.zeros(shape, np.float32),
        "bm25": np.stack([bm25.scores(query.text) for query in queries]).astype(np.float32),
        "length": np.broadcast_to(np.array([len(candidate.text) for candidate in corpus], np.float32), shape),
    }
    if all(candidate.created for candidate in corpus):
        _, place = np.unique([candidate.created for candidate in corpus], return_inverse=True)
        found["age"] = np.broadcast_to(-place.astype(np.float32), shape)
    if None not in votes:
        ranks = max(votes) < 0  # MEDIQA's are ranks, negated
        found["given order" if ranks else ORACLE] = np.broadcast_to(np.array(votes, np.float32), shape)
    return found


def mined_negatives(scores: np.ndarray, found: RankingFeatures, margin: float, most: int) -> list[np.ndarray]:
    """Hard negatives of each question: the highest-scoring candidates of others, without those that may be answers.

    A candidate that scores more than the question's own best less a share of it is left out: it may well be an answer (Moreira et
    al. 2024, NV-Retriever, "TopK-PercPos"). So is every candidate of a question that is answered alike. Of equal scores, as where
    BM25 finds no word, any are taken.

    Args:
        scores: `(queries, candidates)`.
        found: the questions and their candidates.
        margin: that share.
        most: negatives a question.

    Returns:
        Candidates of each question, best scores first.
    """
    owners, negatives, rng = found.owners, [], np.random.default_rng(0)
    for query, row in enumerate(scores):
        own = found.own(query)
        best = row[own[found.relevance[own].argmax()]] if len(own) else math.inf
        allowed = (found.groups[owners] != found.groups[query]) & (row <= best - margin * abs(best))
        places = rng.permutation(np.flatnonzero(allowed))
        top = places[np.argpartition(-row[places], min(most, len(places) - 1))[:most]] if len(places) else places
        negatives.append(top[np.argsort(-row[top], kind="stable")])
    return negatives
