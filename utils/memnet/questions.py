"""Questions about facts: made from templates, or read from JSON lines and WikiMovies' text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from utils.common.errors import UserError, some_of
from utils.common.files import file_kind, read_lines
from utils.memnet.data import MAX_FIELD_LENGTH, Fact, KnowledgeBase, MemoryQuestion, RejectedRows, knowledge_base
from utils.text.words import split_words


def questions_from_templates(
    base: KnowledgeBase, templates, subjects: Iterable[str], split: str = "train", max_templates: int = 0, seed=0
) -> list[MemoryQuestion]:
    """Questions about every relation of every subject.

    Args:
        base: the facts.
        templates: relation to split to templates, as `read_templates` gives them.
        subjects: subjects of the facts.
        split: the split whose templates are used.
        max_templates: use this many templates of each subject and relation, drawn at random; 0 is all.
        seed: seed of that draw.
    """
    rng = np.random.default_rng(seed)
    questions = []
    for subject in subjects:
        answers = {}
        for number in base.by_subject[subject]:
            answers.setdefault(base.facts[number].relation, []).append(base.facts[number].object)
        for relation, objects in answers.items():
            candidates = templates.get(relation, {}).get(split, ())
            drawn = rng.permutation(len(candidates))[: max_templates or None]
            for template in (candidates[place] for place in sorted(drawn)):
                name = f"{subject}/{relation}/{template}"
                text = template.replace("{s}", subject)
                questions.append(MemoryQuestion(name, text, subject, tuple(objects), relation, template))
    return questions


def read_questions(
    path: str | Path, base: KnowledgeBase | None = None
) -> tuple[list[MemoryQuestion], KnowledgeBase, list[str]]:
    """Read questions with their answers.

    Formats:

    - `.jsonl`: `{"question": text or words, "answers": [...]}`, optionally with `"memory": [[subject, relation, object], ...]`;
    - any other name: WikiMovies' text (`1 who wrote it?<tab>answer, answer`).

    Args:
        path: the file, gzipped or not.
        base: the facts that memories are looked up in. Left out, they are the facts of the file's memories.

    Returns:
        the questions, the facts, and notes.

    Raises:
        UserError: a line has another form; or there are no questions, or no facts.
    """
    path = Path(path)
    rejected = RejectedRows(path)
    records = list(_json_records(path, rejected) if file_kind(path) == ".jsonl" else _text_records(path))
    if not records:
        raise UserError(
            f"{path}: no questions there; give JSON lines, or lines of a number, a question, a tab and answers"
        )
    notes = rejected.notes
    if base is None:
        facts = [fact for *_, memory in records for fact in memory or ()]
        if not facts:
            raise UserError(f"{path}: its questions have no memories; name a file of facts with --facts")
        base, more_notes = knowledge_base(facts, str(path))
        notes += more_notes
    numbers = {fact: number for number, fact in enumerate(base.facts)}
    objects = {fact.object for fact in base.facts}
    find_subject = subject_finder(base)
    questions, unknown_facts, lines_without_subject = [], {}, []
    for line, text, answers, memory in records:
        known = None if memory is None else tuple(dict.fromkeys(numbers[fact] for fact in memory if fact in numbers))
        unknown_facts |= dict.fromkeys(fact for fact in memory or () if fact not in numbers)
        subject = find_subject(text) if memory is None else _subject_of_memory(text, memory)
        if subject is None and memory is None:
            lines_without_subject.append(line)
        answers = tuple(dict.fromkeys(_split_answers(answers, objects) if isinstance(answers, str) else answers))
        questions.append(MemoryQuestion(f"{path.name}:{line}", text, subject or text, answers, memory=known))
    if unknown_facts:
        notes.append(
            f"{path}: {len(unknown_facts):,} facts of memories are not among the given facts and were left out "
            f"({some_of(list(map(str, unknown_facts)))})"
        )
    if lines_without_subject:
        notes.append(
            f"{path}: {len(lines_without_subject):,} of {len(questions):,} questions name no subject of the facts; each counts "
            f"as a subject of its own where subjects are split (line {some_of(lines_without_subject)})"
        )
    return questions, base, notes


def memory_facts(path: str | Path) -> Iterator[Fact]:
    """Yield the facts of the memories in a file of questions; a text file has none."""
    path = Path(path)
    if file_kind(path) == ".jsonl":
        for *_, memory in _json_records(path, RejectedRows(path)):
            yield from memory or ()


def _split_answers(text: str, objects: set[str]) -> list[str]:
    """Split answers at commas, but keep together what is the object of a fact as a whole ("Me, Myself & Irene")."""
    parts, answers = [part.strip() for part in text.split(", ")], []
    while parts:
        length = next((end for end in range(len(parts), 1, -1) if ", ".join(parts[:end]) in objects), 1)
        answers.append(", ".join(parts[:length]))
        parts = parts[length:]
    return answers


def _subject_of_memory(text: str, memory) -> str | None:
    """What the question is about: the longest subject of its memory that stands in it, or else the longest of all."""
    subjects = {fact.subject for fact in memory}
    named = [subject for subject in subjects if subject in text] or subjects
    return max(sorted(named), key=len, default=None)


def subject_finder(base: KnowledgeBase) -> Callable[[str], str | None]:
    """Make a function that finds the subject of a question.

    The function takes a text. It returns the subject of the facts that stands in it with most words, or None. A subject of one
    word must have the same capital letters: the word "world" does not mean the film "World".
    """
    max_words = max(len(split_words(subject)) for subject in base.by_subject)
    subjects = {tuple(re.findall(r"\w+", subject)): subject for subject in base.by_subject}
    for subject in base.by_subject:
        words = tuple(split_words(subject))
        if len(words) > 1:
            subjects.setdefault(words, subject)

    def find_subject(text: str) -> str | None:
        as_written, lower_case = re.findall(r"\w+", text), split_words(text)
        for length in range(min(max_words, len(lower_case)), 0, -1):
            for start in range(len(lower_case) - length + 1):
                part = slice(start, start + length)
                subject = subjects.get(tuple(as_written[part])) or subjects.get(tuple(lower_case[part]))
                if subject is not None:
                    return subject
        return None

    return find_subject


def _json_records(path: Path, rejected: RejectedRows):
    """Yield line number, question, list of answers, and memory or None. Rows of a memory that are not facts are rejected."""
    for number, line in read_lines(path):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            text, answers, memory = record["question"], record["answers"], record.get("memory")
            text = text if isinstance(text, str) else " ".join(text)
            if memory is not None:
                parsed = (rejected.parse(number, list(triple)) for triple in memory)
                memory = [fact for fact in parsed if fact is not None]
            if not text.strip() or not answers or isinstance(answers, str):
                raise ValueError("an empty question or no answers")
            if len(text) > MAX_FIELD_LENGTH:
                raise ValueError(f"the question is longer than {MAX_FIELD_LENGTH:,} characters")
            yield number, text, [" ".join(str(answer).split()) for answer in answers], memory
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{path}, line {number:,}: is not a question ({type(error).__name__}: {str(error)[:80]}); give an object with "
                "question, answers and optionally memory"
            ) from None


def _text_records(path: Path):
    """Yield line number, question, the text of its answers, and None."""
    for number, line in read_lines(path):
        if not line.strip():
            continue
        parts = re.fullmatch(r"(?:\d+ )?([^\t]*\S[^\t]*)\t(.*\S.*)", line)
        if parts is None or len(parts[1]) > MAX_FIELD_LENGTH:
            raise UserError(
                f"{path}, line {number:,}: is not a question ({line[:80]!r}); give a number, a question (at most "
                f"{MAX_FIELD_LENGTH:,} characters), a tab and answers"
            )
        yield number, parts[1].strip(), " ".join(parts[2].split()), None
