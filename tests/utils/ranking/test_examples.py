"""The table of example questions: best answers among all that are searched, and the best graded one."""

import numpy as np

from utils.ranking.evaluation import EvaluationSet
from utils.ranking.examples import example_table
from utils.ranking.records import Candidate, Query


def test_answers_with_scores_and_grades():
    texts = ("a", "b", "c", "d", "e", "a")  # the last has the text of an own answer, so it is not searched
    own = (Candidate("1", "a", 2.0), Candidate("2", "b", 1.0))
    query = Query("q", "Which?", own, "f, line 1")
    candidates = [*own, *(Candidate(text, text) for text in texts[2:])]
    test = EvaluationSet([query], candidates, [[1]], [[1]] * 6)
    columns, rows = example_table(test.search(np.array([[0.1, 0.8, 0.9, 0.7, 0.2, 1.0]], np.float32), 100))
    assert columns == ["question", "place", "answer", "score", "grade", "own answer"]
    places = [(place, answer, grade, own_answer) for _, place, answer, _, grade, own_answer in rows]
    assert places == [(1, "c", 0, False), (2, "b", 1, True), (3, "d", 0, False), (5, "a", 2, True)]
    assert [round(row[3], 4) for row in rows] == [0.9, 0.8, 0.7, 0.1] and {row[0] for row in rows} == {"Which?"}
    assert [type(value) for value in rows[0]] == [str, int, str, float, float, bool]


def test_a_question_without_a_relevant_answer_is_left_out():
    query = Query("q", "Which?", (Candidate("1", "a"),), "f, line 1")
    test = EvaluationSet([query], list(query.candidates), [[1]], [[1]])
    assert example_table(test.search(np.ones((1, 1), np.float32), 100))[1] == []
