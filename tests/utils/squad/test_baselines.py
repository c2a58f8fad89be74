"""The scores that stand beside a model's: word overlap, and people."""

import os
from pathlib import Path

import pytest

from utils.squad.baselines import evaluate_baselines, human_answers, overlap_answers
from utils.squad.data import Answer, Question, read_squad
from utils.squad.metrics import score_predictions

TEXT = "The mill was built in 1843. Its owner Ada Lovelace sold it to Charles Babbage. It burned down in 1901."


def question(identifier, text, *answers):
    return Question(identifier, "title", TEXT, text, tuple(Answer(answer, TEXT.index(answer)) for answer in answers))


def test_word_overlap_finds_the_name_in_the_sentence_that_shares_most_words():
    questions = [
        question("a", "In which year was the mill built?"),
        question("b", "Who sold the mill to Charles Babbage?"),
    ]
    assert overlap_answers(questions) == {"a": "1843", "b": "Ada Lovelace"}


def test_word_overlap_in_other_scripts():
    """Marks stay in Hindi words; Chinese is counted by character; sentences end as each script has it."""
    hindi = "राम दिल्ली में रहता है। मीनू 1943 में गाँव आई। नदी बड़ी है।"
    chinese = "王明住在北京。他于1990年在北京大学任教！那里很美。"
    questions = [
        Question("hi", "", hindi, "मीनू कब आई?", ()),
        Question("hi-2", "", hindi, "दिल्ली में कौन?", ()),
        Question("zh", "", chinese, "他在哪一年任教？", ()),
        Question("zh-2", "", chinese, "王明住哪里？", ()),
    ]
    assert overlap_answers(questions) == {
        "hi": "1943",
        "hi-2": "राम दिल्ली में रहता है।",
        "zh": "1990",
        "zh-2": "王明住在北京。",
    }


def test_a_person_is_scored_against_the_others():
    questions = [
        question("one", "Who sold it?", "Ada Lovelace"),
        question("two", "Who sold it?", "Ada Lovelace", "owner Ada Lovelace"),
        question("three", "When did it burn down?", "1901", "1901", "in 1901"),
    ]
    others, answers = human_answers(questions)
    assert answers == {"two": "owner Ada Lovelace", "three": "1901"}
    assert [[answer.text for answer in record.answers] for record in others] == [["Ada Lovelace"], ["1901", "in 1901"]]
    scores = score_predictions(others, answers)
    assert scores["exact_match"] == 50.0 and scores["f1"] == pytest.approx((80 + 100) / 2)


def test_evaluations_of_the_baselines():
    questions = [question("a", "In which year was the mill built?", "1843", "in 1843", "1843")]
    evaluations = evaluate_baselines(questions)
    assert evaluations["word_overlap"].metrics["f1"] == 100.0
    assert evaluations["human"].metrics["exact_match"] == 0.0
    alone = evaluate_baselines([question("a", "In which year was the mill built?", "1843")])
    assert list(alone) == ["word_overlap"]  # one reference says nothing about people
    impossible = Question("b", "title", TEXT, "Why?", (), is_impossible=True)
    assert list(evaluate_baselines([*questions, impossible])) == ["word_overlap"]


@pytest.mark.skipif("QKV_ZOO_DATA" not in os.environ, reason="QKV_ZOO_DATA names no folder of data")
def test_people_on_squad_dev():
    """The published human score on the hidden test questions is EM 82.3, F1 91.2 (Rajpurkar et al. 2016, leaderboard)."""
    questions = read_squad(Path(os.environ["QKV_ZOO_DATA"]) / "squad" / "dev-v1.1.json.gz")
    scores = score_predictions(*human_answers(questions))
    assert scores["total"] == 10_567
    assert scores["exact_match"] == pytest.approx(82.3, abs=1.5) and scores["f1"] == pytest.approx(91.2, abs=1)
