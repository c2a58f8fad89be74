"""train_memnet.py, and predict.py on its runs, as a user runs them."""

import csv
import json
import shlex
import signal
import time
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.in_process import run_in_process
from tests.helpers.offline_wandb import read_offline_run
from tests.helpers.scripts import error_line, run, start

SCRIPT = "train_memnet.py"
SMALL = ("--epochs", 3, "--limit", 1500, "--hidden-dim", 64, "--tracking", "off", "--sweep", 40)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One short run on the demo data, and what it printed."""
    cwd = tmp_path_factory.mktemp("memnet")
    options = [*SMALL, "--tracking", "offline"]
    status, output, errors = run("--run-dir", "run", *options, cwd=cwd, script=SCRIPT, WANDB_SILENT="true")
    assert status == 0, errors
    return cwd / "run", output


@pytest.fixture(scope="module")
def other_seed(tmp_path_factory):
    """The same run with another training seed."""
    cwd = tmp_path_factory.mktemp("other_seed")
    status, _, errors = run("--run-dir", "run", *SMALL, "--seed", 1, "--no-export", cwd=cwd, script=SCRIPT)
    assert status == 0, errors
    return cwd / "run"


def test_it_learns_and_the_run_directory_is_complete(finished):
    folder, output = finished
    results = json.loads((folder / "results.json").read_text())
    assert results["task"] == "memnet" and results["parameters"] > 0 and results["data"]["facts"] == 3250
    tests = {name: scores for name, scores in results["metrics"].items() if name != "validation"}
    assert set(tests) == {
        "test",
        "test_unseen_value",
        "test_unseen_template",
        "test_40_distractors",
        "test_whole_kb",
    }
    assert min(scores["accuracy"] for scores in tests.values()) > 0.8
    assert set(results["baselines"]) == {"string_match", "bm25", "majority_value"}
    for scores in results["baselines"].values():
        assert set(scores) == set(results["metrics"])
        assert scores["test"]["accuracy"] < tests["test"]["accuracy"]
    low, high = results["intervals"]["test"]["accuracy"]
    assert low <= tests["test"]["accuracy"] <= high and low < high
    assert set(results["details"]["export"]) == {"model.onnx", "saved_model"}
    assert all(values["largest_difference"] < 1e-5 for values in results["details"]["export"].values())
    files = {path.name for path in folder.iterdir()}
    assert {"best.keras", "checkpoint.npz", "metrics.csv", "predictions.json", "splits.json", "facts.tsv"} <= files
    assert {"history.png", "attention.png", "vocabulary.json", "config.json", "export", "wandb"} <= files
    with open(folder / "metrics.csv") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 and float(rows[-1]["val_accuracy"]) == pytest.approx(
        results["metrics"]["validation"]["accuracy"], abs=0.02
    )
    splits = json.loads((folder / "splits.json").read_text())
    assert len(splits["train"]) == 1500 and f"test: accuracy {tests['test']['accuracy']:.4f}" in output


def test_it_ends_with_baselines_a_verdict_and_a_command_that_runs(finished):
    folder, output = finished
    lines = output.splitlines()
    for name in ("string match", "bm25", "majority value"):
        assert any(line.startswith(f"baseline {name}, test: accuracy 0.") for line in lines)
    assert ": above bm25, 0." in lines[-2] or ": above string match, 0." in lines[-2]
    command = shlex.split(lines[-1].partition("; try: ")[2])
    assert command[:2] == ["python", "predict.py"]
    status, output, errors = run(*command[2:], cwd=folder.parent, script="predict.py")
    assert status == 0 and output.splitlines()[0][:2] in ("0.", "1."), errors


def test_evaluate_gives_the_figures_of_the_run(finished, tmp_path):
    folder, _ = finished
    arguments = (folder.name, "--out", tmp_path / "out")
    status, output, errors = run(*arguments, cwd=folder.parent, script="evaluate.py")
    assert status == 0, errors
    assert "all figures are those of the run's results.json, to the last digit" in output


def test_stored_predictions_have_the_stored_accuracy(finished):
    folder, _ = finished
    rows = json.loads((folder / "predictions.json").read_text())
    scores = json.loads((folder / "results.json").read_text())["metrics"]["test"]
    accuracy = np.mean([row["answer"] in row["correct_answers"] for row in rows])
    assert len(rows) == scores["total"] and accuracy == pytest.approx(scores["accuracy"], abs=0.005)


def test_the_predictor_gives_the_stored_predictions(finished):
    from train_memnet import Config, load_data
    from utils.common.reading import Reading
    from utils.memnet.predictor import MemnetPredictor

    folder, _ = finished
    data = load_data(Config(folder), Reading())
    predictor = MemnetPredictor.load(folder)
    features = data.scoring_features(data.encode_questions(predictor.vocabulary), 15, split_seed=0)["test"]
    memories = [[data.base.facts[number] for number in row] for row in features.memory[:40]]
    texts = [question.text for question in data.questions["test"][:40]]
    rows = json.loads((folder / "predictions.json").read_text())[:40]
    assert [row["question"] for row in rows] == texts
    for row, answer in zip(rows, predictor.answer(texts, memories), strict=True):
        assert answer["answers"][0]["answer"] == row["answer"]
        fact = answer["supporting_fact"]
        assert f"{fact['subject']} / {fact['relation']} / {fact['object']}" == row["fact"]


def test_the_whole_run_is_tracked(finished):
    folder, _ = finished
    (offline_folder,) = (folder / "wandb").glob("offline-run-*")
    offline = read_offline_run(offline_folder)
    results = json.loads((folder / "results.json").read_text())
    with open(folder / "steps.csv") as file:
        steps = [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]
    rows = {row["train/step"]: row for row in offline.history}
    assert list(rows) == [row["step"] for row in steps] and "val/accuracy" in offline.history[-1]
    for row in steps:
        assert all(rows[row["step"]][f"train/{name}"] == row[name] for name in ("loss", "gradient_norm"))
    assert offline.summary["test/accuracy"] == results["metrics"]["test"]["accuracy"]
    assert offline.summary["test/baselines/bm25/mrr"] == results["baselines"]["bm25"]["test"]["mrr"]
    assert offline.config["data_checksums"] and offline.config["dataset"]["checksum"] == results["data"]["checksum"]
    assert {"tables/attention/path", "images/attention/path", "images/history/path"} <= set(offline.history[-1])
    model = {entry.path for entry in offline.artifacts["memnet-pointer"].manifest.contents}
    assert {"best.keras", "config.json", "results.json", "vocabulary.json", "facts.tsv", "README.md"} <= model


def test_two_seeds_have_the_same_validation_and_test_memories(finished, other_seed):
    folder, _ = finished
    one, other = (json.loads((path / "results.json").read_text()) for path in (folder, other_seed))
    assert one["seed"] != other["seed"] and one["data"] == other["data"]
    losses = [(path / "metrics.csv").read_text() for path in (folder, other_seed)]
    assert losses[0] != losses[1]  # their scores may well be equal
    # The baselines do not depend on training, but on every distractor of every test.
    assert one["baselines"] == other["baselines"]
    assert one["metrics"]["validation"]["candidate_recall"] == other["metrics"]["validation"]["candidate_recall"]


def test_predict_prints_the_answer_and_the_facts_it_attended_to(finished, tmp_path):
    folder, _ = finished
    rows = json.loads((folder / "predictions.json").read_text())
    row = next(row for row in rows if row["answer"] in row["correct_answers"])
    status, output, errors = run(folder, row["question"], cwd=tmp_path, script="predict.py")
    assert status == 0, errors
    lines = output.splitlines()
    assert lines[0].endswith(row["answer"]) and any(row["fact"] in line for line in lines[1:])
    status, output, _ = run(folder, "Qwxyz zzyqq?", cwd=tmp_path, script="predict.py")
    assert status == 0 and "no memory" in output
    (tmp_path / "own.tsv").write_text(
        "subject\trelation\tobject\nZed Quill\tborn_in\tNowhere\nZed Quill\toccupation\tjester\n"
    )
    options = ("What is Zed Quillon's profession? Zed?", "--file", "own.tsv")
    status, output, _ = run(folder, *options, cwd=tmp_path, script="predict.py")
    assert status == 0 and "(no fact is about: quillon)" in output and output.splitlines()[1].endswith("jester")
    status, _, errors = run(folder, "Where?", "a text", cwd=tmp_path, script="predict.py")
    assert status == 2 and "only a squad run answers from a text" in error_line(errors)


def metrics_of(folder):
    with open(folder / "metrics.csv") as file:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]


def test_killed_and_resumed_gives_the_same_as_never_killed(other_seed, tmp_path):
    options = (*SMALL, "--seed", 1, "--no-export")
    killed = start("--run-dir", "cut", *options, cwd=tmp_path, script=SCRIPT, QKV_ZOO_SAVE_EVERY_SECONDS="0")
    deadline = time.monotonic() + 200
    while not (tmp_path / "cut" / "metrics.csv").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert not (tmp_path / "cut" / "results.json").exists()
    status, output, errors = run("--run-dir", "cut", *options, "--resume", cwd=tmp_path, script=SCRIPT)
    assert status == 0 and "resumed after epoch" in output, errors
    assert metrics_of(tmp_path / "cut") == metrics_of(other_seed)
    scores = [json.loads((path / "results.json").read_text())["metrics"] for path in (tmp_path / "cut", other_seed)]
    assert scores[0] == scores[1]


@pytest.mark.parametrize("model", ["documented", "tied"])
def test_the_other_models_run_on_files_with_memories(model, tmp_path):
    lines = []
    for number in range(60):
        name, town = f"person {number}", f"town {number % 9}"
        memory = [[name, "born_in", town], [name, "birth_year", str(1900 + number % 7)]]
        lines += [
            {"question": f"where was {name} born", "answers": [town], "memory": memory},
            {"question": f"when was {name} born", "answers": [str(1900 + number % 7)], "memory": memory},
        ]
    lines.append({"question": "who knows", "answers": ["nobody"], "memory": []})
    (tmp_path / "q.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    options = ("--train-files", "q.jsonl", "--model", model, "--epochs", 2, "--tracking", "off", "--run-dir", "run")
    status, _, errors = run(*options, cwd=tmp_path, script=SCRIPT)
    assert status == 0, errors
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert set(results["metrics"]) == {"validation", "test", "test_whole_kb"}


def test_names_of_any_script_are_told_apart_and_bad_rows_are_counted(tmp_path):
    from utils.memnet.predictor import MemnetPredictor

    names = ["C", "C++", "C#", "!!!", "!!", "मीना", "मोना", "मैना", "王明", "王华", "김철수", "Zoë Müller", "Zoé Muller"]
    names += [f"person {number}" for number in range(40)]
    lines = [f"{name}|born_in|town {number}" for number, name in enumerate(names)]
    (tmp_path / "facts.txt").write_text("\n".join([*lines, "nobody|born_in", "", lines[0]]) + "\n")
    (tmp_path / "templates.tsv").write_text("born_in\tWhere was {s} born?\nborn_in\t{s}在哪里出生？\n")
    options = ("--facts", "facts.txt", "--templates", "templates.tsv", "--held-out-values", 0, "--no-export")
    options += ("--epochs", 3, "--sweep", 5, "--distractors", 5, "--tracking", "off", "--run-dir", "run")
    status, output, errors = run(*options, cwd=tmp_path, script=SCRIPT)
    assert status == 0, errors
    assert "facts.txt: 1 of 55 records left out, a field is missing (line 54)" in output
    reading = json.loads((tmp_path / "run" / "results.json").read_text())["data"]["reading"]
    assert reading["facts.txt"]["used"] == 54 and reading["facts.txt"]["left_out"] == {"a field is missing": 1}
    assert reading["templates.tsv"]["used"] == 2
    predictor = MemnetPredictor.load(tmp_path / "run")
    questions = [unicodedata.normalize("NFD", f"Where was {name} born?") for name in names]
    questions += ["Ｃ＋＋在哪里出生？", "김철수는 어디에서 born?"]
    facts = [answer["facts"][0]["subject"] for answer in predictor.answer(questions)]
    assert facts == [*names, "C++", "김철수"]


def test_files_that_cannot_be_learned_from_are_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    facts = [(f"person {number}", "born_in", f"town {number % 9}") for number in range(30)]
    Path("facts.tsv").write_text("\n".join(map("\t".join, facts)) + "\nbad\n")
    Path("reversed.txt").write_text("".join(f"who was born in [{fact[2]}]\t{fact[0]}\n" for fact in facts))
    Path("unknown.txt").write_text("".join(f"where was [{fact[0]}] born\tnowhere\n" for fact in facts))
    Path("unnamed.txt").write_text(
        "".join(f"where was {'x' * place}y born\t{fact[2]}\n" for place, fact in enumerate(facts))
    )
    for flags, words in (
        (
            ("--train-files", "reversed.txt"),
            "is the object of a fact, e.g. 'person 0' (reversed.txt:1); some are subjects",
        ),
        (("--train-files", "unknown.txt"), "is the object of a fact, e.g. 'nowhere' (unknown.txt:1); give the facts"),
        (("--train-files", "unnamed.txt"), "has its answer in its memory, e.g. 'town 0' (unnamed.txt:1)"),
        (("--train-files", "reversed.txt", "--max-bad-fraction", "0"), "1 of 31 records cannot be used"),
    ):
        assert (
            run_in_process("train_memnet", "--run-dir", "run", "--facts", "facts.tsv", "--tracking", "off", *flags) == 2
        )
        line = error_line(capsys.readouterr().err)
        assert words in line and "--templates" not in line and "--held-out-values" not in line


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--facts", "none.tsv", "--templates", "none.tsv"), "none.tsv: no such file"),
        (("--facts", "none.tsv"), "--facts needs --templates"),
        (("--templates", "none.tsv"), "--templates needs --facts"),
        (("--test-files", "none.jsonl"), "goes with --train-files"),
        (("--train-files", "none.jsonl"), "none.jsonl: no such file"),
        (("--distractors", "0"), "--distractors 0"),
        (("--sweep", "0"), "--sweep 0"),
        (("--held-out-values", "1.0"), "--held-out-values"),
        (("--validation-fraction", "0"), "--validation-fraction"),
        (("--epochs", "0"), "--epochs 0"),
        (("--learning-rate", "nan"), "--learning-rate"),
        (("--encoder", "transformer", "--hidden-dim", "6"), "--hidden-dim 6"),
        (("--hidden-dim", "7"), "must be even"),
        (("--attention-supervision", "1"), "a pointer's scores are its attention"),
        (("--train-files", "none.jsonl", "--sweep", "50"), "--sweep: is for questions made from templates"),
        (("--hidden-dims", "6"), "did you mean --hidden-dim"),
        (("--extra-distractors", "-1"), "--extra-distractors -1"),
        (("--unanswerable", "1"), "--unanswerable 1.0"),
        (("--partial-names", "0.5", "--model", "documented"), "--partial-names: is for --vocabulary open"),
        (("--unanswerable", "0.5", "--model", "tied"), "--unanswerable: is for --model pointer"),
        (("--unknown-words", "0.5"), "--unknown-words: is for models with evidence that may abstain"),
        (("--evidence", "True", "--model", "documented"), "--evidence: is for --model pointer"),
        (("--evidence", "True", "--num-hops", "3"), "--evidence: is for --retrieval words"),
        (("--evidence", "True", "--vocabulary", "closed"), "--evidence: is for --model pointer and --vocabulary open"),
    ],
)
def test_bad_settings_are_one_line(tmp_path, monkeypatch, capsys, flags, words):
    monkeypatch.chdir(tmp_path)
    assert run_in_process("train_memnet", "--run-dir", "run", "--tracking", "off", *flags) == 2
    assert words in error_line(capsys.readouterr().err)
    assert not (tmp_path / "run").exists()


def test_evidence_is_off_by_default_where_the_settings_exclude_it():
    from train_memnet import Config, check, with_model_defaults

    for settings, has_evidence in (({}, True), ({"vocabulary": "closed"}, False), ({"retrieval": "vectors"}, False)):
        config = with_model_defaults(Config(Path("run"), **settings))
        check(config)
        assert config.evidence is has_evidence
