"""How well a re-ranker orders the own answers of questions, and what a first stage brings of all answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from utils.common.evaluation import Evaluation
from utils.ranking.evaluation import (
    DEPTH,
    EvaluationSet,
    Search,
    TextsOf,
    answerable,
    evaluate_scores,
    evaluate_searches,
)
from utils.ranking.metrics import ndcg, pad_arrays
from utils.ranking.retrieval import QuestionRanking
from utils.ranking.scores import Scores
from utils.reranker.pairs import PairFormat, score_pairs

WEIGHTS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
"""Weights of the first stage's score beside the re-ranker's that are tried on validation questions, divided by the standard
deviation of the first stage's scores there."""


class Weights(NamedTuple):
    """The weights of the first stage's scores beside the re-ranker's.

    Args:
        own: among given texts, such as a question's own answers.
        search: among the texts that the first stage brings.
    """

    own: float
    search: float


NO_WEIGHTS = Weights(0.0, 0.0)


class RerankedScores(Scores):
    """The order of a first stage, with the texts that were read above all others.

    Only the order within a question means something: scores are shifted, so that those of the texts that were read are 0 or more,
    and all others at most -1.

    Args:
        first: the scores of the first stage.
        places: for each question, the places of the candidates that were read.
        scores: their scores.
    """

    has_whole_rows = True

    def __init__(self, first: Scores, places: Sequence[np.ndarray], scores: Sequence[np.ndarray]):
        super().__init__(*first.shape)
        self.first, self.places, self.scores = first, places, scores

    def block(self, questions: np.ndarray, candidates: slice) -> np.ndarray:
        rows = np.array(self.first.block(questions, slice(0, self.shape[1])), np.float64)
        rows -= rows.max(axis=1, keepdims=True) + 1
        for row, question in zip(rows, questions, strict=True):
            scores = self.scores[question].astype(np.float64)
            row[self.places[question]] = scores - scores.min(initial=0)
        return rows[:, candidates]


class PairsToRead:
    """The pairs that a re-ranker reads to be scored: each question with its own candidates, and with the first stage's best.

    Args:
        evaluation_set: the questions and what is searched for them.
        first: the first stage's scores of them.
        depth: how many different texts of the first stage's best are read.
        weighs_own: whether the first stage's scores count among own answers, too.

    Attributes:
        best: for each question, the ascending places of the first stage's best texts, with copies of them at other places.
        own: for each question, the places of its own candidates.
        read: for each question, the ascending places of both together.
        first_scores: the first stage's scores of those that are read.
    """

    def __init__(self, evaluation_set: EvaluationSet, first: Scores, depth: int, weighs_own: bool = False):
        self.evaluation_set, self.first, self.weighs_own = evaluation_set, first, weighs_own
        texts, searched = evaluation_set.texts, evaluation_set.searched
        rng, everything = np.random.default_rng(0), slice(0, first.shape[1])
        self.best, self.own, self.read, self.first_scores = [], [], [], []
        for number in range(first.shape[0]):
            row = first.block(np.array([number]), everything)[0]
            own = searched.own(number)
            self.best.append(np.flatnonzero(np.isin(texts, texts[best_places(row, searched.repeated, depth, rng)])))
            self.own.append(np.arange(own.start, own.stop))
            self.read.append(np.union1d(self.best[-1], self.own[-1]))
            self.first_scores.append(np.array(row[self.read[-1]]))

    @classmethod
    def of(cls, evaluation_set: EvaluationSet, stage, depth: int) -> PairsToRead:
        """The pairs for a first stage of `utils.reranker.first_stage`."""
        questions = [query.text for query in evaluation_set.queries]
        scores = stage.scores(questions, TextsOf(evaluation_set.candidates))
        return cls(evaluation_set, scores, depth, stage.scores_pairs)

    def score(self, model, pair_format: PairFormat, progress: str = "") -> list[np.ndarray]:
        """The re-ranker's score of each pair that is read, for each question."""
        questions, candidates = self.evaluation_set.query_ids, self.evaluation_set.candidate_ids
        pairs = [
            (questions[number], candidates[int(place)]) for number, places in enumerate(self.read) for place in places
        ]
        scores = score_pairs(model, pair_format, pairs, progress)
        return np.split(scores, np.cumsum([len(places) for places in self.read])[:-1])

    def search(self, scores: Sequence[np.ndarray], weights: Weights = NO_WEIGHTS) -> tuple[Search, Search]:
        """What the scores find among a question's own answers, and among all answers.

        Args:
            scores: of the pairs that were read.
            weights: of the first stage's scores beside them.
        """
        best_scores = [
            self._mixed(scores, number, weights.search)[np.searchsorted(read, self.best[number])]
            for number, read in enumerate(self.read)
        ]
        reranked = RerankedScores(self.first, self.best, best_scores)
        return self._search_own(scores, weights.own), self.evaluation_set.search(reranked, DEPTH)

    def _search_own(self, scores: Sequence[np.ndarray], weight: float) -> Search:
        """What the scores find among own answers."""
        results = []
        is_relevant, searched = self.evaluation_set.grades > 0, self.evaluation_set.searched
        for number, read in enumerate(self.read):
            own = self._mixed(scores, number, weight)[np.searchsorted(read, self.own[number])]
            results.append(QuestionRanking(own, np.unique(own[is_relevant[searched.own(number)]])))
        return Search(self.evaluation_set, results)

    def evaluate(self, scores: Sequence[np.ndarray], weights: Weights = NO_WEIGHTS) -> Evaluation:
        """The metrics of `utils.ranking.evaluation.evaluate_scores`, for these scores."""
        return evaluate_searches(*self.search(scores, weights))

    def best_weights(self, scores: Sequence[np.ndarray]) -> Weights:
        """The weights with the highest NDCG@10 among own answers and among the texts that are read, the smallest of equals.

        Own answers have no weight where the first stage's scores depend on what else is searched.
        """
        deviation = max(float(np.std(np.concatenate(self.first_scores))), 1e-9)
        weights = [weight / deviation for weight in WEIGHTS]
        own = max(weights if self.weighs_own else weights[:1], key=lambda weight: self._own_ndcg(scores, weight))
        return Weights(own, max(weights, key=lambda weight: self._ndcg(scores, weight)))

    def _mixed(self, scores: Sequence[np.ndarray], number: int, weight: float) -> np.ndarray:
        """The scores of a question's texts that are read, with the weighted ones of the first stage."""
        return scores[number].astype(np.float64) + weight * self.first_scores[number]

    def _own_ndcg(self, scores: Sequence[np.ndarray], weight: float) -> float:
        """NDCG@10 of own answers; 0 where there is nothing to rank."""
        metrics = self._search_own(scores, weight).rerank()
        return float(metrics["ndcg@10"].mean()) if metrics else 0.0

    def _ndcg(self, scores: Sequence[np.ndarray], weight: float) -> float:
        """NDCG@10 among all answers, from the texts that are read alone: all others stand behind them."""
        rows, relevance = [], []
        for number in answerable(self.evaluation_set.queries):
            read, own = self.read[number], self.own[number]
            mixed = self._mixed(scores, number, weight)
            is_own, is_best = np.isin(read, own), np.isin(read, self.best[number])
            mixed[~is_best] = mixed.min() - 1  # own answers that the first stage does not find
            texts = self.evaluation_set.texts[read]
            counts = is_own | ~np.isin(texts, texts[is_own])  # of copies of an own answer, the own one counts
            counts &= is_own | (np.unique(texts, return_index=True)[1][:, None] == np.arange(len(read))).any(axis=0)
            grades = np.zeros(len(read))
            grades[is_own] = self.evaluation_set.grades[own]
            rows.append(mixed[counts])
            relevance.append(grades[counts])
        padded, mask = pad_arrays(rows)
        return float(ndcg(padded, pad_arrays(relevance)[0], mask, 10).mean())


def best_places(row: np.ndarray, repeated: np.ndarray, depth: int, rng: np.random.Generator) -> np.ndarray:
    """The places of the best `depth` scores; which of those that equal the last one is random.

    Otherwise a question's own answers, which stand first, would win every tie.

    Args:
        row: the scores, `(candidates,)`.
        repeated: places that are left out, because their texts stand before them.
        depth: how many.
        rng: draws among equals.
    """
    allowed = np.delete(np.arange(len(row)), repeated)
    if len(allowed) <= depth:
        return allowed
    last = np.partition(row[allowed], -depth)[-depth]
    above, equal = allowed[row[allowed] > last], allowed[row[allowed] == last]
    return np.append(above, rng.permutation(equal)[: depth - len(above)])


def evaluate_test(
    predictor, test: EvaluationSet, is_unseen: np.ndarray | None = None, split: str = "test"
) -> tuple[dict[str, Evaluation], Evaluation, Search, Search]:
    """Evaluate a re-ranker on the questions of one split.

    Args:
        predictor: `utils.reranker.predictor.RerankerPredictor`.
        test: the questions and what is searched for them.
        is_unseen: bool `(questions,)`, True for a question whose answers do not occur in training; None: that is not known.
        split: name of the split.

    Returns:
        the evaluation of the split, and of the unseen questions (`SPLIT_unseen`) if they are some of them but not all; that of the
        first stage; what was found among own answers, and among all.
    """
    pairs = PairsToRead.of(test, predictor.stage, predictor.depth)
    scores = pairs.score(predictor.model, predictor.pair_format, split)
    searches = pairs.search(scores, predictor.weights)
    evaluations = {split: evaluate_searches(*searches)}
    if is_unseen is not None and is_unseen.any() and not is_unseen.all():
        evaluations[f"{split}_unseen"] = evaluate_searches(*searches, is_unseen)
    return evaluations, evaluate_scores(test, pairs.first), *searches
