"""A re-ranker as the teacher of an encoder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from utils.ranking.features import RankingFeatures
from utils.ranking.records import Query
from utils.reranker.answering import RerankerAnswerer


def scores_by_teacher(
    teacher: RerankerAnswerer, queries: Sequence[Query], features: RankingFeatures, negatives: Sequence[np.ndarray]
) -> list[dict[int, float]]:
    """The teacher's scores of each training question with its own candidates and with its mined negatives.

    Args:
        teacher: the re-ranker.
        queries: the training questions.
        features: their features.
        negatives: the numbers of each question's mined negatives.

    Returns:
        for each question its candidates' numbers to their scores.
    """
    texts = [candidate.text for query in queries for candidate in query.candidates]
    candidates = [
        np.concatenate([features.own_candidates(question), negatives[question]]).tolist()
        for question in range(len(queries))
    ]
    scores = teacher.scores(
        [query.text for query in queries], [[texts[number] for number in numbers] for numbers in candidates]
    )
    return [
        dict(zip(numbers, values.tolist(), strict=True)) for numbers, values in zip(candidates, scores, strict=True)
    ]
