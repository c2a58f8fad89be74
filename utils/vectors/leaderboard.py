"""The table and the chart of several models trained on the same vectors (`train_vectors.py --model all`)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from utils.common.figures import data_name
from utils.common.files import read_json, write_json
from utils.training.comparison import flags_of, train_or_read
from utils.training.run import set_up_run
from utils.training.tracked_results import track_suite
from utils.training.tracking import group_runs

TABLE_METRICS = ("cosine", "hit@1", "hit@5", "mrr", "mrr_all")
CHART_METRICS = {"mrr": "MRR, same document", "hit@5": "hit@5, same document", "cosine": "cosine"}
"""Metrics in the chart, which is sorted by the first, and their titles."""


def compare(
    config, models: Sequence[str], unknown_flags: dict[str, Sequence[str]], added_flags: Sequence[str] = ()
) -> int:
    """Train each model with this command's flags, in a process and a folder of its own, and compare them.

    Models that are finished are read; one that was cut off is resumed.

    Args:
        config: the settings of this command.
        models: names of the models.
        unknown_flags: model to the flags that it does not take.
        added_flags: flags and values of all models beside this command's.

    Returns:
        the exit status.
    """
    set_up_run(config, {})  # the run of each model checks the data
    group_runs(config.run_dir.name)
    flags = flags_of(sys.argv[1:], without=("--model", "--run-dir", "--run-name", "--resume"))
    results = {}
    for model in models:
        print(f"\n{model}", flush=True)
        own_flags = ["--model", model, *added_flags, *flags_of(flags, without=unknown_flags.get(model, ()))]
        results[model] = train_or_read("train_vectors.py", config.run_dir / model, own_flags)
    data = data_name(config.test_files or config.train_files, config.data)
    print("", *write_leaderboard(results, config.run_dir, data), sep="\n")
    scores = read_json(config.run_dir / "comparison.json")["test"]
    track_suite(config, "vectors", scores, config.run_dir / "comparison.png")
    print(f"everything is in {config.run_dir}")
    return 0


def write_leaderboard(results: dict[str, dict], out: Path, data: str) -> list[str]:
    """Compare models and baselines on the test targets.

    Writes `comparison.json`: `test` (name to metrics), `intervals` (name to 95 % intervals) and `models` (name to `parameters`,
    `latency` and `seconds`); and `comparison.png`.

    Args:
        results: model to the contents of its `results.json`.
        out: the folder to write to.
        data: the data's name, for the title.

    Returns:
        the lines of a Markdown table.
    """
    from utils.common.plots import plot_comparison

    first = next(iter(results.values()))  # all models have the same baselines
    metrics = {name: splits["test"] for name, splits in first["baselines"].items()}
    metrics |= {name: result["metrics"]["test"] for name, result in results.items()}
    intervals = dict(first["details"]["baseline_intervals"])
    intervals |= {name: result["intervals"]["test"] for name, result in results.items()}
    models = {
        name: {
            "parameters": result["parameters"],
            "latency": result["details"]["latency"],
            "seconds": result["seconds"],
        }
        for name, result in results.items()
    }
    write_json(out / "comparison.json", {"test": metrics, "intervals": intervals, "models": models})
    bars = {
        name: {
            CHART_METRICS[metric]: (values[metric], *intervals[name][metric])
            for metric in CHART_METRICS
            if metric in values
        }
        for name, values in metrics.items()
    }
    documents = first["data"]["documents"]["test"]
    title = f"The next vector, by model and baseline\n{data}, test: {documents:,} documents"
    plot_comparison(bars, out / "comparison.png", title, "95 % intervals over documents", models=list(results))
    header = ["test", *TABLE_METRICS, "parameters", "ms per context, p50 / p95", "seconds of training"]
    lines = [f"| {' | '.join(header)} |", "|---" * len(header) + "|"]
    for name, values in metrics.items():
        scores = [f"{values[metric]:.4f}" if metric in values else "" for metric in TABLE_METRICS]
        cells = [name, *scores, *_model_cells(models.get(name))]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _model_cells(model: dict | None) -> tuple[str, str, str]:
    """Parameters, milliseconds and seconds; empty for a baseline."""
    if model is None:
        return "", "", ""
    latency = model["latency"]
    milliseconds = f"{latency['p50_ms']:.3f} / {latency['p95_ms']:.3f}" if latency else ""
    return f"{model['parameters']:,}", milliseconds, f"{model['seconds']:.0f}"
