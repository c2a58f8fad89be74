"""train_vectors.py as a user runs it, on the demo world and on small files."""

import csv
import json
import shlex

import numpy as np
import pytest

from tests.helpers.in_process import run_in_process
from tests.helpers.paths import FIXTURES
from tests.helpers.scripts import error_line, run
from utils.vectors.predictor import VectorsPredictor

SCRIPT = "train_vectors.py"
SMALL = ("--epochs", 2, "--tracking", "off", "--no-jit-compile", "--encoder-dim", 16, "--hidden-dims", 32, 16)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One short run on the demo world, and what it printed."""
    cwd = tmp_path_factory.mktemp("vectors")
    status, output, errors = run(
        *SMALL,
        "--epochs",
        8,
        "--context-length",
        20,
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
    baselines, details = {name: splits["test"] for name, splits in results["baselines"].items()}, results["details"]
    assert test["cosine"] > max(baselines[name]["cosine"] for name in ("mean", "last", "global_mean"))
    assert test["mrr"] > max(metrics["mrr"] for name, metrics in baselines.items() if name != "ridge")
    assert f"test: cosine {test['cosine']:.4f}" in output and "ridge, test:" in output
    assert VectorsPredictor.load(folder).context_length == 20
    low, high = results["intervals"]["test"]["cosine"]
    assert low < test["cosine"] < high
    assert set(details["shuffled_context"]) == {"cosine", "hit@5", "mrr"}
    assert set(details["over_best_baseline"]) == {"cosine", "hit@5", "mrr"} and "over ridge: " in output
    assert set(details["export"]) == {"model.onnx", "saved_model"}
    assert all(values["largest_difference"] < 1e-5 for values in details["export"].values())
    assert 0 < details["latency"]["p50_ms"] <= details["latency"]["p95_ms"]
    assert set(details["baseline_intervals"]) == set(baselines) and set(details["baseline_settings"]) < set(baselines)


def test_the_last_lines_are_the_verdict_and_a_command_that_works(finished):
    folder, output = finished
    verdict, closing = output.splitlines()[-2:]
    results = json.loads((folder / "results.json").read_text())
    assert verdict.startswith(f"MRR {results['metrics']['test']['mrr']:.4f} (") and "on test: " in verdict
    assert closing.startswith("everything is in run; try: python predict.py run ")
    status, answer, errors = run(*shlex.split(closing.split("predict.py ")[1]), cwd=folder.parent, script="predict.py")
    assert status == 0 and answer.startswith(f"after row {closing.split()[-1]} ("), errors


def test_the_predictor_gives_the_predictions_of_the_run(finished):
    folder, _ = finished
    predictor = VectorsPredictor.load(folder)
    data, _ = predictor.read_documents()
    written = np.load(folder / "test_predictions.npz")
    outputs = predictor.predict_rows(data, written["rows"])
    for name in ("predicted", "query"):
        np.testing.assert_allclose(outputs[name], written[name], atol=1e-6)
    rows = written["rows"][:2] - 1
    for answer, query in zip(predictor.nearest(data, rows), written["query"], strict=False):
        candidate = answer["nearest"][0]
        assert candidate["similarity"] == pytest.approx(float(data.take(candidate["row"]) @ query), abs=1e-5)


def test_evaluate_gives_the_figures_of_the_run(finished, tmp_path):
    folder, _ = finished
    arguments = (folder.name, "--out", tmp_path / "out")
    status, output, errors = run(*arguments, cwd=folder.parent, script="evaluate.py")
    assert status == 0, errors
    assert "all figures are those of the run's results.json, to the last digit" in output


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
        "export",
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
    """A start that failed earlier, with other settings, is in the way of nothing."""
    vectors_file(tmp_path)
    (tmp_path / "run" / "amn").mkdir(parents=True)
    for folder in ("run", "run/amn"):
        (tmp_path / folder / "config.json").write_text('{"model": "amn", "seed": 9, "data_checksums": {}}')
        (tmp_path / folder / "baselines.json").write_text('{"mean": {"cosine": 2.0}}')
    (tmp_path / "run" / "amn.flags.json").write_text('["--seed", "9"]')
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
    assert set(table["intervals"]) == set(table["test"]) and not (tmp_path / "run" / "baselines.json").exists()
    baselines = json.loads((tmp_path / "run" / "amn" / "baselines.json").read_text())
    assert baselines["mean"]["cosine"] == table["test"]["mean"]["cosine"] <= 1
    assert len(list((tmp_path / ".cache" / "vectors").glob("baselines-*.npz"))) == 1
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


def test_texts_of_any_script_are_embedded_trained_on_and_asked(tmp_path, monkeypatch, capsys):
    """What is left out is printed and stands in `results.json`."""
    rng, words = np.random.default_rng(0), ["नदी", "काँच", "वर्ष", "शहर", "लोग", "बाजार"]
    texts = [" ".join(" ".join(rng.choice(words, 4)) + "।" for _ in range(24)) for _ in range(40)]
    lines = [json.dumps({"title": f"लेख {number}", "text": text}) for number, text in enumerate(texts)]
    (tmp_path / "t.jsonl").write_text("\n".join([*lines, "{broken"]))
    monkeypatch.chdir(tmp_path)
    encoder = FIXTURES / "pretrained" / "bert"
    flags = ("--train-files", "t.jsonl", "--embed-with", encoder, "--run-dir", "run", "--no-export", "--language", "hi")
    assert run_in_process("train_vectors", *SMALL, *flags) == 0
    output = capsys.readouterr().out
    assert "t.jsonl: 1 of 41 records left out, it is not JSON (line 41)" in output
    assert "contexts hold 11 vectors at most: no training document is longer" in output
    assert "documents: train 27 of 27" not in output and "of 27, validation" in output
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    counts = results["data"]["reading"]["t.jsonl"]
    assert counts["used"] == 40 and counts["bad"] == 1 and counts["left_out"] == {"it is not JSON": 1}
    assert results["data"]["counts"]["train"] == 27 * (12 - 5)  # two sentences of four words are a chunk
    predictor = VectorsPredictor.load(tmp_path / "run")
    data, notes = predictor.read_documents(tmp_path / "t.jsonl", tmp_path / ".cache")
    (answer,) = predictor.nearest(data, [30])
    assert answer["document"] == "लेख 2" and answer["text"].count("।") == 2 and len(answer["nearest"]) == 3
    assert any("it is not JSON" in note for note in notes) and predictor.language == "hi"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--train-files", "none.npz"), "none.npz: no such file"),
        (("--test-files", "v.npz"), "--test-files goes with --train-files"),
        (("--train-files", "v.npz", "--test-files", "wide.npz"), "wide.npz: its vectors have 9 elements"),
        (("--train-files", "short.npz"), "no train document has more than 5 vectors"),
        (("--loss", "mse=0"), "--loss mse=0: all weights are 0"),
        (("--query-loss", "kappa"), "--query-loss kappa: give one of"),
        (("--min-context", "30", "--context-length", "20"), "--min-context 30: must be at most --context-length 20"),
        (("--min-context", "300"), "--min-context 300: must be at most --context-length "),
        (("--model", "transformer", "--num-heads", "5"), "must be a multiple of --num-heads 5"),
        (("--test-fraction", "0"), "leaves no test documents"),
        (("--dropout", "1"), "--dropout 1"),
        (("--model", "amn", "--num-layers", "2"), "--num-layers 2: --model amn has no such setting"),
        (("--model", "gru", "--hidden-dim", "64"), "--hidden-dim 64: --model gru has no such setting"),
    ],
)
def test_bad_settings_and_files_are_one_line(tmp_path, monkeypatch, capsys, flags, message):
    vectors_file(tmp_path)
    vectors_file(tmp_path, "wide.npz", dim=9)
    vectors_file(tmp_path, "short.npz", lengths=(5,) * 20)
    monkeypatch.chdir(tmp_path)
    assert run_in_process("train_vectors", "--run-dir", "run", "--tracking", "off", *flags) == 2
    assert message in error_line(capsys.readouterr().err)
    assert not (tmp_path / "run").exists()
