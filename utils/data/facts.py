"""Facts and questions about them, as plain records: readers for CSV, TSV and WikiMovies files, and a knowledge base.

A reader never drops a row in silence: beside the records it returns notes, one line each, that count and name what it left
out or merged.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
import sys
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from utils.errors import UserError

COLUMNS = ("subject", "relation", "object")
LONGEST_FIELD = 1_000
"""Characters that a field of a fact may have; a longer one is damage, and its row is dropped and named."""
INVERSE = "!"
"""What the name of an inverse relation begins with (`!directed_by` leads from a director to the films)."""


def split_words(text: str) -> list[str]:
    """The lower-cased words of a text, without punctuation."""
    return re.findall(r"\w+", text.lower())


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


def read_facts(paths: Sequence[str | Path]) -> tuple[KnowledgeBase, list[str]]:
    """Read facts from files, `.gz` or not, and notes on what was dropped or merged.

    Formats: `.csv`, or tab-separated, with a header that names `subject`, `relation` and `object` (others are left alone) or with
    these three columns and no header; `.txt`, WikiMovies' knowledge base (`1 Kismet directed_by William Dieterle`), whose facts
    are taken in both directions. A row without one of the three, or with a field of more than 1,000 characters, is dropped.

    Raises:
        UserError: a file that can not be read, is not UTF-8, has no such columns, or no facts.
    """
    facts, notes = [], []
    for path in map(Path, paths):
        rows = _wikimovies_rows(path) if _suffix(path) == ".txt" else _table_rows(path)
        dropped = {}
        for line, row in rows:
            row = [" ".join((field or "").split()) for field in row]
            if len(row) == 3 and all(row) and max(map(len, row)) <= LONGEST_FIELD:
                facts.append(Fact(*row))
            else:
                reason = "a field is missing" if len(row) != 3 or not all(row) else "a field is too long"
                dropped.setdefault(reason, []).append(line)
        for reason, lines in dropped.items():
            some = ", ".join(f"{line:,}" for line in lines[:5]) + (", ..." if len(lines) > 5 else "")
            notes.append(f"{path}: {len(lines):,} rows dropped, {reason} (line {some})")
    base, more = knowledge_base(facts, ", ".join(map(str, paths)))
    return base, notes + more


def _suffix(path: Path) -> str:
    """The file's kind, without `.gz`."""
    return path.with_suffix("").suffix.lower() if path.suffix == ".gz" else path.suffix.lower()


def read_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Numbered lines of a UTF-8 text file, `.gz` or not, without their ends.

    Raises:
        UserError: the file can not be read, or a line is not UTF-8.
    """
    number = 0
    try:
        with gzip.open(path) if str(path).endswith(".gz") else open(path, "rb") as file:
            for number, line in enumerate(file, start=1):
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}, line {number:,}: is not UTF-8 text ({error.reason}); save the file as UTF-8"
        ) from None
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: can not be read ({error}); name a whole file") from None


def _table_rows(path: Path) -> Iterator[tuple[int, list[str | None]]]:
    """Subject, relation and object of every row, with its line; other columns are left out."""
    csv.field_size_limit(sys.maxsize)
    comma = _suffix(path) == ".csv"
    lines = (line + "\n" for _, line in read_lines(path))
    options = {} if comma else {"delimiter": "\t", "quoting": csv.QUOTE_NONE}
    reader = csv.reader(lines, **options)
    places = None
    for row in reader:
        if not row:
            continue
        if places is None:
            names = [name.strip().lower() for name in row]
            if set(COLUMNS) <= set(names):
                places = [names.index(name) for name in COLUMNS]
                continue
            if len(row) != 3:
                raise UserError(
                    f"{path}: its first line names no columns subject, relation and object ({', '.join(row)[:80]!r}); add them"
                )
            places = [0, 1, 2]
        yield reader.line_num, [row[place] if place < len(row) else None for place in places]


def _wikimovies_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The facts of WikiMovies' knowledge base, both ways; a line may have several objects, with commas between."""
    for number, line in read_lines(path):
        if not line.strip():
            continue
        parts = re.fullmatch(r"\d+ (.+?) ([a-z]+_[a-z_]+) (.+)", line)
        if parts is None:
            yield number, []
            continue
        subject, relation, objects = parts.groups()
        if relation == "has_plot":  # a text, not a fact
            continue
        for object_ in objects.split(", "):
            yield number, [subject, relation, object_]
            yield number, [object_, INVERSE + relation, subject]


def read_templates(path: str | Path) -> dict[str, dict[str, list[str]]]:
    """Question templates by relation and split: rows of relation, template with `{s}` for the subject, and perhaps a split.

    Tab-separated, without a header; the split is `train` (which is meant where it is left out), `validation` or `test`.

    Raises:
        UserError: a row without `{s}`, of another split, or no rows.
    """
    found = {}
    for number, line in read_lines(path):
        if not line.strip():
            continue
        relation, template, split = [*(part.strip() for part in line.split("\t")), "", ""][:3]
        split = split or "train"
        if "{s}" not in template or split not in ("train", "validation", "test"):
            raise UserError(
                f"{path}, line {number:,}: wants relation, a template with {{s}} in it and perhaps train, validation or test, "
                f"with tabs between, not {line[:80]!r}"
            )
        found.setdefault(relation, {}).setdefault(split, []).append(template)
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
    records = list(_json_questions(path) if _suffix(path) == ".jsonl" else _text_questions(path))
    if not records:
        raise UserError(
            f"{path}: no questions there; give JSON lines, or lines of a number, a question, a tab and answers"
        )
    notes = []
    if base is None:
        base, notes = knowledge_base((fact for *_, memory in records for fact in memory or ()), str(path))
    numbers = {fact: number for number, fact in enumerate(base.facts)}
    questions, unknown, named = [], 0, _finder(base)
    for line, text, answers, memory in records:
        known = None if memory is None else tuple(dict.fromkeys(numbers[fact] for fact in memory if fact in numbers))
        unknown += 0 if memory is None else len(set(memory)) - len(known)
        subject = named(text) if memory is None else _subject(text, memory)
        questions.append(
            MemoryQuestion(f"{path.name}:{line}", text, subject, tuple(dict.fromkeys(answers)), memory=known)
        )
    if unknown:
        notes.append(f"{path}: {unknown:,} facts of memories are not among the facts given, and were left out")
    return questions, base, notes


def _subject(text: str, memory) -> str:
    """What the question is about, for splits: the subject of its memory that stands in it, the longest if there are several."""
    subjects = {fact.subject for fact in memory}
    named = [subject for subject in subjects if subject in text] or subjects
    return max(sorted(named), key=len, default=text)


def _finder(base: KnowledgeBase):
    """A function of a text: the subject of the facts that stands in it with most words, or the text itself where none does."""
    subjects = {tuple(split_words(subject)): subject for subject in base.by_subject}
    longest = max(map(len, subjects))

    def named(text: str) -> str:
        words = split_words(text)
        for length in range(min(longest, len(words)), 0, -1):
            for start in range(len(words) - length + 1):
                found = subjects.get(tuple(words[start : start + length]))
                if found is not None:
                    return found
        return text

    return named


def _json_questions(path: Path):
    for number, line in read_lines(path):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            text, answers, memory = record["question"], record["answers"], record.get("memory")
            text = text if isinstance(text, str) else " ".join(text)
            if memory is not None:
                memory = [Fact(*map(str, triple)) for triple in memory]
            if not text.strip() or not answers or isinstance(answers, str):
                raise ValueError("an empty question or no answers")
            yield number, text, [str(answer) for answer in answers], memory
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{path}, line {number:,}: is no question ({type(error).__name__}: {str(error)[:80]}); wants an object with "
                "question, answers and perhaps memory"
            ) from None


def _text_questions(path: Path):
    for number, line in read_lines(path):
        if not line.strip():
            continue
        parts = re.fullmatch(r"(?:\d+ )?([^\t]*\S[^\t]*)\t(.*\S.*)", line)
        if parts is None:
            raise UserError(
                f"{path}, line {number:,}: wants a number, a question, a tab and answers, not {line[:80]!r}"
            )
        yield number, parts[1].strip(), [answer.strip() for answer in parts[2].split(", ")], None
