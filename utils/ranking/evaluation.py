"""How well questions find their answers: among their own candidates, and among all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from utils.common.evaluation import Evaluation
from utils.ranking.features import RankingFeatures, first_candidates
from utils.ranking.metrics import pad_arrays, ranking_metrics
from utils.ranking.records import Candidate, Query

SEARCHED = ("test", "validation", "train")
"""Splits whose answers are searched for the test questions."""
MONITORED = ("ndcg@10", "mrr", "ndcg@10_all", "mrr_all")
"""Metrics that are validated after each epoch and compared between losses."""


@dataclass(frozen=True)
class EvaluationSet:
    """Questions, and the candidates among which their answers are searched.

    Args:
        queries: the questions.
        candidates: their own candidates, one question's after another's, then others.
        query_ids: token ids of each question.
        candidate_ids: token ids of each candidate.
    """

    queries: Sequence[Query]
    candidates: Sequence[Candidate]
    query_ids: Sequence[Sequence[int]]
    candidate_ids: Sequence[Sequence[int]]

    @classmethod
    def from_splits(
        cls,
        parts: dict[str, list[Query]],
        features: dict[str, RankingFeatures],
        name: str,
        searched: Sequence[str],
        documents: Sequence[Candidate] = (),
        document_ids: Sequence[Sequence[int]] = (),
    ) -> EvaluationSet:
        """The questions of a split, and where their answers are searched. Texts that occur already are not added.

        Args:
            parts: the questions of each split.
            features: the features of each split.
            name: the split.
            searched: splits whose answers are searched, `name` first.
            documents: documents that are searched as well.
            document_ids: the token ids of each document.
        """
        pairs = [
            (candidate, ids)
            for split in searched
            for candidate, ids in zip(
                (candidate for query in parts[split] for candidate in query.candidates),
                features[split].candidate_ids,
                strict=True,
            )
        ]
        pairs += zip(documents, document_ids, strict=True)
        num_own, seen, kept = len(features[name].candidate_ids), set(), []
        for number, pair in enumerate(pairs):
            if number < num_own or pair[0].text not in seen:
                kept.append(pair)
            seen.add(pair[0].text)
        return cls(parts[name], [pair[0] for pair in kept], features[name].query_ids, [pair[1] for pair in kept])

    @cached_property
    def starts(self) -> np.ndarray:
        """The first candidate of each question, and last the number of own candidates; `(questions + 1,)`."""
        return first_candidates(self.queries)

    @cached_property
    def texts(self) -> np.ndarray:
        """A number for the text of each candidate, `(candidates,)`, equal for equal texts."""
        return text_numbers(self.candidates)


def evaluate_scores(
    evaluation_set: EvaluationSet, scores: np.ndarray, included: np.ndarray | None = None
) -> Evaluation:
    """Evaluate scores: metrics of `rerank` under their plain names, those of `retrieve` with `_all` appended.

    The two are means over different questions, so the arrays of `per_example` differ in length. Where there is nothing to rank
    within a question, as among answers that are all right, the metrics of `rerank` are missing.

    Args:
        evaluation_set: the questions and candidates.
        scores: float `(questions, candidates)`, higher is better.
        included: bool `(questions,)`, which questions count; None is all.
    """
    queries, starts = evaluation_set.queries, evaluation_set.starts
    own = rerank(queries, scores, starts, included)
    everything = retrieve(queries, scores, starts, evaluation_set.texts, included)
    return Evaluation.from_examples(own | {f"{name}_all": values for name, values in everything.items()})


def evaluate_encoder(
    predictor, validation: EvaluationSet, test: EvaluationSet, is_unseen: np.ndarray, shorter_dims: Sequence[int] = ()
) -> tuple[dict[str, Evaluation], dict[str, dict[str, float]], np.ndarray]:
    """Evaluate a trained encoder on `validation`, and as `evaluate_test` does on the test questions.

    Args:
        predictor: `utils.ranking.predictor.RankingPredictor`.
        validation: the validation questions and what is searched for them.
        test, is_unseen, shorter_dims: as for `evaluate_test`.
    """
    evaluations, shorter, scores = evaluate_test(predictor, test, is_unseen, shorter_dims)
    of_validation = evaluate_scores(validation, predictor.scores(validation.query_ids, validation.candidate_ids))
    return {"validation": of_validation, **evaluations}, shorter, scores


def evaluate_test(
    predictor,
    test: EvaluationSet,
    is_unseen: np.ndarray | None = None,
    shorter_dims: Sequence[int] = (),
    split: str = "test",
) -> tuple[dict[str, Evaluation], dict[str, dict[str, float]], np.ndarray]:
    """Evaluate a trained encoder on the questions of one split.

    Args:
        predictor: `utils.ranking.predictor.RankingPredictor`.
        test: the questions and what is searched for them.
        is_unseen: bool `(questions,)`, True for a question whose answers do not occur in training; None: that is not known.
        shorter_dims: lengths to which vectors are cut as well.
        split: name of the split.

    Returns:
        the evaluation of the split, and of the unseen questions (`SPLIT_unseen`) if they are some of them but not all; metrics by
        length of the cut vectors; and the scores of the candidates, float `(questions, candidates)`.
    """
    questions, candidates = predictor.question_vectors(test.query_ids), predictor.candidate_vectors(test.candidate_ids)
    scores = questions @ candidates.T
    evaluations = {split: evaluate_scores(test, scores)}
    if is_unseen is not None and is_unseen.any() and not is_unseen.all():
        evaluations[f"{split}_unseen"] = evaluate_scores(test, scores, is_unseen)
    shorter = {
        str(dim): evaluate_scores(test, shorten(questions, dim) @ shorten(candidates, dim).T).metrics
        for dim in shorter_dims
    }
    return evaluations, shorter, scores


def shorten(vectors: np.ndarray, dim: int) -> np.ndarray:
    """The first `dim` numbers of each vector, scaled to unit norm: `(texts, dim)`."""
    vectors = vectors[:, :dim]
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def rerank(
    queries: Sequence[Query], scores: np.ndarray, starts: np.ndarray, included: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Metrics of ranking each question's own candidates, over the questions of `rerankable`.

    NDCG uses the grades. For the metrics of binary relevance, a candidate is relevant if its grade is at least half of the
    question's highest: nearly every answer has some votes.

    Args:
        queries: the questions.
        scores: float `(questions, candidates)`; only a question's own candidates count.
        starts: integer `(questions + 1,)`, see `utils.ranking.features.first_candidates`.
        included: bool `(questions,)`, which questions count; None is all.

    Returns:
        name to values, `(questions that count,)`; empty where no question counts.
    """
    numbers = rerankable(queries, included)
    if not numbers:
        return {}
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

    A question's own candidates have their grades, all others grade 0. A text that is a candidate of several questions is searched
    once; as an own candidate, where it is one.

    Args:
        queries, scores, starts, included: as for `rerank`.
        texts: integer `(candidates,)`, equal for equal texts (`text_numbers`).

    Returns:
        name to values, `(questions that count,)`.
    """
    numbers = answerable(queries, included)
    grades = np.zeros((len(numbers), scores.shape[1]), np.float32)
    for row, number in enumerate(numbers):
        grades[row, starts[number] : starts[number + 1]] = [c.relevance for c in queries[number].candidates]
    return ranking_metrics(scores[numbers], grades, searched_candidates(numbers, starts, texts))


def searched_candidates(numbers: Sequence[int], starts: np.ndarray, texts: np.ndarray) -> np.ndarray:
    """Which candidates are searched for each of these questions, bool `(numbers, candidates)`; see `retrieve`."""
    mask = np.zeros((len(numbers), len(texts)), bool)
    mask[:, np.unique(texts, return_index=True)[1]] = True
    for row, number in enumerate(numbers):
        own = slice(starts[number], starts[number + 1])
        mask[row, np.isin(texts, texts[own])] = False
        mask[row, own] = True
    return mask


def text_numbers(candidates: Sequence[Candidate]) -> np.ndarray:
    """A number for the text of each candidate, `(candidates,)`, equal for equal texts."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(candidate.text, len(numbers)) for candidate in candidates], np.int64)


def answerable(queries: Sequence[Query], included: np.ndarray | None = None) -> list[int]:
    """The numbers of the included questions that have a relevant candidate."""
    has_relevant = [any(candidate.relevance > 0 for candidate in query.candidates) for query in queries]
    return np.flatnonzero(has_relevant if included is None else has_relevant & included).tolist()


def rerankable(queries: Sequence[Query], included: np.ndarray | None = None) -> list[int]:
    """The numbers of the included questions with a relevant candidate among two or more.

    None where all candidates of each question have one grade, as where only right answers are known: there is nothing to rank.
    """
    numbers = [number for number in answerable(queries, included) if len(queries[number].candidates) > 1]
    is_graded = any(len({candidate.relevance for candidate in queries[number].candidates}) > 1 for number in numbers)
    return numbers if is_graded else []


def validation_row(evaluation: Evaluation) -> dict[str, float]:
    """The columns of `metrics.csv` after an epoch: the metrics of `MONITORED` that there are, and `val_score`.

    `val_score` chooses the epoch. It is the NDCG@10 of own answers, where there is something to rank, plus that of all answers.
    """
    metrics = evaluation.metrics
    row = {f"val_{name}": metrics[name] for name in MONITORED if name in metrics}
    return row | {"val_score": metrics.get("ndcg@10", 0.0) + metrics["ndcg@10_all"]}


def print_scores(name: str, evaluations: dict[str, Evaluation], shorter: dict[str, dict[str, float]]) -> None:
    """Print the main scores that `evaluate_encoder` returned, one line per split and per length of the vectors."""
    lines = {split: evaluation.metrics for split, evaluation in evaluations.items()}
    lines |= {f"test, first {dim} numbers of the vectors": metrics for dim, metrics in shorter.items()}
    for title, metrics in lines.items():
        print(format_scores(f"{name}, {title.replace('_', ' ')}", metrics))


def format_scores(title: str, metrics: dict[str, float]) -> str:
    """The main scores of both tasks as a line; own answers are missing where there is nothing to rank."""
    names = {"ndcg@10": "NDCG@10", "map": "MAP", "mrr": "MRR", "p@1": "P@1"}
    tasks = []
    for answers, suffix in (("own", ""), ("all", "_all")):
        if f"mrr{suffix}" in metrics:
            scores = ", ".join(f"{name} {metrics[key + suffix]:.4f}" for key, name in names.items())
            tasks.append(f"{answers} answers: {scores}")
    return f"{title}, {'; '.join(tasks)}"
