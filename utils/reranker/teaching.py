"""A re-ranker as the teacher of an encoder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from utils.ranking.features import RankingFeatures
from utils.ranking.records import Query
from utils.reranker.predictor import RerankerPredictor

QUESTIONS_AT_ONCE = 256
"""Questions whose texts are tokenised together."""


def scores_by_teacher(
    run_dir: str, queries: Sequence[Query], features: RankingFeatures, negatives: Sequence[np.ndarray]
) -> list[dict[int, float]]:
    """A teacher's scores of each training question with its own candidates and with its mined negatives.

    Args:
        run_dir: the teacher, a run of `train_reranker.py`.
        queries: the training questions.
        features: their features.
        negatives: the numbers of each question's mined negatives.

    Returns:
        for each question its candidates' numbers to their scores.

    Raises:
        UserError: there is no such run, or it is damaged.
    """
    teacher, scores = RerankerPredictor.load(run_dir), []
    texts = [candidate.text for query in queries for candidate in query.candidates]
    candidates = [
        np.concatenate([features.own_candidates(question), negatives[question]]).tolist()
        for question in range(len(queries))
    ]
    for start in range(0, len(queries), QUESTIONS_AT_ONCE):
        part = slice(start, start + QUESTIONS_AT_ONCE)
        read = [[texts[number] for number in numbers] for numbers in candidates[part]]
        scores += teacher.scores([query.text for query in queries[part]], read)
    return [
        dict(zip(numbers, values.tolist(), strict=True)) for numbers, values in zip(candidates, scores, strict=True)
    ]
