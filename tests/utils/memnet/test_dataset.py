"""The memories that questions are asked with: what training may see, and which seed they depend on."""

import numpy as np
import pytest

from utils.memnet.demo import demo_people
from utils.memnet.features import encode_facts, open_vocabulary
from utils.memnet.splits import split_templates


@pytest.fixture(scope="module")
def data():
    base, templates, subjects = demo_people(0, num_train=40, num_validation=5, num_test=11)
    return split_templates(base, templates, subjects=subjects, max_templates=2)


@pytest.fixture(scope="module")
def question_ids(data):
    return data.encode_questions(open_vocabulary(data.base, data.questions["train"]))


@pytest.fixture(scope="module")
def facts(data):
    return encode_facts(data.base.facts, open_vocabulary(data.base, data.questions["train"]))


def test_training_memories_hold_only_training_facts(data, facts, question_ids):
    features_of_epoch = data.training_features(question_ids["train"], facts, 15, seed=3, redraw=True)
    memory = features_of_epoch(1).memory
    assert set(memory.ravel().tolist()) <= data.training_facts
    assert (features_of_epoch(1).sizes == 16).all() and features_of_epoch(1).gold.any(axis=1).all()
    np.testing.assert_array_equal(features_of_epoch(1).memory, memory)
    assert (features_of_epoch(2).memory != memory).any()
    np.testing.assert_array_equal(features_of_epoch(1).memory, memory)


def test_training_memories_depend_on_the_training_seed_and_are_redrawn_if_asked(data, facts, question_ids):
    first, second = (
        data.training_features(question_ids["train"], facts, 15, seed=seed, redraw=False)(2).memory for seed in (0, 1)
    )
    assert (first != second).any()
    np.testing.assert_array_equal(
        first, data.training_features(question_ids["train"], facts, 15, seed=0, redraw=True)(0).memory
    )


def test_open_memories_hold_other_training_facts_too_and_some_no_answer(data, facts, question_ids):
    settings = {"seed": 3, "redraw": True, "extra_distractors": 40, "unanswerable": 0.3}
    features_of_epoch = data.training_features(question_ids["train"], facts, 15, **settings)
    features = features_of_epoch(1)
    assert set(features.memory.ravel().tolist()) <= data.training_facts | {-1}
    without_answer = ~features.gold.any(axis=1)
    assert 0.2 < without_answer.mean() < 0.4 and features.sizes.min() < 20 < 40 < features.sizes.max() <= 56
    for question, memory in zip(data.questions["train"], features.memory, strict=True):
        others = [data.base.facts[number] for number in memory[memory >= 0]]
        pairs = {(fact.subject, fact.relation) for fact in others if fact.object not in question.answers}
        assert (question.subject, question.relation) not in pairs
    again = data.training_features(question_ids["train"], facts, 15, **settings)(1)
    np.testing.assert_array_equal(again.memory, features.memory)
    assert (
        features_of_epoch(2).memory.shape != features.memory.shape
        or (features_of_epoch(2).memory != features.memory).any()
    )


def test_scoring_memories_depend_on_the_split_seed(data, question_ids):
    first, same, other = (data.scoring_features(question_ids, 15, split_seed) for split_seed in (0, 0, 1))
    assert set(first) == set(data.questions) - {"train"}
    for split, features in first.items():
        np.testing.assert_array_equal(features.memory, same[split].memory)
        assert (features.memory != other[split].memory).any()


def test_the_description_counts_questions_subjects_and_facts(data):
    description = data.description([])
    assert description["files"] == ["built-in demo data"] and description["facts"] == 5 * 56
    assert description["counts"] == {split: len(questions) for split, questions in data.questions.items()}
    assert description["subjects"]["train"] == 40 and description["checksum"] == data.checksum
