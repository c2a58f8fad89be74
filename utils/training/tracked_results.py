"""What a tracker gets of a finished run: summary, conditions, tables, images, and the trained model."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace

from utils.common.files import read_json
from utils.common.references import PUBLISHED_FILES
from utils.training.model_card import model_card, scored_split
from utils.training.tracking import start_tracking

MAIN_SPLITS = {"validation": "val/best_model", "test": "test"}
"""The splits whose intervals and baselines are logged, and the beginnings of their metrics' names. `val/NAME` alone is the course
of the training. Other splits, such as `test_unseen`, become `test/unseen`."""
CONDITIONS = ("parameters", "command", "hardware", "backend", "versions", "commit", "evaluated")


def track_results(
    tracker, run_dir: Path, results: dict, tables: dict[str, tuple[list[str], Iterable]], verdicts: list[str]
) -> None:
    """Log what a finished run left behind.

    Args:
        tracker: from `start_tracking`.
        run_dir: the run directory.
        results: what `results.json` holds; a number that is not finite is None.
        tables: name to columns and rows.
        verdicts: the lines that compare the model with its baselines.
    """
    if not tracker.is_on:
        return
    for name, (columns, rows) in tables.items():
        tracker.log_table(name, columns, rows)
    tracker.log_images({plot.stem: plot for plot in sorted(run_dir.glob("*.png"))})
    dataset = {name: results["data"].get(name) for name in ("files", "counts", "checksum", "file_checksums")}
    tracker.set_config({"dataset": dataset, **{name: results[name] for name in CONDITIONS if name in results}})
    tracker.set_summary(summary_values(results) | {"verdict": "; ".join(verdicts)})
    if (run_dir / "best.keras").exists():
        tracker.log_model(
            f"{results['task']}-{results['model']}",
            model_files(run_dir, results),
            model_metadata(results),
            ["best", "latest", f"seed-{results['seed']}"],
        )


def track_evaluation(config, folder: Path, results: dict, verdicts: list[str]) -> None:
    """Log what `evaluate.py` scored, as a run of its own with the job type `evaluate`.

    Args:
        config: has `tracking` and `project`.
        folder: where scores and pictures were written.
        results, verdicts: as for `track_results`.
    """
    settings = SimpleNamespace(
        run_dir=folder, tracking=config.tracking, project=config.project, run_name="", tags=[results["model"]]
    )
    with start_tracking(settings, results["task"], "evaluate") as tracker:
        track_results(tracker, folder, results, {}, verdicts)


def track_suite(config, task: str, scores: dict[str, dict[str, float]], chart: Path) -> None:
    """Log what a suite compared, as a run of its own in the group of the suite's runs.

    Args:
        config: the suite's settings, see `start_tracking`.
        task: the task's name.
        scores: name of a model or baseline to numbers; they become a row of the table `comparison`.
        chart: the picture of the scores.
    """
    names = list(dict.fromkeys(name for numbers in scores.values() for name in numbers))
    with start_tracking(config, task, "suite") as tracker:
        rows = [[system, *(numbers.get(name) for name in names)] for system, numbers in scores.items()]
        tracker.log_table("comparison", ["name", *names], rows)
        tracker.log_images({chart.stem: chart})
        tracker.set_summary(
            {f"test/{system}/{name}": value for system, numbers in scores.items() for name, value in numbers.items()}
        )


def summary_values(results: dict) -> dict[str, float | int | str]:
    """The final values of a run under the names that trackers get; numbers that are not defined are left out.

    >>> metrics = {"test": {"f1": 60.0}, "test_unseen": {"f1": 50.0}}
    >>> results = {"metrics": metrics, "intervals": {"test": {"f1": [58.0, 62.0]}}, "baselines": {"words": {"test": {"f1": 25.0}}}}
    >>> for name, value in summary_values(results | {"data": {"counts": {"train": 7}, "checksum": "sha256:1"}}).items():
    ...     print(name, value)
    test/f1 60.0
    test/unseen/f1 50.0
    test/f1_low 58.0
    test/f1_high 62.0
    test/baselines/words/f1 25.0
    data/count/train 7
    data/checksum sha256:1
    """
    values = {}
    for split, metrics in results["metrics"].items():
        prefix = MAIN_SPLITS.get(split) or split.replace("_", "/", 1)
        values |= {f"{prefix}/{name}": value for name, value in metrics.items()}
    for split, prefix in MAIN_SPLITS.items():
        for name, (low, high) in results["intervals"].get(split, {}).items():
            values |= {f"{prefix}/{name}_low": low, f"{prefix}/{name}_high": high}
        for baseline, splits in results["baselines"].items():
            for name, value in splits.get(split, {}).items():
                if name != "total":  # that of the model
                    values[f"{prefix}/baselines/{baseline}/{name}"] = value
    values |= {
        name: results[name] for name in ("best_epoch", "epochs", "seconds", "peak_memory_gib") if name in results
    }
    values |= {f"data/count/{split}": count for split, count in results["data"]["counts"].items()}
    checksum = results["data"]["checksum"]
    values |= (
        {f"data/checksum/{name}": text for name, text in checksum.items()}
        if isinstance(checksum, dict)
        else {"data/checksum": checksum}
    )
    return {name: value for name, value in values.items() if value is not None}


def model_files(run_dir: Path, results: dict) -> dict[str, Path | str]:
    """The files that `load_model` and the predictors read, and a model card: name to a path, or to a text."""
    files = {name: run_dir / name for name in PUBLISHED_FILES if (run_dir / name).is_file()}
    return files | {"README.md": model_card(results, read_json(run_dir / "config.json"))}


def model_metadata(results: dict) -> dict:
    """What is known about a model: conditions, the scores that its card quotes, and the baselines' headline metric."""
    split = scored_split(results)
    names = ("task", "model", "seed", "best_epoch", "epochs", "seconds", "parameters", "commit", "backend")
    metric = results["headline"]["metric"]
    baselines = {name: splits[split].get(metric) for name, splits in results["baselines"].items() if split in splits}
    scores = {"split": split, "scores": results["metrics"][split], "baselines": {metric: baselines}}
    return {name: results[name] for name in names} | scores
