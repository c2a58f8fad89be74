"""pretrain_text.py as a user runs it, and train_squad.py on what it leaves behind."""

import csv
import json

import numpy as np
import pytest

from tests.helpers.killed import kill_after
from tests.helpers.scripts import error_line, run, start
from tests.scripts.test_train_squad import PRETRAINED, squad_file
from tests.scripts.test_train_squad import TINY as SQUAD

TINY = ("--hidden-dim", "16", "--num-heads", "2", "--num-layers", "1", "--intermediate-dim", "32", "--batch-size", "8")
TINY += ("--convolution-width", "3", "--vocabulary-size", "300", "--max-length", "64", "--tracking", "off")
NAMES = ("Ada Lovelace", "Charles Babbage", "Mary Somerville", "Skelmoford", "the Old Mill")


def text_file(path, count=60):
    """Paragraphs that name the same person several times."""
    paragraphs = [
        f"{NAMES[number % 5]} came to town number {number} in spring. Nobody knew {NAMES[number % 5]} there, and a letter was sent "
        f"to house {number}. In the end {NAMES[number % 5]} wrote a letter of {number + 3} pages to the king of the hills."
        for number in range(count)
    ]
    path.write_text("\n\n".join(paragraphs))
    return path


def pretrain(*arguments, cwd):
    return run(*arguments, *TINY, cwd=cwd, script="pretrain_text.py")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A short run of each method."""
    cwd = tmp_path_factory.mktemp("pretraining")
    text_file(cwd / "text.txt")
    data = ("--text-files", "text.txt", "--exclude-files", "none", "--epochs", 2)
    outputs = {}
    for method in ("spans", "replaced"):
        status, outputs[method], errors = pretrain(*data, "--method", method, "--run-dir", method, cwd=cwd)
        assert status == 0, errors
    return cwd, outputs


@pytest.mark.parametrize(
    ("method", "metric", "baseline"),
    [("spans", "span_start_accuracy", "any_token"), ("replaced", "detection_accuracy", "nothing_replaced")],
)
def test_the_run_directory_is_complete(finished, method, metric, baseline):
    folder, output = finished[0] / method, finished[1][method]
    results = json.loads((folder / "results.json").read_text())
    assert results["task"] == "pretraining" and results["model"] == "matching" and results["config"]["method"] == method
    assert (
        results["data"]["counts"] == {"train": 57, "validation": 3} and results["best_epoch"] == results["epochs"] == 2
    )
    assert 0 <= results["metrics"]["validation"][metric] <= 1
    assert 0 < results["baselines"][baseline]["validation"][metric] < 1
    rows = list(csv.DictReader((folder / "metrics.csv").open()))
    assert float(rows[-1][f"val_{metric}"]) == pytest.approx(results["metrics"]["validation"][metric])
    assert float(rows[1]["loss"]) < float(rows[0]["loss"])
    assert (folder / "history.png").read_bytes()[:4] == b"\x89PNG" and (folder / "tokenizer.json").exists()
    assert f"python train_squad.py --init-from {method}" in output.splitlines()[-1]


def test_killed_and_resumed_gives_the_same_as_never_killed(tmp_path):
    """With replaced tokens, which draw in every step; spans differ in their batches alone, which have tests of their own."""
    text = text_file(tmp_path / "text.txt")
    data = ("--text-files", text, "--exclude-files", "none", "--method", "replaced", "--epochs", 6)
    assert pretrain(*data, "--run-dir", "whole", cwd=tmp_path)[0] == 0
    process = start(
        *data, "--run-dir", "killed", *TINY, cwd=tmp_path, script="pretrain_text.py", QKV_ZOO_SAVE_EVERY_SECONDS="0"
    )
    checkpoint = tmp_path / "killed" / "checkpoint.npz"
    state, _ = kill_after(process, checkpoint, 1, 2)
    assert state["epoch"] < 6
    status, output, errors = pretrain(*data, "--run-dir", "killed", "--resume", cwd=tmp_path)
    assert status == 0, errors
    assert "resumed after epoch" in output
    whole, killed = (list(csv.DictReader((tmp_path / name / "metrics.csv").open())) for name in ("whole", "killed"))
    for row in (*whole, *killed):
        del row["seconds"]
    assert whole == killed
    with np.load(tmp_path / "whole" / "checkpoint.npz") as one, np.load(checkpoint) as other:
        for name in set(one.files) - {"state"}:
            np.testing.assert_array_equal(one[name], other[name])


def test_a_squad_model_starts_from_a_pretraining_and_from_a_squad_run(finished):
    cwd, _ = finished
    squad_file(cwd / "towns.json")
    data = (
        "--train-files",
        "towns.json",
        "--validation-fraction",
        0.2,
        "--epochs",
        1,
        "--batch-size",
        8,
        "--no-export",
    )
    data += ("--tracking", "off")
    status, output, errors = run(*data, "--init-from", "spans", "--run-dir", "squad", cwd=cwd)
    assert status == 0, errors
    assert "weights are taken from its SpanPretrainer; new are span_head/kernel, span_head/bias" in output
    config = json.loads((cwd / "squad" / "config.json").read_text())
    assert (config["hidden_dim"], config["num_layers"], config["convolution_width"]) == (16, 1, 3)
    assert (cwd / "squad" / "tokenizer.json").read_bytes() == (cwd / "spans" / "tokenizer.json").read_bytes()
    status, output, errors = run(*data, "--init-from", "squad", "--run-dir", "again", cwd=cwd)
    assert status == 0, errors
    assert "weights are taken from its QATransformer\n" in output
    status, _, errors = run(
        *data, "--init-from", "spans", "--run-dir", "wide", "--hidden-dim", 24, "--num-heads", 2, cwd=cwd
    )
    assert status == 2 and "weights in the same shape" in error_line(errors)
    status, _, errors = run(*data, "--init-from", "spans", "--model", "bert", "--run-dir", "bert", cwd=cwd)
    assert status == 2 and "holds a SpanPretrainer" in error_line(errors)


def test_a_pretrained_encoder_learns_from_text_and_then_from_questions(tmp_path):
    text_file(tmp_path / "text.txt", 20)
    squad_file(tmp_path / "towns.json")
    common = ("--model", "bert", "--epochs", 1, "--batch-size", 8, "--max-length", 64, "--tracking", "off")
    text = ("--text-files", "text.txt", "--exclude-files", "none", *common)
    for run_dir, source in (("text", PRETRAINED), ("more-text", "text")):
        status, _, errors = run(
            *text, "--init-from", source, "--run-dir", run_dir, cwd=tmp_path, script="pretrain_text.py"
        )
        assert status == 0, errors
    data = ("--train-files", "towns.json", "--validation-fraction", 0.2, "--doc-stride", 16, "--no-export", *common)
    status, output, errors = run(*data, "--init-from", "more-text", "--run-dir", "squad", cwd=tmp_path)
    assert status == 0, errors
    assert "weights are taken from its SpanPretrainer; new are span_head/kernel, span_head/bias" in output
    from_scratch = ("--train-files", "towns.json", "--model", "matching", "--tracking", "off")
    status, _, errors = run(*from_scratch, "--init-from", "more-text", "--run-dir", "other", cwd=tmp_path)
    assert status == 2 and "holds a SpanPretrainer; give the --model" in error_line(errors)


def test_word_vectors_beside_a_run(finished):
    """`pretrained` is what is taken where they are left out; `text` and `random` are refused, as nothing would be taken."""
    cwd, _ = finished
    train = squad_file(cwd / "villages.json")
    data = ("--train-files", train, "--validation-fraction", 0.2, "--epochs", 1, "--batch-size", 8, "--no-export")
    data += ("--tracking", "off", "--init-from", "spans", "--word-vectors")
    status, output, errors = run(*data, "pretrained", "--run-dir", "taken", cwd=cwd)
    assert status == 0 and "weights are taken from its SpanPretrainer" in output, errors
    config = json.loads((cwd / "taken" / "config.json").read_text())
    assert (config["hidden_dim"], config["num_layers"], config["convolution_width"]) == (16, 1, 3)
    for value in ("text", "random"):
        status, _, errors = run(*data, value, "--run-dir", "refused", cwd=cwd)
        assert status == 2 and f"--word-vectors {value}: spans is a run, whose weights are taken" in error_line(errors)
    assert not (cwd / "refused").exists()


def test_test_paragraphs_that_were_learned_from_are_an_error(tmp_path):
    train, test = squad_file(tmp_path / "towns.json"), squad_file(tmp_path / "cities.json")
    status, _, errors = pretrain("--text-files", train, test, "--exclude-files", test, "--run-dir", "no", cwd=tmp_path)
    assert status == 2 and "has words in common with" in error_line(errors) and "cities.json" in error_line(errors)
    arguments = ("--text-files", train, test, "--exclude-files", "none", "--epochs", 1, "--run-dir", "text")
    status, _, errors = pretrain(*arguments, cwd=tmp_path)
    assert status == 0, errors
    squad = ("--train-files", train, "--validation-fraction", 0.2, "--test-files", test, *SQUAD, "--init-from", "text")
    squad = [value for value in squad if value not in ("--vocabulary-size", "300")]
    status, _, errors = run(*squad, "--run-dir", "squad", cwd=tmp_path)
    assert status == 2 and "has learned from 24 of 24 paragraphs of the test questions" in error_line(errors)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--text-files: name the files"),
        (("--text-files", "a.txt"), "--exclude-files: name the files that a model will be tested on"),
        (("--text-files", "a.txt", "--exclude-files", "none"), "a.txt: no such file"),
        (("--text-files", "a.txt", "--exclude-files", "none", "b.txt"), "none goes with no other file"),
        (
            ("--text-files", "a.txt", "--exclude-files", "none", "--method", "replaced", "--hashed-words", 7),
            "--hashed-words: the words of replaced tokens are unknown",
        ),
        (("--model", "bert", "--init-from", PRETRAINED), "--model bert takes its shape and its tokenizer from"),
        (
            ("--text-files", "a.txt", "--exclude-files", "none", "--init-from", PRETRAINED),
            "--init-from, --model bert: the one needs the other",
        ),
    ],
)
def test_settings_that_cannot_work(arguments, message, tmp_path):
    status, _, errors = pretrain(*arguments, "--run-dir", "run", cwd=tmp_path)
    assert status == 2 and message in error_line(errors)
