"""Write what a finished run leaves behind: `results.json`, tracked tables, images and files, and the closing lines."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path

from utils.common.evaluation import Evaluation
from utils.common.files import finite_or_none, write_json
from utils.common.statistics import format_interval
from utils.training import environment
from utils.training.fit import best_row
from utils.training.run import plain_settings
from utils.training.run_files import file_checksums
from utils.training.tracked_results import track_results

SCHEMA_VERSION = 1
"""Of `results.json`; docs/results_json.md describes it."""


@dataclass(frozen=True)
class Headline:
    """The metric that a task is judged by.

    Args:
        metric: its name in `metrics`.
        title: its name as it is printed.
        monitor: the column of `metrics.csv` that chose the best epoch.
        plain: names of the plain baselines that a model should beat; ceilings and people are not among them.
        lower_is_better: whether small values are good.
        digits: digits printed after the decimal point.
    """

    metric: str
    title: str
    monitor: str
    plain: tuple[str, ...]
    lower_is_better: bool = False
    digits: int = 3


def publish(
    config,
    task: str,
    model,
    rows: list[dict],
    *,
    data: dict,
    evaluations: dict[str, Evaluation],
    baselines: dict[str, dict[str, Evaluation]],
    headline: Headline,
    tracker,
    details: dict | None = None,
    tables: dict[str, tuple[list[str], Iterable]] | None = None,
    example_question: Sequence[str] = (),
    more_headlines: Sequence[Headline] = (),
) -> dict:
    """Write `results.json`, log everything to the tracker, and print scores, baselines, the verdict and a command to go on with.

    Args:
        config: the run's settings, a `RunConfig` with `model`.
        task: the task's name.
        model: the trained model.
        rows: the rows of `metrics.csv`.
        data: `files`, `counts` and `checksum` of the data, and perhaps more.
        evaluations: evaluation of each split, in the order in which they are printed.
        baselines: name to evaluations by split.
        headline: the metric of the verdict.
        tracker: from `start_tracking`.
        details: what the task has beside metrics, kept under `details`.
        tables: name to columns and rows, for the tracker.
        example_question: arguments of `predict.py` after the run directory, for the command that the last line shows.
        more_headlines: further metrics whose baselines and verdicts are printed.

    Returns:
        what `results.json` holds.
    """
    run_dir = Path(config.run_dir)
    results = {
        "schema_version": SCHEMA_VERSION,
        "task": task,
        **conditions(config, model, rows, headline.monitor),
        "data": {**data, "file_checksums": file_checksums(vars(config))},
        "headline": asdict(headline),
        **scores(evaluations, baselines, config.seed),
        "details": details or {},
        "config": plain_settings(config),
    }
    write_json(run_dir / "results.json", results)
    verdicts = [verdict(results, printed_headline) for printed_headline in (headline, *more_headlines)]
    track_results(tracker, run_dir, finite_or_none(results), tables or {}, [lines[-1] for lines in verdicts])
    for lines in verdicts:
        print(*lines, sep="\n")
    print(f"everything is in {run_dir}; try: {shlex.join(['python', 'predict.py', str(run_dir), *example_question])}")
    return json.loads((run_dir / "results.json").read_text())


def scores(evaluations: dict[str, Evaluation], baselines: dict[str, dict[str, Evaluation]], seed: int) -> dict:
    """The entries `metrics`, `intervals` and `baselines` of `results.json`; the seed is that of the intervals."""
    return {
        "metrics": {split: evaluation.metrics for split, evaluation in evaluations.items()},
        "intervals": {split: evaluation.intervals(seed) for split, evaluation in evaluations.items()},
        "baselines": {
            name: {split: evaluation.metrics for split, evaluation in splits.items()}
            for name, splits in baselines.items()
        },
    }


def conditions(config, model, rows: list[dict], monitor: str) -> dict:
    """The provenance of a run: model, seed, time, command, hardware, versions and commit."""
    import keras

    return {
        "model": config.model,
        "seed": config.seed,
        "parameters": model.count_params(),
        "seconds": round(sum(row["seconds"] for row in rows), 1),
        "best_epoch": best_row(rows, monitor)["epoch"],
        "epochs": len(rows),
        "peak_memory_gib": round(environment.peak_memory_gib(), 2),
        "command": shlex.join(sys.argv),
        "hardware": f"{environment.hardware()}, {environment.accelerators()}",
        "backend": keras.backend.backend(),
        "versions": environment.versions(),
        "commit": ", ".join((Path(config.run_dir) / "commits.txt").read_text().split()),
    }


def verdict(results: dict, headline: Headline) -> list[str]:
    """A line for each baseline of the test split (else of the last one), and the verdict against the best plain baseline.

    >>> results = {
    ...     "metrics": {"test": {"f1": 31.1}},
    ...     "intervals": {"test": {"f1": [28.0, 34.0]}},
    ...     "baselines": {"word_overlap": {"test": {"f1": 25.4}}, "human": {"test": {"f1": 91.0}}},
    ... }
    >>> print("\\n".join(verdict(results, Headline("f1", "F1", "val_f1", ("word_overlap",), digits=1))))
    baseline word overlap, test: F1 25.4
    baseline human, test: F1 91.0
    F1 31.1 (28.0 to 34.0) on test: above word overlap, 25.4
    """
    split = "test" if "test" in results["metrics"] else list(results["metrics"])[-1]
    metric, digits = headline.metric, headline.digits
    value = results["metrics"][split][metric]
    scores = {
        name.replace("_", " "): splits[split][metric]
        for name, splits in results["baselines"].items()
        if metric in splits.get(split, {})
    }
    lines = [
        f"baseline {name}, {split}: {headline.title} "
        + (f"{score:.{digits}f}" if _is_defined(score) else "is not defined")
        for name, score in scores.items()
    ]
    if not _is_defined(value):
        return [*lines, f"{headline.title} is not defined on {split}: no verdict"]
    interval = results["intervals"].get(split, {}).get(metric)
    low, high = interval or (value, value)
    is_certain = _is_defined(low) and _is_defined(high)
    shown = format_interval(interval, digits) if is_certain else " (one group, so no interval)"
    line = f"{headline.title} {value:.{digits}f}{shown} on {split}"
    plain = {name.replace("_", " ") for name in headline.plain} & {name for name in scores if _is_defined(scores[name])}
    if not plain:
        return [*lines, f"{line}: no plain baseline to compare with"]
    sign = -1 if headline.lower_is_better else 1
    best = max(sorted(plain), key=lambda name: sign * scores[name])
    above = "below" if headline.lower_is_better else "above"
    edge = high if headline.lower_is_better else low
    if is_certain and sign * edge > sign * scores[best]:
        outcome = f"{above} {best}"
    elif sign * value > sign * scores[best]:
        outcome = f"not clearly {above} {best}"
    else:
        outcome = f"not {above} {best}"
    return [*lines, f"{line}: {outcome}, {scores[best]:.{digits}f}"]


def _is_defined(score: float | None) -> bool:
    """Whether a score is a number; `results.json` has None in the place of NaN."""
    return score is not None and isfinite(score)
