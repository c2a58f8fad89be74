"""Ask a trained model how students will respond next: to some items, or to all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from utils.common.asking import OrderedReport, Record, Request, answer_in_order, say_notes
from utils.common.errors import UserError
from utils.tracing.answering import answer_lines as answer_lines  # predict.py prints by it
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
    items = _named_items(request)
    if not items:
        raise UserError(f"{request.question!r}: names no item; give items, with commas between")
    histories = [NEW_STUDENT]
    if request.file:
        histories, notes = predictor.read_histories(request.file, request.max_bad_fraction)
        say_notes(notes)
    return [predict_student(predictor, history, items) for history in histories]


def ask_file(predictor: TracingPredictor, request: Request, report: OrderedReport) -> Iterator[dict]:
    """The predictions for the students of a file of histories, in its order; for the request's items, or for all of training.

    A student with a response that the model does not know gets an error. Rows that cannot be read are left out of the histories
    and counted, as in training.
    """
    items = _named_items(request) or list(predictor.item_numbers)
    histories, notes = predictor.read_histories(request.input, request.max_bad_fraction)
    say_notes(notes)
    records = (Record(history.student, f"student {history.student}", history) for history in histories)
    students_at_once = max(1, PREDICTIONS_AT_ONCE // len(items))

    def predict_students(histories: Sequence[ResponseSequence]) -> list[dict]:
        if len(items) <= PREDICTIONS_AT_ONCE:
            return predictor.predict(histories, items)
        return [predict_student(predictor, history, items) for history in histories]

    return answer_in_order(records, predict_students, report, students_at_once)


def predict_student(predictor: TracingPredictor, history: ResponseSequence, items: Sequence[str]) -> dict:
    """The predictions for one student, however many items there are."""
    parts = [
        predictor.predict([history], items[start : start + PREDICTIONS_AT_ONCE])[0]
        for start in range(0, len(items), PREDICTIONS_AT_ONCE)
    ]
    return {**parts[0], "predictions": [prediction for part in parts for prediction in part["predictions"]]}


def _named_items(request: Request) -> list[str]:
    return [item.strip() for item in request.question.split(",") if item.strip()]
