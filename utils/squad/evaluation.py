"""Evaluate answers to SQuAD questions; also a command.

    python -m utils.squad.evaluation DATASET PREDICTIONS [--null-scores FILE [--null-threshold X]]

The command prints one JSON line with `exact_match`, `f1` and `total`. PREDICTIONS is a JSON object of question id to answer text.
Both files may be gzipped (`.gz`). A question of DATASET without a prediction scores 0. The metrics are those of
`utils/squad/metrics.py`. The command needs neither TensorFlow nor Keras.
"""

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from utils.common.errors import UserError
from utils.common.evaluation import Evaluation
from utils.squad.data import Question, read_json, read_squad
from utils.squad.metrics import (
    apply_null_threshold,
    average_scores,
    best_null_threshold,
    question_scores,
    score_predictions,
)
from utils.squad.splits import article_groups


def evaluate(questions: Sequence[Question], predictions: Mapping[str, str]) -> Evaluation:
    """Score the predictions for one split.

    Args:
        questions: records with reference answers, at least one.
        predictions: question id to answer text; "" stands for "no answer".

    Returns:
        `exact_match` and `f1` in percent, as means and for each question; the number of questions as `total`; with unanswerable
        questions also the `has_ans_*` and `no_ans_*` of `score_predictions`. Groups are articles, or paragraphs where titles name
        no articles.

    Raises:
        UserError: a question has no reference answer.
    """
    exact_match, f1 = question_scores(questions, predictions)
    metrics = average_scores(questions, predictions, exact_match, f1)
    del metrics["missing"], metrics["extra"]
    numbers: dict[str, int] = {}
    groups = [numbers.setdefault(name, len(numbers)) for name in article_groups(questions)]
    return Evaluation(metrics, {"exact_match": exact_match, "f1": f1}, np.array(groups))


def validation_scores(predictor, features, questions: Sequence[Question]) -> dict[str, float]:
    """EM and F1 over all validation questions after an epoch, with the best threshold for "no answer" on them.

    Args:
        predictor: `utils.squad.predictor.SquadPredictor`; its `null_threshold` is set.
        features: `utils.squad.features.SquadFeatures` of the questions.
        questions: records with reference answers.
    """
    answers = predictor.answer_features(features, questions)
    predictor.fit_null_threshold(questions, answers)
    scores = score_predictions(questions, answers.predictions(predictor.null_threshold))
    return {"val_exact_match": scores["exact_match"], "val_f1": scores["f1"]}


def format_scores(split: str, evaluation: Evaluation, seed: int) -> str:
    """One line with EM and F1 of a split, and the interval of F1."""
    scores, (low, high) = evaluation.metrics, evaluation.intervals(seed)["f1"]
    line = f"{split}: EM {scores['exact_match']:.2f}  F1 {scores['f1']:.2f} ({low:.2f} to {high:.2f})"
    return f"{line} on {scores['total']:,} questions"


def example_rows(questions: Sequence[Question], predictions: Mapping[str, str]) -> list[tuple[str, str, str, float]]:
    """Rows of question, reference answers, prediction and F1 (0-100), for a table of examples."""
    _, f1 = question_scores(questions, predictions)
    return [
        (question.question, " | ".join(sorted({a.text for a in question.answers})), predictions[question.id], float(f1))
        for question, f1 in zip(questions, f1, strict=True)
    ]


def read_predictions(path: str | Path) -> dict[str, str]:
    """Read `{question id: answer text}` from JSON, gzipped or not.

    Raises:
        UserError: unreadable file, broken JSON, not an object, or a value that is not a string.
    """
    return _read_mapping(path, str, "an answer text (a string)")


def read_null_scores(path: str | Path) -> dict[str, float]:
    """Read `{question id: null score}` from JSON, gzipped or not.

    Raises:
        UserError: unreadable file, broken JSON, not an object, or a value that is not a finite number.
    """
    return _read_mapping(path, (int, float), "a finite number")


def _read_mapping(path: str | Path, types: type | tuple[type, ...], description: str) -> dict:
    values = read_json(path)
    if not isinstance(values, dict):
        content = "a list" if isinstance(values, list) else "a single value"
        raise UserError(f"{path}: holds {content}; give one object that maps each question id to {description}")
    for identifier, value in values.items():
        has_wrong_type = not isinstance(value, types) or isinstance(value, bool)
        if has_wrong_type or (isinstance(value, float) and not math.isfinite(value)):
            raise UserError(f"{path}: the value of {identifier!r} is {str(value)[:40]!r}; give {description}")
    return values


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status, 2 for bad input."""
    parser = argparse.ArgumentParser(prog="python -m utils.squad.evaluation", description="Official SQuAD scores.")
    parser.add_argument("dataset", metavar="DATASET", help="SQuAD v1.1 or v2.0 file, .json or .json.gz")
    parser.add_argument("predictions", metavar="PREDICTIONS", help="JSON object of question id to answer text")
    parser.add_argument("--null-scores", metavar="FILE", help="JSON object of question id to null score (2.0)")
    parser.add_argument("--null-threshold", metavar="X", type=float, help='answer "" where the null score exceeds X')
    options = parser.parse_args(arguments)
    try:
        print(json.dumps(_scores_of_files(options)))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _scores_of_files(options: argparse.Namespace) -> dict[str, float | int]:
    if options.null_threshold is not None and not options.null_scores:
        raise UserError("--null-threshold needs --null-scores FILE")
    questions = read_squad(options.dataset, check_offsets=False)
    predictions = read_predictions(options.predictions)
    if predictions.keys().isdisjoint(question.id for question in questions):
        raise UserError(
            f"{options.predictions}: none of its {len(predictions)} ids is in {options.dataset}; "
            "give the predictions made for this dataset (the dataset comes first)"
        )
    if not options.null_scores:
        return score_predictions(questions, predictions)
    try:
        null_scores = read_null_scores(options.null_scores)
        threshold, f1 = best_null_threshold(questions, predictions, null_scores)
        if options.null_threshold is not None:
            predictions = apply_null_threshold(predictions, null_scores, options.null_threshold)
    except UserError as error:
        message = str(error)
        raise UserError(message if options.null_scores in message else f"{options.null_scores}: {message}") from error
    return score_predictions(questions, predictions) | {"best_f1": f1, "best_f1_threshold": threshold}


if __name__ == "__main__":
    raise SystemExit(main())
