"""What ranks answers without training: BM25, length, age, votes; and BM25 as a source of hard negatives."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np

from utils.data.facts import split_words
from utils.data.ranking_features import RankingFeatures
from utils.data.ranking_records import Query


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

    `random` scores all alike: metrics of ties are expectations. `length` prefers long answers, `age` old ones, `votes` those with
    many votes, where these are known.

    Args:
        corpus: candidates (`utils.data.rankings.Candidate`).
    """
    shape = len(queries), len(corpus)
    bm25 = BM25([candidate.text for candidate in corpus])
    found = {
        "random": np.zeros(shape, np.float32),
        "bm25": np.stack([bm25.scores(query.text) for query in queries]).astype(np.float32),
        "length": np.broadcast_to(np.array([len(candidate.text) for candidate in corpus], np.float32), shape),
    }
    if all(candidate.created for candidate in corpus):
        _, place = np.unique([candidate.created for candidate in corpus], return_inverse=True)
        found["age"] = np.broadcast_to(-place.astype(np.float32), shape)
    if all(candidate.votes is not None for candidate in corpus):
        found["votes"] = np.broadcast_to(np.array([candidate.votes for candidate in corpus], np.float32), shape)
    return found


def mined_negatives(scores: np.ndarray, found: RankingFeatures, margin: float, most: int) -> list[np.ndarray]:
    """Hard negatives of each question: the highest-scoring candidates of others, without those that may be answers.

    A candidate that scores more than `1 - margin` of the question's own best is left out: it may well be an answer (Moreira et al.
    2024, NV-Retriever, "TopK-PercPos"). So is every candidate of a question that is answered alike.

    Args:
        scores: `(queries, candidates)`.
        found: the questions and their candidates.
        margin: share.
        most: negatives a question.

    Returns:
        Candidates of each question, best scores first.
    """
    owners, negatives = found.owners(), []
    for query, row in enumerate(scores):
        own = found.own(query)
        best = row[own[found.relevance[own].argmax()]] if len(own) else math.inf
        allowed = (found.groups[owners] != found.groups[query]) & (row <= (1 - margin) * best)
        places = np.flatnonzero(allowed)
        top = places[np.argpartition(-row[places], min(most, len(places) - 1))[:most]] if len(places) else places
        negatives.append(top[np.argsort(-row[top], kind="stable")])
    return negatives
