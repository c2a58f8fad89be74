"""Some questions with the answers that an encoder ranks highest, as a table for the tracker."""

from __future__ import annotations

import numpy as np

from utils.ranking.evaluation import EvaluationSet, answerable, searched_candidates

NUM_QUESTIONS, NUM_ANSWERS = 40, 3


def example_table(test: EvaluationSet, scores: np.ndarray) -> tuple[list[str], list[list]]:
    """Evenly spaced questions, each with its best answers among all that are searched, and with its best graded one.

    Args:
        test: the questions and what is searched for them.
        scores: of the candidates, float `(questions, candidates)`.

    Returns:
        the columns and a row for each answer. `grade` is 0 for an answer to another question; `place` counts from 1.
    """
    numbers = answerable(test.queries)
    rows = []
    for number in numbers[:: max(1, len(numbers) // NUM_QUESTIONS)][:NUM_QUESTIONS]:
        first, end = test.starts[number], test.starts[number + 1]
        is_searched = searched_candidates([number], test.starts, test.texts)[0]
        ranked = np.argsort(-np.where(is_searched, scores[number], -np.inf), kind="stable")[: is_searched.sum()]
        grades = {place: test.candidates[place].relevance for place in range(first, end)}
        best = int(np.flatnonzero(ranked == max(grades, key=grades.get))[0])
        for place in sorted({*range(min(NUM_ANSWERS, len(ranked))), best}):
            candidate = int(ranked[place])
            values = float(scores[number, candidate]), float(grades.get(candidate, 0.0)), candidate in grades
            rows.append([test.queries[number].text, place + 1, test.candidates[candidate].text, *values])
    return ["question", "place", "answer", "score", "grade", "own answer"], rows
