"""Scores of both tasks: ranking a question's own answers, and finding them among all."""

from dataclasses import replace

import numpy as np
import pytest

from tests.helpers.ranking_questions import make_queries
from utils.ranking.evaluation import (
    EvaluationSet,
    evaluate_encoder,
    evaluate_scores,
    print_scores,
    rerankable,
    validation_row,
)
from utils.ranking.features import RankingFeatures
from utils.ranking.records import Candidate, Query
from utils.ranking.scores import VectorScores, shorten

QUERIES = make_queries()
SCORES = np.tile(np.array([0.1, 0.9, 0.5, 0.3, 0.2, 0.8, 0.7, 0.6]), (4, 1))


def make_set(queries, candidates=None):
    own = [candidate for query in queries for candidate in query.candidates]
    return EvaluationSet(queries, candidates or own, [[n] for n in range(len(queries))], [[n] for n in range(len(own))])


def search(queries, scores, texts):
    """What a search among candidates with these texts finds."""
    return make_set(queries, [Candidate("a", f"answer {text}") for text in texts]).search(scores)


def test_rerank_and_retrieve_by_hand():
    own = search(QUERIES, SCORES, range(8)).rerank()
    # Questions 0 and 2 have several answers and a relevant one; relevant is at least half of the best grade.
    assert own["mrr"] == pytest.approx([1 / 3, 1])
    dcg = 1 / np.log2(2) + 4 / np.log2(4)
    assert own["ndcg@10"][0] == pytest.approx(dcg / (4 / np.log2(2) + 1 / np.log2(3)))
    everything = search(QUERIES, SCORES, range(8)).retrieve()
    assert everything["mrr"] == pytest.approx([1, 1 / 2, 1 / 4])  # questions 0, 2 and 3
    few = search(QUERIES, SCORES, range(8)).retrieve(np.array([True, True, False, True]))
    assert few["mrr"] == pytest.approx([1, 1 / 4])
    # The text that stands before the answer of question 0 is the same: it is left out.
    copies = search(QUERIES, SCORES, [0, 1, 2, 3, 4, 5, 6, 2]).retrieve()
    assert copies["mrr"] == pytest.approx([1, 1 / 2, 1 / 4])
    copies = search(QUERIES, SCORES, [0, 1, 2, 3, 4, 5, 7, 7]).retrieve()
    assert copies["mrr"] == pytest.approx([1, 1 / 2, 1 / 3])


def test_both_tasks_are_one_evaluation_over_different_questions():
    candidates = [Candidate(str(number), f"answer {number}") for number in range(8)]
    evaluation = evaluate_scores(make_set(QUERIES, candidates), SCORES)
    own = search(QUERIES, SCORES, range(8)).rerank()
    everything = search(QUERIES, SCORES, range(8)).retrieve()
    assert set(evaluation.metrics) == set(own) | {f"{name}_all" for name in everything}
    assert evaluation.metrics["mrr"] == pytest.approx(2 / 3) and evaluation.per_example["mrr"].shape == (2,)
    assert evaluation.metrics["mrr_all"] == pytest.approx(7 / 12) and evaluation.per_example["mrr_all"].shape == (3,)
    low, high = evaluation.intervals()["mrr_all"]
    assert low < 7 / 12 < high
    one = [Query("q", "text", (Candidate("a", "x", 1.0),), "here")]
    alone = evaluate_scores(make_set(one, [Candidate("a", "x", 1.0), Candidate("b", "y")]), np.array([[0.1, 0.9]]))
    assert "mrr" not in alone.metrics and alone.per_example["mrr_all"] == pytest.approx([0.5])
    assert make_set(QUERIES).texts.tolist() == [0] * 8


class Vectors:
    """Predicts fixed vectors: of a question its first token in a basis, of a candidate ones up to its token."""

    def question_vectors(self, ids):
        return np.eye(4, dtype=np.float32)[[row[0] for row in ids]]

    def candidate_vectors(self, ids):
        return np.eye(4, dtype=np.float32)[[row[0] % 4 for row in ids]]

    def scores(self, query_ids, candidate_ids, *_):
        return VectorScores(self.question_vectors(query_ids), self.candidate_vectors(candidate_ids))


def test_an_encoder_is_evaluated_on_unseen_questions_and_with_shorter_vectors(capsys):
    questions = make_set(QUERIES)
    is_unseen = np.array([True, True, False, True])
    evaluations, shorter, search = evaluate_encoder(Vectors(), questions, questions, is_unseen, [2])
    scores = Vectors().question_vectors(questions.query_ids) @ Vectors().candidate_vectors(questions.candidate_ids).T
    for number, result in enumerate(search.results):
        own = slice(questions.starts[number], questions.starts[number + 1])
        np.testing.assert_array_equal(result.own_scores, scores[number, own])
    assert (
        evaluations["validation"].metrics == evaluations["test"].metrics == evaluate_scores(questions, scores).metrics
    )
    assert evaluations["test_unseen"].metrics == evaluate_scores(questions, scores, is_unseen).metrics
    scores[2:] = scores[:, 2::4] = scores[:, 3::4] = 0  # the first two numbers are 0 there
    assert shorter == {"2": evaluate_scores(questions, scores).metrics}
    everything, _, _ = evaluate_encoder(Vectors(), questions, questions, np.ones(4, bool))
    assert list(everything) == ["validation", "test"]
    print_scores("mse", evaluations, shorter)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(", own")[0] for line in lines] == [
        "mse, validation",
        "mse, test",
        "mse, test unseen",
        "mse, test, first 2 numbers of the vectors",
    ]
    assert f"NDCG@10 {evaluations['test'].metrics['ndcg@10']:.4f}, MAP" in lines[1]


def test_right_answers_alone_are_scored_among_all_answers_only(capsys):
    """Several right answers of a question leave nothing to rank; as soon as one has another grade, there is something."""
    right = [Query("q", "t", (Candidate("a", "x", 1.0), Candidate("b", "y", 1.0)), "here")]
    evaluation = evaluate_scores(make_set(right), np.array([[0.1, 0.9]]))
    assert rerankable(right) == [] and set(evaluation.metrics) == {
        f"{name}_all" for name in search(right, np.zeros((1, 2)), range(2)).retrieve()
    }
    print_scores("mse", {"test": evaluation}, {})
    assert capsys.readouterr().out.startswith("mse, test, all answers: NDCG@10 1.0000")
    row = validation_row(evaluation)
    assert set(row) == {"val_ndcg@10_all", "val_mrr_all", "val_score"} and row["val_score"] == row["val_ndcg@10_all"]
    graded = [*right, Query("r", "t", (Candidate("c", "z", 1.0), Candidate("d", "w", 0.0)), "here")]
    evaluation = evaluate_scores(make_set(graded), np.array([[0.1, 0.9, 0, 0], [0, 0, 0.9, 0.1]]))
    assert rerankable(graded) == [0, 1] and evaluation.metrics["mrr"] == 1
    row = validation_row(evaluation)
    assert row["val_score"] == row["val_ndcg@10"] + row["val_ndcg@10_all"]


def test_a_text_is_searched_once_wherever_it_stands():
    documents = [Candidate(f"d{number}", f"text {number}", is_document=True) for number in range(4)]
    one = Query("q", "t", (replace(documents[0], relevance=1.0), documents[1]), "here")
    other = Query("r", "t", (replace(documents[1], relevance=1.0),), "here")
    parts = {"test": [one], "train": [other]}
    features = {
        "test": RankingFeatures([[1]], [[10], [11]], np.zeros(2), np.array([0, 2]), np.zeros(1)),
        "train": RankingFeatures([[2]], [[11]], np.zeros(1), np.array([0, 1]), np.zeros(1)),
    }
    ids = [[10], [11], [12], [13]]
    evaluation_set = EvaluationSet.from_splits(parts, features, "test", ["test", "train"], documents, ids)
    assert [candidate.id for candidate in evaluation_set.candidates] == ["d0", "d1", "d2", "d3"]
    assert list(evaluation_set.candidate_ids) == [[10], [11], [12], [13]] and evaluation_set.starts.tolist() == [0, 2]
    both = EvaluationSet(
        [one, other], [*one.candidates, *other.candidates, documents[2]], [[1], [2]], [[10], [11], [11], [12]]
    )
    search = both.search(np.tile(np.arange(4.0), (2, 1)), depth=4)
    assert [sorted(result.best.tolist()) for result in search.results] == [[0, 1, 3], [0, 2, 3]]


def test_shortened_vectors_have_unit_norm():
    assert shorten(np.array([[3.0, 4.0, 9.0], [0.0, 0.0, 1.0]]), 2).tolist() == [[0.6, 0.8], [0.0, 0.0]]
