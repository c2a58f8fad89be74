"""train_tracing.py as a user runs it, on small simulations and files."""

import csv
import json
import re
import shutil
import signal
import time

import numpy as np
import pytest

from components.losses.ordinal_loss import OrdinalLoss
from tests.helpers.in_process import run_in_process
from tests.helpers.scripts import error_line, run, start
from tests.helpers.tracing_sequences import write_three_lines
from train_tracing import Config, build_model, compile_model
from utils.common.errors import UserError
from utils.tracing.predictor import TracingPredictor
from utils.tracing.sequences import ResponseSequence

SCRIPT = "train_tracing.py"
SMALL = (
    "--students",
    120,
    "--items",
    10,
    "--epochs",
    6,
    "--batch-size",
    16,
    "--tracking",
    "off",
    "--no-jit-compile",
)
WITHOUT_FILTER = (*SMALL, "--no-ability-filter")
"""The filter is a loop over steps, whose compilation takes longer than these trainings."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One short run on students whose ability stays as it is, and what it printed."""
    cwd = tmp_path_factory.mktemp("tracing")
    flags = ("--data", "static", "--learning-rate", "0.02", "--run-dir", "run")
    status, output, errors = run(*WITHOUT_FILTER, *flags, cwd=cwd, script=SCRIPT)
    assert status == 0, errors
    return cwd / "run", output


def test_it_learns_between_majority_and_ceiling(finished):
    folder, output = finished
    results = json.loads((folder / "results.json").read_text())
    nll = {name: scores["test"]["nll"] for name, scores in results["baselines"].items()}
    assert nll["oracle"] < nll["true_items"] < nll["item_majority"] < nll["majority"]
    assert nll["true_items"] < results["metrics"]["test"]["nll"] < nll["item_majority"]
    assert 0 < results["details"]["headroom_closed"]["nll"] < 1 and results["details"]["recovery"]["r_beta"] > 0.5
    assert {"r_theta", "rmse_theta", "coverage_95"} <= results["details"]["recovery"].keys()
    assert f"test: accuracy {results['metrics']['test']['accuracy']:.4f}" in output
    assert results["data"]["students"] == {"train": 86, "validation": 10, "test": 24}
    assert results["best_epoch"] == results["epochs"] == 6 and results["schema_version"] == 1
    assert results["intervals"]["test"].keys() == results["metrics"]["test"].keys()
    low, high = results["intervals"]["test"]["nll"]
    assert f"({low:.4f} to {high:.4f}) on test: below item majority, {nll['item_majority']:.4f}" in output
    assert output.splitlines()[-1] == "everything is in run; try: python predict.py run 0,1"


def test_the_run_directory_is_complete(finished):
    folder, _ = finished
    made = {path.name for path in folder.iterdir()}
    assert {
        "best.keras",
        "checkpoint.npz",
        "metrics.csv",
        "items.json",
        "splits.json",
        "history.png",
        "gradient_flow.png",
        "confusion.png",
        "calibration.png",
        "addresses.png",
        "item_curves.png",
        "wright_map.png",
        "abilities.png",
        "recovery.png",
        "export",
    } <= made
    with open(folder / "test_predictions.csv") as file:
        predicted = list(csv.DictReader(file))
    results = json.loads((folder / "results.json").read_text())
    assert len(predicted) == results["data"]["counts"]["test"]
    assert set(results["details"]["export"]) == {"model.onnx", "saved_model"}
    assert all(values["largest_difference"] < 1e-5 for values in results["details"]["export"].values())
    right = [max(range(4), key=lambda k: float(row[f"p{k}"])) == int(row["response"]) for row in predicted]
    assert np.mean(right) == pytest.approx(results["metrics"]["test"]["accuracy"], abs=2e-3)
    with open(folder / "metrics.csv") as file:
        rows = list(csv.DictReader(file))
    best = json.loads((folder / "results.json").read_text())["metrics"]["validation"]["nll"]
    assert all(float(row["gradient_memory"]) > 0 for row in rows)
    assert len(rows) == 6 and min(float(row["val_nll"]) for row in rows) == pytest.approx(best, abs=1e-4)
    splits = json.loads((folder / "splits.json").read_text())
    assert len({student for part in splits.values() for student in part}) == sum(map(len, splits.values())) == 120


def test_the_predictor_gives_the_predictions_of_the_run(finished):
    folder, _ = finished
    with open(folder / "test_predictions.csv") as file:
        rows = list(csv.DictReader(file))
    predictor = TracingPredictor.load(folder)
    for student in dict.fromkeys(row["student"] for row in rows[:400]):
        student_rows = [row for row in rows if row["student"] == student]
        *before, last = student_rows
        history = ResponseSequence(
            student, tuple(row["item"] for row in before), np.array([int(row["response"]) for row in before])
        )
        (answer,) = predictor.predict([history], [last["item"]])
        expected = [float(last[f"p{category}"]) for category in range(4)]
        assert answer["predictions"][0]["probabilities"] == pytest.approx(expected, abs=1e-5)


def test_evaluate_gives_the_figures_of_the_run(finished, tmp_path):
    folder, _ = finished
    arguments = (folder.name, "--out", tmp_path / "out")
    status, output, errors = run(*arguments, cwd=folder.parent, script="evaluate.py")
    assert status == 0, errors
    assert "all figures are those of the run's results.json, to the last digit" in output


def test_a_run_that_cannot_be_loaded_is_one_line(finished, tmp_path):
    folder, _ = finished
    with pytest.raises(UserError, match="no finished run there"):
        TracingPredictor.load(tmp_path)
    run = tmp_path / "run"
    shutil.copytree(folder, run)
    (run / "best.keras").write_bytes(b"not a model")
    with pytest.raises(UserError, match=r"damaged run \(.*best.keras"):
        TracingPredictor.load(run)
    (run / "items.json").unlink()
    with pytest.raises(UserError, match=r"damaged run \(.*items.json") as caught:
        TracingPredictor.load(run)
    assert "\n" not in str(caught.value)
    (run / "results.json").write_text(json.dumps({"task": "squad", "details": {}}))
    with pytest.raises(UserError, match="is a run of the task 'squad'; name a run of train_tracing"):
        TracingPredictor.load(run)


def test_predict_prints_the_next_response_of_each_student(finished, tmp_path):
    folder, _ = finished
    rows = "".join(f"ann,{item % 10},3\nbob,{item % 10},0\n" for item in range(30))
    (tmp_path / "history.csv").write_text("student,item,response\n" + rows + "bob,77,0\n")
    status, output, errors = run(folder, "4,99", "--file", "history.csv", cwd=tmp_path, script="predict.py")
    assert status == 0, errors
    assert "item 99 (not in training, treated as an unknown item): 0: " in output
    assert "student bob, 31 responses\n  (not in training, treated as an unknown item: 77)\n" in output
    rows = re.findall(r"item 4: 0: ([\d.]+) .* 3: ([\d.]+)  \(ability (\S+) ± (\S+), information \S+\)", output)
    (ann_low, ann_high, ann, ann_error), (bob_low, bob_high, bob, _) = [[float(n) for n in row] for row in rows]
    assert ann_high > 3 * ann_low and bob_low > 3 * bob_high and ann > bob and 0 < ann_error < 1
    status, output, _ = run(folder, "4", cwd=tmp_path, script="predict.py")
    assert status == 0 and "student new, 0 responses" in output
    (tmp_path / "history.csv").write_text("student,item,response\nann,1,4\n")
    status, _, errors = run(folder, "4", "--file", "history.csv", cwd=tmp_path, script="predict.py")
    assert status == 2 and "history.csv, line 2: a response is 4, but the model knows 0 to 3" in error_line(errors)


def metrics_of(folder):
    with open(folder / "metrics.csv") as file:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]


def test_killed_and_resumed_gives_the_same_as_never_killed(finished, tmp_path):
    whole, _ = finished
    options = (*WITHOUT_FILTER, "--data", "static", "--learning-rate", "0.02", "--no-export", "--run-dir", "cut")
    killed = start(*options, cwd=tmp_path, script=SCRIPT, QKV_ZOO_SAVE_EVERY_SECONDS="0")
    deadline = time.monotonic() + 200
    while not (tmp_path / "cut" / "metrics.csv").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert not (tmp_path / "cut" / "results.json").exists()
    status, output, errors = run(*options, "--resume", cwd=tmp_path, script=SCRIPT)
    assert status == 0 and "resumed after epoch" in output, errors
    assert metrics_of(tmp_path / "cut") == metrics_of(whole)


def test_a_filter_says_how_well_it_knows_ability(tmp_path):
    flags = ("--model", "state_space", "--data", "static", "--learning-rate", "0.02", "--run-dir", "run")
    status, _, errors = run(*SMALL, *flags, cwd=tmp_path, script=SCRIPT)
    assert status == 0, errors
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    nll = {name: scores["test"]["nll"] for name, scores in results["baselines"].items()}
    assert results["metrics"]["test"]["nll"] < (nll["true_items"] + nll["item_majority"]) / 2
    assert results["details"]["recovery"]["coverage_95"] == pytest.approx(0.95, abs=0.1)
    assert set(results["details"]["export"]) == {"model.onnx", "saved_model"}
    predictor = TracingPredictor.load(tmp_path / "run")
    new, known = predictor([[], [("1", 2), ("3", 2), ("4", 1)] * 9], ["2"])
    errors = [student["predictions"][0]["ability_error"] for student in (new, known)]
    assert 2 * errors[1] < errors[0] < 2


@pytest.mark.parametrize("model", ["dkvmn", "integrated"])
def test_random_responses_of_a_file_are_predicted_by_chance_alone(model, tmp_path):
    """Nothing leaks: where responses are coins, no model is better than a coin. Pieces are cut, and two categories have an AUC."""
    rng = np.random.default_rng(5)
    write_three_lines(tmp_path / "train.txt", 150, rng)
    write_three_lines(tmp_path / "test.txt", 60, rng)
    options = (
        "--train-files",
        "train.txt",
        "--test-files",
        "test.txt",
        "--model",
        model,
        "--max-length",
        12,
        "--history",
        4,
    )
    more = ("--epochs", 3, "--tracking", "off", "--no-export", "--no-jit-compile", "--run-dir", "run")
    status, _, errors = run(*options, *more, cwd=tmp_path, script=SCRIPT)
    assert status == 0, errors
    test = json.loads((tmp_path / "run" / "results.json").read_text())["metrics"]["test"]
    assert 0.4 < test["auc"] < 0.6 and test["nll"] > np.log(2) - 0.02


def test_repeated_rows_of_a_table_give_nothing_away(tmp_path):
    """Coins, each written once for each skill of its item, in a table with names and separators of its own."""
    rng = np.random.default_rng(6)
    lines = ["who;task;mark;when;skill"]
    for student in range(150):
        for second in range(12):
            task, mark = rng.integers(20), ("false", "true")[rng.integers(2)]
            lines += [f"s{student};q{task};{mark};2020-01-01 10:00:{second:02};k{(task + n) % 5}" for n in range(3)]
    (tmp_path / "coins.txt").write_text("\n".join([*lines, "s0;q1;NA;2020-01-02;k1", "s0;q1;1;soon;k1"]) + "\n")
    options = (
        "--no-ability-filter",
        "--train-files",
        "coins.txt",
        "--columns",
        "student=who",
        "item=task",
        "response=mark",
        "time=when",
    )
    more = ("--epochs", 4, "--tracking", "off", "--no-export", "--no-jit-compile", "--run-dir", "run")
    status, output, errors = run(*options, *more, cwd=tmp_path, script=SCRIPT)
    assert status == 0, errors
    assert "3,600 records used, but they repeat an answer for another skill (same student, item and time)" in output
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert 0.4 < results["metrics"]["test"]["auc"] < 0.6
    data = results["data"]
    assert sum(data["counts"].values()) == 1800 and data["format"]["expand_skills"] is False
    counts = data["reading"]["coins.txt"]
    assert (counts["used"], counts["bad"], sum(counts["left_out"].values())) == (5400, 1, 2)
    assert list(counts["noticed"].values()) == [3600]
    (tmp_path / "history.tsv").write_text("user_id\tquestion\tcorrect\nann\tq1\t1\n")
    status, output, errors = run("run", "q2", "--file", "history.tsv", cwd=tmp_path, script="predict.py")
    assert status == 0 and "student ann, 1 response\n" in output, errors


def test_the_best_epoch_is_that_of_the_lowest_loss_whatever_it_is_made_of(tmp_path):
    """Under soft QWK alone probabilities become extreme: their likelihood falls while agreement grows."""
    flags = ("--data", "static", "--loss", "soft_qwk", "--learning-rate", "0.02", "--run-dir", "run", "--no-export")
    status, _, errors = run(*WITHOUT_FILTER, *flags, cwd=tmp_path, script=SCRIPT)
    assert status == 0, errors
    rows = metrics_of(tmp_path / "run")
    best = min(rows, key=lambda row: float(row["val_loss"]))
    assert best is not min(rows, key=lambda row: float(row["val_nll"]))
    metrics = json.loads((tmp_path / "run" / "results.json").read_text())["metrics"]["validation"]
    assert metrics["qwk"] == pytest.approx(float(best["val_qwk"]), abs=1e-4)


def test_ema_averages_the_weights_and_constant_decay_keeps_the_rate():
    model = build_model(Config(model="dkt"), 5, 2, None)
    compile_model(model, Config(learning_rate=0.25, warmup_steps=0, decay="constant", ema=0.5), OrdinalLoss({}), 8)
    optimizer = model.optimizer
    assert (optimizer.use_ema, optimizer.ema_momentum) == (True, 0.5)
    assert [float(optimizer._learning_rate(step)) for step in (0, 7)] == [0.25, 0.25]
    compile_model(model, Config(learning_rate=0.25, warmup_steps=0), OrdinalLoss({}), 8)
    assert not model.optimizer.use_ema and float(model.optimizer._learning_rate(7)) == 0


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--train-files", "none.txt"), "none.txt: no such file"),
        (("--test-files", "none.txt"), "goes with --train-files"),
        (("--train-files", "none.txt", "--students", "9"), "are for simulated data"),
        (("--loss", "kappa"), "--loss kappa: give one of cross_entropy, focal"),
        (("--loss", "focal=0"), "all weights are 0"),
        (("--history", "600"), "--history 600: must be less"),
        (("--categories", "1"), "--categories 1"),
        (("--epochs", "0"), "--epochs 0"),
        (("--dropout", "1"), "--dropout"),
        (("--ema", "1"), "--ema 1"),
        (("--model", "integrated", "--num-heads", "3"), "--summary-dim 20: must be a multiple"),
        (("--num-cycles", "0"), "--num-cycles 0"),
        (("--model", "sakt", "--hidden-dim", "30"), "--hidden-dim 30: must be a multiple"),
        (("--folds", "5", "--fold", "5"), "--folds 5 --fold 5"),
        (("--folds", "9", "--students", "4"), "--folds 9: more folds than the 4 students"),
        (
            ("--model", "dkt", "--num-slots", "5", "--key-dim", "7"),
            "--num-slots: only for --model deep_gpcm or integrated or dkvmn or state_space; leave it out for dkt",
        ),
        (("--no-attention",), "--no-attention: only for --model integrated; leave it out for deep_gpcm"),
        (("--truth", "truth.json"), "--truth goes with --train-files"),
        (("--train-files", "none.txt", "--columns", "who=x"), "--columns who=x: give COLUMN=NAME"),
        (("--train-files", "none.txt", "--columns", "item"), "--columns item: give COLUMN=NAME"),
        (("--train-files", "none.txt", "--credit-levels", "1"), "--credit-levels 1: must be from 2"),
        (("--expand-skills",), "go with --train-files"),
        (("--num-slot", "3"), "did you mean --num-slots"),
    ],
)
def test_bad_settings_are_one_line(tmp_path, monkeypatch, capsys, flags, words):
    monkeypatch.chdir(tmp_path)
    assert run_in_process("train_tracing", "--run-dir", "run", "--tracking", "off", *flags) == 2
    assert words in error_line(capsys.readouterr().err)
    assert not (tmp_path / "run").exists()
