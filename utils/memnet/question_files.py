"""Questions with their answers from files. What is in a file decides how it is read, not its name."""

from __future__ import annotations

import ast
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from utils.common.errors import UserError
from utils.common.files import content_kind, has_lone_surrogate, read_lines
from utils.common.question_records import record_id
from utils.common.reading import FileReport
from utils.common.records import read_records
from utils.common.tables import find_columns, find_separator
from utils.memnet.data import COLUMNS, is_majority
from utils.memnet.ntriples import names_of_terms
from utils.memnet.records import MAX_FIELD_LENGTH, BadFactError, Fact, fact_from, name_text

FIELDS = {
    "question": ("query", "text", "q", "question_text"),
    "answers": ("answer", "labels", "label", "a", "answer_text", "target", "targets"),
    "memory": ("facts", "triples", "knowledge"),
}
"""The fields of a question, and other names that they have in people's files."""
ANSWER_TEXTS = ("text", "answer", "name", "value")
"""Names of the text in an answer that is an object with fields."""
SNIFFED_LINES, SNIFFED_CHARACTERS = 50, 10_000
"""Lines at the beginning of a file that tell its format, and characters of each, at most."""
MAX_LIST_LENGTH = 20_000
"""Characters of a list that is written as a text, at most."""

_PARLAI = re.compile(r"(?:.*\t)?text:.*\t(?:eval_)?labels:")
_NUMBER = re.compile(r"\d+ +(?=\S)")
_ENTITY = re.compile(r"\[(.+?)\](?!\])")


@dataclass(frozen=True, slots=True)
class QuestionRecord:
    """A question as a file has it.

    Args:
        place: where it stands in the file, such as `line 7`.
        text: the question.
        answers: a list of answers, or one text of answers with commas between.
        entity: what it is about, where the file marks it; else empty.
        memory: the facts that the file gives for it; None where it gives none.
        id: its own id; None where it has none.
    """

    place: str
    text: str
    answers: Sequence[str] | str
    entity: str = ""
    memory: tuple[Fact, ...] | None = None
    id: str | int | None = None


def read_question_records(path: str | Path, report: FileReport) -> list[QuestionRecord]:
    """Read the questions of a file.

    Formats:

    - JSON, JSON lines, Parquet or a table with a header: objects of `question` (a text, or a list of words), `answers` or `answer`
      (one or a list), and optionally `memory` (`[[subject, relation, object], ...]`);
    - WikiMovies' text: `1 who wrote it?<tab>answer, answer`, also without the number;
    - MetaQA's text: `who wrote [it]<tab>answer|answer`, the entity in brackets;
    - ParlAI's text: `text:who wrote it?<tab>labels:answer|answer`.

    Args:
        path: the file, compressed or not.
        report: counts what is left out: questions without text or answer, and those of more than 1,000 characters.

    Raises:
        UserError: the file cannot be read, or has none of these formats.
    """
    records = []
    for record in questions_of_file(path, report):
        reason = problem_of(record)
        if reason:
            report.leave_out(record.place, reason)
        else:
            records.append(record)
    report.used += len(records)
    return records


def questions_of_file(path: str | Path, report: FileReport, needs_answers: bool = True) -> Iterator[QuestionRecord]:
    """Yield the questions of a file, in any of the formats of `read_question_records`, unchecked.

    Args:
        path: the file, compressed or not.
        report: counts what is not a question.
        needs_answers: whether lines and tables without answers are refused.

    Raises:
        UserError: the file cannot be read, or has none of these formats.
    """
    path = Path(path)
    kind = content_kind(path)
    if kind in ("json", "jsonl", "parquet"):
        return _named_questions(path, report)
    if kind != "text":
        raise UserError(
            f"{path}: is not a file of questions; give JSON lines, or lines of a question, a tab and answers"
        )
    lines = itertools.islice(read_lines(path), SNIFFED_LINES)
    sample = [line[:SNIFFED_CHARACTERS] for _, line in lines if line.strip()]
    if sample and _has_header(path, sample[0], needs_answers):
        return _named_questions(path, report)
    if is_majority(map(_PARLAI.match, sample)):
        return _parlai_questions(path, report)
    questions = [line.partition("\t")[0] for line in sample]
    is_numbered, has_entities = (is_majority(map(pattern, questions)) for pattern in (_NUMBER.match, _ENTITY.search))
    return _text_questions(path, report, is_numbered, has_entities, needs_answers)


def problem_of(record: QuestionRecord, needs_answers: bool = True) -> str:
    """Why a question cannot be used; empty where it can."""
    if not record.text:
        return "it has no question"
    if needs_answers and not record.answers:
        return "it has no answer"
    if len(record.text) > MAX_FIELD_LENGTH:
        return f"the question is longer than {MAX_FIELD_LENGTH:,} characters"
    if has_lone_surrogate(record.text) or any(map(has_lone_surrogate, record.answers)):
        return "its text has half a character (a lone surrogate)"
    return ""


def _has_header(path: Path, line: str, needs_answers: bool) -> bool:
    """Whether the first line of a text names a column of questions, and one of answers if they are needed."""
    names = line.split(find_separator(path, _field_names()))
    needed = {"question", "answers"} if needs_answers else {"question"}
    return needed <= set(find_columns(path, names, FIELDS)) if len(set(names)) == len(names) else False


def _field_names() -> list[str]:
    return [name for field, others in FIELDS.items() for name in (field, *others)]


def _named_questions(path: Path, report: FileReport) -> Iterator[QuestionRecord]:
    """Yield the questions of records with named fields."""
    names_of: dict[tuple, dict[str, str]] = {}  # the names of a record to those of its fields
    for place, value in read_records(path, report, _field_names()):
        names = tuple(value)
        if names not in names_of:
            names_of[names] = {field: names[column] for field, column in find_columns(path, names, FIELDS).items()}
        fields = {field: value[name] for field, name in names_of[names].items()}
        text, memory = fields.get("question", ""), fields.get("memory")
        if isinstance(text, list):
            text = " ".join(map(name_text, text))
        answers = _answers_of(fields.get("answers"))
        facts = None if memory in (None, "") else tuple(_memory_facts(memory, place, report))
        yield QuestionRecord(place, name_text(text), answers, memory=facts, id=record_id(value))


def _answers_of(value) -> list[str]:
    """The answers in a field, which is one or a list; of answers that are objects, their texts."""
    value = _parsed_list(value)
    if isinstance(value, dict):  # columns, as Hugging Face's datasets have them, or one answer
        value = next((value[name] for name in ANSWER_TEXTS if name in value), None)
    if isinstance(value, list):
        return [text for answer in value for text in _answers_of(answer)]
    return [text] if (text := name_text(value)) else []


def _parsed_list(value):
    """The list in a text that is one in JSON or in Python, as tables have them; anything else as it is."""
    if not isinstance(value, str) or len(value) > MAX_LIST_LENGTH or not value.startswith("["):
        return value
    for parse in (json.loads, ast.literal_eval):
        try:
            return parse(value)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return value


def _memory_facts(memory, place: str, report: FileReport) -> Iterator[Fact]:
    """Yield the facts of a memory; those that are none are counted, and the question is used without them."""
    memory = _parsed_list(memory)
    for triple in memory if isinstance(memory, list) else [memory]:
        if isinstance(triple, dict):
            places = find_columns(place, list(triple), COLUMNS)
            values = list(triple.values())
            triple = [values[places[column]] for column in COLUMNS] if len(places) == 3 else values
        try:
            yield fact_from(names_of_terms(triple) if isinstance(triple, list) else [])
        except BadFactError as error:
            report.note(place, f"a fact of their memory is left out: {error}")


def _text_questions(
    path: Path, report: FileReport, is_numbered: bool, has_entities: bool, needs_answers: bool
) -> Iterator[QuestionRecord]:
    """Yield the questions of lines of a question, a tab and answers; numbers and the brackets of entities are taken off."""
    for number, line in read_lines(path):
        if not line.strip():
            continue
        question, *answers = line.rstrip("\t").split("\t")
        answers = answers or ([] if needs_answers else [""])
        if len(answers) != 1:
            report.leave_out(f"line {number:,}", "it is not a question, one tab, and answers")
            continue
        start = _NUMBER.match(question) if is_numbered else None
        text, place = name_text(question[start.end() if start else 0 :]), f"line {number:,}"
        if not has_entities:
            listed = _parsed_list(answers[0])
            yield QuestionRecord(
                place, text, _answers_of(listed) if isinstance(listed, list) else name_text(answers[0])
            )
            continue
        entity = _ENTITY.search(text[:MAX_FIELD_LENGTH])
        if entity:
            text = text[: entity.start()] + entity[1] + text[entity.end() :]
        yield QuestionRecord(place, text, _between_pipes(answers[0]), entity[1] if entity else "")


def _parlai_questions(path: Path, report: FileReport) -> Iterator[QuestionRecord]:
    """Yield the questions of ParlAI's dialogue format: fields `name:text` with tabs between; `\\n` is a line break.

    Of a text of several lines the last one is the question; those above it are what was said before.
    """
    num_cut = 0
    for number, line in read_lines(path):
        if not line.strip():
            continue
        fields = dict(part.split(":", 1) for part in line.split("\t") if ":" in part)
        *before, text = fields.get("text", "").replace("\\n", "\n").rstrip("\n").split("\n")
        num_cut += bool(before)
        answers = _between_pipes(fields.get("labels") or fields.get("eval_labels") or "")
        yield QuestionRecord(f"line {number:,}", name_text(text), answers)
    if num_cut:
        report.remark(f"of {num_cut:,} texts of several lines, the last line is the question")


def _between_pipes(text: str) -> list[str]:
    return [name_text(part) for part in text.split("|") if part.strip()]
