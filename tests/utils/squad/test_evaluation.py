"""Evaluations of SQuAD answers, whose intervals resample whole groups of questions; and the command line of the metrics."""

import gzip
import json
import re
import subprocess
import sys

import numpy as np
import pytest

from tests.helpers.paths import ROOT
from utils.squad.data import Answer, Question
from utils.squad.evaluation import (
    evaluate,
    example_rows,
    format_scores,
    main,
    read_null_scores,
    read_predictions,
)


def questions_of_paragraphs(titles):
    """Three questions on each paragraph, whose answers are right or wrong together; and predictions."""
    questions, predictions = [], {}
    for number, title in enumerate(titles):
        for part in range(3):
            identifier = f"{number}-{part}"
            answers = (Answer("Paris", 0), Answer("in Paris", 0))
            questions.append(Question(identifier, title, f"Paragraph {number}.", "Where?", answers))
            predictions[identifier] = "Paris" if number % 2 else "Rome"
    return questions, predictions


def test_an_evaluation_has_metrics_values_and_groups():
    questions, predictions = questions_of_paragraphs([""] * 40)
    evaluation = evaluate(questions, predictions)
    assert evaluation.metrics == {"exact_match": 50.0, "f1": 50.0, "total": 120}
    np.testing.assert_array_equal(evaluation.per_example["f1"], np.repeat([0.0, 100.0] * 20, 3))
    np.testing.assert_array_equal(evaluation.groups, np.repeat(np.arange(40), 3))


def test_intervals_resample_paragraphs_and_not_questions():
    """Three questions that are right or wrong together say no more than one: the interval is wider by the root of 3."""
    questions, predictions = questions_of_paragraphs([""] * 400)
    low, high = evaluate(questions, predictions).intervals(seed=1)["f1"]
    assert low < 50 < high
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(50 * 50 / 400), rel=0.1)


def test_intervals_resample_articles_where_titles_name_them():
    questions, predictions = questions_of_paragraphs([f"article {number // 2}" for number in range(40)])
    groups = evaluate(questions, predictions).groups
    np.testing.assert_array_equal(groups, np.repeat(np.arange(20), 6))
    low, high = evaluate(questions, predictions).intervals()["f1"]
    assert low == high == 50.0  # each article has as many right as wrong answers


def test_unanswerable_questions_have_metrics_of_their_own():
    questions, predictions = questions_of_paragraphs([""] * 2)
    questions.append(Question("none", "", "Paragraph 0.", "Why?", (), is_impossible=True))
    metrics = evaluate(questions, predictions | {"none": ""}).metrics
    assert metrics["no_ans_f1"] == 100 and metrics["has_ans_f1"] == 50 and metrics["total"] == 7


def test_scores_and_examples_for_people():
    questions, predictions = questions_of_paragraphs([""] * 2)
    assert format_scores("test", evaluate(questions, predictions), 0) == (
        "test: EM 50.00  F1 50.00 (0.00 to 100.00) on 6 questions"
    )
    assert example_rows(questions, predictions)[2:4] == [
        ("Where?", "Paris | in Paris", "Rome", 0.0),
        ("Where?", "Paris | in Paris", "Paris", 100.0),
    ]


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


@pytest.mark.parametrize("module", ["utils.squad.evaluation", "utils.squad_evaluation"])
def test_command_starts_without_tensorflow_and_reports_a_bad_dataset(module):
    """Under its name and under its old one."""
    run = [sys.executable, "-X", "importtime", "-m", module, "absent.json", "absent.json"]
    result = subprocess.run(run, capture_output=True, text=True, timeout=60, cwd=ROOT)
    lines = [line for line in result.stderr.splitlines() if not line.startswith("import time:")]
    assert (result.returncode, result.stdout) == (2, "") and lines == [
        "error: absent.json: no such file; check the path"
    ]
    assert not re.search(r"\| +(tensorflow|keras|tensorflow_datasets)\b", result.stderr)


def test_command_works_under_its_old_name(tmp_path):
    dataset, predictions = write(tmp_path / "d.json", DATASET), write(tmp_path / "p.json", {"q1": "Paris", "q3": ""})
    outputs = []
    for module in ("utils.squad.evaluation", "utils.squad_evaluation"):
        run = [sys.executable, "-m", module, dataset, predictions]
        result = subprocess.run(run, capture_output=True, text=True, timeout=60, cwd=ROOT)
        assert result.returncode == 0, result.stderr
        outputs.append(result.stdout)
    assert outputs[0] == outputs[1] and outputs[0].count("\n") == 1
    assert json.loads(outputs[0])["exact_match"] == pytest.approx(200 / 3)


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
