"""Words to ids, features, batches."""

import numpy as np
import pytest

from utils.memnet.evidence import word_weights
from utils.memnet.features import (
    NOTHING,
    MemoryFeatures,
    Vocabulary,
    assemble,
    build_features,
    closed_vocabulary,
    encode_facts,
    encode_texts,
    longest_question,
    open_vocabulary,
    read_vocabulary,
    relation_word,
    save_vocabulary,
    targets,
    training_batches,
)
from utils.memnet.questions import questions_from_templates
from utils.memnet.records import Fact, KnowledgeBase, MemoryQuestion
from utils.text.words import split_words

NAMES = ["Ada Brown", "Bob Brown", "Cid Stone", "Dora Stone", "Eve Brown", "Finn Marsh", "Gus Hill"]
BASE = KnowledgeBase.of(
    [Fact(name, relation, f"{name[0]}-{relation}") for name in NAMES for relation in ("born", "year", "job")]
    + [Fact("Ada Brown", "job", "baker")]
)
TEMPLATES = {relation: {"train": [f"tell the {relation} of {{s}}"]} for relation in ("born", "year", "job")}
QUESTIONS = questions_from_templates(BASE, TEMPLATES, NAMES)


def test_words_are_lower_case_without_punctuation():
    assert split_words("Who's Ada-Brown, born 1815?") == ["who", "s", "ada", "brown", "born", "1815"]
    assert split_words("Ünïcode 東京!") == ["ünïcode", "東", "東京", "京"] and split_words("?") == []


def test_names_have_the_same_hash_whether_or_not_training_had_them():
    few, many = open_vocabulary(BASE, QUESTIONS[:9]), open_vocabulary(BASE, QUESTIONS)
    words_that_ask = {"tell", "the", "of", "born", "year", "job"}
    assert (
        set(few.words) == set(many.words) == words_that_ask | {relation_word(name) for name in ("born", "year", "job")}
    )
    assert min(few.ids(["ada", "gus"])) >= len(few) and few.ids(["ada", "gus"]) == many.ids(["ada", "gus"])
    assert few.ids(["tell", "ada"])[0] < len(few)


def test_words_that_ask_are_those_beside_a_name_in_any_script():
    names = ["王明", "王华", "李明", "李华", "周芳", "在在"]
    base = KnowledgeBase.of(Fact(name, "born", "成都") for name in names)
    questions = questions_from_templates(base, {"born": {"train": ["{s}在哪里出生？"]}}, names)
    asking = {"在", "在哪", "哪", "哪里", "里", "里出", "出", "出生", "生"}
    assert set(open_vocabulary(base, questions).words) == asking | {relation_word("born")}
    names += ["在明", "在华"]  # now three of eight names have the character, so it belongs to names
    base = KnowledgeBase.of(Fact(name, "born", "成都") for name in names)
    assert set(open_vocabulary(base, questions).words) == asking - {"在"} | {relation_word("born")}


def test_names_with_signs_are_no_words_that_ask():
    names = ["C", "C++", "C#", "!!!", "Which"]
    base = KnowledgeBase.of(Fact(name, "made", "x") for name in names)
    questions = questions_from_templates(base, {"made": {"train": ["Which person made {s}?"]}}, names)
    assert set(open_vocabulary(base, questions).words) == {"which", "person", "made", relation_word("made")}


def test_a_closed_vocabulary_has_all_words_and_leaves_others_out():
    vocabulary = closed_vocabulary(BASE, QUESTIONS)
    assert vocabulary.ids(["ada", "zzz", "baker"]) == [vocabulary.ids(["ada"])[0], vocabulary.ids(["baker"])[0]]
    assert max(vocabulary.ids(split_words("Ada Brown baker tell"))) < len(vocabulary)


def test_facts_become_keys_of_subject_and_relation_and_values_of_the_object():
    vocabulary = open_vocabulary(BASE, QUESTIONS)
    facts = encode_facts(BASE.facts, vocabulary)
    ada, brown = vocabulary.ids(["ada", "brown"])
    assert facts.keys[0].tolist() == [ada, brown, vocabulary.ids([relation_word("born")])[0]]
    assert facts.values[0].tolist() == vocabulary.ids(["a", "born"])
    assert len(facts.keys) == len(facts.objects) == len(BASE.facts) and len(set(facts.objects.tolist())) == 22


def features_of(memories, questions=QUESTIONS[:3]):
    vocabulary = open_vocabulary(BASE, QUESTIONS)
    question_ids = encode_texts([question.text for question in questions], vocabulary)
    return build_features(BASE, questions, question_ids, memories), encode_facts(BASE.facts, vocabulary)


def test_batches_are_padded_to_what_they_need():
    features, facts = features_of([[0, 3], [], [1, 2, 4]])
    inputs = assemble(features, facts, np.array([0, 1]))
    assert inputs["memory_mask"].tolist() == [[1, 1, 0, 0, 0, 0, 0, 0], [0] * 8]
    np.testing.assert_array_equal(inputs["key_ids"][0, :2], facts.keys[[0, 3]])
    assert not inputs["key_ids"][1].any() and not inputs["value_ids"][0, 2:].any()
    assert {array.dtype for array in inputs.values()} == {np.dtype("int32")}


def test_questions_with_gaps_keep_their_last_words():
    ids = np.array([[3, 0, 0, 0, 5, 6, 7, 8, 9, 4], [3, 4, 0, 0, 0, 0, 0, 0, 0, 0], [0] * 10])
    features = MemoryFeatures(ids, np.array([[0], [1], [2]]), np.zeros((3, 1), bool))
    _, facts = features_of([[0]], QUESTIONS[:1])
    assert [longest_question(features, np.array([row])) for row in range(3)] == [10, 2, 1]
    question_ids = assemble(features, facts, np.arange(3))["question_ids"]
    assert question_ids.shape == (3, 16) and question_ids[:, :10].tolist() == ids.tolist()


def test_facts_of_memories_have_the_weights_of_their_own_memory():
    facts = encode_facts(BASE.facts, open_vocabulary(BASE, QUESTIONS), with_evidence=True, num_hops=2)
    memories = [(0, 3), (), (3, 6, 9)]
    together = facts.of_memories(memories)
    numbers = [0, 3, 3, 6, 9]
    for name in ("subjects", "keys", "values"):
        assert getattr(together, name).tolist() == getattr(facts, name)[numbers].tolist()
    assert together.objects.tolist() == [0, 1, 4, 5, 6] and together.subject_numbers.tolist() == [2, 3, 7, 8, 9]
    for memory, start in zip(memories, (0, 2, 2), strict=True):
        expected = word_weights(facts.subjects[list(memory)])
        np.testing.assert_array_equal(together.weights[start : start + len(memory)], expected)
    assert facts.weights[3].tolist() != together.weights[1].tolist() != together.weights[2].tolist()
    assert encode_facts(BASE.facts, Vocabulary(["a"])).of_memories(memories).weights is None


def test_targets_spread_over_all_that_answer():
    question = next(question for question in QUESTIONS if question.answers == ("A-job", "baker"))
    features, _ = features_of([[0, 2, BASE.facts.index(Fact("Ada Brown", "job", "baker"))]], [question])
    np.testing.assert_allclose(targets(features, np.array([0]), 8), [[0, 0.5, 0.5, 0, 0, 0, 0, 0]])
    assert features.gold.tolist() == [[False, True, True]]
    empty, _ = features_of([[3]], [question])
    assert not targets(empty, np.array([0]), 8).any()


def test_step_n_is_always_the_same_batch_and_an_epoch_has_every_question_once():
    memories = [[number % 20 for number in range(place % 5 + 1)] for place in range(len(QUESTIONS))]
    features, facts = features_of(memories, QUESTIONS)
    epochs = []

    def features_of_epoch(epoch):
        epochs.append(epoch)
        return features

    def steps(first, count):
        batches = training_batches(features_of_epoch, len(QUESTIONS), facts, 4, 7, first)
        return [next(batches)[0] for _ in range(count)]

    steps_per_epoch = -(-len(QUESTIONS) // 4)
    whole = steps(0, 2 * steps_per_epoch)
    for first in (1, steps_per_epoch, steps_per_epoch + 2):
        for batch, expected in zip(steps(first, 2), whole[first:], strict=False):
            assert all(np.array_equal(batch[name], expected[name]) for name in batch)
    words = np.concatenate([batch["question_ids"] for batch in whole[:steps_per_epoch]])
    longest = features.question_ids.shape[1]
    assert words.shape[1] % 8 == 0 and not words[:, longest:].any()
    assert sorted(map(tuple, words[:, :longest])) == sorted(map(tuple, features.question_ids))
    assert 1 in epochs


def test_the_same_words_have_the_same_ids_in_every_process():
    assert Vocabulary(["a"]).ids(["zebra", "a"]) == [2 + 22_502_838, 1]


def test_a_question_without_subject_in_its_text_still_has_words():
    question = MemoryQuestion("1", "tell the job", "Nobody", ("x",))
    assert "tell" in open_vocabulary(BASE, [*QUESTIONS, question]).words


def test_a_vocabulary_is_read_back_as_it_was_written(tmp_path):
    for vocabulary in (open_vocabulary(BASE, QUESTIONS), closed_vocabulary(BASE, QUESTIONS)):
        save_vocabulary(tmp_path / "vocabulary.json", vocabulary)
        stored = read_vocabulary(tmp_path / "vocabulary.json")
        assert stored.words == vocabulary.words and stored.hashed == vocabulary.hashed
        assert stored.ids(["tell", "ada", "zzz"]) == vocabulary.ids(["tell", "ada", "zzz"])
        assert "tell" in stored and "zzz" not in stored


def test_with_evidence_the_model_reads_relations_and_words_that_ask_alone():
    vocabulary = open_vocabulary(BASE, QUESTIONS)
    facts = encode_facts(BASE.facts, vocabulary, with_evidence=True)
    question_ids = encode_texts([question.text for question in QUESTIONS[:2]], vocabulary)
    features = build_features(BASE, QUESTIONS[:2], question_ids, [[0, 3, 20], [1]])
    inputs = assemble(features, facts, np.array([0, 1]))
    born, job = (vocabulary.ids([relation_word(name)])[0] for name in ("born", "job"))
    assert inputs["key_ids"][0, :3].tolist() == [[born], [born], [job]] and not inputs["key_ids"][1, 1:].any()
    assert inputs["question_ids"].max() < len(vocabulary)
    words = vocabulary.ids(["tell", "the", "born", "of"])
    assert inputs["question_ids"][0].tolist() == [*words, 0, 0, 0, 0]
    evidence = inputs["evidence"]
    assert evidence.shape == (2, 8, 5) and evidence[0, 0].tolist() == pytest.approx([1, 0.968, 1, 1, 1], abs=1e-3)
    assert evidence[0, 1, 0] == 0 < evidence[0, 1, 2] < 1 and not evidence[1, 1:].any()


def test_nothing_is_in_the_last_slot_and_the_target_where_no_fact_answers():
    vocabulary = Vocabulary([*open_vocabulary(BASE, QUESTIONS).words, NOTHING])
    facts = encode_facts(BASE.facts, vocabulary)
    question_ids = encode_texts([question.text for question in QUESTIONS[:3]], vocabulary)
    features = build_features(BASE, QUESTIONS[:3], question_ids, [[0, 3], [], list(range(3, 11))])
    inputs = assemble(features, facts, np.arange(3))
    assert inputs["memory_mask"].tolist() == [[1, 1, *[0] * 9, 1], [*[0] * 11, 1], [*[1] * 8, 0, 0, 0, 1]]
    assert (inputs["key_ids"][:, -1, 0] == vocabulary.ids([NOTHING])).all() and not inputs["key_ids"][:, -1, 1:].any()
    target = targets(features, np.arange(3), 12, has_nothing=True)
    assert target.argmax(axis=1).tolist() == [0, 11, 11] and target.sum() == 3


def test_the_second_name_of_a_question_is_no_word_that_asks():
    base = KnowledgeBase.of([*BASE.facts, *(Fact("Zoe Hill", "knows", f"{name[0]}-job") for name in NAMES)])
    templates = {"job & knows": {"train": ["which job of {s} does {t} know"]}}
    questions = questions_from_templates(base, templates, NAMES)
    assert {question.second_subject for question in questions} == {"Zoe Hill"} and len(questions) == len(NAMES)
    vocabulary = open_vocabulary(base, questions)
    assert {"which", "job", "know"} <= set(vocabulary.words) and not {"zoe", "hill", "ada"} & set(vocabulary.words)
