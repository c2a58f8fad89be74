"""Questions about facts: made from templates, or from what files say, and the subject that a question is about."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

import numpy as np

from utils.common.errors import counted, some_of
from utils.common.reading import FileReport
from utils.memnet.question_files import QuestionRecord
from utils.memnet.records import AND, PATH, SECOND, Fact, KnowledgeBase, MemoryQuestion
from utils.text.words import folded, split_words


def questions_from_templates(
    base: KnowledgeBase,
    templates,
    subjects: Iterable[str],
    split: str = "train",
    max_templates: int = 0,
    seed=0,
    second_subjects: Collection[str] | None = None,
) -> list[MemoryQuestion]:
    """Questions about every relation of every subject, what several relations lead to, and what two subjects have in common.

    A question of several steps does not have its subject as an answer ("Who starred in films with Ada?"). A second subject is
    drawn among those that have an answer in common with the first one.

    Args:
        base: the facts.
        templates: relation to split to templates, as `read_templates` gives them.
        subjects: subjects of the facts.
        split: the split whose templates are used.
        max_templates: use this many templates of each subject and relation, drawn at random; 0 is all.
        seed: seed of that draw.
        second_subjects: the subjects that may stand beside those of `subjects`; left out, all.
    """
    rng = np.random.default_rng(seed)
    questions = []
    second_subjects = base.by_subject if second_subjects is None else second_subjects

    def drawn_templates(relation, are_about_two=False):
        candidates = templates.get(relation, {}).get(split, ())
        candidates = [template for template in candidates if (SECOND in template) == are_about_two]
        drawn = rng.permutation(len(candidates))[: max_templates or None]
        return [candidates[place] for place in sorted(drawn)]

    for subject in subjects:
        answers = {}
        for number in base.by_subject[subject]:
            answers.setdefault(base.facts[number].relation, []).append(base.facts[number].object)
        for path in templates:
            if PATH in path:
                objects = [base.facts[number].object for number in base.follow(subject, path)[-1]]
                answers[path] = [name for name in dict.fromkeys(objects) if name != subject]
        for relation, objects in answers.items():
            for template in drawn_templates(relation) if objects else ():
                name = f"{subject}/{relation}/{template}"
                text = template.replace("{s}", subject)
                questions.append(MemoryQuestion(name, text, subject, tuple(objects), relation, template))
        for relation in templates:
            for template in drawn_templates(relation, are_about_two=True):
                second = drawn_second_subject(base, subject, relation, second_subjects, rng)
                if second is None:
                    break
                text = template.replace("{s}", subject).replace(SECOND, second)
                name = f"{subject}/{second}/{relation}/{template}"
                answers = base.objects_in_common(zip((subject, second), relation.split(AND, 1), strict=True))
                question = MemoryQuestion(name, text, subject, answers, relation, template, second_subject=second)
                questions.append(question)
    return questions


def drawn_second_subject(
    base: KnowledgeBase, subject: str, relation: str, others: Collection[str], rng: np.random.Generator
) -> str | None:
    """One of `others` that has by the second of two relations what a subject has by the first; None where there is none.

    >>> base = KnowledgeBase.of([Fact("Ada", "plays", "chess"), Fact("Bo", "likes", "chess"), Fact("Bo", "likes", "tea")])
    >>> drawn_second_subject(base, "Ada", "plays & likes", {"Bo"}, np.random.default_rng(0))
    'Bo'
    """
    first, second = relation.split(AND, 1)
    objects = [base.facts[number].object for number in base.by_subject[subject] if base.facts[number].relation == first]
    for place in rng.permutation(len(objects)):
        names = base.subjects_of.get((second, objects[place]), ())
        # Names from a random place on: a list of those that may be drawn would take long where 100,000 have the object.
        start = rng.integers(len(names)) if names else 0
        for step in range(len(names)):
            name = names[(start + step) % len(names)]
            if name != subject and name in others:
                return name
    return None


def questions_from_records(
    path: str | Path, records: Sequence[QuestionRecord], base: KnowledgeBase, report: FileReport
) -> list[MemoryQuestion]:
    """Questions with the subject, the answers and the memory that the facts have for them.

    An answer that differs from an object at most in capital letters or Unicode form is that object.

    Args:
        path: the file that they are from, for their ids.
        records: what the file says.
        base: the facts.
        report: counts questions whose answers were matched so, whose answers no fact has, that name no subject, or whose memory
            has facts beside those of `base`.
    """
    numbers = {fact: number for number, fact in enumerate(base.facts)}
    find_subject = subject_finder(base)
    questions, unknown_facts = [], {}
    for record in records:
        memory = record.memory
        known = None if memory is None else tuple(dict.fromkeys(numbers[fact] for fact in memory if fact in numbers))
        unknown_facts |= dict.fromkeys(fact for fact in memory or () if fact not in numbers)
        if memory is None:
            subject = record.entity if record.entity in base.by_subject else find_subject(record.text)
        else:
            subject = _subject_of_memory(record.text, memory)
        if subject is None and memory is None:
            report.note(
                record.place,
                "they name no subject of the facts; each counts as a subject of its own where subjects are split",
            )
        answers = _objects_of(record, base, report)
        name = f"{Path(path).name}:{record.place.rpartition(' ')[2].replace(',', '')}"
        questions.append(MemoryQuestion(name, record.text, subject or record.text, answers, memory=known))
    if unknown_facts:
        report.remark(
            f"{counted(len(unknown_facts), 'fact')} of memories left out, not among the facts of --facts "
            f"({some_of(list(map(str, unknown_facts)))})"
        )
    return questions


def _objects_of(record: QuestionRecord, base: KnowledgeBase, report: FileReport) -> tuple[str, ...]:
    """The answers of a question as the facts have them; an answer that no fact has stays as it is."""
    if isinstance(record.answers, str):
        answers = _split_answers(record.answers, base)
    else:
        answers = [part for answer in record.answers for part in _split_if_known(answer, base)]
    objects_of = {answer: _objects_like(answer, base) for answer in answers}
    if any(objects and objects != [answer] for answer, objects in objects_of.items()):
        report.note(
            record.place, "their answer is the object of a fact in other capital letters or another Unicode form"
        )
    if not any(objects_of.values()):
        report.note(record.place, "their answer is the object of no fact")
    elif not all(objects_of.values()):
        report.note(record.place, "some of their answers are objects of no fact")
    return tuple(dict.fromkeys(name for answer, objects in objects_of.items() for name in objects or [answer]))


def _objects_like(name: str, base: KnowledgeBase) -> list[str]:
    """The objects that a name stands for."""
    return [name] if name in base.objects else base.objects_like(name)


def _split_if_known(answer: str, base: KnowledgeBase) -> list[str]:
    """The parts of an answer, if it is no object itself, but all its parts are; else the answer."""
    parts = [] if _objects_like(answer, base) else _split_answers(answer, base)
    return parts if parts and all(_objects_like(part, base) for part in parts) else [answer]


def _split_answers(text: str, base: KnowledgeBase) -> list[str]:
    """Split answers at pipes or else at commas, but keep together what is an object as a whole ("Me, Myself & Irene")."""
    if "|" in text and not _objects_like(text, base):
        return [part.strip() for part in text.split("|") if part.strip()]
    parts, answers = [part.strip() for part in text.split(", ")], []
    while parts:
        ends = range(len(parts), 1, -1)
        length = next((end for end in ends if _objects_like(", ".join(parts[:end]), base)), 1)
        answers.append(", ".join(parts[:length]))
        parts = parts[length:]
    return answers


def _subject_of_memory(text: str, memory: Sequence[Fact]) -> str | None:
    """What the question is about: the longest subject of its memory that stands in it, or else the longest of all."""
    subjects = {fact.subject for fact in memory}
    words = split_words(text)
    named = (
        [subject for subject in subjects if subject in text]
        or [subject for subject in subjects if place_of_words(split_words(subject), words) is not None]
        or subjects
    )
    return max(sorted(named), key=len, default=None)


def place_of_words(part: Sequence[str], words: Sequence[str]) -> int | None:
    """Where the words of a part, at least one, stand together in a list of words; None where they do not."""
    starts = range(len(words) - len(part) + 1) if part else ()
    return next((start for start in starts if words[start : start + len(part)] == part), None)


def subject_finder(base: KnowledgeBase) -> Callable[[str], str | None]:
    """Make a function that finds the subject of a question.

    The function takes a text. It returns the subject of the facts that stands in it with most words, or None. A subject of one
    word must have the same capital letters: the word "world" does not mean the film "World".
    """
    as_written = {tuple(split_words(subject, fold_case=False)): subject for subject in base.by_subject}
    as_written.pop((), None)
    max_words = max(map(len, as_written), default=0)
    subjects = dict(as_written)
    for words, subject in as_written.items():
        if len(words) > 1:
            subjects.setdefault(tuple(map(folded, words)), subject)

    def find_subject(text: str) -> str | None:
        words = split_words(text, fold_case=False)
        folded_words = list(map(folded, words))
        for length in range(min(max_words, len(words)), 0, -1):
            for start in range(len(words) - length + 1):
                part = slice(start, start + length)
                subject = subjects.get(tuple(words[part])) or subjects.get(tuple(folded_words[part]))
                if subject is not None:
                    return subject
        return None

    return find_subject
