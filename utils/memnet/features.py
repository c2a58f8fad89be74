"""From facts and questions to arrays: words to ids, memories with distractors, batches."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from utils.memnet.data import KnowledgeBase, MemoryQuestion
from utils.text.words import split_words

HASHES = 2**26
"""Hashes that a word outside of the vocabulary may have: the square of `HashedEmbedding`'s 8,192 buckets."""
WORD_MULTIPLE = 8
"""Questions of a batch are padded to a multiple of this: few shapes, each of which is compiled once."""


class Vocabulary:
    """Ids of words: 0 is padding, listed words come next; other words are hashed to ids above them.

    Args:
        words: the listed words, in the order of their ids.
        hashed: whether other words are hashed; else they are left out, as words that mean nothing.
    """

    def __init__(self, words: Iterable[str], hashed: bool = True):
        self.words = list(dict.fromkeys(words))
        self.hashed = hashed
        self._ids = {word: number for number, word in enumerate(self.words, start=1)}

    def __len__(self) -> int:
        """Ids of padding and of listed words."""
        return len(self.words) + 1

    def ids(self, words: Iterable[str]) -> list[int]:
        found = [self._ids.get(word) or self._other(word) for word in words]
        return [number for number in found if number]

    def _other(self, word: str) -> int:
        return len(self) + zlib.crc32(word.encode("utf-8")) % HASHES if self.hashed else 0


def relation_word(relation: str) -> str:
    """What stands for a relation in a key; no word of a text can be equal to it."""
    return f"<{relation}>"


def open_vocabulary(base: KnowledgeBase, questions: Sequence[MemoryQuestion]) -> Vocabulary:
    """The words that ask: relations, and what stands beside the subject in questions about two subjects at least.

    All else, names above all, is hashed, so a name is treated alike whether or not training had it.
    """
    asking = Counter()
    for subject, texts in _by_subject(questions).items():
        name = subject.lower()
        asking.update({word for text in texts for word in split_words(text.lower().replace(name, " ", 1))})
    relations = sorted(relation_word(relation) for relation in base.by_relation)
    return Vocabulary([*relations, *sorted(word for word, subjects in asking.items() if subjects > 1)])


def _by_subject(questions) -> dict[str, list[str]]:
    found = {}
    for question in questions:
        found.setdefault(question.subject, []).append(question.text)
    return found


def closed_vocabulary(base: KnowledgeBase, questions: Sequence[MemoryQuestion]) -> Vocabulary:
    """All words of the facts and of the questions; any other word is left out."""
    words = {word for fact in base.facts for word in (*split_words(fact.subject), *split_words(fact.object))}
    words |= {word for question in questions for word in split_words(question.text)}
    return Vocabulary([*sorted(relation_word(relation) for relation in base.by_relation), *sorted(words)], hashed=False)


def padded(rows: Sequence[Sequence[int]], filler: int = 0) -> np.ndarray:
    """Rows of numbers as one int32 array, at least one column wide."""
    width = max(1, max(map(len, rows), default=1))
    array = np.full((len(rows), width), filler, np.int32)
    for row, values in zip(array, rows, strict=True):
        row[: len(values)] = values
    return array


@dataclass(frozen=True)
class EncodedFacts:
    """Word ids `(facts, words)`: `keys` of subject and relation, `values` of the object. `objects` numbers the distinct ones."""

    keys: np.ndarray
    values: np.ndarray
    objects: np.ndarray


def encode_facts(base: KnowledgeBase, vocabulary: Vocabulary) -> EncodedFacts:
    numbers = {}
    keys = [
        vocabulary.ids([*split_words(fact.subject), relation_word(fact.relation)]) for fact in base.facts
    ]  # fmt: skip
    values = [vocabulary.ids(split_words(fact.object)) for fact in base.facts]
    objects = [numbers.setdefault(fact.object, len(numbers)) for fact in base.facts]
    return EncodedFacts(padded(keys), padded(values), np.array(objects, np.int32))


def encode_questions(questions: Sequence[MemoryQuestion], vocabulary: Vocabulary) -> np.ndarray:
    return padded([vocabulary.ids(split_words(question.text)) for question in questions])


class Distractors:
    """Draws memories: the facts that answer, and others that do not.

    A third of the others are about the same subject, a third about subjects that share a word of their name with it, where there
    are so many; the rest about anybody, every second with the question's relation.

    Args:
        base: all facts, for their numbers.
        allowed: the numbers of the facts that may be drawn.
    """

    def __init__(self, base: KnowledgeBase, allowed: Iterable[int]):
        self.base = base
        self.allowed = np.array(sorted(allowed), np.int64)
        self.of_subject, self.of_relation, namesakes = {}, {}, {}
        for number in self.allowed.tolist():
            fact = base.facts[number]
            self.of_subject.setdefault(fact.subject, []).append(number)
            self.of_relation.setdefault(fact.relation, []).append(number)
        for subject in self.of_subject:
            for word in split_words(subject):
                namesakes.setdefault(word, []).append(subject)
        self.namesakes = namesakes

    def draw(self, rng: np.random.Generator, question: MemoryQuestion, count: int) -> list[int]:
        """The numbers of the facts that answer and of `count` others (fewer where there are no more), in random order."""
        own = self.of_subject.get(question.subject, [])
        gold = self.base.gold(question, own)
        # A fact that would answer as well is no distractor.
        chosen, answering = {}, set(gold)
        answering |= {number for number in own if self.base.facts[number].relation == question.relation}

        def take(numbers, most):
            for number in numbers:
                if most <= 0 or len(chosen) >= count:
                    return
                if number not in chosen and number not in answering:
                    chosen[number] = None
                    most -= 1

        take(rng.permutation(own).tolist() if own else [], count // 3)
        take(self._of_namesakes(rng, question.subject, count), count // 3)
        same = self.of_relation.get(question.relation, [])
        if same:
            take((same[place] for place in rng.integers(0, len(same), count)), (count - len(chosen)) // 2)
        for _ in range(3):  # a few numbers may be drawn twice
            take(self.allowed[rng.integers(0, len(self.allowed), count)].tolist(), count)
        if len(chosen) < count:
            take(rng.permutation(self.allowed).tolist(), count)
        memory = [*gold, *chosen]
        return [memory[place] for place in rng.permutation(len(memory))]

    def _of_namesakes(self, rng, subject: str, count: int) -> list[int]:
        found = []
        for word in split_words(subject):
            others = self.namesakes.get(word, [])
            for place in rng.integers(0, len(others), count) if len(others) > 1 else ():
                if others[place] != subject:
                    facts = self.of_subject[others[place]]
                    found.append(facts[rng.integers(len(facts))])
        return [found[place] for place in rng.permutation(len(found))]


@dataclass(frozen=True)
class MemoryFeatures:
    """Questions with their memories: `question_ids` `(questions, words)`; `memory` `(questions, slots)`, fact numbers, -1 where
    empty; `gold`, True where a slot's fact answers."""

    question_ids: np.ndarray
    memory: np.ndarray
    gold: np.ndarray

    @property
    def sizes(self) -> np.ndarray:
        """Slots in use, by question."""
        return (self.memory >= 0).sum(axis=1)


def build_features(base, questions, question_ids, memories) -> MemoryFeatures:
    """Features of questions whose memories are lists of fact numbers."""
    memory = padded(memories, filler=-1)
    gold = np.zeros(memory.shape, bool)
    for row, question, numbers in zip(gold, questions, memories, strict=True):
        right = set(base.gold(question, numbers))
        row[: len(numbers)] = [number in right for number in numbers]
    return MemoryFeatures(question_ids, memory, gold)


def assemble(features: MemoryFeatures, facts: EncodedFacts, rows: np.ndarray, slots: int = 0) -> dict[str, np.ndarray]:
    """The model's inputs for some of the questions; words, and slots where no number is given, as the longest needs, rounded up."""
    slots = slots or int(padded_slots(features.sizes[rows].max()))
    memory = features.memory[rows, :slots]
    memory = np.pad(memory, ((0, 0), (0, slots - memory.shape[1])), constant_values=-1)
    held = memory >= 0
    longest = max(1, int((features.question_ids[rows] > 0).sum(axis=1).max()))
    words = longest + -longest % WORD_MULTIPLE
    question_ids = features.question_ids[rows, :longest]
    inputs = {
        "question_ids": np.pad(question_ids, ((0, 0), (0, words - question_ids.shape[1]))),
        "key_ids": facts.keys[memory] * held[..., None],
        "value_ids": facts.values[memory] * held[..., None],
        "memory_mask": held.astype(np.int32),
    }
    return {name: np.ascontiguousarray(array, np.int32) for name, array in inputs.items()}


def padded_slots(sizes) -> np.ndarray:
    """Memory sizes rounded up to 8, 12, 16, 24, 32, 48, ...: few shapes, each of which is compiled once."""
    octave = 8 * 2 ** np.ceil(np.log2(np.maximum(sizes, 8) / 8)).astype(int)
    return np.where(np.less_equal(sizes, octave * 3 // 4) & (octave > 8), octave * 3 // 4, octave)


def targets(features: MemoryFeatures, rows: np.ndarray, slots: int) -> np.ndarray:
    """The probability of every slot: equal for all that answer."""
    gold = features.gold[rows, :slots].astype(np.float32)
    gold = np.pad(gold, ((0, 0), (0, slots - gold.shape[1])))
    return gold / np.maximum(gold.sum(axis=1, keepdims=True), 1)


def training_batches(features_of_epoch, count: int, facts: EncodedFacts, batch_size: int, seed: int, first_step: int):
    """Endless `(inputs, targets)` from a step on; step `n` is always the same batch.

    Args:
        features_of_epoch: function of an epoch's number; gives its features, always of the same `count` questions.
    """
    epoch, step = divmod(first_step, -(-count // batch_size))
    while True:
        features = features_of_epoch(epoch)
        for rows in _order(features.sizes, batch_size, seed, epoch)[step:]:
            inputs = assemble(features, facts, rows)
            wanted = targets(features, rows, inputs["memory_mask"].shape[1])
            yield inputs, {"scores": wanted, "address": wanted}
        epoch, step = epoch + 1, 0


def _order(sizes: np.ndarray, batch_size: int, seed: int, epoch: int) -> list[np.ndarray]:
    """One epoch's batches: questions shuffled, those with memories of similar size together."""
    rng = np.random.default_rng((seed, epoch))
    shuffled = rng.permutation(len(sizes))
    batches = []
    for start in range(0, len(shuffled), 20 * batch_size):
        part = shuffled[start : start + 20 * batch_size]
        part = part[np.argsort(sizes[part], kind="stable")]
        batches += [part[place : place + batch_size] for place in range(0, len(part), batch_size)]
    return [batches[place] for place in rng.permutation(len(batches))]
