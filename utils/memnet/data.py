"""Facts and question templates: plain records, a knowledge base, and readers of CSV, TSV and WikiMovies files.

A reader reports every row that it drops or merges. Beside the records it returns notes, one line each, with counts and examples.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from utils.common.errors import UserError, some_of
from utils.common.files import file_kind, read_csv_rows, read_lines, write_atomically
from utils.text.words import split_words

COLUMNS = ("subject", "relation", "object")
MAX_FIELD_LENGTH = 1_000
"""Characters in a field of a fact, in a question or in a template, at most. A longer one is taken for damage."""
INVERSE = "!"
"""Prefix of an inverse relation: `!directed_by` leads from a director to the films."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A triple, such as ("Ada Lovelace", "birth_year", "1815")."""

    subject: str
    relation: str
    object: str

    def __str__(self) -> str:
        return f"{self.subject} / {self.relation} / {self.object}"


@dataclass(frozen=True, slots=True)
class MemoryQuestion:
    """A question that is answered from facts.

    Args:
        id: name of the question, unique in its file.
        text: the question.
        subject: what it is about. Splits keep the questions about one subject together.
        answers: the correct answers; each of them counts.
        relation: the relation that it asks about; empty where it is not known.
        template: the template that it was made from; empty where there is none.
        memory: numbers of the facts that the data gives for it; None where the data gives none.
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
    """Distinct facts, numbered in their order. Where a subject and relation have several objects, each is a correct answer."""

    facts: tuple[Fact, ...]

    @cached_property
    def by_subject(self) -> dict[str, list[int]]:
        """The numbers of each subject's facts."""
        return self._numbers_by("subject")

    @cached_property
    def by_relation(self) -> dict[str, list[int]]:
        """The numbers of each relation's facts."""
        return self._numbers_by("relation")

    def _numbers_by(self, field: str) -> dict[str, list[int]]:
        numbers = {}
        for number, fact in enumerate(self.facts):
            numbers.setdefault(getattr(fact, field), []).append(number)
        return numbers

    def gold(self, question: MemoryQuestion, memory: Iterable[int]) -> list[int]:
        """Those facts of `memory` that answer the question.

        The object of such a fact is a correct answer. Where the question's relation is known, the fact also has its subject and
        relation.
        """
        return [
            number
            for number in memory
            if self.facts[number].object in question.answers
            and (not question.relation or self.facts[number].relation == question.relation)
            and (not question.relation or self.facts[number].subject == question.subject)
        ]


def knowledge_base(facts: Iterable[Fact], source: str) -> tuple[KnowledgeBase, list[str]]:
    """The distinct facts, and notes on repeated facts and on pairs of subject and relation with several objects.

    Args:
        facts: facts in any order; the first occurrence decides a fact's number.
        source: where they come from, for notes and errors.

    Raises:
        UserError: there are no facts.
    """
    counts = Counter(facts)
    if not counts:
        raise UserError(f"{source}: no facts there; give rows of subject, relation and object")
    num_repeated = sum(counts.values()) - len(counts)
    notes = [f"{source}: {num_repeated:,} repeated facts, each kept once"] if num_repeated else []
    objects = Counter((fact.subject, fact.relation) for fact in counts)
    several = [pair for pair, count in objects.items() if count > 1]
    if several:
        subject, relation = several[0]
        notes.append(
            f"{source}: {len(several):,} pairs of subject and relation have several objects (such as {subject!r}, {relation!r}): "
            "each counts as a correct answer"
        )
    return KnowledgeBase(tuple(counts)), notes


class RejectedRows:
    """Turns rows into facts, and counts the rows of a file that are not facts."""

    def __init__(self, path):
        self.path = path
        self.lines: dict[str, list[int]] = {}
        """Reason to line numbers."""

    def parse(self, line: int, fields: Sequence) -> Fact | None:
        """The fact with these fields, with single spaces; None where they are not a fact, which is then counted."""
        reason = None
        if len(fields) > 3:
            reason = "it has more fields than columns (quote commas in CSV)"
        elif len(fields) < 3 or not all(
            isinstance(field, (str, int, float)) and str(field).strip() for field in fields
        ):
            reason = "a field is missing"
        elif max(len(str(field)) for field in fields) > MAX_FIELD_LENGTH:
            reason = f"a field is longer than {MAX_FIELD_LENGTH:,} characters"
        elif any("\ud800" <= letter <= "\udfff" for field in fields for letter in str(field)):
            reason = "a field is half a character (a lone surrogate)"
        if reason:
            self.lines.setdefault(reason, []).append(line)
            return None
        return Fact(*(" ".join(str(field).split()) for field in fields))

    @property
    def notes(self) -> list[str]:
        """A line for each reason."""
        return [
            f"{self.path}: {len(lines):,} rows dropped, {reason} (line {some_of(lines)})"
            for reason, lines in self.lines.items()
        ]


def read_facts(paths: Sequence[str | Path]) -> tuple[KnowledgeBase, list[str]]:
    """Read facts from files, gzipped or not.

    Formats:

    - `.txt`: WikiMovies' knowledge base (`1 Kismet directed_by William Dieterle`), whose facts are taken in both directions;
    - `.csv`, or tab-separated under any other name: columns named `subject`, `relation` and `object` by a header, beside which
      other columns may stand, or these three columns without a header.

    A row is dropped that lacks a field, has more fields than columns, or has a field of more than 1,000 characters.

    Returns:
        the facts, and notes on what was dropped or merged.

    Raises:
        UserError: a file cannot be read, is not UTF-8, or has no such columns; or there are no facts.
    """
    facts, notes = [], []
    for path in map(Path, paths):
        rejected = RejectedRows(path)
        for line, row in _wikimovies_rows(path, notes) if file_kind(path) == ".txt" else _table_rows(path):
            fact = rejected.parse(line, row)
            if fact is not None:
                facts.append(fact)
        notes += rejected.notes
    source = ", ".join(map(str, paths))
    if not facts:
        raise UserError("; ".join([f"{source}: no facts there; give rows of subject, relation and object", *notes]))
    base, more_notes = knowledge_base(facts, source)
    return base, notes + more_notes


def write_facts(path: Path, base: KnowledgeBase) -> None:
    """Write facts as a TSV file that `read_facts` reads back with the same numbers, atomically."""
    rows = ["\t".join(COLUMNS), *(f"{fact.subject}\t{fact.relation}\t{fact.object}" for fact in base.facts)]
    write_atomically(path, "\n".join(rows) + "\n")


def _table_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield `(first line number, [subject, relation, object])` of each row. A row with more fields than the header comes whole,
    and longer than three fields, so that it is rejected."""
    width = places = None
    for line, row in read_csv_rows(path) if file_kind(path) == ".csv" else _tab_separated_rows(path):
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


def _tab_separated_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    return ((number, line.split("\t")) for number, line in read_lines(path))


def _wikimovies_rows(path: Path, notes: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the facts of WikiMovies' knowledge base in both directions; a line may hold several objects, separated by commas.

    Plots are texts, not facts. They are left out, and a note says so.
    """
    num_plots = 0
    for number, line in read_lines(path):
        if not line.strip():
            continue
        parts = re.fullmatch(r"\d+ (.+?) ([a-z]+_[a-z_]+) (.+)", line)
        if parts is None:
            yield number, []
            continue
        subject, relation, objects = parts.groups()
        if relation == "has_plot":
            num_plots += 1
            continue
        for object_ in objects.split(", "):
            yield number, [subject, relation, object_]
            yield number, [object_, INVERSE + relation, subject]
    if num_plots:
        notes.append(f"{path}: {num_plots:,} plots left out: they are texts, not facts")


def read_templates(path: str | Path) -> dict[str, dict[str, list[str]]]:
    """Read question templates: rows of relation, template with `{s}` for the subject, and optionally a split.

    The file is tab-separated and has no header. The split is `test` for a template that training does not use; `train`, the
    default, for all others.

    Returns:
        relation to split to templates.

    Raises:
        UserError: a row has no `{s}`, another split, or is too long; one template stands in both splits; or there are no rows.
    """
    templates, split_of = {}, {}
    for number, line in read_lines(path):
        if not line.strip():
            continue
        relation, template, split = [*(part.strip() for part in line.split("\t")), "", ""][:3]
        split = split or "train"
        if "{s}" not in template or split not in ("train", "test") or len(template) > MAX_FIELD_LENGTH:
            raise UserError(
                f"{path}, line {number:,}: is not a template ({line[:80]!r}); give relation, a template with {{s}} in it (at most "
                f"{MAX_FIELD_LENGTH:,} characters) and optionally train or test, separated by tabs"
            )
        words = relation, *split_words(template)
        if split_of.setdefault(words, split) != split:
            raise UserError(f"{path}, line {number:,}: {template!r} stands under train and under test; leave one out")
        same_split = templates.setdefault(relation, {}).setdefault(split, [])
        if template not in same_split:
            same_split.append(template)
    if not templates:
        raise UserError(f"{path}: no templates there; give rows of relation and template")
    return templates
