"""The plain baselines on questions worked out by hand."""

import numpy as np

from utils.memnet.baselines import BASELINES, Baselines, count_answers
from utils.memnet.features import EncodedFacts, build_features
from utils.memnet.records import Fact, KnowledgeBase, MemoryQuestion

BASE = KnowledgeBase.of(
    [
        Fact("Ada Brown", "born_in", "London"),
        Fact("Ada Brown", "works_for", "Mill"),
        Fact("Bob Brown", "born_in", "Rome"),
        Fact("Bob Brown", "works_for", "Mill"),
    ]
)
FACTS = EncodedFacts(*np.ones((3, 4, 2), np.int32), objects=np.array([0, 1, 2, 1]))
QUESTIONS = [
    MemoryQuestion("1", "where was Ada Brown born", "Ada Brown", ("London",), "born_in"),
    MemoryQuestion("2", "what mill works Bob Brown for", "Bob Brown", ("Mill",), "works_for"),
    MemoryQuestion("3", "where was Cid born", "Cid", ("Oslo",), "born_in"),
]


def test_baselines_by_hand():
    features = build_features(BASE, QUESTIONS, np.ones((3, 2), np.int32), [[2, 0, 1], [0, 3, 2], [0]])
    training_questions = [MemoryQuestion("t", "?", "X", ("Rome",), "born_in")] * 2
    evaluations = Baselines(BASE, count_answers(training_questions)).evaluate(features, FACTS, QUESTIONS)
    metrics = {name: evaluation.metrics for name, evaluation in evaluations.items()}
    assert tuple(metrics) == BASELINES == ("string_match", "bm25", "majority_value")
    # Whole names and the words "born" and "works"/"for" lead string match to the right fact; the third has no answer at all.
    assert metrics["string_match"]["accuracy"] == 2 / 3
    # BM25: "Ada" is the rarest word of the first question; "mill", "works", "Bob" all stand in the right fact of the second.
    assert metrics["bm25"]["accuracy"] == 2 / 3
    # The most frequent training answer is Rome, which is wrong for both.
    assert metrics["majority_value"]["accuracy"] == 0
    assert {values["total"] for values in metrics.values()} == {3}


def test_a_question_of_two_steps_takes_the_baselines_twice():
    base = KnowledgeBase.of(
        [
            Fact("Mill", "owned_by", "Cid Stone"),
            Fact("Ada Brown", "owned_by", "Eve"),
            Fact("Cid Stone", "born_in", "Oslo"),
            Fact("Eve", "born_in", "Rome"),
            Fact("Cid Stone", "owned_by", "Mill"),
        ]
    )
    question = MemoryQuestion("1", "where was who Mill is owned by born", "Mill", ("Oslo",), "owned_by -> born_in")
    features = build_features(base, [question], np.ones((1, 2), np.int32), [[4, 3, 1, 0, 2]])
    assert features.gold.tolist() == [[False, False, False, False, True]]
    facts = EncodedFacts(*np.ones((3, 5, 2), np.int32), objects=np.array([0, 1, 2, 3, 4]))
    evaluations = Baselines(base, count_answers([question])).evaluate(features, facts, [question])
    assert [evaluation.metrics["accuracy"] for evaluation in evaluations.values()] == [1, 1, 1]


def test_of_a_question_about_two_subjects_the_scores_of_both_are_added_up():
    base = KnowledgeBase.of(
        [
            Fact("Ada Brown", "plays", "go"),
            Fact("Ada Brown", "plays", "chess"),
            Fact("Bob Brown", "likes", "tea"),
            Fact("Bob Brown", "likes", "chess"),
        ]
    )
    text = "what plays Ada Brown that Bob Brown likes"
    question = MemoryQuestion("1", text, "Ada Brown", ("chess",), "plays & likes", second_subject="Bob Brown")
    facts = EncodedFacts(*np.ones((3, 4, 2), np.int32), objects=np.array([0, 1, 2, 1]))
    features = build_features(base, [question], np.ones((1, 2), np.int32), [[0, 1, 2, 3]])
    evaluations = Baselines(base, None).evaluate(features, facts, [question])
    assert [evaluations[name].metrics["accuracy"] for name in ("string_match", "bm25")] == [1, 1]
