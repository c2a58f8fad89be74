"""How well questions find their answers: among their own candidates, and among all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from utils.common.disk_rows import ChosenRows
from utils.common.evaluation import Evaluation
from utils.ranking.features import RankingFeatures, first_candidates
from utils.ranking.metrics import pad_arrays, ranking_metrics
from utils.ranking.records import Candidate, Query
from utils.ranking.retrieval import QuestionRanking, SearchedCandidates, relevant_groups, search_all
from utils.ranking.scores import Scores, VectorScores, as_scores
from utils.ranking.search_metrics import search_metrics
from utils.ranking.text_numbers import first_of_each, text_numbers

DEPTH = 100
"""The best candidates of a question that are kept of all that were searched."""
SEARCHED = ("test", "validation", "train")
"""Splits whose answers are searched for the test questions."""
MONITORED = ("ndcg@10", "mrr", "ndcg@10_all", "mrr_all")
"""Metrics that are validated after each epoch and compared between losses."""


class TextsOf(Sequence):
    """The texts of candidates, which may be on disk.

    Args:
        candidates: the candidates.
    """

    def __init__(self, candidates: Sequence[Candidate]):
        self.candidates = candidates

    def __len__(self) -> int:
        return len(self.candidates)

    def __getitem__(self, place: int) -> str:
        return self.candidates[int(place)].text


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
        parts_searched = [[candidate for query in parts[split] for candidate in query.candidates] for split in searched]
        candidates = [*parts_searched, documents]
        ids = [*(features[split].candidate_ids for split in searched), document_ids]
        if list(map(len, candidates)) != list(map(len, ids)):
            raise ValueError("there must be as many rows of token ids as candidates")
        num_own = len(features[name].candidate_ids)
        places = first_of_each(candidate.text for part in candidates for candidate in part)
        places = np.append(np.arange(num_own), places[places >= num_own])
        return cls(parts[name], ChosenRows(candidates, places), features[name].query_ids, ChosenRows(ids, places))

    @cached_property
    def starts(self) -> np.ndarray:
        """The first candidate of each question, and last the number of own candidates; `(questions + 1,)`."""
        return first_candidates(self.queries)

    def scores_of(self, predictor) -> Scores:
        """The scores that a `RankingPredictor` gives."""
        return predictor.scores(
            self.query_ids, self.candidate_ids, [query.text for query in self.queries], TextsOf(self.candidates)
        )

    @cached_property
    def texts(self) -> np.ndarray:
        """A number for the text of each candidate, `(candidates,)`, equal for equal texts."""
        return text_numbers(candidate.text for candidate in self.candidates)

    @cached_property
    def searched(self) -> SearchedCandidates:
        """Which candidates are searched for each question."""
        return SearchedCandidates(self.starts, self.texts)

    @cached_property
    def grades(self) -> np.ndarray:
        """The grades of the questions' own candidates, `(own candidates,)`."""
        return np.array([candidate.relevance for query in self.queries for candidate in query.candidates], float)

    def search(self, scores: Scores | np.ndarray, depth: int = 0) -> Search:
        """Search all candidates for each question; also what `evaluate_scores`, runs and plots need.

        Args:
            scores: float `(questions, candidates)`, higher is better: an array, or `Scores` that are computed block by block.
            depth: how many of the best candidates are kept.
        """
        return Search(self, search_all(as_scores(scores), self.searched, self.grades > 0, depth))


@dataclass(frozen=True)
class Search:
    """What was found for the questions of an `EvaluationSet`.

    Args:
        questions: the questions and candidates.
        results: what was found for each question.
    """

    questions: EvaluationSet
    results: list[QuestionRanking]

    def rerank(self, included: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """Metrics of ranking each question's own candidates, over the questions of `rerankable`.

        NDCG uses the grades. For the metrics of binary relevance, a candidate is relevant if its grade is at least half of the
        question's highest: nearly every answer has some votes.

        Args:
            included: bool `(questions,)`, which questions count; None is all.

        Returns:
            name to values, `(questions that count,)`; empty where no question counts.
        """
        numbers = rerankable(self.questions.queries, included)
        if not numbers:
            return {}
        own_scores, mask = pad_arrays([self.results[number].own_scores for number in numbers])
        grades, _ = pad_arrays([self.questions.grades[self.questions.searched.own(number)] for number in numbers])
        is_relevant = (grades > 0) & (grades >= grades.max(axis=1, keepdims=True) / 2)
        graded = ranking_metrics(own_scores, grades, mask)
        binary = ranking_metrics(own_scores, is_relevant.astype(float), mask)
        return {name: (graded if name.startswith("ndcg") else binary)[name] for name in graded}

    def retrieve(self, included: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """Metrics of finding each question's candidates among all, over the questions with a relevant one.

        A question's own candidates have their grades, all others grade 0. A text that is a candidate of several questions is
        searched once; as an own candidate, where it is one.

        Args:
            included: bool `(questions,)`, which questions count; None is all.

        Returns:
            name to values, `(questions that count,)`.
        """
        numbers = answerable(self.questions.queries, included)
        grades = (self.questions.grades[self.questions.searched.own(number)] for number in numbers)
        return search_metrics(relevant_groups([self.results[number] for number in numbers], grades), len(numbers))


def evaluate_scores(
    evaluation_set: EvaluationSet, scores: Scores | np.ndarray | Search, included: np.ndarray | None = None
) -> Evaluation:
    """Evaluate scores: metrics of `Search.rerank` under their plain names, those of `Search.retrieve` with `_all` appended.

    The two are means over different questions, so the arrays of `per_example` differ in length. Where there is nothing to rank
    within a question, as among answers that are all right, the metrics of `rerank` are missing.

    Args:
        evaluation_set: the questions and candidates.
        scores: float `(questions, candidates)`, higher is better: an array, or `Scores` that are computed block by block; or what
            was found with them.
        included: bool `(questions,)`, which questions count; None is all.
    """
    search = scores if isinstance(scores, Search) else evaluation_set.search(scores)
    return evaluate_searches(search, search, included)


def evaluate_searches(own: Search, everything: Search, included: np.ndarray | None = None) -> Evaluation:
    """The metrics of ranking own answers in one search, and under names with `_all` those of finding them in another."""
    metrics = {f"{name}_all": values for name, values in everything.retrieve(included).items()}
    return Evaluation.from_examples(own.rerank(included) | metrics)


def evaluate_encoder(
    predictor, validation: EvaluationSet, test: EvaluationSet, is_unseen: np.ndarray, shorter_dims: Sequence[int] = ()
) -> tuple[dict[str, Evaluation], dict[str, dict[str, float]], Search]:
    """Evaluate a trained encoder on `validation`, and as `evaluate_test` does on the test questions.

    Args:
        predictor: `utils.ranking.predictor.RankingPredictor`.
        validation: the validation questions and what is searched for them.
        test, is_unseen, shorter_dims: as for `evaluate_test`.
    """
    evaluations, shorter, search = evaluate_test(predictor, test, is_unseen, shorter_dims)
    of_validation = evaluate_scores(validation, validation.scores_of(predictor))
    return {"validation": of_validation, **evaluations}, shorter, search


def evaluate_test(
    predictor,
    test: EvaluationSet,
    is_unseen: np.ndarray | None = None,
    shorter_dims: Sequence[int] = (),
    split: str = "test",
) -> tuple[dict[str, Evaluation], dict[str, dict[str, float]], Search]:
    """Evaluate a trained encoder on the questions of one split.

    Args:
        predictor: `utils.ranking.predictor.RankingPredictor`.
        test: the questions and what is searched for them.
        is_unseen: bool `(questions,)`, True for a question whose answers do not occur in training; None: that is not known.
        shorter_dims: lengths to which vectors are cut as well.
        split: name of the split.

    Returns:
        the evaluation of the split, and of the unseen questions (`SPLIT_unseen`) if they are some of them but not all; metrics by
        length of the cut vectors; and what was found, with the best `DEPTH` candidates of each question.
    """
    scores = test.scores_of(predictor)
    search = test.search(scores, DEPTH)
    evaluations = {split: evaluate_scores(test, search)}
    if is_unseen is not None and is_unseen.any() and not is_unseen.all():
        evaluations[f"{split}_unseen"] = evaluate_scores(test, search, is_unseen)
    shorter = {
        str(dim): evaluate_scores(test, VectorScores(scores.questions, scores.candidates, dim)).metrics
        for dim in shorter_dims
    }
    return evaluations, shorter, search


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
