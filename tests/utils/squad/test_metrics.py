"""The SQuAD metrics, by hand and against loops of their own."""

import numpy as np
import pytest

from utils.common.errors import UserError
from utils.squad.data import Answer, Question
from utils.squad.metrics import (
    apply_null_threshold,
    best_null_threshold,
    exact_match_score,
    f1_score,
    normalize_answer,
    question_parts,
    question_scores,
    score_predictions,
)


def make(identifier, *answers, question="What?", impossible=False):
    return Question(identifier, "t", "c", question, tuple(Answer(text, 0) for text in answers), impossible)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("The Cat, an  old\tone!", "cat old one"),
        ("theatre of another", "theatre of another"),
        ("U.S.A.", "usa"),
        ("A.", ""),  # punctuation goes first, then what is left is an article
        ("the-end", "theend"),
        ("«Ærø» — the", "«ærø» —"),  # only ASCII punctuation is dropped
        ("$6,052", "6052"),
        ("", ""),
    ],
)
def test_normalize_answer(text, expected):
    assert normalize_answer(text) == expected


@pytest.mark.parametrize(
    "prediction, answer, exact_match, f1",
    [
        ("the Broncos", "Broncos", 1, 1),
        ("Denver Broncos", "Broncos", 0, 2 / 3),  # precision 1/2, recall 1
        ("red red blue", "red blue blue green", 0, 4 / 7),  # bags: 2 in common, precision 2/3, recall 2/4
        ("gold", "silver", 0, 0),
        ("", "gold", 0, 0),
        ("the", "a", 1, 0),  # both empty once normalised: version 1.1 gives EM 1 and F1 0
    ],
)
def test_scores_by_hand(prediction, answer, exact_match, f1):
    assert exact_match_score(prediction, answer) == exact_match
    assert f1_score(prediction, answer) == pytest.approx(f1)


def test_match_empty_is_the_rule_of_version_2():
    assert f1_score("the", "", match_empty=True) == 1
    assert f1_score("gold", "", match_empty=True) == f1_score("", "gold", match_empty=True) == 0


def test_average_is_over_all_questions():
    questions = [make("q1", "Denver Broncos", "Broncos"), make("q2", "gold"), make("q3", "blue"), make("q4", "x y z")]
    scores = score_predictions(questions, {"q1": "the Broncos", "q2": "silver", "q4": "x", "q9": "?", "q8": "?"})
    assert scores == {"exact_match": 25.0, "f1": pytest.approx(37.5), "total": 4, "missing": 1, "extra": 2}
    assert list(scores)[:3] == ["exact_match", "f1", "total"]
    exact_match, f1 = question_scores(questions, {"q1": "the Broncos", "q4": "x"})
    np.testing.assert_allclose(exact_match, [100, 0, 0, 0])
    np.testing.assert_allclose(f1, [100, 0, 0, 50])


def test_agrees_with_an_independent_loop():
    words = ["the", "a", "red", "blue", "Red,", "old-gold", "é", "7"]
    generator = np.random.default_rng(3)

    def phrase(low):
        return " ".join(generator.choice(words, generator.integers(low, 6)))

    questions = [make(str(i), *(phrase(1) for _ in range(1 + i % 3))) for i in range(211)]
    predictions = {str(i): phrase(0) for i in range(211) if i % 7}

    def tokens(text):
        kept = "".join(c for c in text.lower() if c not in "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
        return [word for word in kept.split() if word not in ("a", "an", "the")]

    total_match = total_f1 = 0.0
    for question in questions:
        best_match = best_f1 = 0.0
        for answer in question.answers:
            if question.id in predictions:
                left, right = tokens(predictions[question.id]), tokens(answer.text)
                same = sum(min(left.count(word), right.count(word)) for word in set(left))
                best_match = max(best_match, left == right)
                if same:
                    precision, recall = same / len(left), same / len(right)
                    best_f1 = max(best_f1, 2 * precision * recall / (precision + recall))
        total_match += best_match
        total_f1 += best_f1
    scores = score_predictions(questions, predictions)
    assert scores["exact_match"] == pytest.approx(100 * total_match / 211)
    assert scores["f1"] == pytest.approx(100 * total_f1 / 211)
    assert scores["missing"] == len([i for i in range(211) if i % 7 == 0])


VERSION_2 = [
    make("a1", "the", "red blue"),  # "the" is empty once normalised and dropped
    make("a2", "gold"),
    make("a3", "The"),  # left with no reference: "" is right
    make("n1", impossible=True),
    make("n2", impossible=True),
]


def test_version_2():
    scores = score_predictions(VERSION_2, {"a1": "", "a2": "gold", "a3": "", "n1": "", "n2": "silver"})
    assert scores["exact_match"] == scores["f1"] == pytest.approx(60)
    assert (scores["has_ans_exact_match"], scores["has_ans_f1"]) == (pytest.approx(200 / 3), pytest.approx(200 / 3))
    assert (scores["no_ans_exact_match"], scores["no_ans_f1"]) == (50, 50)
    assert (scores["total"], scores["has_ans_total"], scores["no_ans_total"]) == (5, 3, 2)
    assert score_predictions(VERSION_2, {"n1": "The."})["no_ans_f1"] == 50  # a missing prediction is no "no answer"
    alone = score_predictions(VERSION_2[3:], {"n1": ""})
    assert alone["has_ans_total"] == 0 and "has_ans_f1" not in alone


def test_questions_without_a_reference_are_refused():
    with pytest.raises(UserError, match="'q1' has no reference answer"):
        score_predictions([make("q1")], {"q1": "x"})
    with pytest.raises(UserError, match="no questions"):
        score_predictions([], {})


def test_scores_follow_the_language_of_each_paragraph():
    """A mixed data set has questions of both kinds."""
    english = Question("en", "t", "Ada was in Paris.", "Where?", (Answer("in Paris", 0),))
    chinese = Question("zh", "t", "王明在北京大学任教。", "？", (Answer("北京大学", 3),))
    predictions = {"en": "Paris", "zh": "在北京大学"}
    scores = score_predictions([english, chinese], predictions)
    assert scores["f1"] == pytest.approx(100 * (2 / 3 + 8 / 9) / 2) and scores["by_character"] == 1
    assert "by_character" not in score_predictions([english], predictions)
    assert score_predictions([chinese], predictions, by_character=False)["f1"] == 0
    assert score_predictions([english], predictions, by_character=True)["by_character"] == 1
    assert list(question_parts([chinese])["answer_length"]) == ["3-4"]


def test_best_null_threshold_by_hand():
    predictions = {"a1": "red blue", "a2": "gold", "a3": "x", "n1": "x", "n2": "y"}
    null_scores = {"a1": -4.0, "a2": 1.0, "a3": 5.0, "n1": 0.5, "n2": 3.0}
    # Right without answers: a3 n1 n2 (3). Up to -4: + a1 = 4. Up to 0.5: - n1 = 3. Up to 1: + a2 = 4. Up to 3: 3.
    threshold, f1 = best_null_threshold(VERSION_2, predictions, null_scores)
    assert (threshold, f1) == (-4.0, pytest.approx(80))  # 1.0 gives the same: the lowest wins
    applied = apply_null_threshold(predictions, null_scores, threshold)
    assert applied == {"a1": "red blue", "a2": "", "a3": "", "n1": "", "n2": ""}
    assert score_predictions(VERSION_2, applied)["f1"] == pytest.approx(f1)
    never = best_null_threshold(VERSION_2, dict.fromkeys(predictions, "wrong"), null_scores)
    assert never == (-5.0, pytest.approx(60))


def test_best_null_threshold_is_the_best_that_can_be_reached():
    generator = np.random.default_rng(11)
    for _ in range(20):
        questions = [make(f"q{i}", *(["red blue"] if i % 3 else []), impossible=not i % 3) for i in range(29)]
        predictions = {f"q{i}": str(generator.choice(["red", "red blue", "the", "x"])) for i in range(29) if i % 5}
        null_scores = {f"q{i}": float(generator.integers(0, 4)) for i in range(29)}  # many ties
        threshold, f1 = best_null_threshold(questions, predictions, null_scores)
        f1_by_threshold = {
            x: score_predictions(questions, apply_null_threshold(predictions, null_scores, x))["f1"]
            for x in (-9, 0, 1, 2, 3)
        }
        assert f1 == pytest.approx(max(f1_by_threshold.values()))
        applied = apply_null_threshold(predictions, null_scores, threshold)
        assert score_predictions(questions, applied)["f1"] == pytest.approx(f1)


def test_null_scores_must_cover_the_predictions():
    for call in (
        lambda: best_null_threshold(VERSION_2, {"a1": "x"}, {}),
        lambda: apply_null_threshold({"a1": "x"}, {}, 0.0),
    ):
        with pytest.raises(UserError, match="'a1' has a prediction but no null score; give one"):
            call()
    with pytest.raises(UserError, match="none of the questions has a prediction"):
        best_null_threshold(VERSION_2, {}, {})


def test_questions_are_parted_by_their_word_and_by_the_length_of_their_answer():
    texts = {
        "To whom did she write?": "x",
        "In what year?": "x y",
        "How many are there?": "x y z",
        "how MUCH is it?": "x y z w",
        "How did it end?": "x y z w v",
        "Name the king.": "x y z w v u t s",
        "At the time of which war?": " ".join("abcdefghi"),
    }
    questions = [make(str(i), text, question=question) for i, (question, text) in enumerate(texts.items())]
    questions.append(make("n", question="Why not?", impossible=True))
    numbers = {
        part: {name: np.flatnonzero(mask).tolist() for name, mask in masks.items()}
        for part, masks in question_parts(questions).items()
    }
    assert numbers["question_word"] == {
        "who": [0],
        "what": [1],
        "which": [6],
        "why": [7],
        "how many/much": [2, 3],
        "how": [4],
        "other": [5],
    }
    assert numbers["answer_length"] == {"1": [0], "2": [1], "3-4": [2, 3], "5-8": [4, 5], "9+": [6]}
