"""Publishing a run: the weights are stored small and scored again, and nothing of the machine is told."""

import csv
import json

import keras
import numpy as np
import pytest

from models import load_model
from tests.helpers.finished_runs import RESULTS, finished_run
from utils.common.errors import UserError
from utils.memnet.predictor import MemnetPredictor
from utils.training import zoo as published
from utils.training.training_summary import read_training_summary, write_training_summary
from utils.training.zoo import publish_run, without_folders

pytestmark = pytest.mark.tensorflow(reason="files are written and read without the backend")


@pytest.fixture
def run(tmp_path):
    return finished_run(tmp_path / "run")


@pytest.fixture
def scored(monkeypatch, run):
    """In the place of `evaluate.py`: one less the rounding error of the weights, relative to their size."""
    trained = values_of(run)
    calls = []

    def evaluate(folder, options):
        error = np.abs(values_of(folder) - trained).mean() / np.abs(trained).mean()
        split = "validation" if "--split" in options else "test"
        calls.append((split, list(options)))
        metrics = {split: {"accuracy": float(1 - error), "mrr": 0.5}}
        return {
            "metrics": metrics,
            "intervals": {split: {"accuracy": [0.1, 0.2]}},
            "baselines": {"bm25": {split: {"accuracy": 0.4}}, "majority_value": {split: {"accuracy": 0.41}}},
            "headline": RESULTS["headline"],
        }

    monkeypatch.setattr(published, "evaluate", evaluate)
    return calls


def values_of(folder):
    arrays = [keras.ops.convert_to_numpy(weight).ravel() for weight in load_model(folder).weights]
    return np.concatenate(arrays)


def test_the_smallest_weights_within_a_tenth_of_a_point_are_published(run, scored, tmp_path, monkeypatch):
    monkeypatch.setattr(published, "TOLERANCE", 5)  # rounding to 1/16 costs about 1.5 points here, to 1/4 more than 5
    folder = publish_run(run, "people-small", options=["--facts", "facts.tsv"], zoo=tmp_path / "zoo")
    results = json.loads((folder / "results.json").read_text())
    stored = results["details"]["stored_weights"]
    names, sizes, scores = zip(*((e["weights"], e["bytes"], e["score"]) for e in stored["tried"]), strict=True)
    assert names == ("float32", "float16", "a grid of 1/16", "a grid of 1/8", "a grid of 1/4")
    assert list(sizes) == sorted(sizes, reverse=True) and list(scores) == sorted(scores, reverse=True)
    assert stored["weights"] == "a grid of 1/8" and (folder / "best.keras").stat().st_size == sizes[3]
    assert results["metrics"]["test"]["accuracy"] == results["metrics"]["validation"]["accuracy"] == scores[3]
    assert results["details"]["as_trained"] == {"validation": 0.91, "test": 0.87}
    assert [split for split, _ in scored].count("test") == 1  # test data is scored once
    assert all(options[:2] == ["--facts", "facts.tsv"] for _, options in scored)


def test_ways_to_store_may_be_compared_on_a_sample(run, scored, tmp_path):
    folder = publish_run(run, "people-small", limit=7, options=["--facts", "facts.tsv"], zoo=tmp_path / "zoo")
    sampled = [split for split, options in scored if options[-2:] == ["--limit", "7"]]
    assert sampled == ["validation"] * 3  # a grid of 1/16 costs too much here
    assert [split for split, _ in scored[3:]] == ["validation", "test"]
    assert "| weights | bytes | accuracy, validation, 7 examples |" in (folder / "README.md").read_text()


def test_facts_may_be_others_than_those_of_the_training(run, tmp_path):
    other = tmp_path / "other.tsv"
    other.write_text("subject\trelation\tobject\nEve Lund\tborn_in\tOslo\n")
    counts = np.arange(2, dtype=np.int32)
    write_training_summary(run, np.array([5, 6], np.uint64), answer_counts=counts)
    folder = publish_run(run, "people", scored=False, facts=other, zoo=tmp_path / "zoo")
    assert MemnetPredictor.load(folder).answer(["Where was Eve Lund born?"])[0]["facts"][0]["subject"] == "Eve Lund"
    assert list(read_training_summary(folder)) == ["keys"]
    folder = publish_run(run, "people", scored=False, replace=True, zoo=tmp_path / "zoo")
    assert list(read_training_summary(folder)) == ["keys", "answer_counts"]


def test_large_arrays_of_the_training_are_left_out(run, tmp_path):
    write_training_summary(run, np.array([5], np.uint64), mean=np.zeros(3), ridge_weights=np.ones((700, 400)))
    folder = publish_run(run, "people", scored=False, zoo=tmp_path / "zoo")
    assert list(read_training_summary(folder)) == ["keys", "mean"]


def test_a_published_folder_holds_what_is_needed_and_no_folder_of_the_machine(run, tmp_path):
    zoo = tmp_path / "zoo"
    (zoo / "people" / "examples").mkdir(parents=True)
    (zoo / "people" / "examples" / "a.txt").write_text("an example")
    (zoo / "people" / "card.yaml").write_text("summary: Answers questions about people.\n")
    folder = publish_run(run, "people", scored=False, zoo=zoo)
    assert {path.name for path in folder.iterdir()} == {
        "README.md", "card.yaml", "config.json", "results.json", "metrics.csv", "best.keras", "vocabulary.json",
        "facts.tsv", "examples",
    }  # fmt: skip
    assert "Answers questions about people." in (folder / "README.md").read_text()
    assert "which was not scored" in (folder / "README.md").read_text()
    for name in ("README.md", "results.json", "config.json"):
        assert "ada" not in (folder / name).read_text()
    assert json.loads((folder / "config.json").read_text())["facts"] == ["facts.tsv"]
    assert (
        "python train_memnet.py --facts facts.tsv --run-dir runs/people --epochs 3"
        in (folder / "README.md").read_text()
    )
    keras.saving.load_model(folder / "best.keras")


def test_the_table_has_a_row_for_each_model(run, scored, tmp_path):
    zoo = tmp_path / "zoo"
    publish_run(run, "people-b", zoo=zoo)
    publish_run(run, "people-a", scored=False, zoo=zoo)
    with open(zoo / "results.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["people-a", "people-b"]
    assert (rows[0]["metric"], rows[0]["score"], rows[0]["low"]) == ("accuracy", "0.87", "0.81")
    assert (rows[0]["baseline"], rows[0]["baseline_score"]) == ("bm25", "0.4")
    assert (rows[1]["baseline"], rows[1]["baseline_score"]) == ("majority_value", "0.41")
    assert rows[1]["score_as_trained"] == "0.87"


def test_a_name_that_is_taken_or_wrong_is_refused(run, tmp_path):
    zoo = tmp_path / "zoo"
    publish_run(run, "people", scored=False, zoo=zoo)
    with pytest.raises(UserError, match="is published already; choose another name, or add --replace"):
        publish_run(run, "people", scored=False, zoo=zoo)
    (zoo / "people" / "items.json").write_text("of another model")
    publish_run(run, "people", scored=False, replace=True, zoo=zoo)
    assert not (zoo / "people" / "items.json").exists()
    for name in ("People", "a b", "../people", "", "a--b", "x" * 61):
        with pytest.raises(UserError, match="a published model's name has small letters"):
            publish_run(run, name, scored=False, zoo=zoo)


def test_what_is_too_large_is_not_published(run, tmp_path, monkeypatch):
    monkeypatch.setattr(published, "MAX_MODEL_BYTES", 1_000)
    with pytest.raises(UserError, match=r"would take .* bytes, more than 1,000"):
        publish_run(run, "people", scored=False, zoo=tmp_path / "zoo")
    assert not (tmp_path / "zoo" / "people").exists()


def test_a_folder_in_a_text_ends_it(run, tmp_path):
    results = {**RESULTS, "details": {"note": f"see {run} for more"}}
    (run / "results.json").write_text(json.dumps(results))
    with pytest.raises(UserError, match=r"results\.json would name "):
        publish_run(run, "people", scored=False, zoo=tmp_path / "zoo")


def test_what_evaluate_says_reaches_the_user(run, tmp_path):
    with pytest.raises(UserError, match=r"name the run's data after --, or publish with --unscored"):
        published.evaluate(run, ["--no-such-flag"])


def test_paths_become_names():
    value = {
        "files": ["/data/a.json", "./b.json", "~/c.json", "../d.json", "e/f is text", "owner/encoder"],
        "/data/a.json": {"lines": 3},
        "ratio": "1/2",
        "command": "python /x/train_squad.py --train-files data/a.json b.json --run-dir=/x/7 --init-from hf://a/b",
    }
    assert without_folders(value, "mine") == {
        "files": ["a.json", "b.json", "c.json", "d.json", "e/f is text", "owner/encoder"],
        "a.json": {"lines": 3},
        "ratio": "1/2",
        "command": "python train_squad.py --train-files a.json b.json --run-dir=runs/mine --init-from hf://a/b",
    }


def test_flags_and_names_of_models_stay_in_a_command():
    rest = "--embed-with google/electra-small --init-from BAAI/bge-v1.5 --limit 1/2"
    plain = without_folders({"command": f"train_vectors.py --train-files=/x/a.json {rest}"}, "mine")
    assert plain == {"command": f"python train_vectors.py --train-files=a.json {rest}"}


def test_two_files_of_one_name_are_not_published():
    with pytest.raises(UserError, match=r"^a\.json: several of the run's files have this name"):
        without_folders({"train_files": {"a.json": "sha256:1", "/x/a.json": "sha256:2"}}, "mine")


@pytest.mark.parametrize("weights", [None, b"no model"])
def test_a_run_without_good_weights_is_one_line(run, tmp_path, weights):
    (run / "best.keras").unlink()
    if weights:
        (run / "best.keras").write_bytes(weights)
    with pytest.raises(UserError, match="damaged run"):
        publish_run(run, "people", scored=False, zoo=tmp_path / "zoo")
    assert not (tmp_path / "zoo").exists()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "No such file"),
        (b"no facts\n", "is no table of facts"),
        (b"\xff\t\t\n", "not UTF-8"),
        (b"", "is no table"),
    ],
)
def test_facts_that_cannot_be_read_are_one_line(run, tmp_path, content, problem):
    if content is not None:
        (tmp_path / "other.tsv").write_bytes(content)
    with pytest.raises(UserError, match=problem):
        publish_run(run, "people", scored=False, facts=tmp_path / "other.tsv", zoo=tmp_path / "zoo")
    assert not (tmp_path / "zoo").exists()
