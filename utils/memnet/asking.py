"""Ask a trained model questions about facts: one, or a file of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from utils.common.asking import OrderedReport, Record, Request, answer_in_order
from utils.common.files import content_kind, read_lines
from utils.common.question_records import read_plain_questions
from utils.memnet.answering import answer_lines as answer_lines  # predict.py prints by it
from utils.memnet.data import is_majority
from utils.memnet.predictor import MemnetPredictor
from utils.memnet.question_files import QuestionRecord, problem_of, questions_of_file

BATCH_SIZE = 1_024
"""Questions that are answered together."""
N_BEST = 3
"""Answers, and attended facts, of a question."""


def load(request: Request) -> MemnetPredictor:
    """The predictor that answers, from the facts of the request's file or of the run."""
    return MemnetPredictor.load(request.reference, [request.file] if request.file else [], request.max_bad_fraction)


def ask(predictor: MemnetPredictor, request: Request) -> list[dict]:
    """The answer to one question, see `MemnetPredictor.answer`."""
    return predictor.answer([request.question], n_best=request.n_best or N_BEST)


def ask_file(predictor: MemnetPredictor, request: Request, report: OrderedReport) -> Iterator[dict]:
    """The answers to the questions of a file, in its order.

    The file has questions in any of the formats of training, with or without answers, or a question per line. A question that
    brings facts of its own is answered from these alone; if none of them can be used, it has an error in the place of an answer.
    """

    def answer_questions(records):
        answers = [None] * len(records)
        for has_facts in (False, True):
            places = [place for place, record in enumerate(records) if (record.memory is not None) is has_facts]
            if places:
                facts = [records[place].memory for place in places] if has_facts else None
                texts = [records[place].text for place in places]
                for place, answer in zip(places, predictor.answer(texts, facts, request.n_best or N_BEST), strict=True):
                    answers[place] = answer
        return answers

    return answer_in_order(report.in_order(read_questions(request.input, report)), answer_questions, report, BATCH_SIZE)


def read_questions(path: Path, report: OrderedReport) -> Iterator[Record]:
    """Yield the questions of a file; text with an id, a tab and a question in each line has no answers."""
    if has_ids(path):
        plain = read_plain_questions(path, report)
        records = (QuestionRecord(record.place, record.value, (), id=record.id) for record in plain)
    else:
        records = questions_of_file(path, report, needs_answers=False)
    for record in records:
        reason = problem_of(record, needs_answers=False)
        if not reason and record.memory == ():
            reason = "its memory has no fact that can be used; give some, or leave the memory out"
        if reason:
            report.leave_out(record.place, reason, id=record.id)
        else:
            yield Record(record.id, record.place, record)


def has_ids(path: Path) -> bool:
    """Whether each line of a text is an id of one word, a tab and a question; questions with answers are the reverse."""
    if content_kind(path) != "text":
        return False
    sample = [line.split("\t") for _, line in itertools.islice(read_lines(path), 50) if line.strip()]
    if not sample or any(len(parts) != 2 or len(parts[0].split()) != 1 for parts in sample):
        return False
    return is_majority(len(question.split()) > 1 or question.rstrip().endswith("?") for _, question in sample)
