"""Scoring slots in batches, and the test repeated with other memories."""

from types import SimpleNamespace

import numpy as np
import pytest

from utils.memnet.demo import demo_people
from utils.memnet.evaluation import repeated_tests, score_slots
from utils.memnet.features import (
    NOTHING,
    EncodedFacts,
    MemoryFeatures,
    Vocabulary,
    encode_facts,
    encode_texts,
    open_vocabulary,
)
from utils.memnet.predictor import MemnetPredictor
from utils.memnet.records import Fact, KnowledgeBase
from utils.memnet.splits import split_templates


def scored_by_value(inputs):
    """The outputs of a model that scores a slot by the first word id of its value."""
    scores = np.where(inputs["memory_mask"] == 1, inputs["value_ids"][..., 0], -1e9).astype("float32")
    return {"scores": scores, "address": scores}


def test_slots_are_scored_in_batches_and_stay_in_their_places():
    rng = np.random.default_rng(0)
    values = np.arange(1, 51, dtype=np.int32)[:, None]
    facts = EncodedFacts(np.ones((50, 2), np.int32), np.ones((50, 2), np.int32), values, np.arange(50))
    sizes = [0, 3, 17, 1, 9, 30, 2]
    memory = np.full((len(sizes), 30), -1, np.int32)
    for row, size in zip(memory, sizes, strict=True):
        row[:size] = rng.permutation(50)[:size]
    features = MemoryFeatures(np.ones((len(sizes), 2), np.int32), memory, np.zeros(memory.shape, bool))
    for max_slots in (8, 40, 10_000):
        slots = score_slots(scored_by_value, features, facts, max_slots_per_batch=max_slots)
        mask = memory >= 0
        np.testing.assert_array_equal(slots.scores[mask], memory[mask] + 1)
        assert np.isneginf(slots.scores[~mask]).all() and not slots.address[~mask].any()
        np.testing.assert_allclose(slots.address.sum(axis=1), [size > 0 for size in sizes], atol=1e-5)


@pytest.fixture(scope="module")
def data():
    base, templates, subjects = demo_people(0, num_train=20, num_validation=3, num_test=5)
    return split_templates(base, templates, subjects=subjects, max_templates=2)


def test_the_test_is_repeated_with_other_memories(data):
    untrained = SimpleNamespace(config={"scoring": "pointer", "num_evidence": 0, "num_hops": 1})
    predictor = MemnetPredictor(untrained, open_vocabulary(data.base, data.questions["train"]), data.base, 7)
    tests = repeated_tests(data, predictor, sweep=[4, 11, 10_000], max_questions=9, split_seed=3)
    assert set(tests) == {"test_4_distractors", "test_11_distractors", "test_whole_kb"}
    for questions, features in tests.values():
        assert len(questions) == len(features.memory) == 9 and set(questions) <= set(data.questions["test"])
    assert tests["test_4_distractors"][1].sizes.tolist() == [5] * 9
    assert tests["test_whole_kb"][1].sizes.max() == 7
    again = repeated_tests(data, predictor, sweep=[4, 11, 10_000], max_questions=9, split_seed=3)
    for name, (_, features) in tests.items():
        np.testing.assert_array_equal(features.memory, again[name][1].memory)


def test_half_of_the_questions_lose_their_answers_where_the_model_can_say_so(data):
    vocabulary = Vocabulary([*open_vocabulary(data.base, data.questions["train"]).words, NOTHING])
    untrained = SimpleNamespace(config={"scoring": "pointer", "num_evidence": 0, "num_hops": 1})
    predictor = MemnetPredictor(untrained, vocabulary, data.base, 7)
    tests = repeated_tests(data, predictor, sweep=[], max_questions=9, split_seed=3)
    questions, features = tests["test_half_unanswerable"]
    (_, whole), first = tests["test_whole_kb"], features.memory[:9]
    assert [question.id for question in questions[:9]] == [question.id for question in questions[9:]]
    np.testing.assert_array_equal(first, whole.memory)
    np.testing.assert_array_equal(features.gold[:9], whole.gold)
    assert not features.gold[9:].any() and (features.sizes[9:] == features.sizes[:9] - whole.gold.sum(axis=1)).all()


def test_the_weight_of_nothing_is_kept_beside_those_of_the_facts():
    ids = np.arange(1, 4, dtype=np.int32)[:, None]
    facts = EncodedFacts(ids, ids, ids, np.arange(3), nothing=9)

    def run(inputs):
        logits = np.where(inputs["memory_mask"] == 1, inputs["key_ids"][..., 0] / 3, -1e9).astype("float32")
        return {"scores": logits, "address": logits}

    memory = np.array([[0, 2], [1, -1], [-1, -1]], np.int32)
    features = MemoryFeatures(np.ones((3, 2), np.int32), memory, memory == 0)
    slots = score_slots(run, features, facts)
    for row, keys in enumerate(([1, 3], [2], [])):
        weights = np.exp(np.array([*keys, 9]) / 3)
        np.testing.assert_allclose(slots.nothing[row], weights[-1] / weights.sum(), rtol=1e-5)
        np.testing.assert_allclose(slots.address[row, : len(keys)], weights[:-1] / weights.sum(), rtol=1e-5)


def test_names_of_words_that_ask_are_in_questions_by_chance():
    base = KnowledgeBase.of(
        [Fact("Emma", "author", "Austen"), Fact("Movie", "director", "Lee"), Fact("Frida", "director", "Lee")]
    )
    words = ["<author>", "<director>", "who", "wrote", "the", "movie", "and"]
    vocabulary = Vocabulary(words)
    facts = encode_facts(base.facts, vocabulary, with_evidence=True)
    ids = encode_texts(["who wrote the movie Emma", "who wrote Emma and Frida"], vocabulary)
    features = MemoryFeatures(ids, np.tile(np.arange(3), (2, 1)), np.zeros((2, 3), bool))

    def run(inputs):
        zeros = np.zeros(inputs["memory_mask"].shape, np.float32)
        return {"scores": zeros, "address": zeros}

    named = score_slots(run, features, facts).named
    assert named[0].tolist() == [-1, -1, -1]
    assert named[1, 1] == -1 and sorted(named[1, [0, 2]]) == [0, 1]
