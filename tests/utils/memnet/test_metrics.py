"""Metrics of memory answers against values worked out by hand."""

from dataclasses import replace

import numpy as np

from utils.memnet.features import EncodedFacts, build_features
from utils.memnet.metrics import (
    NO_FACT,
    NOTHING_IN_COMMON,
    UNSEEN,
    SlotScores,
    abstention_reasons,
    abstention_scores,
    abstentions,
    answer_ranks,
    certainty,
    evaluate_slots,
    ranked_values,
)
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


def features_of(memories, questions=QUESTIONS):
    return build_features(BASE, questions, np.ones((len(questions), 2), np.int32), memories)


def test_a_pointer_adds_up_equal_values_and_others_take_the_best():
    scores = np.log([0.4, 0.35, 0.25])
    values, probabilities = ranked_values(scores, np.array([7, 5, 5]), add_up=True)
    assert values.tolist() == [5, 7]
    np.testing.assert_allclose(probabilities, [0.6, 0.4])
    values, probabilities = ranked_values(scores, np.array([7, 5, 5]), add_up=False)
    assert values.tolist() == [7, 5]
    np.testing.assert_allclose(probabilities, [0.4 / 0.75, 0.35 / 0.75])
    assert ranked_values(np.zeros(0), np.zeros(0, int), add_up=True)[0].tolist() == []


def test_metrics_by_hand():
    # Correct at rank 1; correct at rank 2; no memory at all.
    features = features_of([[0, 1, 2], [2, 3], []])
    scores = np.array([[3.0, 2, 1], [1, 0, -np.inf], [-np.inf] * 3], np.float32)
    address = np.array([[0.7, 0.2, 0.1], [0.2, 0.8, 0], [0, 0, 0]])
    slots = SlotScores(scores, address)
    assert answer_ranks(slots, features, FACTS, BASE, QUESTIONS, add_up=False).tolist() == [1, 2, np.inf]
    evaluation = evaluate_slots(slots, features, FACTS, BASE, QUESTIONS, add_up=False)
    means = {"accuracy": 1 / 3, "hits@10": 2 / 3, "mrr": 0.5, "gold_key_accuracy": 2 / 3, "candidate_recall": 2 / 3}
    assert evaluation.metrics == {**means, "total": 3}
    assert evaluation.per_example["mrr"].tolist() == [1, 0.5, 0]


def test_intervals_resample_subjects():
    # Each subject is always right or always wrong: to resample questions one by one would make the interval narrower.
    questions = [MemoryQuestion(str(n), "where", f"person {n % 2}", ("London",), "") for n in range(40)]
    features = features_of([[0, 2]] * 40, questions)
    scores = np.array([[1.0, 0], [0, 1]] * 20, np.float32)
    evaluation = evaluate_slots(SlotScores(scores, scores), features, FACTS, BASE, questions, add_up=False)
    intervals = evaluation.intervals()
    assert evaluation.metrics["accuracy"] == 0.5 and intervals["accuracy"] == [0, 1]
    assert set(intervals) == set(evaluation.metrics) - {"total"}


def test_a_correct_value_at_a_wrong_key_is_correct_but_not_its_key():
    features = features_of([[1, 3]], [QUESTIONS[1]])
    slots = SlotScores(np.array([[2.0, 1.0]]), np.array([[0.7, 0.3]]))
    metrics = evaluate_slots(slots, features, FACTS, BASE, [QUESTIONS[1]], add_up=True).metrics
    assert metrics["accuracy"] == 1 and metrics["gold_key_accuracy"] == 0


def test_a_model_abstains_where_nothing_has_more_weight_than_the_facts_of_a_key_together():
    keys = np.array([[1], [1], [2], [3]], np.int32)
    facts = EncodedFacts(keys, np.ones((4, 1), np.int32), keys, np.arange(4))
    memory = np.array([[0, 1, 2], [0, 1, 2], [2, 3, -1], [-1, -1, -1]])
    address = np.array([[0.25, 0.25, 0.1], [0.2, 0.2, 0.1], [0.3, 0.3, 0], [0, 0, 0]])
    slots = SlotScores(address, address, 1 - address.sum(axis=1))
    assert abstentions(slots, memory, facts).tolist() == [False, True, True, True]
    assert not abstentions(SlotScores(address, address), memory, facts).any()


def test_abstention_scores_by_hand():
    # In order of certainty: right, wrong, right, wrong (it has no answer).
    is_correct, certainties = np.array([True, False, False, True]), np.array([0.9, 0.3, 0.8, 0.7])
    abstains, is_answerable = np.array([False, True, False, False]), np.array([True, False, True, True])
    scores = abstention_scores(is_correct, certainties, abstains, is_answerable)
    assert scores == {"aurc": (0 + 1 / 2 + 1 / 3 + 2 / 4) / 4, "abstained_answerable": 0, "answered_unanswerable": 0}
    scores = abstention_scores(is_correct, certainties, ~abstains, ~is_answerable)
    assert scores["abstained_answerable"] == 0 and scores["answered_unanswerable"] == 0
    assert set(abstention_scores(is_correct, certainties, abstains, is_answerable | True)) == {
        "aurc",
        "abstained_answerable",
    }


def test_a_question_that_is_not_answered_is_not_answered_correctly():
    features = features_of([[0, 1, 2], [2, 3], []])
    scores = np.array([[3.0, 2, 1], [0, 1, -np.inf], [-np.inf] * 3], np.float32)
    address = np.array([[0.1, 0.05, 0.05], [0.2, 0.7, 0], [0, 0, 0]])
    slots = SlotScores(scores, address, 1 - address.sum(axis=1))
    evaluation = evaluate_slots(slots, features, FACTS, BASE, QUESTIONS, add_up=True)
    assert evaluation.per_example["accuracy"].tolist() == [0, 1, 0] and evaluation.per_example["mrr"].tolist() == [
        1,
        1,
        0,
    ]
    assert evaluation.metrics["abstained_answerable"] == 0.5 and evaluation.metrics["answered_unanswerable"] == 0


def test_what_several_named_subjects_have_in_common_comes_before_what_one_has():
    objects, named = np.array([1, 2, 2, 3, 4]), np.array([0, 0, 1, 1, -1])
    scores = np.log([0.5, 0.2, 0.01, 0.02, 0.27])
    assert ranked_values(scores, objects, add_up=True)[0].tolist() == [1, 4, 2, 3]
    values, probabilities = ranked_values(scores, objects, True, named)
    shares = np.array([(5 / 7, 0), (2 / 7, 1 / 3), (0, 2 / 3), (0, 0)]) + UNSEEN
    expected = shares.prod(axis=1) / shares.prod(axis=1).sum()
    assert values.tolist()[0] == 2
    np.testing.assert_allclose(probabilities, sorted(expected, reverse=True), rtol=1e-6)
    # Nothing in common: the name of the second subject stands there by chance.
    apart = np.array([1, 2, 5, 3, 4])
    np.testing.assert_array_equal(ranked_values(scores, apart, True, named)[0], ranked_values(scores, apart, True)[0])
    unnamed = np.full(5, -1)
    np.testing.assert_array_equal(
        ranked_values(scores, objects, True, unnamed)[1], ranked_values(scores, objects, True)[1]
    )


def test_the_keys_of_several_named_subjects_are_certain_together():
    keys = np.array([[1], [1], [2], [3]])
    facts = EncodedFacts(np.array([[5], [5], [5], [6]]), keys, keys, objects=np.array([0, 1, 2, 1]))
    address = np.array([[0.2, 0.1, 0.05, 0.25]])
    alone = SlotScores(address, address, nothing=np.array([0.4]))
    both = replace(alone, named=np.array([[0, 0, 0, 1]]))
    memory = np.arange(4)[None]
    np.testing.assert_allclose(certainty(alone, memory, facts), [0.25])
    np.testing.assert_allclose(certainty(both, memory, facts), [0.2 + 0.1 + 0.25])
    assert abstentions(alone, memory, facts).all() and not abstentions(both, memory, facts).any()


def test_subjects_with_nothing_in_common_are_left_unanswered():
    keys = np.array([[1], [1], [2], [3]])
    facts = EncodedFacts(np.array([[5], [5], [5], [6]]), keys, keys, objects=np.array([0, 1, 2, 2]))
    memory, nothing, named = np.arange(4)[None], np.array([0.0]), np.array([[0, 0, 0, 1]])

    def abstains(*address, **change):
        slots = SlotScores(np.array([address]), np.array([address]), nothing=nothing, named=named)
        return bool(abstentions(replace(slots, **change), memory, facts)[0])

    assert abstains(0.3, 0.3, 0.01, 0.39)  # the key that has object 2 has little of the first subject's attention
    assert not abstains(0.2, 0.2, 0.21, 0.39)
    assert not abstains(0.5, 0.49, 0.0, 0.01)  # the second name stands there by chance
    assert not abstains(0.3, 0.3, 0.01, 0.39, nothing=None)  # a model that always answers
    assert not abstains(0.3, 0.3, 0.01, 0.39, named=None)
    address = np.array([[0.3, 0.3, 0.01, 0.39]])
    for weight, reason in ((0.0, NOTHING_IN_COMMON), (0.98, NOTHING_IN_COMMON), (1.0, NO_FACT)):
        slots = SlotScores(address, address, nothing=np.array([weight]), named=named)
        assert abstention_reasons(slots, memory, facts) == [reason]
