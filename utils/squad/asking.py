"""Ask a trained model questions about texts: one, or a file of them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from utils.common.asking import JsonObjectFile, OrderedReport, Record, Request, answer_in_order
from utils.common.errors import UserError
from utils.common.files import content_kind, read_document, read_lines
from utils.common.question_records import read_plain_questions
from utils.squad.answering import answer_lines as answer_lines  # predict.py prints by it
from utils.squad.data import check_text
from utils.squad.decoding import N_BEST
from utils.squad.layouts import IDENTIFIER, QUESTION, BadRecord, Entry, as_text, read_entries, text_field
from utils.squad.predictor import SquadPredictor

BATCH_SIZE = 512
"""Questions that are answered together: enough for batches of windows of similar length."""
SHOWN = 3
"""Answers that are shown to one question."""


def load(request: Request) -> SquadPredictor:
    """The predictor of the model that the request names."""
    return SquadPredictor.load(request.reference)


def ask(predictor: SquadPredictor, request: Request) -> list[dict]:
    """The answer to one question, see `SquadPredictor.answer`.

    Raises:
        UserError: there is no text.
    """
    text = _text(request)
    if not text.strip():
        raise UserError("the text is empty; give it after the question or with --file")
    records = [{"question": request.question, "context": text}]
    return [{"question": request.question, **answer} for answer in predictor.answer(records, request.n_best or SHOWN)]


def ask_file(predictor: SquadPredictor, request: Request, report: OrderedReport) -> Iterator[dict]:
    """The answers to the questions of a file, in its order: dicts as of `ask`, with `id`; or `id` and `error`.

    The file has questions with their texts, in any layout of `utils.squad.layouts`. If the request has a text of its own, the
    file has questions alone, and all are answered from that text.

    Raises:
        UserError: a file cannot be read.
    """

    def answer_pairs(pairs):
        records = [{"question": question, "context": context} for question, context in pairs]
        answers = predictor.answer(records, request.n_best or N_BEST)
        return [{"question": question, **answer} for (question, _), answer in zip(pairs, answers, strict=True)]

    text = _text(request)
    if text.strip():
        questions = read_plain_questions(request.input, report)
        records = (Record(record.id, record.place, (record.value, text)) for record in questions)
    else:
        if _is_plain_text(request.input):
            raise UserError(f"{request.input}: holds questions without texts; name the text to answer from with --file")
        records = read_pairs(request.input, report)
    return answer_in_order(report.in_order(records), answer_pairs, report, BATCH_SIZE)


def _identifier(entry: Entry) -> str | int | None:
    """The id of a question as its file has it: a number stays a number."""
    numbers = (value for name in IDENTIFIER if isinstance(value := entry.fields.get(name), int))
    return next((value for value in numbers if str(value) == entry.identifier), entry.identifier or None)


def _text(request: Request) -> str:
    """The text that the request brings, in a file or by itself; empty for none."""
    text = read_document(request.file) if request.file else request.text
    if request.file and not text.strip():
        raise UserError(f"{request.file}: the text is empty; name another --file")
    return text


def _is_plain_text(path: Path) -> bool:
    """Whether a file is text whose first line cannot name the columns of a table."""
    first = next((line for _, line in read_lines(path) if line.strip()), "") if content_kind(path) == "text" else ""
    return bool(first) and not re.search(r"[\t,;|]", first)


def read_pairs(path: Path, report: OrderedReport) -> Iterator[Record]:
    """Yield the question and the context of each record of a file. Its labels, if it has any, are not looked at."""
    for entry in read_entries(path, report):
        identifier = _identifier(entry)
        try:
            question, context = text_field(entry.fields, QUESTION), as_text(entry.context)
            check_text(context, "context")
            check_text(question, "question")
        except BadRecord as error:
            report.leave_out(entry.where(), str(error), id=identifier)
        else:
            yield Record(identifier, entry.where(), (question, context))


def write_folder(folder: Path, answers: Iterable[dict], predictor: SquadPredictor, report: OrderedReport) -> None:
    """Write `predictions.json` and `nbest_predictions.json`, which official and Hugging Face's scripts score.

    Where the model can find a question unanswerable, `null_scores.json` is written too. A question that cannot be answered, or
    whose id another one has already, is in none of them; it is counted.

    Args:
        folder: an existing folder.
        answers: from `ask_file`.
        predictor: the predictor that gave them.
        report: counts what is left out.
    """
    names = {"answer": "predictions.json", "n_best": "nbest_predictions.json"}
    if predictor.null_threshold is not None:
        names["null_score"] = "null_scores.json"
    written = set()
    with contextlib.ExitStack() as stack:
        files = {key: stack.enter_context(JsonObjectFile(folder / name)) for key, name in names.items()}
        for answer in answers:
            identifier = str(answer["id"])
            if "error" in answer:  # it is counted already
                continue
            if identifier in written:
                report.used -= 1
                record = Record(identifier, f"question {identifier!r}", None)
                report.note_failure(record, "another question has the same id")
                continue
            written.add(identifier)
            for key, file in files.items():
                file.add(identifier, answer[key])
