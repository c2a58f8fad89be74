"""A re-ranker's scores as the targets of an encoder."""

from types import SimpleNamespace

import numpy as np
import pytest

from tests.helpers.ranking_questions import make_features, make_queries
from utils.ranking.features import TeacherScores, slot_targets
from utils.reranker import teaching

NEGATIVES = [np.array([7]), np.array([0, 1]), np.array([], int), np.array([5])]


def test_every_own_candidate_and_negative_has_the_teachers_score(monkeypatch):
    calls = []

    def scores(questions, texts):
        calls.extend(zip(questions, map(len, texts), strict=True))
        return [np.arange(len(own), dtype=np.float32) for own in texts]

    monkeypatch.setattr(teaching.RerankerPredictor, "load", lambda run_dir: SimpleNamespace(scores=scores))
    monkeypatch.setattr(teaching, "QUESTIONS_AT_ONCE", 3)
    result = teaching.scores_by_teacher("runs/reader", make_queries(), make_features(), NEGATIVES)
    assert calls == [("text 0", 4), ("text 1", 4), ("text 2", 2), ("text 3", 2)]
    assert result == [{0: 0, 1: 1, 2: 2, 7: 3}, {3: 0, 4: 1, 0: 2, 1: 3}, {5: 0, 6: 1}, {7: 0, 5: 1}]


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0])
def test_targets_are_shares_of_the_teacher_and_of_the_grades(weight):
    features = make_features()
    scores = [{}, {}, {5: np.log(1), 6: np.log(3), 0: np.log(4)}, {}]
    object.__setattr__(features, "teacher", TeacherScores(scores, weight))
    targets = slot_targets(features, [2], {2: np.array([6, 5, 0])}, 4)
    shares = np.array([4, 2, 0, 0]) / 6  # the third slot is a negative, the fourth is empty
    taught = np.array([3, 1, 4, 0]) / 8
    assert targets[0, :4] == pytest.approx(weight * taught + (1 - weight) * shares)
    assert targets[0, 4:8].tolist() == [1, 1, 1, 0]
