"""Facts and questions about them, as plain records: readers for CSV, TSV and WikiMovies files, and a knowledge base.

A reader never drops a row in silence: beside the records it returns notes, one line each, that count and name what it left
out or merged.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from utils.common.errors import UserError, some_of
from utils.common.files import file_kind, read_csv_rows, read_lines
from utils.text.words import split_words

COLUMNS = ("subject", "relation", "object")
LONGEST_FIELD = 1_000
"""Characters that a field of a fact, a question or a template may have; a longer one is damage."""
INVERSE = "!"
"""What the name of an inverse relation begins with (`!directed_by` leads from a director to the films)."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A triple, such as ("Ada Lovelace", "birth_year", "1815")."""

    subject: str
    relation: str
    object: str


@dataclass(frozen=True, slots=True)
class MemoryQuestion:
    """A question that facts answer; any of `answers` is right.

    `relation` and `template` are empty where they are not known; `memory` are the ids of the facts that the data gives it, None
    where it gives none.
    """

    id: str
    text: str
    subject: str
    answers: tuple[str, ...]
    relation: str = ""
    template: str = ""
    memory: tuple[int, ...] | None = None


@dataclass(frozen=True)
class KnowledgeBase:
    """Distinct facts, by number. Several objects of one subject and relation are several right answers."""

    facts: tuple[Fact, ...]

    @cached_property
    def by_subject(self) -> dict[str, list[int]]:
        """The numbers of every subject's facts."""
        found = {}
        for number, fact in enumerate(self.facts):
            found.setdefault(fact.subject, []).append(number)
        return found

    @cached_property
    def by_relation(self) -> dict[str, list[int]]:
        """The numbers of every relation's facts."""
        found = {}
        for number, fact in enumerate(self.facts):
            found.setdefault(fact.relation, []).append(number)
        return found

    def gold(self, question: MemoryQuestion, memory: Iterable[int]) -> list[int]:
        """Those of the `memory`'s facts that answer the question: an answer as object and, where they are known, its subject and
        relation."""
        return [
            number
            for number in memory
            if self.facts[number].object in question.answers
            and (not question.relation or self.facts[number].relation == question.relation)
            and (not question.relation or self.facts[number].subject == question.subject)
        ]


def knowledge_base(facts: Iterable[Fact], where: str) -> tuple[KnowledgeBase, list[str]]:
    """The distinct facts, and notes on repeated and contradictory ones.

    Raises:
        UserError: there are none.
    """
    counts = Counter(facts)
    if not counts:
        raise UserError(f"{where}: no facts there; give rows of subject, relation and object")
    repeated = sum(counts.values()) - len(counts)
    notes = [f"{where}: {repeated:,} repeated facts, each kept once"] if repeated else []
    several = {pair: n for pair, n in Counter((f.subject, f.relation) for f in counts).items() if n > 1}
    if several:
        subject, relation = next(iter(several))
        notes.append(
            f"{where}: {len(several):,} pairs of subject and relation have several objects (such as {subject!r}, {relation!r}): "
            "each counts as a right answer"
        )
    return KnowledgeBase(tuple(counts)), notes


class Rejected:
    """What a reader leaves out of a file: the lines by reason, told as notes."""

    def __init__(self, path):
        self.path = path
        self.lines: dict[str, list[int]] = {}

    def fact(self, line: int, fields: Sequence) -> Fact | None:
        """The fact of these fields, white space made single; None, and a line more to tell, where they are none."""
        reason = None
        if len(fields) > 3:
            reason = "it has more fields than columns (quote commas in CSV)"
        elif len(fields) < 3 or not all(
            isinstance(field, (str, int, float)) and str(field).strip() for field in fields
        ):
            reason = "a field is missing"
        elif max(len(str(field)) for field in fields) > LONGEST_FIELD:
            reason = f"a field is longer than {LONGEST_FIELD:,} characters"
        elif any("\ud800" <= letter <= "\udfff" for field in fields for letter in str(field)):
            reason = "a field is half a character (a lone surrogate)"
        if reason:
            self.lines.setdefault(reason, []).append(line)
            return None
        return Fact(*(" ".join(str(field).split()) for field in fields))

    @property
    def notes(self) -> list[str]:
        return [
            f"{self.path}: {len(lines):,} rows dropped, {reason} (line {some_of(lines)})"
            for reason, lines in self.lines.items()
        ]


def read_facts(paths: Sequence[str | Path]) -> tuple[KnowledgeBase, list[str]]:
    """Read facts from files, `.gz` or not, and notes on what was dropped or merged.

    Formats: `.csv`, or tab-separated, with a header that names `subject`, `relation` and `object` (others are left alone) or with
    these three columns and no header; `.txt`, WikiMovies' knowledge base (`1 Kismet directed_by William Dieterle`), whose facts
    are taken in both directions. A row without one of the three, with more fields than columns, or with a field of more than 1,000
    characters, is dropped.

    Raises:
        UserError: a file that can not be read, is not UTF-8, has no such columns, or no facts.
    """
    facts, notes = [], []
    for path in map(Path, paths):
        rejected = Rejected(path)
        for line, row in _wikimovies_rows(path, notes) if file_kind(path) == ".txt" else _table_rows(path):
            fact = rejected.fact(line, row)
            if fact is not None:
                facts.append(fact)
        notes += rejected.notes
    where = ", ".join(map(str, paths))
    if not facts:
        raise UserError("; ".join([f"{where}: no facts there; give rows of subject, relation and object", *notes]))
    base, more = knowledge_base(facts, where)
    return base, notes + more


def _table_rows(path: Path) -> Iterator[tuple[int, list[str | None]]]:
    """Subject, relation and object of every row, with its first line; other columns are left out. A row that has more fields than
    the header is given whole."""
    width = places = None
    for line, row in read_csv_rows(path) if file_kind(path) == ".csv" else _tab_rows(path):
        if not any(field.strip() for field in row):
            continue
        if places is None:
            names = [name.strip().lower() for name in row]
            if set(COLUMNS) <= set(names):
                places, width = [names.index(name) for name in COLUMNS], len(row)
                continue
            if len(row) != 3:
                raise UserError(
                    f"{path}: its first line names no columns subject, relation and object ({', '.join(row)[:80]!r}); add them"
                )
            places, width = [0, 1, 2], 3
        yield line, [*row, ""] if len(row) > width else [row[place] if place < len(row) else "" for place in places]


def _tab_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    return ((number, line.split("\t")) for number, line in read_lines(path))


def _wikimovies_rows(path: Path, notes: list[str]) -> Iterator[tuple[int, list[str]]]:
    """The facts of WikiMovies' knowledge base, both ways; a line may have several objects, with commas between.
    Plots, which are texts, are left out with a note."""
    plots = 0
    for number, line in read_lines(path):
        if not line.strip():
            continue
        parts = re.fullmatch(r"\d+ (.+?) ([a-z]+_[a-z_]+) (.+)", line)
        if parts is None:
            yield number, []
            continue
        subject, relation, objects = parts.groups()
        if relation == "has_plot":
            plots += 1
            continue
        for object_ in objects.split(", "):
            yield number, [subject, relation, object_]
            yield number, [object_, INVERSE + relation, subject]
    if plots:
        notes.append(f"{path}: {plots:,} plots left out: they are texts, not facts")


def read_templates(path: str | Path) -> dict[str, dict[str, list[str]]]:
    """Question templates by relation and split: rows of relation, template with `{s}` for the subject, and perhaps a split.

    Tab-separated, without a header; the split is `train` (which is meant where it is left out) or `test`.

    Raises:
        UserError: a row without `{s}`, of another split or too long; one template in both splits; no rows.
    """
    found, seen = {}, {}
    for number, line in read_lines(path):
        if not line.strip():
            continue
        relation, template, split = [*(part.strip() for part in line.split("\t")), "", ""][:3]
        split = split or "train"
        if "{s}" not in template or split not in ("train", "test") or len(template) > LONGEST_FIELD:
            raise UserError(
                f"{path}, line {number:,}: wants relation, a template with {{s}} in it (at most {LONGEST_FIELD:,} characters) and "
                f"perhaps train or test, with tabs between, not {line[:80]!r}"
            )
        words = relation, *split_words(template)
        if seen.setdefault(words, split) != split:
            raise UserError(f"{path}, line {number:,}: {template!r} is there for train and for test; leave one out")
        several = found.setdefault(relation, {}).setdefault(split, [])
        if template not in several:
            several.append(template)
    if not found:
        raise UserError(f"{path}: no templates there; give rows of relation and template")
    return found


def ask(base: KnowledgeBase, templates, subjects: Iterable[str], split="train", most=0, seed=0) -> list[MemoryQuestion]:
    """Questions about every subject and relation, by all templates of that split or by `most` of them, drawn with the seed."""
    rng = np.random.default_rng(seed)
    questions = []
    for subject in subjects:
        answers = {}
        for number in base.by_subject[subject]:
            answers.setdefault(base.facts[number].relation, []).append(base.facts[number].object)
        for relation, objects in answers.items():
            several = templates.get(relation, {}).get(split, ())
            drawn = rng.permutation(len(several))[: most or None]
            for template in (several[place] for place in sorted(drawn)):
                name = f"{subject}/{relation}/{template}"
                text = template.replace("{s}", subject)
                questions.append(MemoryQuestion(name, text, subject, tuple(objects), relation, template))
    return questions


def read_questions(path: str | Path, base: KnowledgeBase | None = None):
    """Read questions with their answers: JSON lines or WikiMovies' text (`1 who wrote it?<tab>answer, answer`).

    A JSON line is `{"question": text or words, "answers": [...]}`, and perhaps `"memory": [[subject, relation, object], ...]`.

    Args:
        path: the file, `.jsonl` or `.txt`, `.gz` or not.
        base: the facts that memories are looked up in; left out, they are those of the file's memories.

    Returns:
        The questions, the facts and notes.

    Raises:
        UserError: a line of another form, no questions, or no facts.
    """
    path = Path(path)
    rejected = Rejected(path)
    records = list(_json_questions(path, rejected) if file_kind(path) == ".jsonl" else _text_questions(path))
    if not records:
        raise UserError(
            f"{path}: no questions there; give JSON lines, or lines of a number, a question, a tab and answers"
        )
    notes = rejected.notes
    if base is None:
        held = [fact for *_, memory in records for fact in memory or ()]
        if not held:
            raise UserError(f"{path}: its questions have no memories; name a file of facts with --facts")
        base, more = knowledge_base(held, str(path))
        notes += more
    numbers = {fact: number for number, fact in enumerate(base.facts)}
    objects = {fact.object for fact in base.facts}
    questions, unknown, unnamed, named = [], {}, [], _finder(base)
    for line, text, answers, memory in records:
        known = None if memory is None else tuple(dict.fromkeys(numbers[fact] for fact in memory if fact in numbers))
        unknown |= dict.fromkeys(fact for fact in memory or () if fact not in numbers)
        subject = named(text) if memory is None else _subject(text, memory)
        if subject is None and memory is None:
            unnamed.append(line)
        answers = tuple(dict.fromkeys(_joined(answers, objects) if isinstance(answers, str) else answers))
        questions.append(MemoryQuestion(f"{path.name}:{line}", text, subject or text, answers, memory=known))
    if unknown:
        some = some_of([" / ".join((fact.subject, fact.relation, fact.object)) for fact in unknown])
        notes.append(
            f"{path}: {len(unknown):,} facts of memories are not among the facts given, and were left out ({some})"
        )
    if unnamed:
        notes.append(
            f"{path}: {len(unnamed):,} of {len(questions):,} questions name no subject of the facts; each is one of "
            f"its own where subjects are split (line {some_of(unnamed)})"
        )
    return questions, base, notes


def memory_facts(path: str | Path) -> Iterator[Fact]:
    """The facts of the memories of a file of questions; none of a text file."""
    path = Path(path)
    if file_kind(path) == ".jsonl":
        for *_, memory in _json_questions(path, Rejected(path)):
            yield from memory or ()


def _joined(text: str, objects: set[str]) -> list[str]:
    """The answers of a text with commas between; the longest that is the object of a fact is one answer ("Me, Myself & Irene")."""
    parts, found = [part.strip() for part in text.split(", ")], []
    while parts:
        longest = next((end for end in range(len(parts), 1, -1) if ", ".join(parts[:end]) in objects), 1)
        found.append(", ".join(parts[:longest]))
        parts = parts[longest:]
    return found


def _subject(text: str, memory) -> str | None:
    """What the question is about, for splits: the subject of its memory that stands in it, the longest if there are several."""
    subjects = {fact.subject for fact in memory}
    named = [subject for subject in subjects if subject in text] or subjects
    return max(sorted(named), key=len, default=None)


def _finder(base: KnowledgeBase):
    """A function of a text: the subject of the facts that stands in it with most words, or None.

    Of one word it must be written alike: "world" is no film, "World" may be.
    """
    longest = max(len(split_words(subject)) for subject in base.by_subject)
    subjects = {tuple(re.findall(r"\w+", subject)): subject for subject in base.by_subject}
    for subject in base.by_subject:
        words = tuple(split_words(subject))
        if len(words) > 1:
            subjects.setdefault(words, subject)

    def named(text: str) -> str | None:
        written, lower = re.findall(r"\w+", text), split_words(text)
        for length in range(min(longest, len(lower)), 0, -1):
            for start in range(len(lower) - length + 1):
                part = slice(start, start + length)
                found = subjects.get(tuple(written[part])) or subjects.get(tuple(lower[part]))
                if found is not None:
                    return found
        return None

    return named


def _json_questions(path: Path, rejected: Rejected):
    """Line, question, answers, and its memory or None; facts of a memory that are none are left out and told."""
    for number, line in read_lines(path):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            text, answers, memory = record["question"], record["answers"], record.get("memory")
            text = text if isinstance(text, str) else " ".join(text)
            if memory is not None:
                memory = [
                    fact for fact in (rejected.fact(number, list(triple)) for triple in memory) if fact is not None
                ]
            if not text.strip() or not answers or isinstance(answers, str):
                raise ValueError("an empty question or no answers")
            if len(text) > LONGEST_FIELD:
                raise ValueError(f"the question is longer than {LONGEST_FIELD:,} characters")
            yield number, text, [" ".join(str(answer).split()) for answer in answers], memory
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{path}, line {number:,}: is no question ({type(error).__name__}: {str(error)[:80]}); wants an object with "
                "question, answers and perhaps memory"
            ) from None


def _text_questions(path: Path):
    """Line, question, the text of its answers, None."""
    for number, line in read_lines(path):
        if not line.strip():
            continue
        parts = re.fullmatch(r"(?:\d+ )?([^\t]*\S[^\t]*)\t(.*\S.*)", line)
        if parts is None or len(parts[1]) > LONGEST_FIELD:
            raise UserError(
                f"{path}, line {number:,}: wants a number, a question (at most {LONGEST_FIELD:,} characters), a tab and answers, "
                f"not {line[:80]!r}"
            )
        yield number, parts[1].strip(), " ".join(parts[2].split()), None
