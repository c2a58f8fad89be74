"""Questions in which a word that asks is unknown: which of them can still be answered, and what the model reads."""

import numpy as np
import pytest

from utils.memnet.features import (
    NOTHING,
    UNKNOWN,
    Vocabulary,
    assemble,
    build_features,
    encode_facts,
    encode_texts,
    open_vocabulary,
    targets,
)
from utils.memnet.records import Fact, KnowledgeBase, MemoryQuestion
from utils.memnet.unknown_words import AskingWords

BASE = KnowledgeBase.of(
    [
        *(Fact(name, "capital", f"{name}ville") for name in ("Sela", "Noro")),
        *(Fact(name, "painter", f"{name}ini") for name in ("Lake Moor", "Old Mill")),
    ]
)
TEMPLATES = {
    "capital": "what is the capital of {}",
    "painter": "which artist painted {}",
}


def questions():
    return [
        MemoryQuestion(f"{number}", TEMPLATES[fact.relation].format(fact.subject), fact.subject, (fact.object,), fact.relation)
        for number, fact in enumerate(BASE.facts)
    ]  # fmt: skip


@pytest.fixture
def vocabulary():
    listed = open_vocabulary(BASE, questions())
    return Vocabulary([*listed.words, NOTHING, UNKNOWN], listed.hashed)


def test_a_question_is_open_where_other_relations_have_the_words_that_are_left(vocabulary):
    memory_questions = [
        *questions(),
        MemoryQuestion("4", "what is the height of Sela", "Sela", ("9",), "height"),
        MemoryQuestion("5", "what is the height of Noro", "Noro", ("8",), "height"),
    ]
    vocabulary = Vocabulary([*open_vocabulary(BASE, memory_questions).words, NOTHING, UNKNOWN])
    ids = encode_texts([question.text for question in memory_questions], vocabulary)
    asking, rng = AskingWords(memory_questions, ids, vocabulary), np.random.default_rng(0)
    seen = set()
    for _ in range(60):
        changed, is_open = asking.with_unknown(ids, 1.0, rng)
        for row, (before, after) in enumerate(zip(ids, changed, strict=True)):
            (place,) = np.flatnonzero(before != after)
            assert after[place] >= len(vocabulary) and before[place] < len(vocabulary)  # names stay
            word = memory_questions[row].text.split()[place]
            assert is_open[row] == (word in ("capital", "height")), memory_questions[row].text
            seen.add(word)
    assert seen == {"what", "is", "the", "capital", "height", "of", "which", "artist", "painted"}


def test_none_or_a_fraction_of_the_questions_is_changed(vocabulary):
    memory_questions = questions() * 50
    ids = encode_texts([question.text for question in memory_questions], vocabulary)
    asking = AskingWords(memory_questions, ids, vocabulary)
    unchanged, is_open = asking.with_unknown(ids, 0.0, np.random.default_rng(0))
    assert (unchanged == ids).all() and not is_open.any()
    some, _ = asking.with_unknown(ids, 0.3, np.random.default_rng(0))
    assert 0.2 < (some != ids).any(axis=1).mean() < 0.4
    without = [MemoryQuestion("q", "what is the capital of Sela", "Sela", ("Selaville",))] * 9
    same, _ = AskingWords(without, ids[:9], vocabulary).with_unknown(ids[:9], 1.0, np.random.default_rng(0))
    assert (same == ids[:9]).all()


def test_the_model_reads_a_sign_for_words_that_nothing_knows(vocabulary):
    facts = encode_facts(BASE.facts, vocabulary, with_evidence=True)
    texts = ["what is the population of Sela", "which artist painted Mill", "who owns Narnia"]
    ids = encode_texts(texts, vocabulary)
    memory_questions = [MemoryQuestion(str(row), text, "Sela", ()) for row, text in enumerate(texts)]
    features = build_features(BASE, memory_questions, ids, [[0, 1, 2, 3]] * 3)
    inputs = assemble(features, facts, np.arange(3))
    listed = {number: word for number, word in enumerate(vocabulary.words, start=1)} | {0: ""}
    read = [[listed[number] for number in row if number] for row in inputs["question_ids"].tolist()]
    assert read == [["what", "is", "the", UNKNOWN, "of"], ["which", "artist", "painted"], [UNKNOWN, UNKNOWN, UNKNOWN]]
    without = encode_facts(BASE.facts, Vocabulary(vocabulary.words[:-1]), with_evidence=True)
    assert without.unknown == 0
    assert UNKNOWN not in str(assemble(features, without, np.arange(3))["question_ids"])


def test_an_open_question_has_nothing_as_its_target(vocabulary):
    memory_questions = questions()[:2]
    ids = encode_texts([question.text for question in memory_questions], vocabulary)
    features = build_features(BASE, memory_questions, ids, [[0, 1], [0, 1]], True, np.array([True, False]))
    target = targets(features, np.arange(2), 4, has_nothing=True)
    assert target.tolist() == [[0, 0, 0, 1], [0, 1, 0, 0]]
