"""From facts and questions to arrays: words to ids, features of a split, batches."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from utils.common.batching import WHOLE, BatchPart, epochs_from, length_sorted_batches, pad_rows, round_up
from utils.common.files import read_json, write_json
from utils.memnet.evidence import subject_evidence, word_weights
from utils.memnet.questions import place_of_words
from utils.memnet.records import Fact, KnowledgeBase, MemoryQuestion
from utils.text.words import is_of_characters, split_words

NUM_HASHES = 2**26
"""Different hashes of words outside the vocabulary: the square of the 8,192 buckets of `HashedEmbedding`."""
WORD_MULTIPLE = 8
"""Questions of a batch are padded to a multiple of this, so that few different shapes are compiled."""
MAX_NAMES_FRACTION = 0.2
"""Fraction of the subjects above which a character belongs to names rather than to what is asked. This matters for Thai, whose
characters are single letters."""
POOL_BATCHES = 20
"""Batches per pool in which questions are sorted by the size of their memory."""


class Vocabulary:
    """Ids of words: 0 is padding, listed words follow, and all other words are hashed to higher ids.

    Args:
        words: the listed words, in the order of their ids.
        hashed: whether other words are hashed. If not, they are left out.
    """

    def __init__(self, words: Iterable[str], hashed: bool = True):
        self.words = list(dict.fromkeys(words))
        self.hashed = hashed
        self._ids = {word: number for number, word in enumerate(self.words, start=1)}

    def __len__(self) -> int:
        """Number of listed words, and one for padding."""
        return len(self.words) + 1

    def __contains__(self, word: str) -> bool:
        """Whether the word is listed."""
        return word in self._ids

    def ids(self, words: Iterable[str]) -> list[int]:
        """The ids of these words; words that are left out have none."""
        ids = [self._ids.get(word) or self._hash(word) for word in words]
        return [number for number in ids if number]

    def _hash(self, word: str) -> int:
        return len(self) + zlib.crc32(word.encode("utf-8")) % NUM_HASHES if self.hashed else 0

    def as_dict(self) -> dict:
        """What `from_dict` takes, for JSON."""
        return {"words": self.words, "hashed": self.hashed}

    @classmethod
    def from_dict(cls, stored: dict) -> Vocabulary:
        """The vocabulary that `as_dict` described.

        Raises:
            ValueError, KeyError: it describes something else.
        """
        words, hashed = stored["words"], stored["hashed"]
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words) or type(hashed) is not bool:
            raise ValueError("the file holds no vocabulary")
        return cls(words, hashed)


def read_vocabulary(path: Path) -> Vocabulary:
    """Read a vocabulary that `save_vocabulary` wrote."""
    return Vocabulary.from_dict(read_json(path))


def save_vocabulary(path: Path, vocabulary: Vocabulary) -> None:
    """Write a vocabulary as JSON, atomically."""
    write_json(path, vocabulary.as_dict())


def relation_word(relation: str) -> str:
    """The word that stands for a relation in a key; no word of a text equals it."""
    return f"<{relation}>"


NOTHING = relation_word("")
"""The key of the slot that stands for "none of these facts answers", in the vocabulary of a model that was trained to say so. No
relation is empty."""
UNKNOWN = "<>?"
"""Stands for a word of a question that is not listed and that no subject in the memory has, in the vocabulary of a model that was
trained with such words. No word of a text equals it, and no relation's word does."""


def open_vocabulary(base: KnowledgeBase, questions: Sequence[MemoryQuestion]) -> Vocabulary:
    """List the relations and the words that ask: those beside the subject in questions about at least two subjects.

    All other words, above all names, are hashed. So the model treats a name alike whether or not it was trained on it. In scripts
    whose characters are words, those that many names have are hashed as well, whatever stands in the questions.
    """
    words_of_subject = {}
    for question in questions:
        words_of_subject.setdefault(question.subject, set()).update(words_beside_names(question))
    num_subjects = Counter(word for words in words_of_subject.values() for word in words)
    relations = sorted(relation_word(relation) for relation in base.by_relation)
    asking = {word for word, count in num_subjects.items() if count > 1} - _characters_of_names(base)
    return Vocabulary([*relations, *sorted(asking)])


def _characters_of_names(base: KnowledgeBase) -> set[str]:
    """The words of characters (see `split_words`) that more than `MAX_NAMES_FRACTION` of all subjects have."""
    counts = Counter(
        word for subject in base.by_subject for word in set(split_words(subject)) if is_of_characters(word)
    )
    return {word for word, count in counts.items() if count > MAX_NAMES_FRACTION * len(base.by_subject)}


def words_beside_names(question: MemoryQuestion) -> list[str]:
    """The words of a question without the names of its subjects."""
    words = split_words(question.text)
    for subject in sorted(question.subjects, key=len, reverse=True):  # one may be a part of the other
        words = words_beside(split_words(subject), words)
    return words


def words_beside(name: list[str], words: list[str]) -> list[str]:
    """The words without those of a name, and without pairs of a character of the name and one of its neighbours."""
    start = place_of_words(name, words)
    if start is None:
        return words
    before, after = words[:start], words[start + len(name) :]
    if before and before[-1] != name[0] and before[-1].endswith(name[0]):
        before.pop()
    if after and after[0] != name[-1] and after[0].startswith(name[-1]):
        after.pop(0)
    return before + after


def closed_vocabulary(base: KnowledgeBase, questions: Sequence[MemoryQuestion]) -> Vocabulary:
    """List all words of the facts and of the questions; any other word is left out."""
    words = {word for fact in base.facts for word in (*split_words(fact.subject), *split_words(fact.object))}
    words |= {word for question in questions for word in split_words(question.text)}
    return Vocabulary([*sorted(relation_word(relation) for relation in base.by_relation), *sorted(words)], hashed=False)


VOCABULARIES = {"open": open_vocabulary, "closed": closed_vocabulary}
"""Name to function of facts and training questions."""


@dataclass(frozen=True)
class EncodedFacts:
    """All facts as arrays.

    Args:
        subjects: word ids of the subject, int32 `(facts, words)`, 0 for padding.
        keys: word ids of what the model reads of a fact to find it, int32 `(facts, words)`, 0 for padding: subject and relation, or
            the relation alone where the model reads evidence in the place of names.
        values: word ids of the object, int32 `(facts, words)`, 0 for padding.
        objects: number of the object, int32 `(facts,)`; equal names have equal numbers.
        subject_numbers: number of the subject among the same names, int32 `(facts,)`; None for a model that takes one step.
        weights: how rare each word of the subject is, float32 `(facts, words)`, 0 for padding
            (`utils.memnet.evidence.word_weights`); None for a model that does not read evidence.
        num_learned: ids from here on are hashed names, which a model that reads evidence is not given.
        nothing: word id of `NOTHING`; 0 for a model without it.
        unknown: word id of `UNKNOWN`; 0 for a model that is not told of unknown words.
    """

    subjects: np.ndarray
    keys: np.ndarray
    values: np.ndarray
    objects: np.ndarray
    subject_numbers: np.ndarray | None = None
    weights: np.ndarray | None = None
    num_learned: int = 0
    nothing: int = 0
    unknown: int = 0

    def slots(self, sizes) -> np.ndarray:
        """The slots, real and empty ones, that memories of these sizes are padded to."""
        return padded_slots(np.add(sizes, self.nothing > 0))

    def of_memories(self, memories: Sequence[Sequence[int]]) -> EncodedFacts:
        """The facts of some memories, one memory after another. Weights are those among a memory's own facts, and names have the
        numbers that they would have alone plus those of the memories before, so that ties are broken alike.

        Args:
            memories: numbers of facts; not all of them are empty.
        """
        parts = [np.array(memory, np.int64) for memory in memories]
        numbers = np.concatenate(parts)
        has_subjects, has_weights = self.subject_numbers is not None, self.weights is not None
        names, num_names = [np.zeros((1 + has_subjects, 0), int)], 0
        for part in parts:
            of_memory = np.concatenate([self.objects[part], self.subject_numbers[part] if has_subjects else part[:0]])
            _, first, place = np.unique(of_memory, return_index=True, return_inverse=True)
            names.append(num_names + first.argsort().argsort()[place].reshape(1 + has_subjects, -1))
            num_names += len(first)
        names = np.concatenate(names, axis=1, dtype=np.int32)
        return replace(
            self,
            subjects=self.subjects[numbers],
            keys=self.keys[numbers],
            values=self.values[numbers],
            objects=names[0],
            subject_numbers=names[1] if has_subjects else None,
            weights=np.concatenate([word_weights(self.subjects[part]) for part in parts]) if has_weights else None,
        )


def encode_facts(
    facts: Sequence[Fact], vocabulary: Vocabulary, with_evidence: bool = False, num_hops: int = 1
) -> EncodedFacts:
    """The arrays of facts, at least one, in their order.

    Args:
        facts: the facts.
        vocabulary: gives the ids of words. If it has `NOTHING`, memories get a slot for it.
        with_evidence: whether the model reads evidence of how a question names the subjects, in the place of names.
        num_hops: steps that a model with evidence takes.
    """
    numbers = {}
    subjects = [vocabulary.ids(split_words(fact.subject)) for fact in facts]
    relations = [vocabulary.ids([relation_word(fact.relation)]) for fact in facts]
    keys = relations if with_evidence else [[*words, *word] for words, word in zip(subjects, relations, strict=True)]
    values = [vocabulary.ids(split_words(fact.object)) for fact in facts]
    objects = [numbers.setdefault(fact.object, len(numbers)) for fact in facts]
    subjects = pad_rows(subjects)[0]
    subject_numbers = None
    if with_evidence and num_hops > 1:
        subject_numbers = [numbers.setdefault(fact.subject, len(numbers)) for fact in facts]
    return EncodedFacts(
        subjects,
        pad_rows(keys)[0],
        pad_rows(values)[0],
        np.array(objects, np.int32),
        None if subject_numbers is None else np.array(subject_numbers, np.int32),
        weights=word_weights(subjects) if with_evidence else None,
        num_learned=len(vocabulary),
        nothing=vocabulary.ids([NOTHING])[0] if NOTHING in vocabulary else 0,
        unknown=vocabulary.ids([UNKNOWN])[0] if UNKNOWN in vocabulary else 0,
    )


def encode_texts(texts: Iterable[str], vocabulary: Vocabulary) -> np.ndarray:
    """Word ids of texts, int32 `(texts, words)`, 0 for padding."""
    return pad_rows([vocabulary.ids(split_words(text)) for text in texts])[0]


@dataclass(frozen=True)
class MemoryFeatures:
    """Questions with their memories, as arrays.

    Args:
        question_ids: word ids, int32 `(questions, words)`, 0 for padding.
        memory: fact numbers, int32 `(questions, slots)`, -1 for an empty slot.
        gold: whether the slot's fact answers the question, bool `(questions, slots)`.
    """

    question_ids: np.ndarray
    memory: np.ndarray
    gold: np.ndarray

    @property
    def sizes(self) -> np.ndarray:
        """Number of facts in each memory, `(questions,)`."""
        return (self.memory >= 0).sum(axis=1)


def build_features(
    base: KnowledgeBase,
    questions: Sequence[MemoryQuestion],
    question_ids: np.ndarray,
    memories,
    is_training: bool = False,
    is_open: np.ndarray | None = None,
) -> MemoryFeatures:
    """The features of questions whose memories are lists of fact numbers; in training with `KnowledgeBase.likely_gold`.

    Questions that are `is_open`, bool `(questions,)`, are answered by no fact.
    """
    memory, _ = pad_rows(memories, padding=-1)
    gold = np.zeros(memory.shape, bool)
    find_gold = base.likely_gold if is_training else base.gold
    for row, question, numbers in zip(gold, questions, memories, strict=True):
        answering = set(find_gold(question, numbers))
        row[: len(numbers)] = [number in answering for number in numbers]
    if is_open is not None:
        gold[is_open] = False
    return MemoryFeatures(question_ids, memory, gold)


def assemble(
    features: MemoryFeatures, facts: EncodedFacts, rows: np.ndarray, slots: int = 0, num_words: int = 1
) -> dict[str, np.ndarray]:
    """The model's inputs for some of the questions.

    Args:
        features: all questions.
        facts: the facts that `features.memory` numbers.
        rows: the numbers of the questions wanted, `(batch,)`.
        slots: slots per question; 0 is as many as the largest memory needs, rounded up.
        num_words: words of the longest question, where these rows are part of a larger batch.

    Returns:
        the inputs of `KVMemNet`. Where the facts have `nothing`, it is in the last slot.
    """
    slots = slots or int(facts.slots(features.sizes[rows].max()))
    memory = features.memory[rows, :slots]
    memory = np.pad(memory, ((0, 0), (0, slots - memory.shape[1])), constant_values=-1)
    mask = memory >= 0
    num_words = max(num_words, longest_question(features, rows))
    question_ids = features.question_ids[rows, :num_words]
    padding = round_up(num_words, WORD_MULTIPLE) - question_ids.shape[1]
    key_ids = facts.keys[memory] * mask[..., None]
    inputs = {
        "question_ids": np.pad(question_ids, ((0, 0), (0, padding))),
        "key_ids": key_ids,
        "value_ids": facts.values[memory] * mask[..., None],
        "memory_mask": mask,
    }
    if facts.subject_numbers is not None:
        # 0 is for `NOTHING`, which every step can reach; no object has the number of an empty slot.
        inputs["subject_numbers"] = np.where(mask, facts.subject_numbers[memory] + 1, -1)
        inputs["object_numbers"] = np.where(mask, facts.objects[memory] + 1, -2)
        if facts.nothing:
            inputs["subject_numbers"][:, -1] = 0
    evidence = {}
    if facts.weights is not None:
        weights = facts.weights[memory] * mask[..., None]
        subjects = facts.subjects[memory]
        ids = inputs["question_ids"]
        evidence["evidence"], is_name, is_of_a_name = subject_evidence(ids, subjects, weights, facts.num_learned)
        is_learned = ids < facts.num_learned
        inputs["question_ids"] = np.where(
            is_learned & ~is_name, ids, np.where(is_learned | is_of_a_name, 0, facts.unknown)
        )
    if facts.nothing:
        key_ids[:, -1, 0] = facts.nothing
        mask[:, -1] = True
    return {name: np.ascontiguousarray(array, np.int32) for name, array in inputs.items()} | evidence


def longest_question(features: MemoryFeatures, rows: np.ndarray) -> int:
    """Places that the words of the longest of these questions take, at least 1; a name that is cut short leaves gaps of 0."""
    filled = np.flatnonzero((features.question_ids[rows] > 0).any(axis=0))
    return int(filled[-1]) + 1 if len(filled) else 1


def padded_slots(sizes) -> np.ndarray:
    """Memory sizes rounded up to 8, 12, 16, 24, 32, 48, ..., so that few different shapes are compiled."""
    octave = 8 * 2 ** np.ceil(np.log2(np.maximum(sizes, 8) / 8)).astype(int)
    return np.where(np.less_equal(sizes, octave * 3 // 4) & (octave > 8), octave * 3 // 4, octave)


def targets(features: MemoryFeatures, rows: np.ndarray, slots: int, has_nothing: bool = False) -> np.ndarray:
    """The target probability of each slot, float32 `(batch, slots)`: equal for all facts that answer, 0 for others.

    If the last slot is that of `NOTHING`, it is the target where no fact answers.
    """
    gold = features.gold[rows, :slots].astype(np.float32)
    gold = np.pad(gold, ((0, 0), (0, slots - gold.shape[1])))
    if has_nothing:
        gold[:, -1] = ~gold.any(axis=1)
    return gold / np.maximum(gold.sum(axis=1, keepdims=True), 1)


def training_batches(
    features_of_epoch: Callable[[int], MemoryFeatures],
    num_questions: int,
    facts: EncodedFacts,
    batch_size: int,
    seed: int,
    first_step: int,
    part: BatchPart = WHOLE,
) -> Iterator[tuple[dict, dict]]:
    """Yield `(inputs, targets)` without end, beginning at step `first_step`; step `n` is always the same batch.

    Args:
        features_of_epoch: function of an epoch's number; returns the features of that epoch, of the same questions each time.
        num_questions: number of these questions.
        facts: the facts that memories number.
        batch_size: questions per batch; one batch of an epoch may be smaller.
        seed: seed of the order.
        first_step: global step to begin at.
        part: the rows of every batch to make.
    """
    for epoch, step in epochs_from(first_step, -(-num_questions // batch_size)):
        features = features_of_epoch(epoch)
        rng = np.random.default_rng((seed, epoch))
        for batch in length_sorted_batches(features.sizes, batch_size, rng, POOL_BATCHES)[step:]:
            rows, slots = batch[part.rows(len(batch))], int(facts.slots(features.sizes[batch].max()))
            inputs = assemble(features, facts, rows, slots, longest_question(features, batch))
            target = targets(features, rows, slots, bool(facts.nothing))
            yield part.mark(inputs, len(batch)), {"scores": target, "address": target}
