"""The official SQuAD metrics, and their command line.

    python -m utils.squad.evaluation DATASET PREDICTIONS [--null-scores FILE [--null-threshold X]]

prints one JSON line with `exact_match`, `f1` and `total`. PREDICTIONS is an object of question id to answer text; both
files may be gzipped (`.gz`). Exact match and F1 are percentages (0-100): the best over a question's reference answers,
averaged over all questions of DATASET, where a question without a prediction scores 0 (Rajpurkar et al. 2016; for
version 2.0 Rajpurkar, Jia and Liang 2018). Answers are compared after lower-casing and removing punctuation, articles
and extra white space. Needs neither TensorFlow nor Keras.
"""

import argparse
import json
import math
import re
import string
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from utils.common.errors import UserError
from utils.squad.data import Question, read_json, read_squad

QUESTION_WORDS = ("who", "what", "when", "where", "which", "why", "how many/much", "how", "other")
LENGTH_BUCKETS = ("1", "2", "3-4", "5-8", "9+")

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")


def normalize_answer(text: str) -> str:
    """Lower-case, drop ASCII punctuation, then the words a/an/the, then collapse white space: in this order."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match_score(prediction: str, answer: str) -> float:
    """1.0 if both texts are equal once normalised, otherwise 0.0."""
    return float(normalize_answer(prediction) == normalize_answer(answer))


def f1_score(prediction: str, answer: str, *, match_empty: bool = False) -> float:
    """Harmonic mean of token precision and recall (0-1) of the normalised texts, each taken as a bag of tokens.

    `match_empty` is the rule of version 2.0: 1.0 if both texts are empty once normalised. Version 1.1 gives 0.0.
    """
    predicted, expected = normalize_answer(prediction).split(), normalize_answer(answer).split()
    if match_empty and not predicted and not expected:
        return 1.0
    common = sum((Counter(predicted) & Counter(expected)).values())
    return 2 * common / (len(predicted) + len(expected)) if common else 0.0


def question_scores(questions: Sequence[Question], predictions: Mapping[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """Score every question by itself.

    If any question is unanswerable, the rules of version 2.0 hold for all: reference answers that are empty once
    normalised are dropped, a question left with none has the reference "", and two empty texts match.

    Args:
        questions: records with reference answers.
        predictions: question id to answer text; "" stands for "no answer". A question without a prediction scores 0,
            also where no answer would have been right.

    Returns:
        `(exact_match, f1)`, float64 arrays of shape `(questions,)` in percent, whose means are the metrics.

    Raises:
        UserError: a question that is not unanswerable has no reference answer.
    """
    version_2 = any(question.is_impossible for question in questions)
    exact_match, f1 = np.zeros(len(questions)), np.zeros(len(questions))
    for i, question in enumerate(questions):
        if not question.answers and not question.is_impossible:
            raise UserError(f"question {question.id!r} has no reference answer to score against; remove it")
        prediction = predictions.get(question.id)
        if prediction is None:
            continue
        references = {answer.text for answer in question.answers}
        if version_2:
            references = {text for text in references if normalize_answer(text)} or {""}
        exact_match[i] = 100 * max(exact_match_score(prediction, text) for text in references)
        f1[i] = 100 * max(f1_score(prediction, text, match_empty=version_2) for text in references)
    return exact_match, f1


def score_predictions(questions: Sequence[Question], predictions: Mapping[str, str]) -> dict[str, float | int]:
    """Average the scores over all questions.

    Returns:
        `exact_match` and `f1` (0-100), `total` questions, `missing` (questions without a prediction, which score 0; the
        official 2.0 script leaves them out of its average) and `extra` (predictions for unknown ids, ignored). With
        unanswerable questions also `has_ans_*` and `no_ans_*` for each of `exact_match`, `f1` and `total`.

    Raises:
        UserError: no questions, or as `question_scores`.
    """
    if not questions:
        raise UserError("there are no questions to score; give a dataset with at least one")
    exact_match, f1 = question_scores(questions, predictions)
    known = {question.id for question in questions}
    scores = {
        "exact_match": float(exact_match.mean()),
        "f1": float(f1.mean()),
        "total": len(questions),
        "missing": len(known - predictions.keys()),
        "extra": len(predictions.keys() - known),
    }
    impossible = np.array([question.is_impossible for question in questions])
    if impossible.any():
        for name, chosen in (("has_ans", ~impossible), ("no_ans", impossible)):
            if chosen.any():
                scores[f"{name}_exact_match"] = float(exact_match[chosen].mean())
                scores[f"{name}_f1"] = float(f1[chosen].mean())
            scores[f"{name}_total"] = int(chosen.sum())
    return scores


def bootstrap_interval(
    values: np.ndarray, seed: int = 0, resamples: int = 1000, level: float = 0.95
) -> tuple[float, float]:
    """Percentile bootstrap interval of a mean, resampling questions with replacement (Efron 1979).

    Args:
        values: one score a question, shape `(questions,)`, e.g. from `question_scores`.
        seed: of NumPy's generator; the same seed gives the same interval.
        resamples: number of resampled means.
        level: share of them that the interval covers, in (0, 1).

    Returns:
        `(low, high)` in the unit of `values`.

    Raises:
        ValueError: `values` is empty or not one-dimensional, or `level` or `resamples` is out of range.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not values.size or not 0 < level < 1 or resamples < 1:
        raise ValueError(f"needs scores of shape (questions,), level in (0, 1), resamples > 0; got {values.shape}")
    generator = np.random.default_rng(seed)
    means = np.empty(resamples)
    step = max(1, 1_000_000 // values.size)  # at most a million indices in memory at a time
    for first in range(0, resamples, step):
        size = min(step, resamples - first)
        means[first : first + size] = values[generator.integers(values.size, size=(size, values.size))].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def apply_null_threshold(
    predictions: Mapping[str, str], null_scores: Mapping[str, float], threshold: float
) -> dict[str, str]:
    """Answer "" wherever the null score (how much "no answer" is preferred) exceeds `threshold`.

    Raises:
        UserError: a prediction has no null score.
    """
    return {
        identifier: "" if _null_score(null_scores, identifier) > threshold else text
        for identifier, text in predictions.items()
    }


def best_null_threshold(
    questions: Sequence[Question], predictions: Mapping[str, str], null_scores: Mapping[str, float]
) -> tuple[float, float]:
    """The threshold for `apply_null_threshold` that gives the highest F1 on these questions.

    Candidates are the null scores themselves, and one below them all ("never answer": the lowest score minus 1).
    Questions with equal null scores are decided together, so that the F1 can be reached; among thresholds of equal F1
    the lowest wins. (The official 2.0 script walks through equal scores one by one and starts at 0.)

    Returns:
        `(threshold, f1)`, where `f1` (0-100) is that of `score_predictions` with the threshold applied.

    Raises:
        UserError: a prediction has no null score, or no question has a prediction.
    """
    null = np.array([_null_score(null_scores, q.id) if q.id in predictions else np.nan for q in questions])
    answered = np.isfinite(null)
    if not answered.any():
        raise UserError("none of the questions has a prediction; give predictions for this dataset")
    silent = question_scores(questions, dict.fromkeys(predictions, ""))[1]
    gain = (question_scores(questions, predictions)[1] - silent)[answered]
    thresholds, group = np.unique(null[answered], return_inverse=True)
    sums = np.concatenate([[0.0], np.cumsum(np.bincount(group, weights=gain))])
    thresholds = np.concatenate([[thresholds[0] - 1.0], thresholds])
    best = int(np.flatnonzero(sums >= sums.max() - 1e-9)[0])
    return float(thresholds[best]), float((silent.sum() + sums[best]) / len(questions))


def breakdown(
    questions: Sequence[Question], exact_match: np.ndarray, f1: np.ndarray
) -> dict[str, dict[str, tuple[int, float, float]]]:
    """Average scores by question word and by answer length, for plots.

    Args:
        questions: records.
        exact_match: scores of shape `(questions,)`, as from `question_scores`.
        f1: likewise.

    Returns:
        `{"question_word": {...}, "answer_length": {...}}`, each from a group's name to `(count, exact_match, f1)` in
        the unit of the arrays; groups without questions are left out. The question word is the first one in the
        question ("In what year ..." counts as what). The length is that of the first reference answer in white-space
        separated words; unanswerable questions are in no length group.
    """
    words = np.array([_question_word(question.question) for question in questions])
    lengths = np.array([_length_bucket(question) for question in questions])
    parts = {"question_word": (QUESTION_WORDS, words), "answer_length": (LENGTH_BUCKETS, lengths)}
    return {
        part: {
            name: (int(chosen.sum()), float(np.mean(exact_match[chosen])), float(np.mean(f1[chosen])))
            for name in names
            if (chosen := labels == name).any()
        }
        for part, (names, labels) in parts.items()
    }


def read_predictions(path: str | Path) -> dict[str, str]:
    """Read `{question id: answer text}` from JSON, `.gz` or not.

    Raises:
        UserError: unreadable file, broken JSON, not an object, or a value that is not a string.
    """
    return _read_mapping(path, str, "an answer text (a string)")


def read_null_scores(path: str | Path) -> dict[str, float]:
    """Read `{question id: null score}` from JSON, `.gz` or not.

    Raises:
        UserError: unreadable file, broken JSON, not an object, or a value that is not a finite number.
    """
    return _read_mapping(path, (int, float), "a finite number")


def _read_mapping(path: str | Path, kinds: type | tuple[type, ...], wanted: str) -> dict:
    values = read_json(path)
    if not isinstance(values, dict):
        found = "a list" if isinstance(values, list) else "a single value"
        raise UserError(f"{path}: holds {found}; give one object that maps each question id to {wanted}")
    for identifier, value in values.items():
        bad = not isinstance(value, kinds) or isinstance(value, bool)
        if bad or (isinstance(value, float) and not math.isfinite(value)):
            raise UserError(f"{path}: the value of {identifier!r} is {str(value)[:40]!r}; give {wanted}")
    return values


def _null_score(null_scores: Mapping[str, float], identifier: str) -> float:
    if identifier not in null_scores:
        raise UserError(f"question {identifier!r} has a prediction but no null score; give one for every prediction")
    return null_scores[identifier]


def _question_word(question: str) -> str:
    words = re.findall(r"[a-z]+", question.lower())
    for i, word in enumerate(words):
        if word in ("whom", "whose"):
            return "who"
        if word == "how" and words[i + 1 : i + 2] in (["many"], ["much"]):
            return "how many/much"
        if word in QUESTION_WORDS and word != "other":
            return word
    return "other"


def _length_bucket(question: Question) -> str:
    if not question.answers:
        return ""
    length = len(question.answers[0].text.split())
    return LENGTH_BUCKETS[int(np.searchsorted([1, 2, 4, 8], length))]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status, 2 for bad input."""
    parser = argparse.ArgumentParser(prog="python -m utils.squad.evaluation", description="Official SQuAD scores.")
    parser.add_argument("dataset", metavar="DATASET", help="SQuAD v1.1 or v2.0 file, .json or .json.gz")
    parser.add_argument("predictions", metavar="PREDICTIONS", help="JSON object of question id to answer text")
    parser.add_argument("--null-scores", metavar="FILE", help="JSON object of question id to null score (2.0)")
    parser.add_argument("--null-threshold", metavar="X", type=float, help="answer nothing where the score exceeds X")
    options = parser.parse_args(arguments)
    try:
        print(json.dumps(_evaluate(options)))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _evaluate(options: argparse.Namespace) -> dict[str, float | int]:
    if options.null_threshold is not None and not options.null_scores:
        raise UserError("--null-threshold needs --null-scores FILE")
    questions = read_squad(options.dataset, check_offsets=False)
    predictions = read_predictions(options.predictions)
    if predictions.keys().isdisjoint(question.id for question in questions):
        raise UserError(
            f"{options.predictions}: none of its {len(predictions)} ids stands in {options.dataset}; "
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
