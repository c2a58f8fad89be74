"""Splits of questions about facts, by subject, value and template, and the memories each is asked with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from functools import cached_property

import numpy as np

from utils.common.errors import UserError, some_of
from utils.demo import phrases as demo_phrases
from utils.demo.world import build_world
from utils.memnet.data import Fact, KnowledgeBase, MemoryQuestion, ask, knowledge_base, memory_facts, read_questions
from utils.memnet.features import Distractors, build_features, encode_questions
from utils.memnet.index import VectorIndex, WordIndex
from utils.text.words import split_words

DEMO_RELATIONS = ("born_in", "birth_year", "studied_at", "occupation", "works_for")


@dataclass
class MemoryData:
    """Questions by split, all facts, and the numbers of the facts that training may see.

    Args:
        settings: the run's: `distractors`, `sweep`, `candidates`, `retrieval`, `seed`, `split_seed`.
        notes: lines on what reading dropped or merged, and on what the splits leave out.
    """

    base: KnowledgeBase
    questions: dict[str, list[MemoryQuestion]]
    training_facts: frozenset[int]
    notes: list[str]
    settings: object

    @property
    def given_memories(self) -> bool:
        """Whether every question's memory is part of the data."""
        return all(question.memory is not None for part in self.questions.values() for question in part)

    @cached_property
    def checksum(self) -> str:
        digest = hashlib.sha256(json.dumps([self.row(fact) for fact in self.base.facts]).encode())
        for name, part in self.questions.items():
            digest.update(json.dumps([name, [(q.id, q.text, q.answers, q.memory) for q in part]]).encode())
        return f"sha256:{digest.hexdigest()}"

    @property
    def described(self) -> dict:
        """What `results.json` says of the data."""
        counts = {name: len(part) for name, part in self.questions.items()}
        subjects = {name: len({question.subject for question in part}) for name, part in self.questions.items()}
        of = self.settings
        paths = (*of.facts, of.templates, *of.train_files, *of.validation_files, *of.test_files)
        files = [path.name for path in paths if path] or ["built-in demo data"]
        return {
            "files": files,
            "facts": len(self.base.facts),
            "training_facts": len(self.training_facts),
            "questions": counts,
            "subjects": subjects,
            "checksum": self.checksum,
            "notes": self.notes,
        }

    @staticmethod
    def row(fact) -> list[str]:
        return [fact.subject, fact.relation, fact.object]

    @cached_property
    def _for_training(self) -> Distractors:
        return Distractors(self.base, self.training_facts)

    @cached_property
    def _for_all(self) -> Distractors:
        return Distractors(self.base, range(len(self.base.facts)))

    def memories(self, name: str, distractors: int, seed) -> list[Sequence[int]]:
        """The facts that each question of a split is asked with; training sees only facts that it may."""
        source = self._for_training if name == "train" else self._for_all
        rng = np.random.default_rng(seed)
        return [
            source.draw(rng, question, distractors) if question.memory is None else question.memory
            for question in self.questions[name]
        ]

    def features(self, name: str, vocabulary):
        """A split's questions with the memories that they are scored with."""
        questions = self.questions[name]
        memories = self.memories(name, self.settings.distractors, (self.settings.seed, 0, *name.encode()))
        return build_features(self.base, questions, encode_questions(questions, vocabulary), memories)

    def repeats(self, vocabulary, facts, model, most: int) -> dict:
        """At most `most` test questions with other memories, by name: `(questions, features)`.

        `test_N_distractors` for every number in `sweep`, where memories are drawn and there are as many facts; `test_whole_kb` with
        what retrieval finds among all facts.
        """
        if not self.questions.get("test"):
            return {}
        rng = np.random.default_rng((self.settings.seed, 2))
        order = rng.permutation(len(self.questions["test"]))[:most]
        questions = [self.questions["test"][place] for place in sorted(order)]
        question_ids = encode_questions(questions, vocabulary)
        memories = {
            f"test_{count}_distractors": [self._for_all.draw(rng, question, count) for question in questions]
            for count in (() if self.given_memories else self.settings.sweep)
            if count < len(self.base.facts)
        }
        memories["test_whole_kb"] = retrieved(self.settings, facts, question_ids, model)
        return {
            name: (questions, build_features(self.base, questions, question_ids, found))
            for name, found in memories.items()
        }


def retrieved(settings, facts, question_ids: np.ndarray, model) -> list[np.ndarray]:
    """The candidates among all facts, for every question, by the index that the settings name."""
    if settings.retrieval == "words":
        index = WordIndex(facts.keys)
        return [index.candidates(words[words > 0].tolist(), settings.candidates) for words in question_ids]
    index = VectorIndex(vectors(model, facts.keys))
    return index.candidates(vectors(model, question_ids), settings.candidates)


def vectors(model, ids: np.ndarray, rows: int = 8_192) -> np.ndarray:
    """The model's vectors of texts, float32 `(texts, hidden_dim)`."""
    from keras import ops

    parts = [
        ops.convert_to_numpy(ops.cast(model.encode(part), "float32"))
        for part in np.array_split(ids, -(-len(ids) // rows))
    ]
    return np.concatenate(parts)


def demo_people(seed: int, train: int = 500, validation: int = 50, test: int = 100):
    """Facts about people of the demo world, templates to ask five of their relations, and the people of every split."""
    world = build_world(f"memory {seed}", train + validation + test, 100)
    facts = [Fact(*triple) for triple in map(astuple, world.facts) if triple[1] in DEMO_RELATIONS]
    base, _ = knowledge_base(facts, "the demo world")
    templates = {
        relation: {
            "train": list(phrases.questions["train"]),
            "test": list(phrases.questions["test"]),
        }
        for relation, phrases in demo_phrases.RELATIONS.items()
        if relation in DEMO_RELATIONS
    }
    order = np.random.default_rng(seed).permutation(len(world.people))
    people = [world.people[place] for place in order]
    subjects = {
        "train": people[:train],
        "validation": people[train : train + validation],
        "test": people[train + validation :],
    }
    return base, templates, subjects


def split_subjects(subjects: Sequence[str], settings) -> dict[str, list[str]]:
    """Subjects by split: shares of them, drawn with the seed, in an order that does not hang on the file's. Names that differ in
    capital letters or punctuation alone stay together: to a model they are the same."""
    alike = {}
    for subject in sorted(set(subjects)):
        alike.setdefault(" ".join(split_words(subject)) or subject, []).append(subject)
    groups = [alike[name] for name in sorted(alike)]
    order = np.random.default_rng(settings.split_seed).permutation(len(groups))
    groups = [groups[place] for place in order]
    test = round(settings.test_fraction * len(groups))
    validation = max(1, round(settings.validation_fraction * len(groups)))
    parts = {
        "test": groups[:test],
        "validation": groups[test : test + validation],
        "train": groups[test + validation :],
    }
    if not parts["train"]:
        raise UserError(
            f"{len(groups)} subjects are too few to hold out {validation} for validation and {test} for the test; give more, or "
            "smaller --validation-fraction and --test-fraction"
        )
    return {name: [subject for group in several for subject in group] for name, several in parts.items()}


def split_templates(settings, base: KnowledgeBase, notes, templates, subjects=None) -> MemoryData:
    """Questions made of templates, split by subject; the test's by unseen values and unseen templates besides.

    A share of every relation's values is held out: no training or validation question has them as its answer, and no training
    memory holds them, whatever the relation. `test` has seen values and templates, `test_unseen_value` values that training had
    nowhere, `test_unseen_template` templates that it did not have. Templates marked `test` are unseen; where a relation has none,
    its last one of three or more is.
    """
    unknown = sorted(set(templates) - set(base.by_relation))
    if set(templates).isdisjoint(base.by_relation):
        raise UserError(
            f"the templates' relations ({', '.join(unknown)[:80]}) are not those of the facts "
            f"({', '.join(sorted(base.by_relation))[:80]}); name the same"
        )
    notes = notes + ([f"templates of relations that no fact has are left out: {', '.join(unknown)}"] if unknown else [])
    silent = sorted(set(base.by_relation) - set(templates))
    if silent:
        notes.append(
            f"relations without a template are never asked about, their facts only distract: {', '.join(silent)}"
        )
    templates = {relation: dict(splits) for relation, splits in templates.items()}
    for splits in templates.values():
        if not splits.get("test") and len(splits.get("train", ())) >= 3:
            splits["train"], splits["test"] = splits["train"][:-1], splits["train"][-1:]
    subjects = subjects or split_subjects(list(base.by_subject), settings)
    held_out = held_out_values(base, templates, settings.held_out_values, settings.split_seed)

    def seen(question) -> bool:
        return held_out.isdisjoint(question.answers)

    def asked(split):
        return ask(base, templates, subjects[split], "train", settings.templates_each, settings.split_seed)

    every = {name: asked(name) for name in ("train", "validation", "test")}
    train, validation = ([question for question in every[name] if seen(question)] for name in ("train", "validation"))
    if held_out:
        counts = " and ".join(
            f"{len(every[name]) - len(part):,} of {len(every[name]):,} {name} questions"
            for name, part in (("train", train), ("validation", validation))
        )
        notes.append(f"{len(held_out):,} values are held out for the test, and with them {counts}")
    training_facts = frozenset(
        number
        for subject in subjects["train"]
        for number in base.by_subject[subject]
        if base.facts[number].object not in held_out
    )
    known = {base.facts[number].object for number in training_facts}
    test = {"test": [], "test_unseen_value": [], "test_unseen_template": []}
    for question in every["test"]:
        test["test_unseen_value" if known.isdisjoint(question.answers) else "test"].append(question)
    unseen = ask(base, templates, subjects["test"], "test")
    test["test_unseen_template"] = [question for question in unseen if not known.isdisjoint(question.answers)]
    few = [str(count) for count in settings.sweep if count >= len(base.facts)]
    if few:
        notes.append(f"--sweep {' '.join(few)}: left out, there are {len(base.facts):,} facts in all")
    questions = {"train": limited(train, settings), "validation": validation, **test}
    check_parts(questions)
    return MemoryData(base, questions, training_facts, notes, settings)


def held_out_values(base: KnowledgeBase, templates, share: float, seed: int) -> set[str]:
    """A share of the values of every relation that is asked about (none of fewer than ten)."""
    rng = np.random.default_rng((seed, 3))
    found = set()
    for relation in sorted(set(templates) & set(base.by_relation)):
        values = sorted({base.facts[number].object for number in base.by_relation[relation]})
        if len(values) >= 10:
            found |= {values[place] for place in rng.permutation(len(values))[: round(share * len(values))]}
    return found


def split_files(settings, base: KnowledgeBase | None, notes) -> MemoryData:
    """Questions from files, split by subject where files for a split are not given.

    Training questions whose memory holds no answer teach nothing and are left out, with a note.
    """
    given = {"train": settings.train_files, "validation": settings.validation_files, "test": settings.test_files}
    parts, notes = {}, list(notes)
    if base is None:
        base, found = _facts_of(path for paths in given.values() for path in paths)
        notes += found
    for name, paths in given.items():
        if paths:
            parts[name] = []
        for path in paths:
            questions, _, found = read_questions(path, base)
            parts[name] += questions
            notes += found
    missing = [name for name in ("validation", "test") if name not in parts and getattr(settings, f"{name}_fraction")]
    if missing:
        shares = replace(
            settings, **{f"{name}_fraction": 0.0 for name in ("validation", "test") if name not in missing}
        )
        subjects = split_subjects([question.subject for question in parts["train"]], shares)
        split_of = {subject: name for name in missing for subject in subjects[name]}
        every = parts["train"]
        for name in (*missing, "train"):
            parts[name] = [question for question in every if split_of.get(question.subject, "train") == name]
    if any(question.memory is None for part in parts.values() for question in part):
        parts = _with_candidates(settings, base, parts)
    taught = [question for question in parts["train"] if base.gold(question, question.memory)]
    if len(taught) < len(parts["train"]):
        notes.append(
            f"{len(parts['train']) - len(taught):,} of {len(parts['train']):,} training questions have no answer in their memory "
            "and are left out of training"
        )
    for name in ("validation", "test"):
        empty = [question.id for question in parts.get(name, ()) if not question.memory]
        if empty:
            notes.append(
                f"{name}: {len(empty):,} questions have no memory at all; they count as wrong ({some_of(empty)})"
            )
    parts["train"] = limited(taught, settings)
    notes += check_parts(parts, [name for name, paths in given.items() if paths])
    training_facts = frozenset(number for question in taught for number in question.memory)
    return MemoryData(base, parts, training_facts, notes, settings)


def _facts_of(paths) -> tuple[KnowledgeBase, list[str]]:
    """All facts of the memories in these question files."""
    paths = list(paths)
    facts = dict.fromkeys(fact for path in paths for fact in memory_facts(path))
    if not facts:
        raise UserError(
            f"{', '.join(map(str, paths))}: the questions have no memories; name a file of facts with --facts"
        )
    return knowledge_base(list(facts), "the question files")


def _with_candidates(settings, base: KnowledgeBase, parts):
    """The same questions; those without a memory get the facts that share rare words with them."""
    from utils.memnet.features import Vocabulary, encode_facts

    words = Vocabulary([])
    index = WordIndex(encode_facts(base, words).keys)

    def completed(question):
        if question.memory is not None:
            return question
        found = index.candidates(words.ids(split_words(question.text)), settings.candidates)
        return replace(question, memory=tuple(found.tolist()))

    return {name: [completed(question) for question in part] for name, part in parts.items()}


def limited(questions, settings):
    """`limit` of the questions, drawn with the seed, or all."""
    if not settings.limit:
        return questions
    order = np.random.default_rng(settings.split_seed).permutation(len(questions))[: settings.limit]
    return [questions[place] for place in order]


def check_parts(parts, given=()) -> list[str]:
    """Training and validation have questions, and no subject of the training stands in another split; where the split was `given`
    as a file of its own, that is told in a note."""
    for name in ("train", "validation"):
        if not parts[name]:
            raise UserError(
                f"no {name} questions are left; give more facts, or hold out less (--held-out-values, --validation-fraction)"
            )
    trained = {question.subject for question in parts["train"]}
    notes = []
    for name, part in parts.items():
        shared = [question for question in part if name != "train" and question.subject in trained]
        if not shared:
            continue
        told = (
            f"{len(shared):,} of {len(part):,} {name} questions are about subjects that training asks about too "
            f"(such as {shared[0].subject!r}, {shared[0].id})"
        )
        if name not in given:
            raise UserError(f"{told}; let every subject stand in one of them")
        notes.append(told)
    return notes
