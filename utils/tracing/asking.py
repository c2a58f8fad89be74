"""Ask a trained model how students will respond next: to some items, or to all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from utils.common.asking import OrderedReport, Record, Request, answer_in_order, say_notes
from utils.common.errors import UserError
from utils.tracing.answering import answer_lines as answer_lines  # predict.py prints by it
from utils.tracing.answering import most_informative
from utils.tracing.item_response import PROBABILITIES
from utils.tracing.mastery import skill_mastery
from utils.tracing.mastery import write_folder as write_folder  # predict.py writes by it
from utils.tracing.names import plain_name
from utils.tracing.predictor import TracingPredictor
from utils.tracing.sequences import NEW_STUDENT, ResponseSequence

PREDICTIONS_AT_ONCE = 1_024
"""Responses that are predicted together; each takes the whole history of its student."""


def load(request: Request) -> TracingPredictor:
    """The predictor that answers."""
    return TracingPredictor.load(request.reference)


def ask(predictor: TracingPredictor, request: Request) -> list[dict]:
    """The predictions for the students of the request's file, or for a new student; see `TracingPredictor.predict`.

    Raises:
        UserError: the request names no item.
    """
    items = _named_items(request) or (list(predictor.item_numbers) if request.n_best else [])
    if not items:
        raise UserError(
            f"{request.question!r}: names no item; give items, with commas between, or --n-best for the most informative of all"
        )
    _check_n_best(predictor, request)
    histories = [NEW_STUDENT]
    if request.file:
        histories, notes = predictor.read_histories(request.file, request.max_bad_fraction)
        say_notes(notes)
    students = [predict_student(predictor, history, items) for history in histories]
    return _with_mastery(students, histories, predictor, request)


def ask_file(predictor: TracingPredictor, request: Request, report: OrderedReport) -> Iterator[dict]:
    """The predictions for the students of a file of histories, in its order; for the request's items, or for all of training.

    Each student has `mastery`, too, of the skills of these items, see `utils.tracing.mastery.skill_mastery`.

    A student with a response that the model does not know gets an error. Rows that cannot be read are left out of the histories
    and counted, as in training.
    """
    items = _named_items(request) or list(predictor.item_numbers)
    histories, notes = predictor.read_histories(request.input, request.max_bad_fraction)
    say_notes(notes)
    records = (Record(history.student, f"student {history.student}", history) for history in histories)
    students_at_once = max(1, PREDICTIONS_AT_ONCE // len(items))
    _check_n_best(predictor, request)

    def predict_students(histories: Sequence[ResponseSequence]) -> list[dict]:
        if len(items) <= PREDICTIONS_AT_ONCE:
            students = predictor.predict(histories, items)
        else:
            students = [predict_student(predictor, history, items) for history in histories]
        return _with_mastery(students, histories, predictor, request)

    return answer_in_order(records, predict_students, report, students_at_once)


def _with_mastery(
    students: Sequence[dict], histories: Sequence[ResponseSequence], predictor: TracingPredictor, request: Request
) -> list[dict]:
    """The predictions that the request asks for, and the mastery of the skills of all items that were predicted."""
    return [
        {
            **best_items(student, history, request),
            "mastery": skill_mastery(student["predictions"], history, predictor.skill_of_item),
        }
        for student, history in zip(students, histories, strict=True)
    ]


def predict_student(predictor: TracingPredictor, history: ResponseSequence, items: Sequence[str]) -> dict:
    """The predictions for one student, however many items there are."""
    parts = [
        predictor.predict([history], items[start : start + PREDICTIONS_AT_ONCE])[0]
        for start in range(0, len(items), PREDICTIONS_AT_ONCE)
    ]
    return {**parts[0], "predictions": [prediction for part in parts for prediction in part["predictions"]]}


def best_items(student: dict, history: ResponseSequence, request: Request) -> dict:
    """With the request's `n_best`, the predictions of that many items, those whose response would tell most of the student.

    Items that the student has answered are left out, unless the request names the items or none would remain.

    Args:
        student: from `predict_student`.
        history: the student's responses so far.
        request: the request.
    """
    if not request.n_best:
        return student
    predictions = student["predictions"]
    if not _named_items(request):
        answered = set(history.items)
        predictions = [prediction for prediction in predictions if prediction["item"] not in answered] or predictions
    return {**student, "predictions": most_informative(predictions)[: request.n_best]}


def _check_n_best(predictor: TracingPredictor, request: Request) -> None:
    if request.n_best and predictor.head not in PROBABILITIES:
        raise UserError(
            "--n-best: the items of this model have no information, because it has no ability; leave it out, or train with --model "
            "state_space"
        )


def _named_items(request: Request) -> list[str]:
    return [plain_name(item) for item in request.question.split(",") if item.strip()]
