"""What a finished run leaves behind: the keys of `results.json`, what the tracker gets, and every verdict."""

import json
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest

from utils.common.evaluation import Evaluation
from utils.training.publish import Headline, publish, verdict
from utils.training.settings import RunConfig

ROWS = [
    {"epoch": 1, "loss": 2.0, "val_f1": 10.0, "seconds": 1.25},
    {"epoch": 2, "loss": 1.0, "val_f1": 30.0, "seconds": 2.0},
    {"epoch": 3, "loss": 0.5, "val_f1": 20.0, "seconds": 1.0},
]


@dataclass
class Config(RunConfig):
    """Settings of a run."""

    model: str = "plain"


class Recorder:
    """A tracker that remembers its calls."""

    def __init__(self):
        self.calls = {}

    def __getattr__(self, name):
        return lambda *arguments: self.calls.setdefault(name, []).append(arguments)


def published(run_dir, capsys, **options):
    """`results.json` of a run on four examples, what was printed and what was tracked."""
    (run_dir / "commits.txt").write_text("abc\ndef+changes\n")
    (run_dir / "loss.png").write_bytes(b"")
    f1 = np.array([0.0, 50.0, 100.0, 50.0])
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    tracker, test = Recorder(), Evaluation.from_examples({"f1": f1}, np.array(["a", "a", "b", "c"]))
    arguments = {
        "data": {"files": ["a.json"], "counts": {"train": 7}, "checksum": "0123"},
        "evaluations": {"validation": Evaluation({"f1": float("nan")}), "test": test},
        "baselines": {
            "word_overlap": {"test": Evaluation({"f1": np.float64(20.0)})},
            "human": {"test": Evaluation({"f1": np.float32(91.5)})},
        },
        "headline": Headline("f1", "F1", "val_f1", ("word_overlap",), digits=1),
        "tracker": tracker,
        **options,
    }
    results = publish(Config(run_dir=run_dir, seed=3), "squad", model, ROWS, **arguments)
    return results, capsys.readouterr().out, tracker.calls


def test_results_have_the_documented_keys(tmp_path, capsys):
    results, _, _ = published(tmp_path, capsys, details={"null_threshold": np.float32("inf"), "rows": [1]})
    assert results == json.loads((tmp_path / "results.json").read_text(), parse_constant=pytest.fail)
    assert list(results) == [
        "schema_version",
        "task",
        "model",
        "seed",
        "parameters",
        "seconds",
        "best_epoch",
        "epochs",
        "peak_memory_gib",
        "command",
        "hardware",
        "backend",
        "versions",
        "commit",
        "data",
        "headline",
        "metrics",
        "intervals",
        "baselines",
        "details",
        "config",
    ]
    assert [results[name] for name in ("schema_version", "task", "model", "seed")] == [1, "squad", "plain", 3]
    assert (results["parameters"], results["seconds"], results["best_epoch"], results["epochs"]) == (8, 4.2, 2, 3)
    assert results["backend"] == keras.backend.backend() and results["versions"]["keras"] == keras.__version__
    assert results["commit"] == "abc, def+changes" and "cores" in results["hardware"]
    assert 0 < results["peak_memory_gib"] < 1000
    assert results["metrics"] == {"validation": {"f1": None}, "test": {"f1": 50.0}}
    assert results["intervals"]["validation"] == {}
    low, high = results["intervals"]["test"]["f1"]
    assert 25 <= low < 50 < high <= 100
    assert results["baselines"] == {"word_overlap": {"test": {"f1": 20.0}}, "human": {"test": {"f1": 91.5}}}
    assert results["details"] == {"null_threshold": None, "rows": [1]}
    assert results["data"] == {"files": ["a.json"], "counts": {"train": 7}, "checksum": "0123", "file_checksums": {}}
    assert results["headline"] == {
        "metric": "f1",
        "title": "F1",
        "monitor": "val_f1",
        "plain": ["word_overlap"],
        "lower_is_better": False,
        "digits": 1,
    }


def test_the_config_leaves_out_where_the_run_lies_and_how_it_is_watched(tmp_path, capsys):
    config = published(tmp_path, capsys)[0]["config"]
    assert {"run_dir", "resume", "tracking", "cache_dir", "export"} & set(config) == set()
    assert config["model"] == "plain" and config["seed"] == 3 and config["train_files"] == []


def test_everything_is_tracked(tmp_path, capsys):
    (tmp_path / "config.json").write_text("{}")
    for name in ("best.keras", "vocabulary.json", "checkpoint.npz"):
        (tmp_path / name).write_bytes(b"")
    tables = {"examples": (["question"], [["Who?"]])}
    _, output, calls = published(tmp_path, capsys, tables=tables)
    assert calls["log_table"] == [("examples", ["question"], [["Who?"]])]
    assert calls["log_images"] == [({"loss": tmp_path / "loss.png"},)]
    ((name, files, metadata, aliases),) = calls["log_model"]
    assert name == "squad-plain" and aliases == ["best", "latest", "seed-3"]
    assert set(files) == {"best.keras", "config.json", "results.json", "vocabulary.json", "README.md"}
    assert files["best.keras"] == tmp_path / "best.keras" and "f1" in files["README.md"]
    assert metadata["scores"] == {"f1": 50.0} and metadata["baselines"] == {"f1": {"word_overlap": 20.0, "human": 91.5}}
    assert metadata["seed"] == 3 and metadata["split"] == "test" and metadata["best_epoch"] == 2
    json.dumps(metadata, allow_nan=False)
    ((config,),) = calls["set_config"]
    assert config["dataset"] == {"files": ["a.json"], "counts": {"train": 7}, "checksum": "0123", "file_checksums": {}}
    assert config["parameters"] == 8 and config["commit"] == "abc, def+changes"
    ((summary,),) = calls["set_summary"]
    assert summary["test/f1"] == 50.0 and summary["test/baselines/human/f1"] == 91.5 and summary["best_epoch"] == 2
    assert 25 <= summary["test/f1_low"] < 50 < summary["test/f1_high"] <= 100
    assert "val/best_model/f1" not in summary  # it is not a number
    assert summary["data/checksum"] == "0123" and summary["data/count/train"] == 7
    assert summary["verdict"] in output and summary["verdict"].endswith("above word overlap, 20.0")


def test_baselines_verdict_and_a_command_are_printed(tmp_path, capsys):
    _, output, _ = published(tmp_path, capsys, example_question=["17", "--file", "a b"])
    lines = output.splitlines()
    assert lines[:2] == ["baseline word overlap, test: F1 20.0", "baseline human, test: F1 91.5"]
    assert lines[2].startswith("F1 50.0 (") and lines[2].endswith(") on test: above word overlap, 20.0")
    assert lines[3:] == [f"everything is in {tmp_path}; try: python predict.py {tmp_path} 17 --file 'a b'"]


def line(value, interval, baselines, lower_is_better=False, plain=("count", "words"), splits=("validation", "test")):
    """The verdict on a value with an interval, beside the baselines' values."""
    results = {
        "metrics": {split: {"x": value} for split in splits},
        "intervals": {splits[-1]: {"x": interval} if interval else {}},
        "baselines": {name: {splits[-1]: {"x": score}} for name, score in baselines.items()},
    }
    return verdict(results, Headline("x", "X", "val_x", plain, lower_is_better, 2))[-1]


@pytest.mark.parametrize(
    ("value", "interval", "lower_is_better", "outcome"),
    [
        (0.7, [0.6, 0.8], False, "X 0.70 (0.60 to 0.80) on test: above words, 0.50"),
        (0.7, [0.5, 0.8], False, "X 0.70 (0.50 to 0.80) on test: not clearly above words, 0.50"),
        (0.5, [0.4, 0.8], False, "X 0.50 (0.40 to 0.80) on test: not above words, 0.50"),
        (0.4, [0.3, 0.45], False, "X 0.40 (0.30 to 0.45) on test: not above words, 0.50"),
        (0.7, None, False, "X 0.70 on test: above words, 0.50"),
        (0.7, [None, None], False, "X 0.70 (one group, so no interval) on test: not clearly above words, 0.50"),
        (0.1, [float("nan")] * 2, True, "X 0.10 (one group, so no interval) on test: not clearly below count, 0.20"),
        (float("nan"), None, False, "X is not defined on test: no verdict"),
        (0.1, [0.05, 0.15], True, "X 0.10 (0.05 to 0.15) on test: below count, 0.20"),
        (0.1, [0.05, 0.25], True, "X 0.10 (0.05 to 0.25) on test: not clearly below count, 0.20"),
        (0.3, [0.2, 0.4], True, "X 0.30 (0.20 to 0.40) on test: not below count, 0.20"),
        (float("nan"), None, True, "X is not defined on test: no verdict"),
    ],
)
def test_verdicts_compare_with_the_best_plain_baseline(value, interval, lower_is_better, outcome):
    baselines = {"count": 0.2, "words": 0.5, "human": 0.9, "oracle": 0.0}
    assert line(value, interval, baselines, lower_is_better) == outcome


def test_verdicts_without_a_plain_baseline():
    assert line(0.7, None, {"human": 0.9}) == "X 0.70 on test: no plain baseline to compare with"
    assert line(0.7, None, {}) == "X 0.70 on test: no plain baseline to compare with"
    assert line(0.7, None, {"words": float("nan")}) == "X 0.70 on test: no plain baseline to compare with"
    assert line(0.7, None, {"count": float("nan"), "words": 0.5}) == "X 0.70 on test: above words, 0.50"


def test_scores_that_are_not_defined_may_come_from_results_json():
    assert line(None, [None, None], {"words": 0.5}) == "X is not defined on test: no verdict"
    alone = "X 0.70 (one group, so no interval) on test: no plain baseline to compare with"
    assert line(0.7, [None, None], {"words": None}) == alone


def test_the_verdict_is_on_the_last_split_where_there_is_no_test():
    assert line(0.7, None, {"words": 0.5}, splits=("train", "validation")) == "X 0.70 on validation: above words, 0.50"


def test_a_baseline_without_the_metric_or_the_split_is_left_out():
    results = {
        "metrics": {"test": {"x": 0.7}},
        "intervals": {},
        "baselines": {"words": {"test": {"y": 1.0}}, "count": {"validation": {"x": 1.0}}, "mean": {"test": {"x": 0.1}}},
    }
    lines = verdict(results, Headline("x", "X", "val_x", ("words", "mean")))
    assert lines == ["baseline mean, test: X 0.100", "X 0.700 on test: above mean, 0.100"]


def test_verdicts_of_two_headlines(tmp_path, capsys):
    second = Headline("f1", "F1 again", "val_f1", ())
    _, output, _ = published(tmp_path, capsys, more_headlines=[second])
    assert "F1 again 50.000" in output and "no plain baseline" in output
    assert Path(tmp_path / "results.json").exists()
