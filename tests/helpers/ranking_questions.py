"""Four small questions with graded answers, and their features."""

import numpy as np

from utils.ranking.features import RankingFeatures
from utils.ranking.records import Candidate, Query

GRADES = [[4, 1, 0], [0, 0], [2, 4], [4]]
STARTS = np.array([0, 3, 5, 7, 8])


def make_queries():
    return [
        Query(f"q{n}", f"text {n}", tuple(Candidate(f"a{n}{m}", "x", grade) for m, grade in enumerate(grades)), "file")
        for n, grades in enumerate(GRADES)
    ]


def make_features():
    """Texts of different lengths; questions 0 and 2 are in one group."""
    relevance = np.concatenate(GRADES) / 4
    candidate_ids = [[100 + number] * (1 + number) for number in range(8)]
    query_ids = [[number + 1] * (number + 2) for number in range(4)]
    return RankingFeatures(query_ids, candidate_ids, relevance, STARTS, np.array([7, 8, 7, 9]))


def question(number, text=None, answers=(), group=""):
    """A question whose first answer is right."""
    texts = answers or (f"yes {number}", f"no {number}")
    candidates = tuple(Candidate(str(n), text, float(n == 0)) for n, text in enumerate(texts))
    text = f"word{number} thing{number} matter{number}" if text is None else text
    return Query(str(number), text, candidates, f"file, line {number}", group)
