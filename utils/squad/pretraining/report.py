"""What a finished pretraining leaves behind: `results.json`, pictures, tracked values, and the closing lines."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from utils.common.evaluation import Evaluation
from utils.common.files import finite_or_none, write_json
from utils.squad.pretraining import TASK
from utils.squad.pretraining.evaluation import HEADLINES, RATIOS
from utils.squad.pretraining.texts import Paragraph
from utils.training.publish import SCHEMA_VERSION, conditions, scores, verdict
from utils.training.run import plain_settings
from utils.training.run_files import file_checksums
from utils.training.tracked_results import track_results
from utils.training.training_summary import text_keys, write_training_summary

TITLES = {
    "span_start_accuracy": "start of the span",
    "span_end_accuracy": "end of the span",
    "span_accuracy": "start and end",
    "word_accuracy": "masked words",
    "detection_accuracy": "all tokens",
    "replaced_recall": "replaced tokens that are detected",
    "replaced_precision": "detected tokens that are replaced",
    "replaced_fraction": "tokens that are replaced",
}


def describe_text(config, parts: dict[str, Sequence[Paragraph]], reading) -> dict:
    """What the run learns from, for `results.json`: files with their checksums, counts, and what was left out."""
    files = {"text_files": config.text_files, "exclude_files": config.exclude_files}
    return {
        "files": {name: [str(path) for path in paths] for name, paths in files.items()},
        "counts": {name: len(part) for name, part in parts.items()},
        "checksum": {name: texts_checksum(part) for name, part in parts.items()},
        "file_checksums": file_checksums(files, tuple(files)),
        "reading": reading.description(),
    }


def texts_checksum(paragraphs: Sequence[Paragraph]) -> str:
    """SHA-256 of the texts of some paragraphs in their order."""
    digest = hashlib.sha256()
    for paragraph in paragraphs:
        digest.update(repr(paragraph.text).encode("utf-8", "surrogatepass"))
    return f"sha256:{digest.hexdigest()}"


def report(
    config,
    model,
    rows: list[dict],
    evaluation: Evaluation,
    baselines: dict[str, Evaluation],
    *,
    data: dict,
    paragraphs: Sequence[Paragraph],
    tracker,
) -> None:
    """Write `results.json`, `history.png` and `training_summary.npz`, log them, and print the scores and what comes next.

    Args:
        config: `pretrain_text.Config`.
        model: the trained model.
        rows: the rows of `metrics.csv`.
        evaluation: of the model on the held-out text.
        baselines: of what needs no model, by name.
        data: from `describe_text`.
        paragraphs: all that were learned from or held out; `training_summary.npz` keeps their keys, so that
            `train_squad.py --init-from` can say whether test paragraphs are among them.
        tracker: from `start_tracking`.
    """
    run_dir, headline = Path(config.run_dir), HEADLINES[config.method]
    by_split = {name: {"validation": baseline} for name, baseline in baselines.items()}
    results = {
        "schema_version": SCHEMA_VERSION,
        "task": TASK,
        **conditions(config, model, rows, headline.monitor),
        "data": data,
        "headline": asdict(headline),
        **scores({"validation": evaluation}, by_split, config.seed),
        "details": {"encoder_parameters": model.encoder.count_params()},
        "config": plain_settings(config),
    }
    write_json(run_dir / "results.json", results)
    write_training_summary(run_dir, text_keys(paragraph.text for paragraph in paragraphs))
    plot_training(config, rows, baselines)
    lines = verdict(results, headline)
    track_results(tracker, run_dir, finite_or_none(results), {}, [lines[-1]])
    print("validation: " + "  ".join(f"{name} {value:.3f}" for name, value in evaluation.metrics.items()))
    print(*lines, sep="\n")
    print(f"everything is in {run_dir}; go on with: python train_squad.py --init-from {run_dir} --train-files ...")


def plot_training(config, rows: list[dict], baselines: dict[str, Evaluation]) -> None:
    """Draw `history.png`: the loss, and what is right of the held-out text, epoch by epoch."""
    from utils.common.figures import model_and_data
    from utils.common.plots import plot_history

    columns = {f"val_{name}": TITLES[name] for name in RATIOS[config.method]}
    lines = {
        f"val_{metric}": {name.replace("_", " "): value}
        for name, baseline in baselines.items()
        for metric, value in baseline.metrics.items()
        if np.isfinite(value)
    }
    panels = {"training loss (nats)": {"loss": "loss"}, "held-out text (fraction)": columns}
    title = f"Pretraining on text: {config.method}\n{model_and_data(config.model, config.text_files, '')}"
    plot_history(rows, Path(config.run_dir) / "history.png", panels, title, lines=lines)
