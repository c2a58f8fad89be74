"""Some questions with the answers that an encoder ranks highest, as a table for the tracker."""

from __future__ import annotations

from utils.ranking.evaluation import Search, answerable

NUM_QUESTIONS, NUM_ANSWERS = 40, 3


def example_table(search: Search) -> tuple[list[str], list[list]]:
    """Evenly spaced questions, each with its best answers among all that are searched, and with its best graded one.

    Args:
        search: what was found for the questions, with at least three candidates for each.

    Returns:
        the columns and a row for each answer. `grade` is 0 for an answer to another question; `place` counts from 1.
    """
    test = search.questions
    numbers = answerable(test.queries)
    rows = []
    for number in numbers[:: max(1, len(numbers) // NUM_QUESTIONS)][:NUM_QUESTIONS]:
        ranking, first = search.results[number], int(test.starts[number])
        grades = {first + place: candidate.relevance for place, candidate in enumerate(test.queries[number].candidates)}
        best = max(grades, key=grades.get)
        entries = {rank: (int(place), score) for rank, (place, score)
                   in enumerate(zip(ranking.best[:NUM_ANSWERS], ranking.best_scores, strict=False), start=1)}  # fmt: skip
        entries[ranking.rank_of_own(best - first)] = best, ranking.own_scores[best - first]
        for rank, (candidate, score) in sorted(entries.items()):
            values = float(score), float(grades.get(candidate, 0.0)), candidate in grades
            rows.append([test.queries[number].text, rank, test.candidates[candidate].text, *values])
    return ["question", "place", "answer", "score", "grade", "own answer"], rows
