"""The layouts of files with questions about paragraphs, each recognised by the keys of its records.

- SQuAD: articles with `paragraphs`, which have a `context` and `qas`. The list of articles may also stand alone.
- SimpleTransformers, CMRC 2018 and MRQA: a list or lines of paragraphs with `qas`, without articles.
- Hugging Face: one question per row, with `context`, `question` and `answers`, in JSON, JSON lines, Parquet or a table.
"""

from __future__ import annotations

import ast
import io
import itertools
import json
import math
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from utils.common.reading import FileReport
from utils.common.records import read_records

CONTEXT = ("context", "context_text", "passage", "paragraph")
QUESTION = ("question", "query_text", "question_text", "query")
IDENTIFIER = ("id", "qid", "query_id", "question_id")
ANSWERS = ("answers", "answer", "answer_text")
ANSWER_START = ("answer_start", "answer_starts", "answerStart", "answerstart", "start")
IMPOSSIBLE = ("is_impossible", "isImpossible", "isimpossible")
"""The names of each field, in the order in which they are looked for."""
ANSWER_TEXT = ("text", *ANSWERS)
"""The names of an answer's text within `answers`."""
KNOWN_COLUMNS = (*CONTEXT, *QUESTION, *IDENTIFIER, *ANSWERS, *ANSWER_START, "text")
MAX_PYTHON_LENGTH = 20_000
"""Characters of answers that are written as Python, at most."""
MAX_DEPTH = 4
"""Levels of a document: the whole, articles, paragraphs, questions."""


class BadRecord(ValueError):
    """Says what is wrong with a record, without repeating its values."""


@dataclass(slots=True)
class Entry:
    """A question as its file has it.

    Args:
        number: counts the questions of the file from 1.
        place: its line or row in the file; empty where it has none of its own.
        title: its article.
        context: its paragraph.
        fields: its other fields by their names.
    """

    number: int
    place: str
    title: object
    context: object
    fields: dict

    def where(self) -> str:
        """Where the question is, in a few words."""
        name = f"question {self.identifier!r}" if self.identifier else f"question number {self.number:,}"
        return f"{name} of {self.place}" if self.place else name

    @property
    def identifier(self) -> str:
        """Its id as a text; "" if it has none. MRQA's predictions use `qid`, even where there is an `id` too."""
        is_mrqa = "detected_answers" in self.fields and "qid" in self.fields
        return (as_text(self.fields["qid"] if is_mrqa else first_value(self.fields, IDENTIFIER)) or "").strip()


def read_entries(path: str | Path, report: FileReport) -> Iterator[Entry]:
    """Yield every question of a file, whatever its layout is; what is not a question is left out and counted.

    Raises:
        UserError: the file cannot be read.
    """
    number = 0
    for place, record in read_records(path, report, known_columns=KNOWN_COLUMNS):
        for entry in _entries(record, place, None, report):
            number += 1
            entry.number = number
            yield entry


def _entries(record, place: str, title, report: FileReport, depth: int = 0) -> Iterator[Entry]:
    """The questions in a document, an article, a paragraph or a row."""
    if not isinstance(record, dict) or depth > MAX_DEPTH:
        report.leave_out(place, "it is not a JSON object" if depth <= MAX_DEPTH else "it is nested too deeply")
    elif "paragraphs" in record or ("data" in record and "qas" not in record):
        key = "paragraphs" if "paragraphs" in record else "data"
        for part in record[key] if isinstance(record[key], list) else [record[key]]:
            yield from _entries(part, place, record.get("title", title), report, depth + 1)
    elif "qas" in record:
        context, title = first_value(record, CONTEXT), record.get("title", title)
        if not isinstance(record["qas"], list):
            report.leave_out(place, "qas is not a list")
            return
        own_place = place if place.startswith(("line", "row")) else ""
        for fields in record["qas"]:
            if isinstance(fields, dict):
                yield Entry(0, own_place, title, context, fields)
            else:
                report.leave_out(place, "a question in it is not a JSON object")
    else:
        fields = {name.strip().lower(): value for name, value in record.items()}
        if first_value(fields, QUESTION) is not None and not any(name in fields for name in CONTEXT):
            report.leave_out(place, "it has a question and no context (docs/data_formats.md has the layouts)")
        elif first_value(fields, QUESTION) is not None:
            yield Entry(0, place, fields.get("title", title), first_value(fields, CONTEXT), fields)
        elif "header" not in fields:  # MRQA's first line
            report.leave_out(
                place, "it has no paragraphs, no qas and no question (docs/data_formats.md has the layouts)"
            )


def first_value(fields: dict, names: tuple[str, ...]):
    """The value of the first of these names that has one; None if none has."""
    for name in names:
        value = fields.get(name)
        if value is not None:
            return value
    return None


def text_field(fields: dict, names: tuple[str, ...]) -> str:
    """A text under one of these names; a number is written out, and "" stands for no value.

    Raises:
        BadRecord: the value is neither a text nor a number.
    """
    value = first_value(fields, names)
    text = as_text(value)
    if text is None and value is not None:
        raise BadRecord(f"the {names[0]} is not a text")
    return text or ""


def as_text(value) -> str | None:
    """A text or number as a text; None for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(int(value)) if value == int(value) else str(value)


def truth_field(fields: dict, names: tuple[str, ...]) -> bool:
    """A field under one of these names that is true or false, also as 1 and 0 or in words; False where it is absent or null.

    Raises:
        BadRecord: any other value.
    """
    value = first_value(fields, names)
    if value is None or value is False:
        return False
    if value is True:
        return True
    word = str(as_text(value)).strip().lower()
    if word in ("true", "1", "yes"):
        return True
    if word in ("false", "0", "no", "", "null", "none"):
        return False
    raise BadRecord(f"{names[0]} is neither true nor false")


def raw_answers(fields: dict, with_places: bool) -> list[tuple[str, int | None]] | None:
    """The answers of a question as `(text, offset)`; the offset is None where none is given.

    Args:
        fields: the fields of the question.
        with_places: whether offsets are needed. If so, MRQA's `detected_answers`, which have them, replace its `answers`.

    Returns:
        None if the question has no label at all; an empty list if it is labelled as having no answer.

    Raises:
        BadRecord: the answers have none of the known forms.
    """
    if with_places and fields.get("detected_answers") is not None:
        return _detected_answers(fields["detected_answers"])
    value, starts = first_value(fields, ANSWERS), first_value(fields, ANSWER_START)
    if value is None and starts is not None:
        value = fields.get("text")
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        value = _parsed(value)
        starts = _parsed(starts) if isinstance(starts, str) and starts.lstrip().startswith("[") else starts
    if value is None or value == "":
        return None
    if isinstance(value, dict):
        if value and not any(name in value for name in ANSWER_TEXT):
            raise BadRecord("the answers have no text")
        return _answers_in_columns(first_value(value, ANSWER_TEXT), first_value(value, ANSWER_START))
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [
            answer
            for item in value
            for answer in (_answers_of(item) if isinstance(item, dict) else [_answer(item, None)])
        ]
    return _answers_in_columns(value, starts)


def _parsed(text: str):
    """The answers in a text of JSON, or of Python or NumPy as pandas writes them into tables. Nothing of it is run.

    A text that only begins with a bracket (`[sic]`) is an answer itself.

    Raises:
        BadRecord: the text begins like a list or an object of answers, but is not one, or it lacks commas.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    if len(text) <= MAX_PYTHON_LENGTH:
        try:
            value = ast.literal_eval(_WithoutArrays().visit(ast.parse(text.strip(), mode="eval")))
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            pass
        else:
            if _lacks_commas(text):
                raise BadRecord("the answers have no commas between them, as where NumPy prints a list")
            return value
    if re.match(r"\s*(?:\[\s*)?(?:\{\s*)?[\"']|\s*\[\s*\{", text):
        raise BadRecord("the answers look like JSON and are not")
    return text


def _lacks_commas(text: str) -> bool:
    """Whether texts stand side by side, as in NumPy's `['a' 'b']`: Python makes one text of them."""
    tokens = tokenize.generate_tokens(io.StringIO(text.strip()).readline)
    kinds = [token.type for token in tokens if token.type != tokenize.NL]
    return (tokenize.STRING, tokenize.STRING) in itertools.pairwise(kinds)


class _WithoutArrays(ast.NodeTransformer):
    """Replaces `array([...], dtype=object)` by its list."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        is_array = isinstance(node.func, ast.Name) and node.func.id == "array" and node.args
        return node.args[0] if is_array else node


def _answers_of(item: dict) -> list[tuple[str, int | None]]:
    """The answers of one object, whose text and offset may be lists."""
    if not any(name in item for name in ANSWER_TEXT):
        item = {str(name).strip().lower(): value for name, value in item.items()}
    if not any(name in item for name in ANSWER_TEXT):
        raise BadRecord("an answer has no text")
    text, start = first_value(item, ANSWER_TEXT), first_value(item, ANSWER_START)
    return _answers_in_columns(text, start) if isinstance(text, list) else [_answer(text, start)]


def _answers_in_columns(texts, starts) -> list[tuple[str, int | None]]:
    """Answers whose texts and offsets are two lists, as Hugging Face keeps them; or one answer."""
    if not isinstance(texts, list):
        return [] if texts is None and not starts else [_answer(texts, starts)]
    if starts is None or starts in ([], ""):
        starts = [None] * len(texts)
    starts = starts if isinstance(starts, list) else [starts]
    if len(starts) != len(texts):
        raise BadRecord("the answers have more texts than offsets, or fewer")
    return [_answer(text, start) for text, start in zip(texts, starts, strict=True)]


def _detected_answers(value) -> list[tuple[str, int | None]]:
    """MRQA's answers: each has the spans where it stands, `[first character, last character]`."""
    answers = []
    for item in value if isinstance(value, list) else [value]:
        spans = item.get("char_spans") if isinstance(item, dict) else None
        if not isinstance(spans, list) or not all(isinstance(span, list | tuple) and span for span in spans):
            raise BadRecord("detected_answers have no char_spans")
        answers += [_answer(item.get("text"), span[0]) for span in spans]
    return answers


def _answer(text, start) -> tuple[str, int | None]:
    text = "" if text is None else as_text(text)
    if text is None:
        raise BadRecord("an answer is not a text")
    if isinstance(start, bool):
        raise BadRecord("answer_start is not a number")
    try:
        return text, None if start is None or start == "" else int(start)
    except (TypeError, ValueError, OverflowError):
        if isinstance(start, str):
            try:
                return text, int(float(start))  # "49.0", as tables with empty cells have it
            except (ValueError, OverflowError):
                pass
        raise BadRecord("answer_start is not a number") from None
