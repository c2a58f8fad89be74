"""Pictures of a ranking run."""

import numpy as np
import pytest

from utils.common.evaluation import Evaluation
from utils.ranking.evaluation import EvaluationSet
from utils.ranking.plots import plot_differences, plot_grades, plot_test, plot_training
from utils.ranking.records import Candidate, Query


def make_set(grades):
    """A question for each list of grades."""
    queries = [
        Query(
            f"q{number}",
            f"question {number}?",
            tuple(Candidate(f"{i}", f"{number} {i}", grade) for i, grade in enumerate(own)),
            "",
        )
        for number, own in enumerate(grades)
    ]
    candidates = [candidate for query in queries for candidate in query.candidates]
    return EvaluationSet(queries, candidates, [[1]] * len(queries), [[1]] * len(candidates))


def test_pairs_of_answers_are_counted_in_order(tmp_path, drawn_texts):
    # Question 0: 3 before 1 is in order, both before 0 as well, so 3 of 3; question 1: 0 of 1, with a tie of grades left out.
    scores = np.array([[0.9, 0.5, 0.1, 0, 0, 0], [0, 0, 0, 0.2, 0.8, 0.2]])
    plot_grades(make_set([[3.0, 1.0, 0.0], [1.0, 0.0, 1.0]]).search(scores), tmp_path / "plot.png", "Scores")
    assert "Scores\n5 pairs of better and worse answers to one question: 60.0% in order" in drawn_texts
    assert {"0\n(n = 2)", "1\n(n = 3)", "3\n(n = 1)", "grade of the answer"} <= set(drawn_texts)


def test_many_grades_are_rounded(tmp_path, drawn_texts):
    grades = np.linspace(0, 3, 13).tolist()
    plot_grades(make_set([grades]).search(np.ones((1, 13))), tmp_path / "plot.png", "Scores")
    assert {"0\n(n = 3)", "3\n(n = 2)"} <= set(drawn_texts)


def test_questions_that_differ_most_are_named(tmp_path, drawn_texts):
    encoder, bm25 = np.array([1.0, 50.0, 2.0, 1.0]), np.array([90.0, 1.0, 2.0, 2.0])
    plot_differences(["first $1", "second", "third", "fourth"], encoder, bm25, tmp_path / "plot.png", "Differ")
    assert "Differ\nencoder ahead in 2 of 4 questions, BM25 in 1, equal in 1" in drawn_texts
    assert {"first $1", "second", "fourth"} <= set(drawn_texts) and "third" not in drawn_texts


@pytest.mark.parametrize("count", [0, 3])
def test_equal_rankings_have_no_examples(tmp_path, drawn_texts, count):
    plot_differences(["same"] * count, np.ones(count), np.ones(count), tmp_path / "plot.png", "Differ")
    assert "no differences" in drawn_texts and ("no values" in drawn_texts) == (count == 0)


def test_a_run_leaves_three_pictures(tmp_path):
    part = make_set([[2.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    per_example = {"mrr_all": np.array([1.0, 0.5])}
    evaluation = Evaluation.from_examples(per_example)
    plot_test(tmp_path, part.search(np.ones((3, 6))), evaluation, evaluation, "scratch, a.jsonl", "test")
    rows = [{"epoch": 1, "loss": 1.0, "val_ndcg@10_all": 0.5, "val_mrr_all": 0.5, "val_score": 0.5}]
    plot_training(tmp_path, rows, {"bm25": {"validation": Evaluation({"mrr_all": 0.25})}}, "scratch, a.jsonl")
    assert {path.name for path in tmp_path.iterdir()} == {"history.png", "scores_by_grade.png", "bm25_differences.png"}
