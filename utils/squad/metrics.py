"""The official SQuAD metrics: exact match, F1, the threshold for "no answer", and questions by kind.

Scores are percentages (0-100): the best over a question's reference answers, averaged over all questions (Rajpurkar et al. 2016;
for version 2.0 Rajpurkar, Jia and Liang 2018). Answers are compared after normalisation, by word, or by character where the
paragraph's words have no spaces between them (`utils.squad.normalization`).
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from utils.common.errors import UserError
from utils.squad.normalization import answer_tokens, is_by_character, normalize_answer
from utils.squad.question import Question

QUESTION_WORDS = ("who", "what", "when", "where", "which", "why", "how many/much", "how", "other")
LENGTH_BUCKETS = ("1", "2", "3-4", "5-8", "9+")


def exact_match_score(prediction: str, answer: str, *, by_character: bool = False) -> float:
    """1.0 if both texts are equal once normalised, otherwise 0.0."""
    return float(normalize_answer(prediction, by_character) == normalize_answer(answer, by_character))


def f1_score(prediction: str, answer: str, *, match_empty: bool = False, by_character: bool = False) -> float:
    """Harmonic mean of token precision and recall (0-1) of the normalised texts, each taken as a bag of tokens.

    Args:
        prediction: predicted answer.
        answer: reference answer.
        match_empty: the rule of version 2.0, by which two texts that are empty once normalised score 1.0. In version 1.1 they
            score 0.0.
        by_character: tokens are characters where words have no spaces between them, see `normalize_answer`.
    """
    predicted, expected = answer_tokens(prediction, by_character), answer_tokens(answer, by_character)
    if match_empty and not predicted and not expected:
        return 1.0
    common = sum((Counter(predicted) & Counter(expected)).values())
    return 2 * common / (len(predicted) + len(expected)) if common else 0.0


def question_scores(
    questions: Sequence[Question], predictions: Mapping[str, str], by_character: bool | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Score every question by itself.

    If any question is unanswerable, the rules of version 2.0 hold for all questions: reference answers that are empty once
    normalised are dropped, a question without a remaining reference has the reference "", and two empty texts match.

    Args:
        questions: records with reference answers.
        predictions: question id to answer text; "" stands for "no answer". A question without a prediction scores 0, even if
            "no answer" is correct.
        by_character: how answers are compared; None: as the language of each question's paragraph has it.

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
        characters = _by_character(question, by_character)
        references = {answer.text for answer in question.answers}
        if version_2:
            references = {text for text in references if normalize_answer(text, characters)} or {""}
        exact_match[i] = 100 * max(exact_match_score(prediction, text, by_character=characters) for text in references)
        f1[i] = 100 * max(
            f1_score(prediction, text, match_empty=version_2, by_character=characters) for text in references
        )
    return exact_match, f1


def score_predictions(
    questions: Sequence[Question], predictions: Mapping[str, str], by_character: bool | None = None
) -> dict[str, float | int]:
    """Average the scores over all questions; `by_character` is that of `question_scores`.

    Returns:
        `exact_match` and `f1` (0-100), `total` questions, `missing` (questions without a prediction, which score 0; the
        official 2.0 script leaves them out of its average) and `extra` (predictions for unknown ids, which are ignored).
        `by_character` is the number of questions that are scored by character, where there are any. With unanswerable questions
        also `has_ans_*` and `no_ans_*` for each of `exact_match`, `f1` and `total`.

    Raises:
        UserError: there are no questions, or a question has no reference answer.
    """
    if not questions:
        raise UserError("there are no questions to score; give a dataset with at least one")
    return average_scores(questions, predictions, *question_scores(questions, predictions, by_character), by_character)


def average_scores(
    questions: Sequence[Question],
    predictions: Mapping[str, str],
    exact_match: np.ndarray,
    f1: np.ndarray,
    by_character: bool | None = None,
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
    if num_by_character := sum(_by_character(question, by_character) for question in questions):
        scores["by_character"] = num_by_character
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
    questions: Sequence[Question],
    predictions: Mapping[str, str],
    null_scores: Mapping[str, float],
    by_character: bool | None = None,
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
    f1_without_answers = question_scores(questions, dict.fromkeys(predictions, ""), by_character)[1]
    gains = (question_scores(questions, predictions, by_character)[1] - f1_without_answers)[has_score]
    thresholds, numbers = np.unique(null[has_score], return_inverse=True)
    total_gains = np.concatenate([[0.0], np.cumsum(np.bincount(numbers, weights=gains))])
    thresholds = np.concatenate([[thresholds[0] - 1.0], thresholds])
    best = int(np.flatnonzero(total_gains >= total_gains.max() - 1e-9)[0])
    return float(thresholds[best]), float((f1_without_answers.sum() + total_gains[best]) / len(questions))


def question_parts(questions: Sequence[Question]) -> dict[str, dict[str, np.ndarray]]:
    """Part the questions by question word and by answer length, for plots.

    Returns:
        `{"question_word": {...}, "answer_length": {...}}`. Each maps the name of a group to a mask, bool `(questions,)`. Groups
        without questions are left out. The question word is the first one in the question ("In what year ..." counts as what). The
        length is that of the first reference answer, in words separated by white space, or in characters where the question is
        scored by character; unanswerable questions have no length.
    """
    words = np.array([_question_word(question.question) for question in questions])
    lengths = np.array([_length_bucket(question) for question in questions])
    parts = {"question_word": (QUESTION_WORDS, words), "answer_length": (LENGTH_BUCKETS, lengths)}
    return {
        part: {name: labels == name for name in names if (labels == name).any()}
        for part, (names, labels) in parts.items()
    }


def _by_character(question: Question, by_character: bool | None) -> bool:
    return is_by_character(question.context) if by_character is None else by_character


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
    text = question.answers[0].text
    length = len(answer_tokens(text, by_character=True) if is_by_character(question.context) else text.split())
    return LENGTH_BUCKETS[int(np.searchsorted([1, 2, 4, 8], length))]
