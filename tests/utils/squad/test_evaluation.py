"""The SQuAD metrics and their command line."""

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from utils.common.errors import UserError
from utils.squad.data import Answer, Question
from utils.squad.evaluation import (
    apply_null_threshold,
    best_null_threshold,
    bootstrap_interval,
    breakdown,
    exact_match_score,
    f1_score,
    main,
    normalize_answer,
    question_scores,
    read_null_scores,
    read_predictions,
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
        reached = {
            x: score_predictions(questions, apply_null_threshold(predictions, null_scores, x))["f1"]
            for x in (-9, 0, 1, 2, 3)
        }
        assert f1 == pytest.approx(max(reached.values()))
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


def test_bootstrap_interval():
    values = np.repeat([0.0, 100.0], [1000, 3000])
    low, high = bootstrap_interval(values, seed=1)
    width = 2 * 1.96 * np.sqrt(75 * 25 / 4000)  # normal approximation: standard error 0.685
    assert low < 75 < high and high - low == pytest.approx(width, rel=0.15)
    assert (low, high) == bootstrap_interval(values, seed=1) != bootstrap_interval(values, seed=2)
    inner = bootstrap_interval(values, seed=1, level=0.5)
    assert low < inner[0] < inner[1] < high
    assert bootstrap_interval(np.full(7, 40.0), resamples=3) == (40, 40)
    for wrong in (lambda: bootstrap_interval(np.array([])), lambda: bootstrap_interval(values, level=1)):
        with pytest.raises(ValueError):
            wrong()


def test_breakdown():
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
    parts = breakdown(questions, np.array([100, 0, 100, 0, 0, 0, 0, 100]), np.arange(8.0))
    assert parts["question_word"] == {
        "who": (1, 100, 0),
        "what": (1, 0, 1),
        "which": (1, 0, 6),
        "why": (1, 100, 7),
        "how many/much": (2, 50, 2.5),
        "how": (1, 0, 4),
        "other": (1, 0, 5),
    }
    assert parts["answer_length"] == {
        "1": (1, 100, 0),
        "2": (1, 0, 1),
        "3-4": (2, 50, 2.5),
        "5-8": (2, 0, 4.5),
        "9+": (1, 0, 6),
    }


CONTEXT = "Paris is in France."
DATASET = {
    "data": [
        {
            "title": "t",
            "paragraphs": [
                {
                    "context": CONTEXT,
                    "qas": [
                        {"id": "q1", "question": "What?", "answers": [{"text": "Paris", "answer_start": 0}]},
                        {"id": "q2", "question": "Where?", "answers": [{"text": "in France", "answer_start": 99}]},
                        {"id": "q3", "question": "Why?", "answers": [], "is_impossible": True},
                    ],
                }
            ],
        }
    ]
}


def write(path, content):
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return str(path)


@pytest.mark.parametrize("suffix", [".json", ".json.gz"])
def test_command_prints_one_line(tmp_path, capsys, suffix):
    dataset = write(tmp_path / f"dataset{suffix}", DATASET)
    predictions = write(tmp_path / f"predictions{suffix}", {"q1": "Paris.", "q2": "France", "q3": "France"})
    assert main([dataset, predictions]) == 0
    output = capsys.readouterr()
    assert output.err == "" and output.out.count("\n") == 1
    assert output.out.startswith('{"exact_match": 33.3333') and list(json.loads(output.out))[:3] == [
        "exact_match",
        "f1",
        "total",
    ]
    null_scores = write(tmp_path / f"null{suffix}", {"q1": -2, "q2": -1.5, "q3": 3.5})
    assert main([dataset, predictions, "--null-scores", null_scores]) == 0
    unchanged = json.loads(capsys.readouterr().out)
    assert unchanged["f1"] == pytest.approx((100 + 200 / 3) / 3)
    assert unchanged["best_f1"] == pytest.approx((200 + 200 / 3) / 3) and unchanged["best_f1_threshold"] == -1.5
    assert main([dataset, predictions, "--null-scores", null_scores, "--null-threshold", "0"]) == 0
    assert json.loads(capsys.readouterr().out)["f1"] == pytest.approx(unchanged["best_f1"])


BAD_PREDICTIONS = {
    "list": ([], "holds a list", "give one object"),
    "number": (3, "holds a single value", "give one object"),
    "not text": ({"q1": ["Paris"]}, "the value of 'q1'", "give an answer text"),
    "null": ({"q1": "Paris", "q2": None}, "the value of 'q2'", "give an answer text"),
    "strangers": ({"x": "Paris", "y": ""}, "none of its 2 ids", "the dataset comes first"),
    "no ids": ({}, "none of its 0 ids", "give the predictions"),
    "broken": (b'{"q1": "Paris"', "line 1, column 15", "repair"),
    "empty": (b"", "empty", "again"),
}


@pytest.mark.parametrize("content, problem, remedy", BAD_PREDICTIONS.values(), ids=BAD_PREDICTIONS)
def test_command_refuses_bad_predictions(tmp_path, capsys, content, problem, remedy):
    predictions = write(tmp_path / "predictions.json", content)
    assert main([write(tmp_path / "dataset.json", DATASET), predictions]) == 2
    output = capsys.readouterr()
    assert output.out == "" and output.err.count("\n") == 1
    assert output.err.startswith(f"error: {predictions}: ") and problem in output.err and remedy in output.err


@pytest.mark.parametrize(
    "null_scores, problem",
    [
        ({"q1": "high"}, "'q1' is 'high'; give a finite number"),
        ({"q1": True}, "'q1' is 'True'; give a finite number"),
        ({"q1": float("nan")}, "give a finite number"),
        ({"q2": 0.5}, "'q1' has a prediction but no null score; give one"),
    ],
)
def test_command_refuses_bad_null_scores(tmp_path, capsys, null_scores, problem):
    dataset, predictions = write(tmp_path / "d.json", DATASET), write(tmp_path / "p.json", {"q1": "Paris"})
    path = write(tmp_path / "null.json", null_scores)
    assert main([dataset, predictions, "--null-scores", path]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {path}: ") and problem in error and error.count("\n") == 1


def test_command_refuses_a_threshold_without_scores(tmp_path, capsys):
    assert main(["d.json", "p.json", "--null-threshold", "1"]) == 2
    assert "needs --null-scores" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["only-one-file.json"])


def test_command_starts_without_tensorflow_and_reports_a_bad_dataset(tmp_path):
    run = [sys.executable, "-X", "importtime", "-m", "utils.squad.evaluation", "absent.json", "absent.json"]
    result = subprocess.run(run, capture_output=True, text=True, timeout=60, cwd=Path(__file__).parents[3])
    lines = [line for line in result.stderr.splitlines() if not line.startswith("import time:")]
    assert (result.returncode, result.stdout) == (2, "") and lines == [
        "error: absent.json: no such file; check the path"
    ]
    assert not re.search(r"\| +(tensorflow|keras|tensorflow_datasets)\b", result.stderr)


def test_readers_return_what_they_say(tmp_path):
    assert read_predictions(write(tmp_path / "p.json.gz", {"q1": ""})) == {"q1": ""}
    assert read_null_scores(write(tmp_path / "n.json", {"q1": 3, "q2": -0.5})) == {"q1": 3, "q2": -0.5}


@pytest.mark.parametrize(
    "name, exact_match, f1",
    [
        ("logistic_regression_baseline", 40.14, 50.98),
        ("match_lstm_boundary_ensemble", 67.63, 76.76),
        ("slqa_plus_ensemble", 81.95, 88.38),
        ("rnet_plus_ensemble", 82.47, 88.48),
        ("bert_ensemble", 86.21, 92.20),
    ],
)
def test_published_peers(qkv_zoo_data, capsys, name, exact_match, f1):
    folder = qkv_zoo_data / "squad"
    assert main([str(folder / "dev-v1.1.json.gz"), str(folder / f"peer_predictions/{name}.json.gz")]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert (round(scores["exact_match"], 2), round(scores["f1"], 2), scores["total"]) == (exact_match, f1, 10_570)
