"""Splits of questions about facts: by subject, by value and by template."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

import numpy as np

from utils.common.errors import UserError
from utils.common.splitting import hold_out
from utils.memnet.dataset import MemoryData
from utils.memnet.questions import questions_from_templates
from utils.memnet.records import AND, PATH, SECOND, KnowledgeBase, MemoryQuestion
from utils.text.words import split_words

MIN_VALUES = 10
"""A relation with fewer different values than this has none held out."""


def split_subjects(
    subjects: Iterable[str], *, validation_fraction: float, test_fraction: float, seed: int
) -> dict[str, list[str]]:
    """Assign subjects to splits at random; the order of `subjects` does not matter.

    Names that differ only in capital letters or punctuation stay together: the model cannot tell them apart.

    Args:
        subjects: names, which may repeat.
        validation_fraction: fraction of the names for validation, 0-1.
        test_fraction: fraction of the names for the test, 0-1.
        seed: seed of the order.

    Raises:
        UserError: no subject is left for training.
    """
    names = {}
    for subject in sorted(set(subjects)):
        names.setdefault(tuple(split_words(subject)) or subject, []).append(subject)
    # The order must not depend on how words are split, so that published splits stay.
    groups = sorted(names.values(), key=lambda group: " ".join(re.findall(r"\w+", group[0].lower())) or group[0])
    order = np.random.default_rng(seed).permutation(len(groups)).tolist()
    fractions = {"test": test_fraction, "validation": validation_fraction}
    parts = hold_out([1] * len(groups), fractions, order=order)
    if not len(parts["train"]):
        raise UserError(
            f"too few subjects ({len(groups)}) to hold out a fraction of {validation_fraction} for validation and of "
            f"{test_fraction} for the test; give more facts, or smaller --validation-fraction and --test-fraction"
        )
    split_of = {group: split for split, members in parts.items() for group in members.tolist()}
    subjects_by_split = {split: [] for split in ("train", "validation", "test")}
    for group in order:
        subjects_by_split[split_of[group]] += groups[group]
    return subjects_by_split


def split_templates(
    base: KnowledgeBase,
    templates: dict[str, dict[str, list[str]]],
    *,
    subjects: dict[str, list[str]] | None = None,
    validation_fraction: float = 0.1,
    test_fraction: float = 0.2,
    value_fraction: float = 0.1,
    max_templates: int = 4,
    limit: int = 0,
    seed: int = 0,
    notes: Sequence[str] = (),
) -> MemoryData:
    """Make questions from templates, and split them by subject, value and template.

    Some values of each relation are held out: no training or validation question has them as its answer, and no training memory
    holds them in any relation. The test questions come in three splits: `test` has values and templates of the training,
    `test_unseen_value` has values that no training fact has, and `test_unseen_template` has templates that training does not use.
    These are the templates marked `test`; where a relation has none of these, but three or more others, its last one.

    Args:
        base: the facts.
        templates: relation to split to templates, as `read_templates` gives them.
        subjects: split to subjects; left out, subjects are drawn.
        validation_fraction: fraction of the subjects for validation, where they are drawn.
        test_fraction: fraction of the subjects for the test, where they are drawn.
        value_fraction: fraction of each relation's values that is held out.
        max_templates: templates that each subject and relation is asked about with; 0 is all.
        limit: number of training questions, drawn at random; 0 is all.
        seed: seed of all these draws.
        notes: notes on the facts, which those of the split follow.

    Raises:
        UserError: no relation has both facts and templates, or a split would be empty.
    """
    notes = list(notes)
    templates = _templates_with_test(base, templates, notes)
    if subjects is None:
        subjects = split_subjects(
            base.by_subject, validation_fraction=validation_fraction, test_fraction=test_fraction, seed=seed
        )
    held_out = held_out_values(base, templates, value_fraction, seed)
    second_subjects = {"train": frozenset(subjects["train"])}  # training is about no other subjects
    all_questions = {
        split: questions_from_templates(
            base, templates, subjects[split], "train", max_templates, seed, second_subjects.get(split)
        )
        for split in ("train", "validation", "test")
    }
    train, validation = (
        [question for question in all_questions[split] if held_out.isdisjoint(question.answers)]
        for split in ("train", "validation")
    )
    if held_out:
        counts = " and ".join(
            f"{len(all_questions[split]) - len(questions):,} of {len(all_questions[split]):,} {split} questions"
            for split, questions in (("train", train), ("validation", validation))
        )
        notes.append(f"{len(held_out):,} values are held out for the test, and with them {counts}")
    training_facts = frozenset(
        number
        for subject in subjects["train"]
        for number in base.by_subject[subject]
        if base.facts[number].object not in held_out
    )
    # The steps of a question lead to facts about other subjects.
    training_facts |= {
        number
        for question in train
        if PATH in question.relation
        for step in base.follow(question.subject, question.relation)
        for number in step
        if base.facts[number].object not in held_out
    }
    training_values = {base.facts[number].object for number in training_facts}
    questions = {"train": limited(train, limit, seed), "validation": validation}
    questions |= {"test": [], "test_unseen_value": [], "test_unseen_template": []}
    for question in all_questions["test"]:
        unseen = training_values.isdisjoint(question.answers)
        questions["test_unseen_value" if unseen else "test"].append(question)
    for question in questions_from_templates(base, templates, subjects["test"], "test"):
        if not training_values.isdisjoint(question.answers):
            questions["test_unseen_template"].append(question)
    return MemoryData(base, checked_splits(questions, notes), training_facts, notes)


def template_questions(
    base: KnowledgeBase, templates: dict[str, dict[str, list[str]]], max_templates: int, seed: int
) -> tuple[list[MemoryQuestion], list[str]]:
    """Ask about every relation of every subject with any of the templates, as a trained model is to be scored on other facts.

    Args:
        base: the facts.
        templates: relation to split to templates, as `read_templates` gives them.
        max_templates: templates that each subject and relation is asked about with; 0 is all.
        seed: seed of the draw of templates.

    Returns:
        the questions, and notes on relations that the facts and the templates do not share.

    Raises:
        UserError: no relation has both facts and templates.
    """
    notes: list[str] = []
    splits = _templates_with_test(base, templates, notes)
    every_template = {
        relation: {"test": [template for part in parts.values() for template in part]}
        for relation, parts in splits.items()
    }
    return questions_from_templates(base, every_template, list(base.by_subject), "test", max_templates, seed), notes


def _templates_with_test(base: KnowledgeBase, templates, notes: list[str]) -> dict[str, dict[str, list[str]]]:
    """The templates, with unseen ones for the test where there are enough; relations that do not match are noted.

    Raises:
        UserError: no relation has both facts and templates.
    """
    known = set(base.by_relation)
    without_facts = sorted(path for path in templates if not known.issuperset(_relations_of(path, known)))
    if len(without_facts) == len(templates):
        raise UserError(
            f"the templates' relations ({', '.join(without_facts)[:80]}) are not those of the facts "
            f"({', '.join(sorted(base.by_relation))[:80]}); give them the same names"
        )
    without_name = sorted(
        path
        for path, splits in templates.items()
        if AND in path
        and PATH not in path
        and path not in known
        and not any(SECOND in text for part in splits.values() for text in part)
    )
    if without_name:
        notes.append(
            f"templates of two relations without {SECOND} for the second subject are left out: {', '.join(without_name)}"
        )
        templates = {path: splits for path, splits in templates.items() if path not in without_name}
    if without_facts:
        notes.append(f"templates of relations that no fact has are left out: {', '.join(without_facts)}")
    without_templates = sorted(known.difference(*(_relations_of(path, known) for path in templates)))
    if without_templates:
        names = ", ".join(without_templates)
        notes.append(f"relations without a template are never asked about, their facts only distract: {names}")
    templates = {relation: dict(splits) for relation, splits in templates.items()}
    for splits in templates.values():
        if not splits.get("test") and len(splits.get("train", ())) >= 3:
            splits["train"], splits["test"] = splits["train"][:-1], splits["train"][-1:]
    return templates


def _relations_of(path: str, known: Collection[str]) -> list[str]:
    """The relations of a template. A relation of the facts may have a separator in its name."""
    if path in known:
        return [path]
    return [relation for step in path.split(PATH) for relation in ([step] if step in known else step.split(AND))]


def held_out_values(base: KnowledgeBase, templates, fraction: float, seed: int) -> set[str]:
    """A fraction of the values of each relation that has templates and at least `MIN_VALUES` values."""
    rng = np.random.default_rng((seed, 3))
    held_out = set()
    known = set(base.by_relation)
    last = {relation for path in templates for relation in _relations_of(path.split(PATH)[-1], known)}
    for relation in sorted(last & known):
        values = sorted({base.facts[number].object for number in base.by_relation[relation]})
        if len(values) >= MIN_VALUES:
            places = rng.permutation(len(values))[: round(fraction * len(values))]
            held_out |= {values[place] for place in places}
    return held_out


def limited(questions: list, limit: int, seed: int) -> list:
    """`limit` of the questions, drawn at random; all where it is 0."""
    if not limit:
        return questions
    order = np.random.default_rng(seed).permutation(len(questions))[:limit]
    return [questions[place] for place in order]


def checked_splits(
    questions: dict[str, list[MemoryQuestion]], notes: list[str], splits_with_files: Sequence[str] = ()
) -> dict[str, list[MemoryQuestion]]:
    """The splits that have questions, after a check that none but `train` asks about a subject of the training.

    A split with files of its own may do so; that is noted. Splits without questions are noted too, and left out.

    Raises:
        UserError: training or validation has no questions, or a drawn split shares a subject with training.
    """
    for split in ("train", "validation"):
        if not questions[split]:
            remedy = (
                "give more questions, --validation-files, or a larger --validation-fraction"
                if splits_with_files
                else "give more facts, or hold out less (--held-out-values, --validation-fraction)"
            )
            raise UserError(f"no {split} questions are left; {remedy}")
    notes += [f"{split}: no questions" for split, part in questions.items() if not part]
    training_subjects = {question.subject for question in questions["train"]}
    for split, part in questions.items():
        shared = [question for question in part if split != "train" and question.subject in training_subjects]
        if not shared:
            continue
        message = (
            f"{len(shared):,} of {len(part):,} {split} questions are about subjects that training asks about too "
            f"(such as {shared[0].subject!r}, {shared[0].id})"
        )
        if split not in splits_with_files:
            raise UserError(f"{message}; keep each subject in one split")
        notes.append(message)
    return {split: part for split, part in questions.items() if part}
