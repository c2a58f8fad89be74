"""Ranks and metrics from blocks of scores, beside those of all scores at once."""

import numpy as np
import pytest

from utils.ranking import scores as scores_module
from utils.ranking.evaluation import EvaluationSet, answerable
from utils.ranking.metrics import ranking_metrics
from utils.ranking.records import Candidate, Query
from utils.ranking.scores import ArrayScores, EqualScores, VectorScores
from utils.ranking.search_metrics import RelevantGroups, harmonic_difference, search_metrics


def make_set(rng, num_questions, num_others, num_texts):
    """Questions with 1 to 7 graded candidates, and other candidates; many have the text of another one."""
    queries, places = [], iter(range(10**6))

    def candidate():
        return Candidate(str(next(places)), f"text {rng.integers(num_texts)}", float(rng.integers(0, 4)))

    for number in range(num_questions):
        own = tuple(candidate() for _ in range(rng.integers(1, 8)))
        queries.append(Query(f"q{number}", "text", own, "here"))
    candidates = [own for query in queries for own in query.candidates] + [candidate() for _ in range(num_others)]
    return EvaluationSet(queries, candidates, [[1]] * num_questions, [[1]] * len(candidates))


def dense_metrics(questions, scores):
    """The metrics among all candidates, from all scores at once, and which candidates are searched."""
    numbers = answerable(questions.queries)
    shape = len(numbers), len(questions.candidates)
    grades, is_searched = np.zeros(shape), np.zeros(shape, bool)
    is_searched[:, np.unique(questions.texts, return_index=True)[1]] = True
    for row, number in enumerate(numbers):
        own = slice(questions.starts[number], questions.starts[number + 1])
        is_searched[row, np.isin(questions.texts, questions.texts[own])] = False
        is_searched[row, own] = True
        grades[row, own] = [candidate.relevance for candidate in questions.queries[number].candidates]
    return ranking_metrics(scores[numbers], grades, is_searched), is_searched


@pytest.mark.parametrize("num_levels", [2, 7, 50, 10**6])
@pytest.mark.parametrize("block_scores", [1, 37, 500, 10**6])
def test_metrics_of_blocks_are_those_of_all_scores_at_once(monkeypatch, num_levels, block_scores):
    monkeypatch.setattr(scores_module, "BLOCK_SCORES", block_scores)
    monkeypatch.setattr(scores_module, "BLOCK_QUESTIONS", 3)
    rng = np.random.default_rng(num_levels)
    questions = make_set(rng, num_questions=23, num_others=61, num_texts=90)
    scores = rng.integers(0, num_levels, (23, len(questions.candidates))).astype(np.float32) - num_levels / 3
    search = questions.search(scores, depth=11)
    expected, is_searched = dense_metrics(questions, scores)
    metrics = search.retrieve()
    assert list(metrics) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(metrics[name], values, rtol=1e-12, atol=1e-15, err_msg=name)
    for row, number in enumerate(answerable(questions.queries)):
        ranked = np.argsort(-np.where(is_searched[row], scores[number], -np.inf), kind="stable")
        result, start = search.results[number], questions.starts[number]
        assert result.best.tolist() == ranked[:11].tolist()
        assert result.best_scores.tolist() == scores[number, ranked[:11]].tolist()
        for place, candidate in enumerate(questions.queries[number].candidates):
            if candidate.relevance > 0:
                assert ranked[result.rank_of_own(place) - 1] == start + place


def test_scores_of_vectors_and_equal_scores_are_blocks_of_the_whole(monkeypatch):
    rng = np.random.default_rng(0)
    questions = make_set(rng, num_questions=13, num_others=47, num_texts=10**6)
    vectors = rng.integers(-2, 3, (13, 5)).astype(np.float32), rng.integers(-2, 3, (len(questions.candidates), 5))
    whole = vectors[0] @ vectors[1].T.astype(np.float32)  # whole numbers, so that every block is exact
    for block_scores in (7, 100, 10**6):
        monkeypatch.setattr(scores_module, "BLOCK_SCORES", block_scores)
        monkeypatch.setattr(scores_module, "BLOCK_QUESTIONS", 5)
        by_blocks = questions.search(VectorScores(vectors[0], vectors[1].astype(np.float16)), 9)
        at_once = questions.search(ArrayScores(whole), 9)
        for one, other in zip(by_blocks.results, at_once.results, strict=True):
            np.testing.assert_array_equal(one.best, other.best)
        for name, values in at_once.retrieve().items():
            np.testing.assert_array_equal(by_blocks.retrieve()[name], values)
        constant = questions.search(EqualScores(13, np.zeros(len(questions.candidates), np.float32)))
        expected, _ = dense_metrics(questions, np.zeros(whole.shape))
        for name, values in constant.retrieve().items():
            np.testing.assert_allclose(values, expected[name], rtol=1e-12, err_msg=name)


def test_large_groups_of_equal_scores_have_the_mean_over_their_orders():
    sizes, before = np.array([1, 300, 20_000, 3, 9_000]), np.array([12_345, 0, 17, 40_000, 30_000])
    relevant = [np.array([2.0]), np.array([1.0, 3.0]), np.array([1.0] * 5), np.array([1.0, 1.0, 4.0]), np.array([2.0])]
    groups = RelevantGroups(np.arange(5), before, sizes, relevant)
    metrics = search_metrics(groups, 6)
    width = int((before + sizes).max())
    scores, grades = np.zeros((6, width)), np.zeros((6, width))
    for row in range(5):
        end = before[row] + sizes[row]
        scores[row] = -np.arange(width)
        scores[row, before[row] : end] = -before[row]
        grades[row, end - len(relevant[row]) : end] = relevant[row]
    for name, values in ranking_metrics(scores, grades, np.ones(scores.shape, bool)).items():
        np.testing.assert_allclose(metrics[name], values, rtol=1e-10, atol=1e-16, err_msg=name)


def test_differences_of_harmonic_numbers():
    for start, count in ((0, 5), (0, 1000), (63, 3), (64, 1), (10**6, 7), (10**5, 10**5)):
        expected = np.sum(1 / np.arange(start + 1, start + count + 1, dtype=np.longdouble))
        assert harmonic_difference(np.array([start * 1.0]), np.array([count * 1.0]))[0] == pytest.approx(
            float(expected), rel=1e-14
        )


def test_scores_that_are_not_finite_are_refused():
    questions = make_set(np.random.default_rng(0), 3, 2, 10**6)
    scores = np.zeros((3, len(questions.candidates)))
    scores[1, -1] = np.nan
    with pytest.raises(ValueError, match="Question 1 "):
        questions.search(scores)
