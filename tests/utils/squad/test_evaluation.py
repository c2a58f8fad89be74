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
    evaluate_labelled,
    example_table,
    format_scores,
    main,
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
    columns, rows = example_table(questions, predictions)
    assert columns == ["question", "context", "prediction", "answers", "exact_match", "f1"]
    assert [(row[0], *row[2:]) for row in rows[2:4]] == [
        ("Where?", "Rome", "Paris | in Paris", 0.0, 0.0),
        ("Where?", "Paris", "Paris | in Paris", 100.0, 100.0),
    ]
    assert [row[1] for row in rows] == [question.context for question in questions]


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
    "list": ([], "no record in it can be used"),
    "number": (3, "no record in it can be used"),
    "not text": ({"q1": ["Paris"]}, "no record in it can be used: the prediction is not a text (question 'q1')"),
    "null": ({"q1": "Paris", "q2": None}, "1 of 2 records cannot be used"),
    "strangers": ({"x": "Paris", "y": ""}, "none of its 2 ids is in"),
    "broken": (b'{"q1": "Paris"', "line 1, column 15"),
}


@pytest.mark.parametrize("content, problem", BAD_PREDICTIONS.values(), ids=BAD_PREDICTIONS)
def test_command_refuses_bad_predictions(tmp_path, capsys, content, problem):
    predictions = write(tmp_path / "predictions.json", content)
    assert main([write(tmp_path / "dataset.json", DATASET), predictions]) == 2
    output = capsys.readouterr()
    assert output.out == "" and output.err.count("\n") == 1
    assert output.err.startswith(f"error: {predictions}: ") and problem in output.err


@pytest.mark.parametrize(
    "null_scores, problem",
    [
        ({"q1": "high"}, "'q1' is 'high'; give a finite number"),
        ({"q1": True}, "'q1' is 'True'; give a finite number"),
        ({"q1": float("nan")}, "give a finite number"),
        ({"q1": 10**400}, "give a finite number"),
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


def test_command_says_what_it_leaves_out(tmp_path, capsys):
    """On standard error, so that standard output stays one line of JSON."""
    qas = [{"id": f"q{n}", "question": f"{n}?", "answers": [{"text": "Paris"}]} for n in range(40)]
    qas += [{"id": "q40", "question": "?", "answers": 3.5}, {"id": "q41", "question": " ", "answers": []}]
    dataset = write(tmp_path / "d.json", [{"context": CONTEXT, "qas": qas}])
    predictions = write(tmp_path / "p.json", {f"q{n}": "Paris" for n in range(39)} | {"q39": None, "q40": 3.5})
    assert main([dataset, predictions]) == 0
    output = capsys.readouterr()
    scores = json.loads(output.out)
    assert (scores["total"], scores["missing"]) == (41, 1) and scores["f1"] == pytest.approx(100 * 40 / 41)
    assert output.err.splitlines() == [
        f"{dataset}: 1 of 42 records left out, the question is empty (question 'q41')",
        f"{predictions}: 1 of 41 records left out, the prediction is null (question 'q39')",
        f"{predictions}: 1 record used, but the prediction is a number: it is taken as a text (question 'q40')",
    ]
    assert main([dataset, predictions, "--max-bad-fraction", "0"]) == 2
    assert "1 of 42 records cannot be used" in capsys.readouterr().err
    assert main([dataset, predictions, "--max-bad-fraction", "-1"]) == 2
    assert "--max-bad-fraction -1.0: must be" in capsys.readouterr().err


def test_command_reads_hugging_faces_layouts(tmp_path, capsys):
    rows = [
        {"id": "q1", "context": CONTEXT, "question": "What?", "answers": {"text": ["Paris"], "answer_start": [0]}},
        {"id": "q2", "context": CONTEXT, "question": "Why?", "answers": {"text": [], "answer_start": []}},
    ]
    records = [
        {"id": "q1", "prediction_text": "Paris"},
        {"id": "q2", "prediction_text": "", "no_answer_probability": 1},
    ]
    dataset = write(tmp_path / "d", "\n".join(map(json.dumps, rows)).encode())
    assert main([dataset, write(tmp_path / "p.jsonl", "\n".join(map(json.dumps, records)).encode())]) == 0
    output = capsys.readouterr()
    scores = json.loads(output.out)
    assert scores["exact_match"] == 100 and scores["no_ans_total"] == 1 and "taken as unanswerable" in output.err


CHINESE = [
    {"id": "q1", "context": "王明于1990年在北京大学任教。", "question": "在哪里？", "answers": [{"text": "北京大学"}]}
]


def test_command_compares_chinese_by_character(tmp_path, capsys):
    dataset, predictions = write(tmp_path / "d.json", CHINESE), write(tmp_path / "p.json", {"q1": "在北京大学"})
    scores = {}
    for way in ("language", "word", "character"):
        assert main([dataset, predictions, "--compare-by", way]) == 0
        scores[way] = json.loads(capsys.readouterr().out)
    assert scores["language"] == scores["character"] and scores["language"]["by_character"] == 1
    assert scores["character"]["f1"] == pytest.approx(100 * 2 * 4 / 9) and scores["word"]["f1"] == 0
    assert "by_character" not in scores["word"]


def test_the_printed_line_says_what_is_compared_by_character():
    english, predictions = questions_of_paragraphs([""])
    chinese = [Question("zh", "", CHINESE[0]["context"], "？", (Answer("北京大学", 9),))]
    predictions["zh"] = "北京大学"
    line = format_scores("test", evaluate(chinese, predictions), 0)
    assert line == "test: EM 100.00  F1 100.00 on 1 questions, all compared by character"
    assert format_scores("test", evaluate(english + chinese, predictions), 0).endswith(
        "on 4 questions, 1 compared by character"
    )


def test_only_labelled_questions_are_scored(capsys):
    questions, predictions = questions_of_paragraphs(["a", "b"])
    new = [Question("new", "c", "Another.", "Who?", ())]
    scored, evaluations = evaluate_labelled(
        {"validation": questions, "test": new, "mixed": questions + new},
        {name: predictions | {"new": "Ada"} for name in ("validation", "test", "mixed")},
    )
    assert list(scored) == list(evaluations) == ["validation", "mixed"]
    assert scored["mixed"] == questions and evaluations["mixed"].metrics == evaluations["validation"].metrics
    assert capsys.readouterr().out.splitlines() == [
        "test: 1 of 1 questions have no label: answered, not scored",
        "mixed: 1 of 7 questions have no label: answered, not scored",
    ]


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
