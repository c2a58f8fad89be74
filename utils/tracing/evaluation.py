"""Score predicted responses: metrics, and per-response values for intervals over students."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utils.common.evaluation import Evaluation
from utils.common.files import atomic_file
from utils.tracing.metrics import (
    CALIBRATION_BINS,
    AreasUnderCurves,
    CountsByStudent,
    DecisionRule,
    calibration_error,
    calibration_gaps,
    expected_category,
    kappa_of_counts,
    negative_log_likelihood,
)
from utils.tracing.sequences import ResponseSequence
from utils.training.gradient_flow import gradient_flow


@dataclass(frozen=True)
class Predictions:
    """The predictions of all scored responses of a split, student after student.

    Args:
        probabilities: `(responses, categories)`.
        responses: `(responses,)`, from 0.
        items: item numbers, `(responses,)`.
        students: place of each response's student in the split, `(responses,)`.
    """

    probabilities: np.ndarray
    responses: np.ndarray
    items: np.ndarray
    students: np.ndarray


def evaluate(predictions: Predictions, rule: DecisionRule | None = None) -> Evaluation:
    """Score predictions; intervals resample students.

    Args:
        predictions: of one split.
        rule: decision rule for `qwk_best_rule`, fitted on other students.

    Returns:
        the metrics `accuracy`, `within_one`, `mae` and `qwk` of the most probable category; `mae_expected` and `qwk_expected` of
        the rounded expected category; `qwk_best_rule`, if there is a rule; `nll` in nats; `calibration_error`; and
        `accuracy_category_K`. With two categories also `auc`, over all responses, and `auc_of_items`, the mean over the items that
        have both responses.
    """
    probabilities, responses = predictions.probabilities, predictions.responses
    num_categories = probabilities.shape[1]
    decisions = {
        "qwk": probabilities.argmax(axis=1),
        "qwk_expected": np.rint(expected_category(probabilities)).astype(int),
    }
    if rule is not None:
        decisions["qwk_best_rule"] = rule(probabilities)
    error = np.abs(decisions["qwk"] - responses).astype(np.int8)  # there are at most 100 categories
    per_response = {
        "accuracy": (error == 0).astype(np.int8),
        "within_one": (error <= 1).astype(np.int8),
        "mae": error,
        "mae_expected": np.abs(decisions["qwk_expected"] - responses).astype(np.int8),
        "nll": negative_log_likelihood(probabilities, responses),
    }
    # What is not a mean is computed from counts by student. They are small, and a resample of the students needs nothing else.
    _, students = np.unique(predictions.students, return_inverse=True)
    confusions = {
        name: CountsByStudent(students, decided * num_categories + responses, num_categories**2)
        for name, decided in decisions.items()
    }
    bins, gaps = calibration_gaps(probabilities, responses)
    gaps_of_bins = CountsByStudent(students, bins, CALIBRATION_BINS, gaps)
    curves = []
    if num_categories == 2:
        all_in_one, of_items = np.zeros(len(responses), int), np.unique(predictions.items, return_inverse=True)[1]
        curves = [AreasUnderCurves(probabilities[:, 1], responses, groups) for groups in (all_in_one, of_items)]
        students = students.astype(np.int32)
    else:
        students = None  # nothing needs them any more

    def metrics_of_students(weights: np.ndarray | None) -> dict[str, float]:
        """The metrics that are not means over responses, for weights of the students `(students,)`; None: all are 1."""
        counts = {
            name: confusion(weights).reshape(num_categories, num_categories) for name, confusion in confusions.items()
        }
        metrics = {name: kappa_of_counts(part) for name, part in counts.items()}
        metrics["calibration_error"] = float(np.abs(gaps_of_bins(weights)).sum() / counts["qwk"].sum())
        totals, correct = counts["qwk"].sum(axis=0), counts["qwk"].diagonal()
        metrics |= {f"accuracy_category_{k}": float(correct[k] / totals[k]) for k in np.flatnonzero(totals)}
        for name, areas in zip(("auc", "auc_of_items"), curves, strict=False):
            values = areas(None if weights is None else weights[students])
            known = values[~np.isnan(values)]
            metrics[name] = float(known.mean()) if len(known) else float("nan")
        return metrics

    means = {name: float(values.mean()) for name, values in per_response.items()}
    metrics = means | metrics_of_students(None) | {"calibration_error": calibration_error(probabilities, responses)}
    return Evaluation(metrics, per_response, predictions.students, metrics_of_groups=metrics_of_students)


def validation_scores(predictor, pieces, loss) -> dict[str, float]:
    """The entries of an epoch in `metrics.csv`. `val_score` is the negative loss: the best epoch has the highest.

    Args:
        predictor: a `TracingPredictor` of the model that is trained.
        pieces: those of the validation students.
        loss: the loss of the training.
    """
    predictions = predictor.predictions(pieces)
    metrics = evaluate(predictions).metrics
    logits = np.log(np.maximum(predictions.probabilities, 1e-30))
    value = float(loss(predictions.responses, logits))
    scores = {f"val_{name}": metrics[name] for name in ("nll", "accuracy", "qwk")}
    return scores | {"val_loss": value, "val_score": -value} | gradient_flow(predictor.model)


def prediction_rows(sequences: Sequence[ResponseSequence], predictions: Predictions) -> Iterator[dict]:
    """Yield a row for each response: student, step from 1, item, response, and the probability of each category.

    Args:
        sequences: the sequences of the split.
        predictions: the predictions of all their responses.
    """
    steps = ((s.student, step, item) for s in sequences for step, item in enumerate(s.items, start=1))
    for (student, step, item), response, probabilities in zip(
        steps, predictions.responses, predictions.probabilities, strict=True
    ):
        yield {"student": student, "step": step, "item": item, "response": int(response)} | {
            f"p{category}": round(float(probability), 6) for category, probability in enumerate(probabilities)
        }


def write_predictions(path: Path, sequences: Sequence[ResponseSequence], predictions: Predictions) -> None:
    """Write `prediction_rows` as CSV, row by row; arguments are those."""
    columns = ["student", "step", "item", "response"]
    columns += [f"p{category}" for category in range(predictions.probabilities.shape[1])]
    with atomic_file(path) as binary:
        file = io.TextIOWrapper(binary, "utf-8", newline="")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(row.values() for row in prediction_rows(sequences, predictions))
        file.detach()  # flushes; the file is closed by `atomic_file`


def score_table(
    evaluations: dict[str, Evaluation], baselines: dict[str, dict[str, Evaluation]]
) -> tuple[list[str], list[list]]:
    """Columns and rows of a table of the baselines' and the model's scores.

    Args:
        evaluations: split to the model's evaluation.
        baselines: name to split to evaluation.
    """
    columns = ["accuracy", "within_one", "qwk", "qwk_best_rule", "nll", "calibration_error"]
    rows = [
        [system, split, *(evaluation.metrics[name] for name in columns)]
        for system, splits in {**baselines, "model": evaluations}.items()
        for split, evaluation in splits.items()
    ]
    return ["system", "split", *columns], rows


def format_scores(name: str, metrics: dict[str, float]) -> str:
    """The main metrics of a split as a line."""
    titles = {"accuracy": "accuracy", "qwk": "QWK", "nll": "NLL", "qwk_best_rule": "best-rule QWK", "auc": "AUC"}
    scores = [
        f"{title} not defined" if np.isnan(metrics[metric]) else f"{title} {metrics[metric]:.4f}"
        for metric, title in titles.items()
        if metric in metrics
    ]
    return f"{name}: {', '.join(scores)}"
