"""How well questions find their answers: among their own candidates, and among all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from utils.ranking.features import padded_ids
from utils.ranking.metrics import padded, ranking_metrics
from utils.ranking.records import Query

BATCH = 64
TESTED = ("ndcg@10", "mrr", "ndcg@10_all", "mrr_all")
"""Metrics that are validated, and compared between losses."""
KEPT = tuple(f"{name}{task}" for task in ("", "_all") for name in ("ndcg@10", "map", "mrr", "p@1"))
"""Metrics that a run keeps of each question."""
Only = np.ndarray | None


def vectors(encoder, rows: Sequence[Sequence[int]], padding: int = 0) -> np.ndarray:
    """The encoder's vector of each text, float32 `(texts, dim)`; texts of like length go together.

    Args:
        encoder: `models.text_encoder.TextEncoder`.
        rows: token ids.
    """
    order, found = np.argsort([len(row) for row in rows], kind="stable"), None
    for start in range(0, len(order), BATCH):
        chosen = np.resize(order[start : start + BATCH], BATCH)  # one size for all batches
        ids, mask = padded_ids([rows[number] for number in chosen], padding)
        of = np.asarray(encoder.predict_on_batch({"token_ids": ids, "padding_mask": mask}))
        found = np.empty((len(rows), of.shape[1]), np.float32) if found is None else found
        found[chosen] = of
    return found


def rerank(
    queries: Sequence[Query], scores: np.ndarray, starts: np.ndarray, only: Only = None
) -> dict[str, np.ndarray]:
    """Metrics of each question's own candidates, arrays `(questions,)`, of those with two or more and a relevant one.

    NDCG has the grades. What knows only relevant or not takes a candidate for relevant that has half of the question's highest
    grade at least: of votes, nearly every answer has some.

    Args:
        scores: `(queries, candidates)`, of all candidates; only a question's own count.
        starts: the first candidate of each question, and their number.
        only: whether a question counts, `(questions,)`; None: all do.
    """
    numbers = [n for n in answered(queries, only) if len(queries[n].candidates) > 1]
    if not numbers:
        return dict.fromkeys(ranking_metrics(*np.zeros((3, 1, 1))), np.zeros(0))
    rows, mask = padded([scores[number, starts[number] : starts[number + 1]] for number in numbers])
    grades, _ = padded([np.array([of.relevance for of in queries[number].candidates]) for number in numbers])
    half = (grades > 0) & (grades >= grades.max(axis=1, keepdims=True) / 2)
    return merged(ranking_metrics(rows, grades, mask), ranking_metrics(rows, half.astype(float), mask))


def merged(graded: dict, binary: dict) -> dict:
    """NDCG of the first, the others of the second."""
    return {name: (graded if name.startswith("ndcg") else binary)[name] for name in graded}


def retrieve(
    queries: Sequence[Query], scores: np.ndarray, starts: np.ndarray, texts: np.ndarray, only: Only = None
) -> dict[str, np.ndarray]:
    """Metrics of all candidates there are, arrays `(questions,)`, of those with a relevant one: own candidates have their grades,
    others 0. Others that are word for word one of a question's own are left out for it.

    Args:
        scores, starts, only: as of `rerank`.
        texts: a number for each candidate, `(candidates,)`; equal texts have equal ones (`text_numbers`).
    """
    numbers = answered(queries, only)
    grades, mask = np.zeros((len(numbers), scores.shape[1]), np.float32), np.ones((len(numbers), scores.shape[1]), bool)
    for row, number in enumerate(numbers):
        own = slice(starts[number], starts[number + 1])
        mask[row, np.isin(texts, texts[own])] = False
        mask[row, own] = True
        grades[row, own] = [of.relevance for of in queries[number].candidates]
    return ranking_metrics(scores[numbers], grades, mask)


def text_numbers(queries: Sequence[Query]) -> np.ndarray:
    """A number for each candidate of these questions, `(candidates,)`, equal for equal texts."""
    return np.unique([candidate.text for query in queries for candidate in query.candidates], return_inverse=True)[1]


def answered(queries: Sequence[Query], only: Only = None) -> list[int]:
    """The questions with a relevant candidate, of those that count."""
    relevant = [any(candidate.relevance > 0 for candidate in query.candidates) for query in queries]
    return np.flatnonzero(relevant if only is None else relevant & only).tolist()


def both(
    queries: Sequence[Query], scores: np.ndarray, starts: np.ndarray, texts: np.ndarray, only: Only = None
) -> dict[str, np.ndarray]:
    """`rerank` with its plain names and `retrieve` with `_all` after each, arrays over different questions."""
    everyone = retrieve(queries, scores, starts, texts, only)
    return rerank(queries, scores, starts, only) | {f"{name}_all": values for name, values in everyone.items()}


def means(found: dict[str, np.ndarray]) -> dict[str, float]:
    """The mean of each metric, 0 where there is no question to count."""
    return {name: float(np.mean(values)) if len(values) else 0.0 for name, values in found.items()}
