"""The official SQuAD metrics: normalisation, exact match, F1, the threshold for "no answer", and averages by group.

Scores are percentages (0-100): the best over a question's reference answers, averaged over all questions (Rajpurkar et al. 2016;
for version 2.0 Rajpurkar, Jia and Liang 2018). Answers are compared after lower-casing and after removing punctuation, articles and
extra white space.
"""

import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from utils.common.errors import UserError
from utils.squad.data import Question

QUESTION_WORDS = ("who", "what", "when", "where", "which", "why", "how many/much", "how", "other")
LENGTH_BUCKETS = ("1", "2", "3-4", "5-8", "9+")

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")


def normalize_answer(text: str) -> str:
    """Lower-case, drop ASCII punctuation, then the words a/an/the, then collapse white space: in this order.

    >>> normalize_answer("The  Eiffel Tower!")
    'eiffel tower'
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match_score(prediction: str, answer: str) -> float:
    """1.0 if both texts are equal once normalised, otherwise 0.0."""
    return float(normalize_answer(prediction) == normalize_answer(answer))


def f1_score(prediction: str, answer: str, *, match_empty: bool = False) -> float:
    """Harmonic mean of token precision and recall (0-1) of the normalised texts, each taken as a bag of tokens.

    Args:
        prediction: predicted answer.
        answer: reference answer.
        match_empty: the rule of version 2.0, by which two texts that are empty once normalised score 1.0. In version 1.1 they
            score 0.0.
    """
    predicted, expected = normalize_answer(prediction).split(), normalize_answer(answer).split()
    if match_empty and not predicted and not expected:
        return 1.0
    common = sum((Counter(predicted) & Counter(expected)).values())
    return 2 * common / (len(predicted) + len(expected)) if common else 0.0


def question_scores(questions: Sequence[Question], predictions: Mapping[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """Score every question by itself.

    If any question is unanswerable, the rules of version 2.0 hold for all questions: reference answers that are empty once
    normalised are dropped, a question without a remaining reference has the reference "", and two empty texts match.

    Args:
        questions: records with reference answers.
        predictions: question id to answer text; "" stands for "no answer". A question without a prediction scores 0, even if
            "no answer" is correct.

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
        official 2.0 script leaves them out of its average) and `extra` (predictions for unknown ids, which are ignored). With
        unanswerable questions also `has_ans_*` and `no_ans_*` for each of `exact_match`, `f1` and `total`.

    Raises:
        UserError: there are no questions, or a question has no reference answer.
    """
    if not questions:
        raise UserError("there are no questions to score; give a dataset with at least one")
    return average_scores(questions, predictions, *question_scores(questions, predictions))


def average_scores(
    questions: Sequence[Question], predictions: Mapping[str, str], exact_match: np.ndarray, f1: np.ndarray
) -> dict[str, float | int]:
    """`score_predictions` where the scores of each question are known, as from `question_scores`."""
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
        for name, selected in (("has_ans", ~impossible), ("no_ans", impossible)):
            if selected.any():
                scores[f"{name}_exact_match"] = float(exact_match[selected].mean())
                scores[f"{name}_f1"] = float(f1[selected].mean())
            scores[f"{name}_total"] = int(selected.sum())
    return scores


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
    """Find the threshold for `apply_null_threshold` that gives the highest F1 on these questions.

    Candidates are the null scores themselves, and one value below all of them ("always answer": the lowest score minus 1).
    Questions with equal null scores are decided together, so that the reported F1 can be reached. Of thresholds with equal F1 the
    lowest is taken. (The official 2.0 script decides equal scores one by one and starts at 0.)

    Returns:
        `(threshold, f1)`, where `f1` (0-100) is that of `score_predictions` with the threshold applied.

    Raises:
        UserError: a prediction has no null score, or no question has a prediction.
    """
    null = np.array([_null_score(null_scores, q.id) if q.id in predictions else np.nan for q in questions])
    has_score = np.isfinite(null)
    if not has_score.any():
        raise UserError("none of the questions has a prediction; give predictions for this dataset")
    f1_without_answers = question_scores(questions, dict.fromkeys(predictions, ""))[1]
    gains = (question_scores(questions, predictions)[1] - f1_without_answers)[has_score]
    thresholds, numbers = np.unique(null[has_score], return_inverse=True)
    total_gains = np.concatenate([[0.0], np.cumsum(np.bincount(numbers, weights=gains))])
    thresholds = np.concatenate([[thresholds[0] - 1.0], thresholds])
    best = int(np.flatnonzero(total_gains >= total_gains.max() - 1e-9)[0])
    return float(thresholds[best]), float((f1_without_answers.sum() + total_gains[best]) / len(questions))


def breakdown(
    questions: Sequence[Question], exact_match: np.ndarray, f1: np.ndarray
) -> dict[str, dict[str, tuple[int, float, float]]]:
    """Average scores by question word and by answer length, for plots.

    Args:
        questions: records.
        exact_match: scores of shape `(questions,)`, as from `question_scores`.
        f1: scores of shape `(questions,)`.

    Returns:
        `{"question_word": {...}, "answer_length": {...}}`. Each maps the name of a group to `(count, exact_match, f1)` in the unit
        of the arrays. Groups without questions are left out. The question word is the first one in the question ("In what year ..."
        counts as what). The length is that of the first reference answer, in words separated by white space; unanswerable questions
        have no length.
    """
    words = np.array([_question_word(question.question) for question in questions])
    lengths = np.array([_length_bucket(question) for question in questions])
    parts = {"question_word": (QUESTION_WORDS, words), "answer_length": (LENGTH_BUCKETS, lengths)}
    return {
        part: {
            name: (int(selected.sum()), float(np.mean(exact_match[selected])), float(np.mean(f1[selected])))
            for name in names
            if (selected := labels == name).any()
        }
        for part, (names, labels) in parts.items()
    }


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
