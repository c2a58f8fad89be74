"""The demo questions: the same on every machine, honest splits, one place for every answer, and no shortcut to it."""

import hashlib
import random
import re
from collections import Counter, defaultdict

import pytest

from utils.demo import phrases as demo_phrases
from utils.squad.demo import demo_squad
from utils.squad.metrics import score_predictions

NAME = r"[A-Z]\w+(?: [A-Z]\w+)*"
SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def squad():
    return demo_squad()


def templates(questions):
    """Questions with their subjects taken out; a subject is a name and never stands first."""
    return {re.sub(rf"(?<=\s){NAME}", "{s}", question.question) for question in questions}


def word_list(text):
    return re.findall(r"\w+", text.lower())


def test_same_seed_same_data_and_other_seed_other_data(squad):
    assert demo_squad(0) == squad
    small = demo_squad(1, num_train=50, num_validation=10, num_test=10)
    assert not {question.title for question in small["train"]} & {question.title for question in squad["train"]}


def test_data_does_not_change_unnoticed(squad):
    """Scores are compared between machines and versions, so the data itself is pinned."""
    digest = hashlib.sha256(repr([squad[split] for split in SPLITS]).encode()).hexdigest()
    assert digest[:16] == "8a506e4865b3f033"


def test_sizes_and_ids(squad):
    assert [len(squad[split]) for split in SPLITS] == [4000, 400, 800]
    ids = [question.id for questions in squad.values() for question in questions]
    assert len(set(ids)) == len(ids) == 5200
    lengths = [len(question.context.split()) for questions in squad.values() for question in questions]
    assert min(lengths) > 35 and max(lengths) < 90
    per_paragraph = Counter(question.context for question in squad["train"])
    assert 4.5 < sum(per_paragraph.values()) / len(per_paragraph) <= 5
    small = demo_squad(0, 13, 7, 3)
    assert [len(small[split]) for split in SPLITS] == [13, 7, 3]


def test_an_answer_stands_once_and_at_its_offset(squad):
    for question in [question for questions in squad.values() for question in questions]:
        (answer,) = question.answers
        assert question.context[answer.start : answer.start + len(answer.text)] == answer.text
        assert question.context.count(answer.text) == 1
        assert re.search(rf"(?<!\w){re.escape(answer.text)}(?!\w)", question.context)
        assert question.title in question.context
        assert not question.is_impossible


def test_a_question_has_one_answer(squad):
    for questions in squad.values():
        answers = defaultdict(set)
        for question in questions:
            answers[question.context, question.question].add(question.answers[0].text)
        assert all(len(texts) == 1 for texts in answers.values())


def test_splits_share_no_invented_name(squad):
    real = ["The He His She Her It Its"]  # Capitalised, but not invented.
    for table in ("SCHOOLS", "COMPANIES", "MOUNTAINS", "WORK_ADJECTIVES", "WORK_NOUNS"):
        real += getattr(demo_phrases, table)
    for phrases in demo_phrases.RELATIONS.values():
        real += phrases.sentences + phrases.test_sentences
    real = set(re.findall(r"\w+", " ".join(real)))

    def names(split):
        return set(re.findall(r"\b[A-Z]\w+", " ".join(question.context for question in squad[split]))) - real

    train, validation, test = (names(split) for split in SPLITS)
    assert len(train) > 1000
    assert not train & validation and not train & test and not validation & test


def test_splits_share_no_question_template(squad):
    train, validation, test = (templates(squad[split]) for split in SPLITS)
    assert not train & validation and not train & test and not validation & test
    relations = len(demo_phrases.RELATIONS)
    assert len(train) >= 20 * relations and len(validation) >= 3 * relations and len(test) >= 4 * relations


def test_held_out_templates_use_words_of_the_training_split(squad):
    training_words = {
        word for question in squad["train"] for word in word_list(question.context + " " + question.question)
    }
    held_out = word_list(" ".join(sorted(templates(squad["validation"]) | templates(squad["test"]))))
    assert sum(word in training_words for word in held_out) / len(held_out) >= 0.95
    for name, phrases in demo_phrases.RELATIONS.items():
        known = set(word_list(" ".join(phrases.questions["train"] + phrases.sentences)))
        for template in phrases.questions["validation"] + phrases.questions["test"] + phrases.test_sentences:
            words = word_list(template)
            assert sum(word in known for word in words) / len(words) >= 0.7, (name, template)


def overlap_predictions(questions):
    """For every question an entity or number it does not name, from the sentence that shares most words with it."""
    rng = random.Random(0)
    predictions = {}
    for question in questions:
        question_words = set(word_list(question.question))
        sentences = re.split(r"(?<=\.) ", question.context)
        rng.shuffle(sentences)
        for sentence in sorted(sentences, key=lambda text: -len(question_words & set(word_list(text)))):
            names = re.findall(rf"{NAME}|\d[\d,]*\d", sentence)
            if candidates := [text for text in names if not set(word_list(text)) & question_words]:
                predictions[question.id] = rng.choice(candidates)
                break
    return predictions


def test_word_overlap_does_not_solve_it(squad):
    scores = score_predictions(squad["test"], overlap_predictions(squad["test"]))
    assert 20 < scores["f1"] < 55
