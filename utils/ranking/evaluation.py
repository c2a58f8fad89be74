"""How well questions find their answers: among their own candidates, and among all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from utils.common.evaluation import Evaluation
from utils.ranking.features import RankingFeatures, first_candidates
from utils.ranking.metrics import pad_arrays, ranking_metrics
from utils.ranking.records import Candidate, Query

MONITORED = ("ndcg@10", "mrr", "ndcg@10_all", "mrr_all")
"""Metrics that are validated after each epoch and compared between losses."""


@dataclass(frozen=True)
class EvaluationSet:
    """Questions, and the candidates among which their answers are searched.

    Args:
        queries: the questions.
        candidates: their own candidates, one question's after another's, then other candidates.
        query_ids: token ids of each question.
        candidate_ids: token ids of each candidate.
    """

    queries: Sequence[Query]
    candidates: Sequence[Candidate]
    query_ids: Sequence[Sequence[int]]
    candidate_ids: Sequence[Sequence[int]]

    @classmethod
    def from_splits(
        cls, parts: dict[str, list[Query]], features: dict[str, RankingFeatures], name: str, searched: Sequence[str]
    ) -> EvaluationSet:
        """The questions of split `name`, whose answers are searched among those of the splits `searched`, itself first."""
        return cls(
            parts[name],
            [candidate for split in searched for query in parts[split] for candidate in query.candidates],
            features[name].query_ids,
            [ids for split in searched for ids in features[split].candidate_ids],
        )


def evaluate_scores(
    evaluation_set: EvaluationSet, scores: np.ndarray, included: np.ndarray | None = None
) -> Evaluation:
    """Evaluate scores: metrics of `rerank` under their plain names, those of `retrieve` with `_all` appended.

    The two are means over different questions, so the arrays of `per_example` differ in length.

    Args:
        evaluation_set: the questions and candidates.
        scores: float `(questions, candidates)`, higher is better.
        included: bool `(questions,)`, which questions count; None is all.
    """
    queries, starts = evaluation_set.queries, first_candidates(evaluation_set.queries)
    own = rerank(queries, scores, starts, included)
    everything = retrieve(queries, scores, starts, text_numbers(evaluation_set.candidates), included)
    return Evaluation.from_examples(own | {f"{name}_all": values for name, values in everything.items()})


def evaluate_encoder(
    predictor, validation: EvaluationSet, test: EvaluationSet, is_unseen: np.ndarray, shorter_dims: Sequence[int] = ()
) -> tuple[dict[str, Evaluation], dict[str, dict[str, float]]]:
    """Evaluate a trained encoder.

    Args:
        predictor: `utils.ranking.predictor.RankingPredictor`.
        validation: the validation questions and what is searched for them.
        test: the test questions and what is searched for them.
        is_unseen: bool `(test questions,)`, True for a question whose answers do not occur in training.
        shorter_dims: lengths to which vectors are cut as well.

    Returns:
        evaluations of `validation` and `test`, and of the unseen questions (`test_unseen`) if they are some of the test questions
        but not all; and test metrics by length of the cut vectors.
    """
    questions, candidates = predictor.question_vectors(test.query_ids), predictor.candidate_vectors(test.candidate_ids)
    scores = questions @ candidates.T
    evaluations = {
        "validation": evaluate_scores(validation, predictor.scores(validation.query_ids, validation.candidate_ids)),
        "test": evaluate_scores(test, scores),
    }
    if is_unseen.any() and not is_unseen.all():
        evaluations["test_unseen"] = evaluate_scores(test, scores, is_unseen)
    shorter = {
        str(dim): evaluate_scores(test, shorten(questions, dim) @ shorten(candidates, dim).T).metrics
        for dim in shorter_dims
    }
    return evaluations, shorter


def shorten(vectors: np.ndarray, dim: int) -> np.ndarray:
    """The first `dim` numbers of each vector, scaled to unit norm: `(texts, dim)`."""
    vectors = vectors[:, :dim]
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def rerank(
    queries: Sequence[Query], scores: np.ndarray, starts: np.ndarray, included: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Metrics of ranking each question's own candidates, over the questions with two or more and a relevant one.

    NDCG uses the grades. For the metrics of binary relevance, a candidate is relevant if its grade is at least half of the
    question's highest: nearly every answer has some votes.

    Args:
        queries: the questions.
        scores: float `(questions, candidates)`; only a question's own candidates count.
        starts: integer `(questions + 1,)`, see `utils.ranking.features.first_candidates`.
        included: bool `(questions,)`, which questions count; None is all.

    Returns:
        name to values, `(questions that count,)`.
    """
    numbers = [number for number in answerable(queries, included) if len(queries[number].candidates) > 1]
    if not numbers:
        return dict.fromkeys(ranking_metrics(*np.zeros((3, 1, 1))), np.zeros(0))
    own_scores, mask = pad_arrays([scores[number, starts[number] : starts[number + 1]] for number in numbers])
    grades, _ = pad_arrays(
        [np.array([candidate.relevance for candidate in queries[number].candidates]) for number in numbers]
    )
    is_relevant = (grades > 0) & (grades >= grades.max(axis=1, keepdims=True) / 2)
    graded = ranking_metrics(own_scores, grades, mask)
    binary = ranking_metrics(own_scores, is_relevant.astype(float), mask)
    return {name: (graded if name.startswith("ndcg") else binary)[name] for name in graded}


def retrieve(
    queries: Sequence[Query],
    scores: np.ndarray,
    starts: np.ndarray,
    texts: np.ndarray,
    included: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Metrics of finding each question's candidates among all, over the questions with a relevant one.

    A question's own candidates have their grades, all others grade 0. Other candidates with the very text of an own candidate are
    left out for that question.

    Args:
        queries, scores, starts, included: as for `rerank`.
        texts: integer `(candidates,)`, equal for equal texts (`text_numbers`).

    Returns:
        name to values, `(questions that count,)`.
    """
    numbers = answerable(queries, included)
    grades = np.zeros((len(numbers), scores.shape[1]), np.float32)
    mask = np.ones(grades.shape, bool)
    for row, number in enumerate(numbers):
        own = slice(starts[number], starts[number + 1])
        mask[row, np.isin(texts, texts[own])] = False
        mask[row, own] = True
        grades[row, own] = [candidate.relevance for candidate in queries[number].candidates]
    return ranking_metrics(scores[numbers], grades, mask)


def text_numbers(candidates: Sequence[Candidate]) -> np.ndarray:
    """A number for the text of each candidate, `(candidates,)`, equal for equal texts."""
    return np.unique([candidate.text for candidate in candidates], return_inverse=True)[1]


def answerable(queries: Sequence[Query], included: np.ndarray | None = None) -> list[int]:
    """The numbers of the included questions that have a relevant candidate."""
    has_relevant = [any(candidate.relevance > 0 for candidate in query.candidates) for query in queries]
    return np.flatnonzero(has_relevant if included is None else has_relevant & included).tolist()


def print_scores(name: str, evaluations: dict[str, Evaluation], shorter: dict[str, dict[str, float]]) -> None:
    """Print the main scores that `evaluate_encoder` returned, one line per split and per length of the vectors."""
    lines = {split: evaluation.metrics for split, evaluation in evaluations.items()}
    lines |= {f"test, first {dim} numbers of the vectors": metrics for dim, metrics in shorter.items()}
    for title, metrics in lines.items():
        print(format_scores(f"{name}, {title.replace('_', ' ')}", metrics))


def format_scores(title: str, metrics: dict[str, float]) -> str:
    """The main scores of both tasks as a line."""
    names = {"ndcg@10": "NDCG@10", "map": "MAP", "mrr": "MRR", "p@1": "P@1"}
    own = ", ".join(f"{name} {metrics[key]:.4f}" for key, name in names.items())
    everything = ", ".join(f"{name} {metrics[f'{key}_all']:.4f}" for key, name in names.items())
    return f"{title}, own answers: {own}; all answers: {everything}"
