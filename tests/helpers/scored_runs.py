"""The small runs of `small_runs`, with what scoring reads beside what predictors read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.helpers.small_runs import RUNS

SETTINGS = {
    "squad": {"data": "demo", "validation_fraction": 0.1},
    "memnet": {"distractors": 3, "templates_each": 2, "split_seed": 0, "sweep": [1]},
    "tracing": {"max_length": 9, "history": 0},
    "vectors": {"min_context": 2},
    "ranking": {"votes": "best_share", "loss": "infonce", "init_from": "", "pooling": "mean"},
}


def scored_run(task: str, folder: Path, details: dict | None = None) -> Path:
    """A copy of a small run of a task, as a finished run that had validation and test data."""
    shutil.copytree(RUNS[task][0](), folder)
    config = json.loads((folder / "config.json").read_text())
    results = json.loads((folder / "results.json").read_text())
    (folder / "config.json").write_text(json.dumps({"seed": 0, "train_files": [], **config, **SETTINGS[task]}))
    results |= {"model": "small", "seed": 0, "parameters": 1, "metrics": {"test": {}}, "intervals": {}, "baselines": {}}
    results["details"] |= details or {}
    (folder / "results.json").write_text(json.dumps(results))
    return folder


def score(run_dir: Path, *test_files: Path, is_own: bool = False, reading=None, options: dict | None = None, **files):
    """Score a run on files, as `evaluate.py` does.

    Args:
        run_dir: the run directory.
        test_files: the files.
        is_own: whether they are the run's own.
        reading: counts records that cannot be used.
        options: further arguments of `ScoringOptions`.
        files: setting to more files.
    """
    import importlib

    from utils.common.reading import Reading
    from utils.training.run_files import DataSource
    from utils.training.scored import FinishedRun, ScoringOptions

    run = FinishedRun.load(run_dir)
    source = DataSource(is_own, {"test_files": list(test_files), **files} if test_files else files)
    settings = ScoringOptions(reading or Reading(), run_dir / ".cache", **(options or {}))
    return importlib.import_module(f"utils.{run.results['task']}.scoring").score_run(run, source, settings)
