"""What a finished run leaves behind beside its scores: files, plots, exported models, and printed lines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from utils.common.evaluation import Evaluation
from utils.common.files import write_arrays, write_csv, write_json
from utils.common.statistics import format_interval
from utils.vectors.predictor import VectorsPredictor
from utils.vectors.splits import VectorSplit, VectorSplits

TITLES = {"cosine": "cosine", "hit@1": "hit@1", "hit@5": "hit@5", "mrr": "MRR", "mrr_all": "MRR among all documents"}
TABLE_METRICS = ("cosine", "centred_cosine", "hit@1", "hit@5", "mrr", "hit@5_all", "direction_margin")


def write_predictions(folder: Path, split: VectorSplit, predictions: dict[str, np.ndarray], name: str = "test") -> None:
    """Write `NAME_predictions.npz`: the rows of the file that are targets, and the model's outputs for them."""
    predicted = predictions["predicted"]
    arrays = {
        "rows": split.data.file_rows(split.rows),
        "predicted": predicted,
        "query": predictions.get("query", predicted),
    }
    write_arrays(folder / f"{name}_predictions.npz", arrays)


def write_files(
    run_dir: Path,
    splits: VectorSplits,
    baselines: dict[str, Evaluation],
    chosen: dict[str, object],
    later_steps: list[dict],
) -> None:
    """Write `splits.json`, `baselines.json` and `steps_ahead.csv`.

    Args:
        run_dir: the run directory.
        splits: the data.
        baselines: name to evaluation on the test targets.
        chosen: name of a baseline to its chosen settings.
        later_steps: from `utils.vectors.evaluation.steps_ahead`; of none, no file is written.
    """
    names = {name: [part.data.names[number] for number in part.documents] for name, part in splits.parts.items()}
    write_json(run_dir / "splits.json", names)
    scores = {
        name: {**baseline.metrics, "intervals": baseline.intervals(), "chosen": chosen.get(name)}
        for name, baseline in baselines.items()
    }
    write_json(run_dir / "baselines.json", scores)
    if later_steps:
        write_csv(run_dir / "steps_ahead.csv", later_steps)


def export(predictor: VectorsPredictor, run_dir: Path) -> dict[str, dict]:
    """Write `export/` and, on TensorFlow, `model.tflite`.

    Returns:
        entries of `details` in `results.json`: `export`, what became of each format in that folder; `latency`, the milliseconds of
        `model.tflite` for one context on one thread, `p50_ms` and `p95_ms`, empty on other backends.
    """
    import keras

    from utils.training.litert import export_litert, latency

    exports = predictor.export(run_dir / "export")
    if keras.backend.backend() != "tensorflow":
        print("no model.tflite: Keras writes LiteRT files on its TensorFlow backend only")
        return {"export": exports, "latency": {}}
    length = predictor.context_length
    inputs = {"vectors": (length, predictor.dim), "padding_mask": (length,)}
    export_litert(predictor.model, run_dir / "model.tflite", inputs, floating=("vectors",))
    return {"export": exports, "latency": latency(run_dir / "model.tflite")}


def format_scores(name: str, metrics: dict[str, float]) -> str:
    """The scores of a split in one line."""
    return f"{name}: " + ", ".join(f"{title} {metrics[metric]:.4f}" for metric, title in TITLES.items())


def format_gain(metric: str, gain: dict) -> str:
    """The gain over the best baseline in one line (see `utils.vectors.metrics.gain_over_best`)."""
    interval = format_interval(gain["interval"], 4, sign="+").replace("(", "(95 % interval over documents ")
    return f"{metric}, over {gain['best']}: {gain['difference']:+.4f}{interval}"


def scores_table(evaluations: dict[str, Evaluation]) -> tuple[list[str], list[list]]:
    """The table of scores for the tracker: columns and rows."""
    rows = [[name, *map(evaluation.metrics.get, TABLE_METRICS)] for name, evaluation in evaluations.items()]
    return ["predictions", *TABLE_METRICS], rows


def example_question(files: Sequence[Path], test: VectorSplit) -> list[str]:
    """What the closing line asks the trained model: which row follows one of the test's.

    Args:
        files: the files of the test documents; none: the demo world. Of several, a row of the first one is named.
        test: the test split.

    Returns:
        arguments of `predict.py` after the run directory.
    """
    row = int(test.data.file_rows(test.rows[0] if len(files) < 2 else 0))
    return [str(row), *(["--file", str(files[0])] if files else [])]
