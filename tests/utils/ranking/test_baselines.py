"""What ranks without training, and that its values are computed once for all runs on the same data."""

from dataclasses import replace

import numpy as np
import pytest

from utils.ranking import baselines
from utils.ranking.baselines import baseline_scores, evaluate_baselines
from utils.ranking.bm25 import BM25
from utils.ranking.evaluation import EvaluationSet, evaluate_scores
from utils.ranking.records import Candidate, Query
from utils.ranking.scores import ArrayScores, FusedRanks

CANDIDATES = (Candidate("a", "long answer here", 1, 3, "2016"), Candidate("b", "short", 0, 5, "2014"))
QUERY = Query("q", "an answer", CANDIDATES, "file")
SET = EvaluationSet([QUERY], CANDIDATES, [[1, 2]], [[3], [4]])


def whole(scores):
    """All scores as one array."""
    return scores.block(np.arange(scores.shape[0]), slice(0, scores.shape[1]))


def test_bm25_finds_stems_and_scores_unknown_words_0():
    index = BM25(["storing coffee beans", "a train to the coast", ""])
    assert index.scores("how do I store a bean").argmax() == 0
    assert not index.scores("xyzzy").any()


def test_bm25_ranks_text_without_spaces_and_keeps_signs_and_marks():
    texts = [
        "怎么运送冰箱最安全",
        "怎么修理自行车",
        "今天天气很好",
        "कौन सा फल मीठा है",
        "C++ is fast",
        "C# is fine",
        "running",
    ]
    index = BM25(texts)
    for query, best in (
        ("请问冰箱怎么运送？", 0),
        ("自行车坏了", 1),
        ("天气", 2),
        ("मीठा फल", 3),
        ("learn C++", 4),
        ("C#", 5),
        ("runs", 6),
    ):
        scores = index.scores(query)
        assert scores.argmax() == best and np.sum(scores == scores.max()) == 1, query


def test_a_text_that_several_questions_have_is_indexed_once():
    shared = Candidate("d", "rare word", is_document=True)
    once = whole(baseline_scores([QUERY], [*CANDIDATES, shared])["bm25"])
    twice = whole(baseline_scores([QUERY], [*CANDIDATES, shared, shared])["bm25"])
    np.testing.assert_array_equal(twice[:, :3], once)
    assert twice[0, 3] == once[0, 2]


def test_baselines():
    scores = {name: whole(values) for name, values in baseline_scores([QUERY], CANDIDATES).items()}
    assert {name: int(values[0].argmax()) for name, values in scores.items() if name != "random"} == {
        "bm25": 0,
        "length": 0,
        "age": 1,
        "votes oracle": 1,
    }
    assert not scores["random"].any()
    assert "age" not in baseline_scores([QUERY], [Candidate("a", "x", 1, 3)])
    assert "given order" in baseline_scores([QUERY], [Candidate("a", "x", 1, -1), Candidate("b", "y", 0, -2)])
    assert set(baseline_scores([QUERY], [Candidate("a", "x", 1)])) == {"random", "bm25", "length"}


@pytest.fixture
def computed(monkeypatch):
    """The questions for which baselines were computed."""
    calls = []

    def count(queries, candidates):
        calls.append(queries)
        return baseline_scores(queries, candidates)

    monkeypatch.setattr(baselines, "baseline_scores", count)
    return calls


def test_values_are_computed_once_for_the_same_data(tmp_path, computed):
    first = evaluate_baselines(SET, tmp_path / "cache")
    again = evaluate_baselines(SET, tmp_path / "cache")
    assert len(computed) == 1 and len(list((tmp_path / "cache").iterdir())) == 1
    assert list(again) == list(first) == ["random", "bm25", "length", "age", "votes oracle"]
    for name, evaluation in first.items():
        assert again[name].metrics == evaluation.metrics
        for metric, values in evaluation.per_example.items():
            np.testing.assert_array_equal(again[name].per_example[metric], values)
    assert first["bm25"].metrics == evaluate_scores(SET, baseline_scores([QUERY], CANDIDATES)["bm25"]).metrics


@pytest.mark.parametrize(
    "change",
    [{"text": "other"}, {"relevance": 0.5}, {"votes": 9}, {"created": "2013"}],
    ids=lambda change: next(iter(change)),
)
def test_other_data_has_other_values(tmp_path, computed, change):
    evaluate_baselines(SET, tmp_path)
    candidates = replace(CANDIDATES[0], **change), CANDIDATES[1]
    evaluate_baselines(
        EvaluationSet([replace(QUERY, candidates=candidates)], candidates, [[1, 2]], [[3], [4]]), tmp_path
    )
    assert len(computed) == 2


def test_the_untrained_encoder_depends_on_weights_and_tokens(tmp_path, computed):
    def best_first():
        return np.array([[2.0, 1.0]], np.float32)

    tokens = EvaluationSet([QUERY], CANDIDATES, [[1]], [[3], [4]])
    for questions, name in ((SET, ""), (SET, "one"), (SET, "one"), (SET, "two"), (tokens, "two"), (tokens, "two")):
        evaluations = evaluate_baselines(questions, tmp_path, name, best_first)
        assert ("untrained" in evaluations) == bool(name)
    assert evaluations["untrained"].metrics["mrr"] == 1 and len(computed) == 4


def test_a_damaged_cache_is_computed_again(tmp_path, computed):
    evaluations = evaluate_baselines(SET, tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:100])
    assert evaluate_baselines(SET, tmp_path)["bm25"].metrics == evaluations["bm25"].metrics and len(computed) == 2
    evaluate_baselines(SET, tmp_path)
    assert len(computed) == 2


def test_fused_ranks_by_hand():
    one, other = ArrayScores(np.array([[3.0, 2.0, 1.0, 1.0]])), ArrayScores(np.array([[0.0, 9.0, 0.0, 1.0]]))
    fused = FusedRanks((one, other), np.arange(4))
    expected = [1 / 61 + 1 / 63.5, 1 / 62 + 1 / 61, 1 / 63.5 + 1 / 63.5, 1 / 63.5 + 1 / 62]
    assert fused.block(np.array([0]), slice(0, 4))[0] == pytest.approx(expected)
    assert fused.block(np.array([0]), slice(2, 4))[0] == pytest.approx(expected[2:])
    copies = [ArrayScores(np.append(system.array, system.array[:, :1], axis=1)) for system in (one, other)]
    with_a_copy = FusedRanks(copies, np.array([5, 6, 7, 8, 5])).block(np.array([0]), slice(0, 5))[0]
    assert with_a_copy == pytest.approx([*expected, expected[0]])
