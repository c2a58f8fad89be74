"""Plain records of the task: facts, questions, and a knowledge base."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from utils.common.errors import counted
from utils.common.files import has_lone_surrogate
from utils.text.words import normalized, split_words

MAX_FIELD_LENGTH = 1_000
"""Characters in a field of a fact, in a question or in a template, at most. A longer one is taken for damage."""
INVERSE = "!"
"""Prefix of an inverse relation: `!directed_by` leads from a director to the films."""

PATH = " -> "
"""Between the relations of a question that takes several steps: `written_by -> born_in`."""

SECOND = "{t}"
"""Stands for the second subject in the template of a question about two subjects."""
AND = " & "
"""Between the relations of a question about two subjects: `!starred_actors & !directed_by` asks for what both have, here the films
with an actor by a director."""

_ID = re.compile(r"<?https?://\S+|[QPL]\d+|/m/\w+|/c/[a-z]+/\S+|\d+|concept:\S+")
"""Names that are ids or addresses: of Wikidata, Freebase, ConceptNet, WordNet, NELL."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A triple, such as ("Ada Lovelace", "birth_year", "1815")."""

    subject: str
    relation: str
    object: str

    def __str__(self) -> str:
        return f"{self.subject} / {self.relation} / {self.object}"


class BadFactError(ValueError):
    """Fields that are no fact. Its text says why, for a report of a file.

    Args:
        reason: what is wrong.
        is_natural: whether such fields are to be expected, as an empty object is in a table with gaps.
    """

    def __init__(self, reason: str, is_natural: bool = False):
        super().__init__(reason)
        self.is_natural = is_natural


def fact_from(fields: Sequence) -> Fact:
    """The fact with these fields, texts or numbers.

    >>> print(fact_from(["Ada  Lovelace ", "birth_year", 1815.0]))
    Ada Lovelace / birth_year / 1815

    Raises:
        BadFactError: they are no fact.
    """
    if len(fields) != 3:
        raise BadFactError("it has more fields than columns" if len(fields) > 3 else "a field is missing")
    subject, relation, object_ = texts = [name_text(field) for field in fields]
    if not subject or not relation:
        raise BadFactError("a field is missing")
    if not object_:
        raise BadFactError("its object is empty", is_natural=True)
    if max(map(len, texts)) > MAX_FIELD_LENGTH:
        raise BadFactError(f"a field is longer than {MAX_FIELD_LENGTH:,} characters")
    if any(map(has_lone_surrogate, texts)):
        raise BadFactError("a field is half a character (a lone surrogate)")
    return Fact(subject, relation, object_)


def name_text(value) -> str:
    """A name as text with single spaces; a whole number has no decimal point. What is neither text nor number is empty.

    >>> name_text(" New\\u00a0 York"), name_text(1815.0), name_text(None)
    ('New York', '1815', '')
    """
    if isinstance(value, str):
        return " ".join(value.split())
    if isinstance(value, float) and not math.isfinite(value):
        return ""
    if isinstance(value, (int, float)):
        return str(int(value) if value == int(value) and not isinstance(value, bool) else value)
    return ""


@dataclass(frozen=True, slots=True)
class MemoryQuestion:
    """A question that is answered from facts.

    Args:
        id: name of the question, unique in its file.
        text: the question.
        subject: what it is about, of two subjects the first. Splits keep the questions about one subject together.
        answers: the correct answers; each of them counts.
        relation: the relation that it asks about, or several with `PATH` or `AND` between them; empty where it is not known.
        template: the template that it was made from; empty where there is none.
        memory: numbers of the facts that the data gives for it; None where the data gives none.
        second_subject: the subject of the second relation after `AND`; empty for a question about one subject.
    """

    id: str
    text: str
    subject: str
    answers: tuple[str, ...]
    relation: str = ""
    template: str = ""
    memory: tuple[int, ...] | None = None
    second_subject: str = ""

    @property
    def subjects(self) -> tuple[str, ...]:
        """The subjects that it names, one or two."""
        return (self.subject, self.second_subject) if self.second_subject else (self.subject,)

    @property
    def keys(self) -> tuple[tuple[str, str], ...]:
        """Subject and relation of the facts that it asks for, one pair for each of its subjects."""
        relations = self.relation.split(AND, 1) if self.second_subject else [self.relation]
        return tuple(zip(self.subjects, relations, strict=True))


@dataclass(frozen=True)
class KnowledgeBase:
    """Distinct facts, numbered in their order. Where a subject and relation have several objects, each is a correct answer."""

    facts: tuple[Fact, ...]

    @classmethod
    def of(cls, facts: Iterable[Fact]) -> KnowledgeBase:
        """The knowledge base of facts that may repeat; the first occurrence decides a fact's number."""
        return cls(tuple(dict.fromkeys(facts)))

    @cached_property
    def by_subject(self) -> dict[str, list[int]]:
        """The numbers of each subject's facts."""
        return self._numbers_by("subject")

    @cached_property
    def by_relation(self) -> dict[str, list[int]]:
        """The numbers of each relation's facts."""
        return self._numbers_by("relation")

    @cached_property
    def objects(self) -> frozenset[str]:
        """All objects."""
        return frozenset(fact.object for fact in self.facts)

    @cached_property
    def _objects_by_form(self) -> dict[str, list[str]]:
        forms: dict[str, list[str]] = {}
        for object_ in dict.fromkeys(fact.object for fact in self.facts):
            forms.setdefault(normalized(object_), []).append(object_)
        return forms

    def objects_like(self, name: str) -> list[str]:
        """The objects that differ from a name at most in capital letters or in their Unicode form.

        >>> KnowledgeBase.of([Fact("Zoé", "born_in", "Köln")]).objects_like("KO\\u0308LN")
        ['Köln']
        """
        return self._objects_by_form.get(normalized(name), [])

    def _numbers_by(self, field: str) -> dict[str, list[int]]:
        numbers = {}
        for number, fact in enumerate(self.facts):
            numbers.setdefault(getattr(fact, field), []).append(number)
        return numbers

    @cached_property
    def subjects_of(self) -> dict[tuple[str, str], list[str]]:
        """The subjects of each pair of relation and object."""
        subjects = {}
        for fact in self.facts:
            subjects.setdefault((fact.relation, fact.object), []).append(fact.subject)
        return subjects

    def objects_in_common(self, keys: Iterable[tuple[str, str]]) -> tuple[str, ...]:
        """The objects that two pairs of subject and relation both have.

        >>> base = KnowledgeBase.of([Fact("Ada", "plays", "chess"), Fact("Bo", "likes", "chess"), Fact("Bo", "likes", "tea")])
        >>> base.objects_in_common([("Ada", "plays"), ("Bo", "likes")])
        ('chess',)
        """
        first, second = (dict.fromkeys(self.facts[number].object for number in self.follow(*key)[-1]) for key in keys)
        return tuple(name for name in first if name in second)

    def follow(self, subject: str, relation: str, by_subject: dict[str, list[int]] | None = None) -> list[list[int]]:
        """The numbers of the facts that each step of a relation, or of several with `PATH` between them, leads to.

        `by_subject` has the facts of each subject that may be used; left out, all.

        >>> base = KnowledgeBase.of([Fact("Emma", "author", "Austen"), Fact("Austen", "born_in", "Steventon")])
        >>> base.follow("Emma", "author -> born_in"), base.follow("Emma", "author -> died_in")
        ([[0], [1]], [[0], []])
        """
        names, steps = [subject], []
        for step in relation.split(PATH):
            steps.append(
                [
                    number
                    for name in names
                    for number in (self.by_subject if by_subject is None else by_subject).get(name, ())
                    if self.facts[number].relation == step
                ]
            )
            names = list(dict.fromkeys(self.facts[number].object for number in steps[-1]))
        return steps

    def gold(self, question: MemoryQuestion, memory: Iterable[int]) -> list[int]:
        """Those facts of `memory` that answer the question.

        The object of such a fact is a correct answer. Where the question's relation is known, the fact also has its subject and
        relation, of two subjects one with its relation; of a question that takes several steps, it is a fact of the last one.
        """
        last_step = set(self.follow(question.subject, question.relation)[-1]) if PATH in question.relation else None
        keys = question.keys
        return [
            number
            for number in memory
            if self.facts[number].object in question.answers
            and (
                not question.relation
                or (
                    number in last_step
                    if last_step is not None
                    else (self.facts[number].subject, self.facts[number].relation) in keys
                )
            )
        ]

    def likely_gold(self, question: MemoryQuestion, memory: Iterable[int]) -> list[int]:
        """Those facts of `memory` that most likely answer the question, where its relation is not known: of the subject and
        relation whose objects are most like the answers (by their intersection over their union).

        The film that a question about an actor has as its answer may also be one that the actor wrote. As a target in training
        such a fact would teach that "appear in" asks for what somebody wrote.
        """
        memory = list(memory)
        gold = self.gold(question, memory)
        if question.relation or len(gold) < 2:
            return gold
        sizes = Counter((self.facts[number].subject, self.facts[number].relation) for number in memory)
        keys: dict[tuple[str, str], list[int]] = {}
        for number in gold:
            keys.setdefault((self.facts[number].subject, self.facts[number].relation), []).append(number)
        overlaps = {
            key: len(numbers) / (len(question.answers) + sizes[key] - len(numbers)) for key, numbers in keys.items()
        }
        best = max(overlaps.values())
        return [number for key, numbers in keys.items() if overlaps[key] == best for number in numbers]

    def without_answer(self, question: MemoryQuestion, memory: Iterable[int]) -> list[int]:
        """The facts of `memory` without those that answer the question, and without others of the same subject and relation."""
        memory = list(memory)
        answering = {
            (self.facts[number].subject, self.facts[number].relation) for number in self.gold(question, memory)
        }
        return [
            number for number in memory if (self.facts[number].subject, self.facts[number].relation) not in answering
        ]

    @property
    def notes(self) -> list[str]:
        """What a user should know about these facts, one line each."""
        notes = []
        objects = Counter((fact.subject, fact.relation) for fact in self.facts)
        several = [pair for pair, count in objects.items() if count > 1]
        if several:
            subject, relation = several[0]
            notes.append(
                f"several objects for {counted(len(several), 'pair')} of subject and relation (such as {subject!r}, {relation!r}): "
                "each counts as a correct answer"
            )
        ids = [subject for subject in self.by_subject if _ID.fullmatch(subject)]
        if len(ids) > len(self.by_subject) / 2:
            notes.append(
                f"{len(ids):,} of {len(self.by_subject):,} subjects are ids or addresses (such as {ids[0]!r}): questions must have "
                "them as they are; facts with names in their place can be asked about by name"
            )
        names: dict[tuple[str, ...], list[str]] = {}
        for subject in self.by_subject:
            names.setdefault(tuple(split_words(subject)), []).append(subject)
        without_words = names.pop((), [])
        if without_words:
            notes.append(
                f"no question can name {counted(len(without_words), 'subject')} without words (such as {without_words[0]!r})"
            )
        alike = [subjects for subjects in names.values() if len(subjects) > 1]
        if alike:
            notes.append(
                f"{sum(map(len, alike)):,} subjects have the words of another one (such as {alike[0][0]!r} and {alike[0][1]!r}): "
                "the model cannot tell them apart"
            )
        return notes
