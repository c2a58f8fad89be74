"""Questions about paragraphs as plain records, from files in any of the layouts of `utils.squad.layouts`.

In a record, `context[answer.start : answer.start + len(answer.text)] == answer.text` in characters (Rajpurkar et al. 2016). A
question without an answer is unanswerable (Rajpurkar, Jia and Liang 2018) or not labelled.
"""

from __future__ import annotations

import hashlib
import json
from collections import ChainMap
from collections.abc import Container, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np

from utils.common.errors import UserError
from utils.common.files import has_lone_surrogate, text_bytes
from utils.common.reading import NUM_EXAMPLES, FileReport, Reading
from utils.squad.layouts import (
    IMPOSSIBLE,
    QUESTION,
    BadRecord,
    Entry,
    as_text,
    raw_answers,
    read_entries,
    text_field,
    truth_field,
)
from utils.squad.offsets import character_offset, find_near, offset_unit
from utils.squad.question import Answer, Question
from utils.squad.stored_questions import QuestionTable, StoredPart, StoredQuestions

STORED_BYTES = 256 * 2**20
"""Text of the files of a split from which on their questions are kept on disk and not in memory."""
MAX_CONTEXTS = 1024
"""Paragraphs of which it is remembered, beside the disk, that they were checked."""
CHECKSUM_BYTES = 2**20
"""Bytes of a file that are read at once for its checksum."""


def read_squad(
    path: str | Path,
    reading: Reading | None = None,
    *,
    require_answers: bool = True,
    require_offsets: bool = True,
    ids_are_keys: bool = False,
    known: dict[str, Question] | None = None,
) -> list[Question]:
    """Read one file, in file order; its content tells its layout.

    Records that cannot be used are left out, and counted in `reading`. So is what is unusual about records that are used:

    - A question whose list of answers is empty is unanswerable, as in the official script of version 2.0. But where this is so for
      the whole file and answers are not required, the file is not labelled.
    - A question without an id is named after its place in the file.
    - A question whose id was used before is left out if it is the same question, and renamed if it is another one.

    Args:
        path: the file.
        reading: counts what is left out; a new one allows 5 % of the records to be bad.
        require_answers: leave out questions that have no label. Pass False for questions that need only be answered.
        require_offsets: repair offsets that do not point at their answer, and leave out answers that are not in the context.
            Training needs the offsets; scores need the texts alone.
        ids_are_keys: another file refers to the ids. A second question with the same id is then left out, not renamed.
        known: the questions of earlier files by their ids.

    Raises:
        UserError: the file cannot be read, too many records are bad, or no record can be used.
    """
    with (reading or Reading()).file(path) as report:
        return collect_questions(
            read_entries(path, report),
            report,
            require_answers=require_answers,
            require_offsets=require_offsets,
            ids_are_keys=ids_are_keys,
            known=known,
        )


def read_squad_files(
    paths: Iterable[str | Path], reading: Reading | None = None, cache_dir: str | Path | None = None, **options
) -> Sequence[Question]:
    """Read several files one after another.

    Args:
        paths: the files.
        reading: counts what is left out; a new one allows 5 % of the records of each file to be bad.
        cache_dir: folder for questions that do not fit into memory: of files with more text than `STORED_BYTES`. None: all are
            kept in memory.
        options: the other arguments of `read_squad`, without `known`.

    Returns:
        a list, or a `QuestionTable`.

    Raises:
        UserError: as for `read_squad`, no file is named, or the folder cannot be written to.
    """
    paths = _paths(paths)
    if cache_dir is not None and sum(map(text_bytes, paths)) > STORED_BYTES:
        return _read_stored(paths, reading or Reading(), Path(cache_dir), options)
    known: dict[str, Question] = {}
    for path in paths:
        known |= {question.id: question for question in read_squad(path, reading, known=known, **options)}
    if not known:
        raise UserError("no files with questions are named; name at least one")
    return list(known.values())


def _read_stored(paths: list[Path], reading: Reading, cache_dir: Path, options: dict) -> QuestionTable:
    try:
        store = StoredQuestions(cache_dir)
        for path in paths:
            known, questions = StoredPart(store, 0, store.num_rows), StoredPart(store, store.num_rows)
            needs = {"require_answers": True, "require_offsets": True, "ids_are_keys": False} | options
            with reading.file(path) as report:
                _collect(read_entries(path, report), report, questions, known, **needs)
        return QuestionTable(store, StoredPart(store, 0).numbers())
    except OSError as error:  # those of the files that are read are a `UserError`
        raise UserError(
            f"{cache_dir}: cannot keep the questions there ({error.strerror}); name another --cache-dir"
        ) from None


def collect_questions(
    entries: Iterable[Entry],
    report: FileReport,
    *,
    require_answers: bool = True,
    require_offsets: bool = True,
    ids_are_keys: bool = False,
    known: dict[str, Question] | None = None,
) -> list[Question]:
    """Make records of entries and count them; see `read_squad`."""
    questions: dict[str, Question] = {}
    _collect(entries, report, questions, known or {}, require_answers, require_offsets, ids_are_keys)
    return list(questions.values())


def _collect(
    entries: Iterable[Entry],
    report: FileReport,
    questions: MutableMapping[str, Question],
    known: Mapping[str, Question],
    require_answers: bool,
    require_offsets: bool,
    ids_are_keys: bool,
) -> None:
    """Add the records of a file to `questions`, by their ids; `known` are those of earlier files."""
    misplaced: dict[str, str] = {}  # ids of questions with a wrong offset, and where they are
    without_answers = _FirstPlaces()  # questions with an empty list of answers
    contexts: dict[str, str] = {}  # equal paragraphs become one object, because rows repeat them
    is_stored = isinstance(questions, StoredPart)
    for entry in entries:
        try:
            question, is_empty = _as_question(entry, contexts, report, require_offsets)
        except BadRecord as error:
            report.leave_out(entry.where(), str(error))
            continue
        if is_stored and len(contexts) > MAX_CONTEXTS:  # the store has them all
            contexts.clear()
        if require_answers and not question.is_labelled:
            report.skip(entry.where(), "there are no answers")
            continue
        earlier = questions.get(question.id) or known.get(question.id)
        if earlier and (question.context, question.question) == (earlier.context, earlier.question):
            added = tuple(answer for answer in question.answers if answer not in earlier.answers)
            if not added or earlier.is_impossible:
                report.skip(entry.where(), "an earlier record has the same question")
                continue
            if earlier.id not in questions:
                report.skip(
                    entry.where(), "an earlier file has the same question, with other answers: only those are kept"
                )
                continue
            report.skip(entry.where(), "an earlier record has the same question: their answers are joined")
            question = replace(earlier, answers=earlier.answers + added)
        elif earlier and ids_are_keys:
            report.leave_out(entry.where(), "another question has the same id")
            continue
        elif earlier or not question.id:
            problem = "another question has the same id" if earlier else "there is no id"
            report.note(entry.where(), f"{problem}: the question is named after its place in the file")
            question = replace(question, id=_name_by_place(report, entry, ChainMap(questions, known)))
        questions[question.id] = question
        if is_empty:
            without_answers.add(entry.where())
        if require_offsets and not all(_is_placed(question.context, answer) for answer in question.answers):
            misplaced[question.id] = entry.where()
    if misplaced:
        _repair_offsets(questions, misplaced, report)
    if without_answers.count and not require_answers and without_answers.count == len(questions):
        for identifier in questions:
            questions[identifier] = replace(questions[identifier], is_impossible=False)
        remark = "the list of answers is empty in the whole file: it is taken as not labelled"
    else:
        remark = "the list of answers is empty: the question is taken as unanswerable"
    for where, number in without_answers.places():
        report.note(where, remark, number)
    report.used += len(questions)


class _FirstPlaces:
    """Counts records, and keeps the places of the first ones, which messages name."""

    def __init__(self):
        self.count = 0
        self._places: list[str] = []

    def add(self, place: str) -> None:
        self.count += 1
        if len(self._places) <= NUM_EXAMPLES:
            self._places.append(place)

    def places(self) -> list[tuple[str, int]]:
        """The first places, each with how many records it stands for."""
        counts = [1] * len(self._places)
        if counts:
            counts[-1] += self.count - len(counts)
        return list(zip(self._places, counts, strict=True))


def _as_question(
    entry: Entry, contexts: dict[str, str], report: FileReport, with_places: bool
) -> tuple[Question, bool]:
    """The record of an entry, and whether its list of answers is empty although nothing says that it is unanswerable.

    Raises:
        BadRecord: the entry cannot be used.
    """
    context = as_text(entry.context)
    if context is None:
        raise BadRecord("there is no context" if entry.context is None else "the context is not a text")
    if context not in contexts:
        check_text(context, "context")
    context = contexts.setdefault(context, context)
    question = text_field(entry.fields, QUESTION)
    check_text(question, "question")
    is_impossible = truth_field(entry.fields, IMPOSSIBLE)
    pairs = raw_answers(entry.fields, with_places)
    largest = 4 * len(context)  # in bytes of UTF-8
    answers = tuple(
        [
            Answer(text, -1 if start is None or start < 0 else min(start, largest))
            for text, start in pairs or ()
            if text.strip()
        ]
    )
    for answer in answers:
        check_text(answer.text, "answer")
    if is_impossible and answers:
        raise BadRecord("there are answers although is_impossible is true")
    if answers and len(answers) < len(pairs):
        report.note(entry.where(), "one of the answers is empty and left out")
    is_empty = pairs is not None and not answers and not is_impossible
    identifier, title = (
        "" if has_lone_surrogate(text) else text for text in (entry.identifier, as_text(entry.title) or "")
    )
    return Question(identifier, title, context, question, answers, is_impossible or is_empty), is_empty


def check_text(text: str | None, name: str) -> None:
    """Check a text of a record.

    Raises:
        BadRecord: it is empty, or holds half a character.
    """
    if not text or not text.strip():
        raise BadRecord(f"the {name} is empty")
    if has_lone_surrogate(text):
        raise BadRecord(f"the {name} holds half a character (a lone surrogate)")


def _name_by_place(report: FileReport, entry: Entry, taken: Container[str]) -> str:
    """An id such as `questions-17` for the 17th question of `questions.json.gz`."""
    name = f"{Path(report.path).name.split('.')[0]}-{entry.number}"
    return name if name not in taken else next(f"{name}-{n}" for n in count(2) if f"{name}-{n}" not in taken)


def _is_placed(context: str, answer: Answer) -> bool:
    return answer.start >= 0 and context.startswith(answer.text, answer.start)


def _repair_offsets(questions: MutableMapping[str, Question], misplaced: dict[str, str], report: FileReport) -> None:
    """Convert offsets that count other units, look for misplaced answers nearby, and leave out those that do not occur."""
    unit = offset_unit(
        (question.context, answer.text, answer.start)
        for question in questions.values()
        for answer in question.answers
        if answer.start >= 0
    )
    for identifier in list(questions if unit else misplaced):
        question = questions[identifier]
        where = misplaced.get(question.id, f"question {question.id!r}")
        placed = [_place(question.context, answer, unit) for answer in question.answers]
        answers = tuple(dict.fromkeys(answer for answer, _ in placed if answer))
        if answers:
            questions[question.id] = replace(question, answers=answers)
            for remark in sorted({remark for _, remark in placed if remark}):
                report.note(where, remark)
        elif question.answers:
            report.leave_out(where, "the answer is not in the context")
            del questions[question.id]


def _place(context: str, answer: Answer, unit: str | None) -> tuple[Answer | None, str]:
    """An answer whose offset points at its text, and what was done to it; None where the text does not occur."""
    start = character_offset(context, answer.start, unit) if answer.start >= 0 else -1
    if _is_placed(context, Answer(answer.text, start)):
        remark = "" if start == answer.start else f"answer_start counts {unit}: it is converted"
        return Answer(answer.text, start), remark
    nearest = find_near(context, answer.text, max(start, 0))
    if not nearest:
        return None, "one of the answers is not in the context and left out"
    nearest_start, nearest_text = nearest
    if nearest_start == start:
        remark = "the context spells the answer in another way (capitals, accents, white space, quotes or the like)"
    elif answer.start < 0:
        remark = "there is no answer_start: the first occurrence of the answer is taken"
    else:
        remark = "answer_start is wrong: the nearest occurrence of the answer is taken"
    return Answer(nearest_text, nearest_start), remark


def describe(questions: Sequence[Question], paths: Iterable[str | Path] = ()) -> dict:
    """Describe a set of questions, for `results.json`.

    `articles` counts distinct titles and `paragraphs` distinct contexts. `checksum` is the SHA-256 of the files' bytes in their
    order (the same as `cat FILES | sha256sum`), or of the records themselves if there are no files.
    """
    paths = _paths(paths)
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            while block := file.read(CHECKSUM_BYTES):
                digest.update(block)
    counts = _counts_of_table(questions) if isinstance(questions, QuestionTable) else _counts(questions)
    if not paths:
        for q in questions:
            answers = [(answer.text, answer.start) for answer in q.answers]
            record = [q.id, q.title, q.context, q.question, answers, q.is_impossible]
            digest.update(json.dumps(record).encode() + b"\n")
    return {
        "files": [path.name for path in paths],
        **counts,
        "checksum": f"sha256:{digest.hexdigest()}",
    }


def _counts(questions: Sequence[Question]) -> dict[str, int]:
    return {
        "articles": len({question.title for question in questions}),
        "paragraphs": len({question.context for question in questions}),
        "questions": len(questions),
        "answers": sum(len(question.answers) for question in questions),
        "unanswerable": sum(question.is_impossible for question in questions),
        "unlabelled": sum(not question.is_labelled for question in questions),
    }


def _counts_of_table(questions: QuestionTable) -> dict[str, int]:
    """The same without a record being made."""
    num_answers, is_impossible = questions.column("num_answers"), questions.column("is_impossible")
    return {
        "articles": len(np.unique(questions.column("title"))),
        "paragraphs": len(np.unique(questions.column("context"))),
        "questions": len(questions),
        "answers": int(num_answers.sum()),
        "unanswerable": int(is_impossible.sum()),
        "unlabelled": int((~is_impossible & (num_answers == 0)).sum()),
    }


def _paths(paths: str | Path | Iterable[str | Path]) -> list[Path]:
    return [Path(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]
