"""train_vectors.py as a user runs it, on the demo world and on small files."""

import csv
import json

import numpy as np
import pytest

from tests.helpers.in_process import run_in_process
from tests.helpers.scripts import error_line, run

SCRIPT = "train_vectors.py"
SMALL = ("--epochs", 2, "--tracking", "off", "--no-jit-compile", "--encoder-dim", 16, "--hidden-dims", 32, 16)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One short run on the demo world, and what it printed."""
    cwd = tmp_path_factory.mktemp("lvm")
    status, output, errors = run(
        *SMALL,
        "--epochs",
        8,
        "--dropout",
        0.1,
        "--learning-rate",
        0.005,
        "--run-dir",
        "run",
        cwd=cwd,
        script=SCRIPT,
    )
    assert status == 0, errors
    return cwd / "run", output


def test_it_learns_more_than_the_means_and_says_so(finished):
    folder, output = finished
    results = json.loads((folder / "results.json").read_text())
    test = results["metrics"]["test"]
    others = {name: of["test"] for name, of in results["baselines"].items()}
    assert test["cosine"] > max(others[name]["cosine"] for name in ("mean", "last", "global_mean"))
    assert test["mrr"] > max(of["mrr"] for name, of in others.items() if name != "ridge")
    assert f"test: cosine {test['cosine']:.4f}" in output and "ridge, test:" in output
    low, high = results["intervals"]["test"]["cosine"]
    assert low < test["cosine"] < high
    assert set(results["shuffled_context"]) == {"cosine", "hit@5", "mrr"}
    assert set(results["over_best_baseline"]) == {"cosine", "hit@5", "mrr"} and "over ridge: " in output
    assert 0 < results["latency"]["p50_ms"] <= results["latency"]["p95_ms"]


def test_the_run_directory_is_complete(finished):
    folder, _ = finished
    made = {path.name for path in folder.iterdir()}
    assert {
        "best.keras",
        "checkpoint.npz",
        "metrics.csv",
        "baselines.json",
        "splits.json",
        "history.png",
        "places.png",
        "windows.png",
        "model.tflite",
        "test_predictions.npz",
        "saved_model",
    } <= made
    splits = json.loads((folder / "splits.json").read_text())
    assert [len(set(splits[a]) & set(splits[b])) for a, b in (("train", "test"), ("train", "validation"))] == [0, 0]
    with open(folder / "metrics.csv") as file:
        assert len(list(csv.DictReader(file))) == 8


def vectors_file(folder, name="v.npz", dim=7, lengths=(12,) * 20, seed=0):
    rng, rows = np.random.default_rng(seed), []
    for length in lengths:
        x = rng.normal(size=dim)
        rows += [x := x + 0.5 * rng.normal(size=dim) for _ in range(length)]
    document = np.repeat(np.arange(len(lengths)), lengths)
    texts = np.array([f"text {row}" for row in range(len(rows))])
    np.savez(folder / name, vectors=np.array(rows, "float32"), document=document, texts=texts)


def test_all_models_are_compared_and_finished_ones_are_kept_on_resume(tmp_path):
    vectors_file(tmp_path)
    flags = (
        *SMALL,
        "--train-files",
        "v.npz",
        "--model",
        "all",
        "--hidden-dim",
        16,
        "--num-heads",
        2,
        "--run-dir",
        "run",
    )
    flags = (*flags, "--num-layers", 1, "--context-length", 6, "--batch-size", 32, "--no-export")
    status, output, errors = run(*flags, cwd=tmp_path, script=SCRIPT)
    assert status == 0, errors
    table = json.loads((tmp_path / "run" / "comparison.json").read_text())
    assert set(table["models"]) == {"amn", "lstm", "gru", "transformer"} and "ridge" in table["test"]
    assert (tmp_path / "run" / "comparison.png").stat().st_size > 5_000
    for name in table["models"]:
        assert f"| {name} | {table['test'][name]['cosine']:.4f}" in output
    (tmp_path / "run" / "gru" / "results.json").unlink()
    status, output, errors = run(*flags, "--resume", cwd=tmp_path, script=SCRIPT)
    assert status == 0, errors
    again = json.loads((tmp_path / "run" / "comparison.json").read_text())
    assert again == table and "resumed after epoch 2" in output


def test_predict_shows_the_nearest_rows_with_their_texts(finished, tmp_path):
    folder, _ = finished
    vectors_file(tmp_path, dim=256)
    status, output, errors = run(folder, "13", "--file", "v.npz", cwd=tmp_path, script="predict.py")
    assert status == 0, errors
    assert output.startswith("after row 13 (1): text 13") and output.count("  row ") == 6
    own = output.split("of its own:")[1]
    assert own.count("(1): text") == 3 and "row 12 " not in output and "row 13 " not in own
    vectors_file(tmp_path, "narrow.npz")
    for arguments, words in (
        (("99999",), "'99999': must be a row of demo world, from 0 to"),
        (("13", "--file", "narrow.npz"), "vectors have 7 elements, the model's 256"),
        (("900", "--file", "v.npz"), "'900': must be a row of v.npz, from 0 to 239"),
    ):
        status, _, errors = run(folder, *arguments, cwd=tmp_path, script="predict.py")
        assert status == 2 and words in error_line(errors)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--train-files", "none.npz"), "none.npz: not found"),
        (("--test-files", "v.npz"), "--test-files goes with --train-files"),
        (("--train-files", "v.npz", "--test-files", "wide.npz"), "wide.npz: its vectors have 9 elements"),
        (("--train-files", "short.npz"), "no train document has more than 5 vectors"),
        (("--loss", "mse=0"), "--loss mse=0: all weights are 0"),
        (("--query-loss", "kappa"), "--query-loss kappa: wants one of"),
        (("--min-context", "30"), "--min-context 30: must be at most --context-length 20"),
        (("--model", "transformer", "--num-heads", "5"), "must be a multiple of --num-heads 5"),
        (("--test-fraction", "0"), "leaves no test documents"),
        (("--dropout", "1"), "--dropout 1"),
    ],
)
def test_bad_settings_and_files_are_one_line(tmp_path, monkeypatch, capsys, flags, words):
    vectors_file(tmp_path)
    vectors_file(tmp_path, "wide.npz", dim=9)
    vectors_file(tmp_path, "short.npz", lengths=(5,) * 20)
    monkeypatch.chdir(tmp_path)
    assert run_in_process("train_vectors", "--run-dir", "run", "--tracking", "off", *flags) == 2
    assert words in error_line(capsys.readouterr().err)
    assert not (tmp_path / "run").exists()
