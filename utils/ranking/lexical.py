"""Words beside vectors: the word counts of training batches, and scores of a learned BM25."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from utils.common.batching import round_up
from utils.ranking.bm25 import BM25, BM25Scores
from utils.ranking.records import Query
from utils.ranking.scores import Scores
from utils.ranking.text_numbers import text_numbers
from utils.ranking.word_scores import LexicalParameters, LexicalScorer, WordStatistics, stemmed_words

WORDS = "words.json"
"""The file of a run that holds `WordStatistics`."""
WORD_MULTIPLE = 512
"""The words of a batch are padded to a multiple of this, so that few different shapes are compiled."""


@dataclass(frozen=True)
class LexicalFeatures:
    """The words of training questions and candidates as numbers.

    Args:
        query_words: for each question its different words and how often it has them, two int arrays.
        candidate_words: the same for each candidate.
        lengths: words of each candidate, divided by their mean, float32 `(candidates,)`.
        idf: of each word, float32 `(words,)`.
    """

    query_words: list[tuple[np.ndarray, np.ndarray]]
    candidate_words: list[tuple[np.ndarray, np.ndarray]]
    lengths: np.ndarray
    idf: np.ndarray

    @classmethod
    def of(cls, queries: Sequence[Query]) -> LexicalFeatures:
        """The words of questions and of their candidates, one question's after another's."""
        numbers: dict[str, int] = {}
        candidates = [candidate.text for query in queries for candidate in query.candidates]
        statistics = WordStatistics.of(candidates)

        def numbered(text: str) -> tuple[np.ndarray, np.ndarray]:
            ids = [numbers.setdefault(word, len(numbers)) for word in stemmed_words(text)]
            return np.unique(np.array(ids, np.int64), return_counts=True)

        candidate_words = [numbered(text) for text in candidates]
        query_words = [numbered(query.text) for query in queries]
        lengths = np.array([counts.sum() for _, counts in candidate_words], np.float32)
        idf = np.array([statistics.inverse_frequency(word) for word in numbers], np.float32)
        return cls(query_words, candidate_words, lengths / max(statistics.mean_length, 1e-9), idf)

    def inputs(
        self, questions: Sequence[int], candidates: Sequence[Sequence[int]], slots: int, batch_questions: Sequence[int]
    ) -> dict[str, np.ndarray]:
        """The model's inputs for some questions of a batch, with a number for each word of the batch's questions.

        Args:
            questions: the questions.
            candidates: the candidates in the slots of each, at most `slots`.
            slots: slots of a question.
            batch_questions: all questions of the batch.
        """
        words = np.unique(np.concatenate([self.query_words[question][0] for question in batch_questions]))
        width = round_up(max(len(words), 1), WORD_MULTIPLE)
        query_counts = np.zeros((len(questions), width), np.float32)
        candidate_counts = np.zeros((len(questions), slots, width), np.float32)
        lengths = np.zeros((len(questions), slots), np.float32)
        for row, (question, own) in enumerate(zip(questions, candidates, strict=True)):
            _count(query_counts[row], words, *self.query_words[question])
            for slot, candidate in enumerate(own):
                _count(candidate_counts[row, slot], words, *self.candidate_words[candidate])
            lengths[row, : len(own)] = self.lengths[np.asarray(own, np.int64)]
        idf = np.zeros(width, np.float32)
        idf[: len(words)] = self.idf[words]
        return {
            "query_words": query_counts,
            "word_idf": np.broadcast_to(idf, query_counts.shape).copy(),
            "candidate_words": candidate_counts,
            "candidate_lengths": lengths,
        }


def _count(row: np.ndarray, words: np.ndarray, numbers: np.ndarray, counts: np.ndarray) -> None:
    """Write the counts of a text's words into a row that has a place for each of `words`, which are sorted."""
    places = np.minimum(np.searchsorted(words, numbers), len(words) - 1)
    is_there = words[places] == numbers
    row[places[is_there]] = counts[is_there]


def scorer_of(model, statistics: WordStatistics) -> LexicalScorer:
    """The scores by words that a `BiEncoder` with `lexical` has learned, with its parameters as they are now."""
    scale, power, k1, b = (float(value) for value in model.lexical.values())
    return LexicalScorer(scale, float(model.vector_weight()), LexicalParameters(k1, b, power), statistics)


def scores_of_all(
    scorer: LexicalScorer, vector_scores: Scores, questions: Sequence[str], candidates: Sequence[str]
) -> WordAndVectorScores:
    """The scores of all questions and candidates, by words and vectors; words by their frequency among the candidates.

    Args:
        scorer: gives the parameters.
        vector_scores: the inner products of the vectors of questions and candidates.
        questions: their texts.
        candidates: their texts; equal ones are indexed once.
    """
    numbers = text_numbers(candidates)
    _, first, places = np.unique(numbers, return_index=True, return_inverse=True)
    index = BM25((candidates[place] for place in first), parameters=scorer.parameters)
    return WordAndVectorScores(scorer, BM25Scores(index, questions, places), vector_scores)


class WordAndVectorScores(Scores):
    """Scores by words and vectors together.

    Args:
        scorer: gives their weights.
        words: the scores of an index with the scorer's parameters.
        vectors: the inner products of the vectors of the same questions and candidates.
    """

    has_whole_rows = True

    def __init__(self, scorer: LexicalScorer, words: Scores, vectors: Scores):
        super().__init__(*vectors.shape)
        self.scorer, self.words, self.vectors = scorer, words, vectors

    def block(self, questions: np.ndarray, candidates: slice) -> np.ndarray:
        words, vectors = self.words.block(questions, candidates), self.vectors.block(questions, candidates)
        return self.scorer.scale * words + self.scorer.vector_weight * vectors
