"""Evaluate answers to SQuAD questions; also a command.

    python -m utils.squad.evaluation DATASET PREDICTIONS [--null-scores FILE [--null-threshold X]]

The command prints one JSON line with `exact_match`, `f1` and `total`. DATASET has any layout that training reads. PREDICTIONS is a
JSON object of question id to answer text, or has Hugging Face's records with `id` and `prediction_text`. A question of DATASET
without a prediction scores 0. What is left out of the files is said on standard error.

The metrics are those of `utils/squad/metrics.py`. Answers in Chinese, Japanese, Thai and other languages without spaces are
compared by character; the JSON line then counts these questions as `by_character`. `--compare-by` chooses for all questions.

The command needs neither TensorFlow nor Keras.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence

import numpy as np

from utils.common.errors import UserError
from utils.common.evaluation import Evaluation
from utils.common.reading import MAX_BAD_FRACTION, Reading
from utils.common.statistics import format_interval
from utils.squad.data import Question, read_squad
from utils.squad.metrics import (
    apply_null_threshold,
    average_scores,
    best_null_threshold,
    question_scores,
    score_predictions,
)
from utils.squad.predictions import read_null_scores, read_predictions
from utils.squad.splits import article_groups
from utils.training.settings import check_ranges

COMPARE_BY = {"language": None, "word": False, "character": True}
"""The choices of `--compare-by`, as `by_character` of the metrics."""


def evaluate(
    questions: Sequence[Question], predictions: Mapping[str, str], by_character: bool | None = None
) -> Evaluation:
    """Score the predictions for one split.

    Args:
        questions: records with reference answers, at least one.
        predictions: question id to answer text; "" stands for "no answer".
        by_character: how answers are compared, see `question_scores`.

    Returns:
        `exact_match` and `f1` in percent, as means and for each question; the number of questions as `total`; with unanswerable
        questions also the `has_ans_*` and `no_ans_*` of `score_predictions`. Groups are articles, or paragraphs where titles name
        no articles.

    Raises:
        UserError: a question has no reference answer.
    """
    exact_match, f1 = question_scores(questions, predictions, by_character)
    metrics = average_scores(questions, predictions, exact_match, f1, by_character)
    del metrics["missing"], metrics["extra"]
    numbers: dict[str, int] = {}
    groups = [numbers.setdefault(name, len(numbers)) for name in article_groups(questions)]
    return Evaluation(metrics, {"exact_match": exact_match, "f1": f1}, np.array(groups))


def evaluate_labelled(
    questions: dict[str, Sequence[Question]],
    predictions: dict[str, Mapping[str, str]],
    by_character: bool | None = None,
):
    """Score the questions that have labels, and say how many have none.

    Args:
        questions: the questions of each split.
        predictions: the predictions of the splits that are to be scored.
        by_character: how answers are compared, see `question_scores`.

    Returns:
        `(scored, evaluations)`: the labelled questions of each split, and their `Evaluation`; a split without any is in neither.
    """
    scored = {name: [question for question in questions[name] if question.is_labelled] for name in predictions}
    for name, part in scored.items():
        if num_unlabelled := len(questions[name]) - len(part):
            print(
                f"{name}: {num_unlabelled:,} of {len(questions[name]):,} questions have no label: answered, not scored"
            )
    scored = {name: part for name, part in scored.items() if part}
    return scored, {name: evaluate(part, predictions[name], by_character) for name, part in scored.items()}


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
    scores, interval = evaluation.metrics, evaluation.intervals(seed)["f1"]
    line = f"{split}: EM {scores['exact_match']:.2f}  F1 {scores['f1']:.2f}{format_interval(interval, 2)}"
    by_character = scores.get("by_character", 0)
    part = "all" if by_character == scores["total"] else f"{by_character:,}"
    return f"{line} on {scores['total']:,} questions" + (f", {part} compared by character" if by_character else "")


def memorisation_exit_status(scores: dict[str, float]) -> int:
    """Print whether all questions were memorised, and return 0 if they were, else 1."""
    is_memorised = scores["exact_match"] == 100.0 and scores["f1"] == 100.0
    print(f"memorised {scores['total']} questions: {'yes' if is_memorised else 'NO'}")
    return 0 if is_memorised else 1


def example_table(
    questions: Sequence[Question], predictions: Mapping[str, str]
) -> tuple[list[str], list[tuple[str, str, str, str, float, float]]]:
    """Columns and rows of a table of answered questions; EM and F1 are in percent."""
    exact_match, f1 = question_scores(questions, predictions)
    rows = [
        (
            question.question,
            question.context,
            predictions[question.id],
            " | ".join(sorted({answer.text for answer in question.answers})),
            float(exact_match),
            float(f1),
        )
        for question, exact_match, f1 in zip(questions, exact_match, f1, strict=True)
    ]
    return ["question", "context", "prediction", "answers", "exact_match", "f1"], rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status, 2 for bad input."""
    parser = argparse.ArgumentParser(prog="python -m utils.squad.evaluation", description="Official SQuAD scores.")
    add = parser.add_argument
    add("dataset", metavar="DATASET", help="questions with reference answers")
    add("predictions", metavar="PREDICTIONS", help="question id to answer text")
    add("--null-scores", metavar="FILE", help="JSON object of question id to null score (2.0)")
    add("--null-threshold", metavar="X", type=float, help='answer "" where the null score exceeds X')
    add(
        "--compare-by",
        choices=COMPARE_BY,
        default="language",
        help="what answers are split into; by default the language decides",
    )
    add(
        "--max-bad-fraction",
        metavar="X",
        type=float,
        default=MAX_BAD_FRACTION,
        help="records of a file that may be unusable, 0-1",
    )
    options = parser.parse_args(arguments)
    reading = Reading(options.max_bad_fraction)
    try:
        scores = _scores_of_files(options, reading)
        for note in reading.notes:
            print(note, file=sys.stderr)
        print(json.dumps(scores))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _scores_of_files(options: argparse.Namespace, reading: Reading) -> dict[str, float | int]:
    if options.null_threshold is not None and not options.null_scores:
        raise UserError("--null-threshold needs --null-scores FILE")
    check_ranges(options, less_than_1="max_bad_fraction")
    by_character = COMPARE_BY[options.compare_by]
    questions = read_squad(options.dataset, reading, require_offsets=False, ids_are_keys=True)
    predictions = read_predictions(options.predictions, reading)
    if predictions.keys().isdisjoint(question.id for question in questions):
        raise UserError(
            f"{options.predictions}: none of its {len(predictions)} ids is in {options.dataset}; "
            "give the predictions made for this dataset (the dataset comes first)"
        )
    if not options.null_scores:
        return score_predictions(questions, predictions, by_character)
    try:
        null_scores = read_null_scores(options.null_scores, reading)
        threshold, f1 = best_null_threshold(questions, predictions, null_scores, by_character)
        if options.null_threshold is not None:
            predictions = apply_null_threshold(predictions, null_scores, options.null_threshold)
    except UserError as error:
        message = str(error)
        raise UserError(message if options.null_scores in message else f"{options.null_scores}: {message}") from error
    scores = score_predictions(questions, predictions, by_character)
    return scores | {"best_f1": f1, "best_f1_threshold": threshold}


if __name__ == "__main__":
    raise SystemExit(main())
