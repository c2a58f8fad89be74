"""Metrics of memory answers against a few lines of loops, and the baselines on a case worked out by hand."""

import numpy as np

from utils.memnet.baselines import Baselines
from utils.memnet.data import Fact, MemoryQuestion, knowledge_base
from utils.memnet.features import EncodedFacts, MemoryFeatures, build_features
from utils.memnet.metrics import SlotScores, question_ranks, ranked_values, score_slots, summarise

BASE, _ = knowledge_base(
    [
        Fact("Ada Brown", "born_in", "London"),
        Fact("Ada Brown", "works_for", "Mill"),
        Fact("Bob Brown", "born_in", "Rome"),
        Fact("Bob Brown", "works_for", "Mill"),
    ],
    "here",
)
OBJECTS = np.array([0, 1, 2, 1])
FACTS = EncodedFacts(np.ones((4, 2), np.int32), np.ones((4, 1), np.int32), OBJECTS)
QUESTIONS = [
    MemoryQuestion("1", "where was Ada Brown born", "Ada Brown", ("London",), "born_in"),
    MemoryQuestion("2", "what mill works Bob Brown for", "Bob Brown", ("Mill",), "works_for"),
    MemoryQuestion("3", "where was Cid born", "Cid", ("Oslo",), "born_in"),
]


def features(memories, questions=QUESTIONS):
    return build_features(BASE, questions, np.ones((len(questions), 2), np.int32), memories)


def test_a_pointer_adds_up_equal_values_and_others_take_the_best():
    scores = np.log([0.4, 0.35, 0.25])
    values, shares = ranked_values(scores, np.array([7, 5, 5]), pointer=True)
    assert values.tolist() == [5, 7]
    np.testing.assert_allclose(shares, [0.6, 0.4])
    values, shares = ranked_values(scores, np.array([7, 5, 5]), pointer=False)
    assert values.tolist() == [7, 5]
    np.testing.assert_allclose(shares, [0.4 / 0.75, 0.35 / 0.75])
    assert ranked_values(np.zeros(0), np.zeros(0, int), pointer=True)[0].tolist() == []


def test_metrics_by_hand():
    # Right at once; right in the second place; no memory at all.
    part = features([[0, 1, 2], [2, 3], []])
    scores = np.array([[3.0, 2, 1], [1, 0, -np.inf], [-np.inf] * 3], np.float32)
    address = np.array([[0.7, 0.2, 0.1], [0.2, 0.8, 0], [0, 0, 0]])
    found = SlotScores(scores, address)
    ranks = question_ranks(found, part, FACTS, BASE, QUESTIONS, pointer=False)
    assert ranks.tolist() == [1, 2, np.inf]
    metrics = summarise(ranks, found, part)
    expected = {"accuracy": 1 / 3, "hits@10": 2 / 3, "mrr": 0.5, "gold_key_accuracy": 2 / 3, "candidate_recall": 2 / 3}
    assert metrics == {**expected, "total": 3}
    assert summarise(ranks[:0], found, part) == {"total": 0}


def test_a_right_value_at_a_wrong_key_is_right_but_not_its_key():
    part = features([[1, 3]], [QUESTIONS[1]])
    found = SlotScores(np.array([[2.0, 1.0]]), np.array([[0.7, 0.3]]))
    metrics = summarise(question_ranks(found, part, FACTS, BASE, [QUESTIONS[1]], pointer=True), found, part)
    assert metrics["accuracy"] == 1 and metrics["gold_key_accuracy"] == 0


class Echo:
    """A model that scores a slot by its first value id."""

    def predict_on_batch(self, inputs):
        scores = np.where(inputs["memory_mask"] == 1, inputs["value_ids"][..., 0], -1e9).astype("float32")
        return {"scores": scores, "address": scores}


def test_slots_are_scored_in_batches_and_stay_in_their_places():
    rng = np.random.default_rng(0)
    facts = EncodedFacts(np.ones((50, 2), np.int32), np.arange(1, 51, dtype=np.int32)[:, None], np.arange(50))
    sizes = [0, 3, 17, 1, 9, 30, 2]
    memory = np.full((len(sizes), 30), -1, np.int32)
    for row, size in zip(memory, sizes, strict=True):
        row[:size] = rng.permutation(50)[:size]
    part = MemoryFeatures(np.ones((len(sizes), 2), np.int32), memory, np.zeros(memory.shape, bool))
    for slots in (8, 40, 10_000):
        found = score_slots(Echo(), part, facts, slots_a_batch=slots)
        held = memory >= 0
        np.testing.assert_array_equal(found.scores[held], memory[held] + 1)
        assert np.isneginf(found.scores[~held]).all() and not found.address[~held].any()
        np.testing.assert_allclose(found.address.sum(axis=1), [size > 0 for size in sizes], atol=1e-5)


def test_baselines_by_hand():
    part = features([[2, 0, 1], [0, 3, 2], [0]])
    training = [MemoryQuestion("t", "?", "X", ("Rome",), "born_in")] * 2
    found = Baselines(BASE, training).scores(FACTS, part, QUESTIONS)
    # Whole names and the words "born" and "works"/"for" lead string match to the right fact; the third has no answer at all.
    assert found["string_match"]["accuracy"] == 2 / 3
    # BM25: "Ada" is the rarest word of the first question; "mill", "works", "Bob" all stand in the right fact of the second.
    assert found["bm25"]["accuracy"] == 2 / 3
    # The most frequent training answer is Rome, which is wrong for both.
    assert found["majority_value"]["accuracy"] == 0
    assert {scores["total"] for scores in found.values()} == {3}
