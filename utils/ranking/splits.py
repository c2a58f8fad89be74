"""Questions with answers by split. Near-duplicate questions, and questions that share an answer, stay in one split."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from utils.common.errors import UserError, some_of
from utils.common.splitting import hold_out
from utils.ranking.data import read_rankings
from utils.ranking.demo import demo_rankings
from utils.ranking.records import Candidate, Query
from utils.text.words import split_words

MAX_COMPARED_WORDS = 100
"""Words at the start of a question that are compared. What follows is mostly code and signatures."""
MIN_SHARED_WORDS = 2
"""Rare words that two texts must share before they are compared. More of them mean fewer comparisons and longer lists."""


@dataclass(frozen=True)
class RankingSplits:
    """Questions by split.

    Args:
        parts: `train` and, if there are any, `validation` and `test`.
        notes: one line each on what was left out, kept together, or occurs in two splits.
    """

    parts: dict[str, list[Query]]
    notes: list[str]

    def candidates(self, name: str) -> list[Candidate]:
        """The candidates of all questions of a split, one after another."""
        return [candidate for query in self.parts[name] for candidate in query.candidates]

    def summary(self) -> str:
        """The numbers of questions and answers in words."""
        counts = [f"{name} {len(part):,} with {len(self.candidates(name)):,}" for name, part in self.parts.items()]
        return f"questions and answers: {', '.join(counts)}"

    def checksum(self) -> str:
        """Checksum of all texts and grades, and of their splits."""
        digest = hashlib.sha256()
        for name, part in self.parts.items():
            for query in part:
                answers = [(candidate.text, candidate.relevance) for candidate in query.candidates]
                digest.update(json.dumps([name, query.text, answers]).encode())
        return f"sha256:{digest.hexdigest()}"

    def describe(self, files: Sequence[Path]) -> dict:
        """The entry `data` of `results.json`."""
        return {
            "files": [str(file) for file in files] or ["demo world"],
            "counts": {
                "questions": {name: len(part) for name, part in self.parts.items()},
                "answers": {name: len(self.candidates(name)) for name in self.parts},
            },
            "checksum": self.checksum(),
            "notes": self.notes,
        }

    def has_unseen_answers(self) -> np.ndarray:
        """For each test question, True if none of its answers occurs word for word in training or validation; `(questions,)`."""
        known = {candidate.text for name in ("train", "validation") for candidate in self.candidates(name)}
        return np.array([not any(answer.text in known for answer in query.candidates) for query in self.parts["test"]])


class _Groups:
    """Union-find: numbers that were joined, directly or through others, have one root, the smallest of them."""

    def __init__(self, count: int):
        self.parents = list(range(count))

    def root(self, number: int) -> int:
        while self.parents[number] != number:
            self.parents[number] = number = self.parents[self.parents[number]]
        return number

    def join(self, first: int, second: int) -> None:
        smaller, larger = sorted((self.root(first), self.root(second)))
        self.parents[larger] = smaller

    def join_equal(self, keys: Iterable[tuple[int, object]]) -> None:
        """Join the numbers with equal keys."""
        first: dict[object, int] = {}
        for number, key in keys:
            self.join(first.setdefault(key, number), number)

    @property
    def labels(self) -> list[int]:
        """The group of each number; groups are numbered from 0 in order of appearance."""
        labels: dict[int, int] = {}
        return [labels.setdefault(self.root(number), len(labels)) for number in range(len(self.parents))]


def near_duplicates(texts: Sequence[str], threshold: float = 0.7) -> list[int]:
    """Group texts that are connected by a chain of near duplicates.

    Two texts are near duplicates if the sets of their first 100 lower-cased words have a Jaccard similarity (shared words over all
    words) of at least the threshold. The result is exact: such sets share words among the rarest words of each (prefix filtering;
    Chaudhuri et al. 2006), so only pairs that do are compared. An inverted index finds them.

    Args:
        texts: the texts.
        threshold: smallest Jaccard similarity of near duplicates, 0-1.

    Returns:
        the group number of each text, from 0 in order of appearance.
    """
    groups = _Groups(len(texts))
    word_sets = [frozenset(split_words(text)[:MAX_COMPARED_WORDS]) or text for text in texts]
    groups.join_equal(enumerate(word_sets))
    first_with: dict[frozenset[str], int] = {}
    for number, words in enumerate(word_sets):
        if not isinstance(words, str):  # a text without any word stands for itself
            first_with.setdefault(words, number)
    counts = Counter(word for words in first_with for word in words)
    rarity = {word: rank for rank, word in enumerate(sorted(counts, key=lambda word: (counts[word], word)))}
    ordered = sorted(first_with, key=lambda words: (len(words), first_with[words]))
    sizes = np.array([len(words) for words in ordered])
    index: dict[str, list[int]] = {}  # positions in `ordered` of the sets with this word among their rarest
    for position, words in enumerate(ordered):
        min_size = int(
            np.ceil(threshold * len(words) - 1e-9)
        )  # of a near duplicate, and of what it shares with `words`
        prefix = sorted(words, key=rarity.get)[: len(words) - min_size + MIN_SHARED_WORDS]
        first_position = np.searchsorted(sizes, min_size)
        num_shared = Counter()
        for word in prefix:
            num_shared.update(index.get(word, ()))
        for other, shared in num_shared.items():
            if other >= first_position and shared >= min(MIN_SHARED_WORDS, min_size):
                intersection = len(words & ordered[other])
                union = len(words) + len(ordered[other]) - intersection
                if intersection >= threshold * union - 1e-9:
                    groups.join(first_with[words], first_with[ordered[other]])
        for word in prefix:
            index.setdefault(word, []).append(position)
    return groups.labels


def question_groups(queries: Sequence[Query]) -> list[int]:
    """Group questions that must stay in one split.

    In one group are near-duplicate questions, questions that share an answer word for word, and questions with the same `group`.
    The texts of questions that have a `group` are not compared: templates make them similar.

    Returns:
        the group number of each question.
    """
    groups = _Groups(len(queries))
    ungrouped = [number for number, query in enumerate(queries) if not query.group]
    labels = near_duplicates([queries[number].text for number in ungrouped])
    groups.join_equal(zip(ungrouped, labels, strict=True))
    groups.join_equal((number, query.group) for number, query in enumerate(queries) if query.group)
    groups.join_equal(
        (number, candidate.text) for number, query in enumerate(queries) for candidate in query.candidates
    )
    return groups.labels


def split_queries(
    queries: Sequence[Query], validation_fraction: float, test_fraction: float, seed: int
) -> RankingSplits:
    """Hold out fractions of the questions, whole groups of `question_groups` at a time (`utils.common.splitting.hold_out`).

    Within a split, questions keep their order.

    Args:
        queries: the questions.
        validation_fraction: fraction for validation; 0 makes no such split.
        test_fraction: fraction for the test; 0 makes no such split.
        seed: seed of the order in which groups are held out.

    Raises:
        UserError: the fractions leave no question for training, or no group fits into a split.
    """
    fractions = {"test": test_fraction, "validation": validation_fraction}
    if not all(fraction >= 0 for fraction in fractions.values()) or not sum(fractions.values()) < 1:
        raise UserError(
            f"the fractions of validation and test questions, {validation_fraction} and {test_fraction}, must be 0 or more and "
            "less than 1 together; give smaller fractions"
        )
    members: dict[int, list[int]] = {}
    for number, group in enumerate(question_groups(queries)):
        members.setdefault(group, []).append(number)
    groups = hold_out([len(numbers) for numbers in members.values()], fractions, seed)
    parts = {
        name: [queries[number] for number in sorted(number for group in groups[name] for number in members[group])]
        for name in ("train", "validation", "test")
        if name in groups
    }
    shared = [numbers for numbers in members.values() if len(numbers) > 1]
    notes = []
    if shared:
        largest = max(shared, key=len)
        notes.append(
            f"{sum(map(len, shared)):,} of {len(queries):,} questions are in {len(shared):,} groups (near duplicates, shared "
            f"answers, or groups of the data), each within one split; the largest has {len(largest):,} "
            f"(such as {some_of([queries[number].id for number in largest])})"
        )
    for name, part in parts.items():
        if not part:
            problem = f"{queries[0].place} and following: no {name} question is left of {len(queries):,}"
            raise UserError("; ".join([f"{problem}; give more questions or another fraction", *notes]))
    return RankingSplits(parts, notes)


def read_ranking_splits(
    train_files: Sequence[Path],
    validation_files: Sequence[Path],
    test_files: Sequence[Path],
    validation_fraction: float,
    test_fraction: float,
    seed: int,
    limit: int | None = None,
    vote_rule: str = "best_share",
) -> RankingSplits:
    """Read questions by split. Without files they are the demo world's.

    If several files are read, the id of a question is `FILE:ID`.

    Args:
        train_files: files with training questions.
        validation_files: files with validation questions.
        test_files: files with test questions.
        validation_fraction: fraction of the training questions that is held out if there are no `validation_files`.
        test_fraction: fraction of the training questions that is held out if there are no `test_files`.
        seed: seed of what is held out, and of the demo world.
        limit: maximal number of training questions, drawn with the seed; None or 0 is all.
        vote_rule: how votes become grades (`utils.ranking.records.grades_from_votes`).

    Raises:
        UserError: as `read_rankings` and `split_queries`; there are files but none for training, a file is named twice, or a split
            has no relevant answer.
    """
    files = {"train": train_files, "validation": validation_files, "test": test_files}
    parts, notes = _read_files(files, vote_rule)
    if not parts:
        parts = {"train": demo_rankings(seed)}
    if "train" not in parts:
        raise UserError(f"{next(iter(parts.values()))[0].place}: is not for training; name training files as well")
    fractions = (0 if "validation" in parts else validation_fraction, 0 if "test" in parts else test_fraction)
    if any(fractions):
        held_out = split_queries(parts["train"], *fractions, seed)
        parts, notes = parts | held_out.parts, notes + held_out.notes
    parts = {name: parts[name] for name in files if name in parts}
    if limit and limit < len(parts["train"]):
        drawn = np.random.default_rng(seed).permutation(len(parts["train"]))[:limit]
        parts["train"] = [parts["train"][number] for number in sorted(drawn)]
    for name, part in parts.items():
        notes += _check_relevance(name, part)
    if validation_files or test_files:
        notes += _overlaps(parts)
    return RankingSplits(parts, notes)


def _read_files(files: dict[str, Sequence[Path]], vote_rule: str) -> tuple[dict[str, list[Query]], list[str]]:
    has_several = sum(map(len, files.values())) > 1
    parts, notes, resolved, names = {}, [], set(), Counter()
    for split, paths in files.items():
        for path in map(Path, paths):
            if path.resolve() in resolved:
                raise UserError(f"{path}: was named twice; name each file once")
            resolved.add(path.resolve())
            names[path.name] += 1
            name = path.name if names[path.name] == 1 else f"{path.name} ({names[path.name]})"
            queries, file_notes = read_rankings(path, vote_rule)
            notes += file_notes
            if has_several:
                queries = [replace(query, id=f"{name}:{query.id}") for query in queries]
            parts.setdefault(split, []).extend(queries)
    return parts, notes


def _check_relevance(name: str, queries: Sequence[Query]) -> list[str]:
    """Check that something is relevant; a note if no question has answers of different grades.

    A question whose answers have equal grades can still be trained on: the answers of other questions are its negatives.
    """
    if not any(candidate.relevance > 0 for query in queries for candidate in query.candidates):
        raise UserError(
            f"{queries[0].place}: neither this nor another {name} question has a relevant answer; give graded answers"
        )
    if all(len({candidate.relevance for candidate in query.candidates}) == 1 for query in queries):
        return [f"no {name} question has answers with different grades, so there is nothing to rank within a question"]
    return []


def _overlaps(parts: dict[str, list[Query]]) -> list[str]:
    """Notes on questions and answers of one split that another split has as well; chains of near duplicates count."""
    queries = [query for part in parts.values() for query in part]
    labels, start, groups, notes = near_duplicates([query.text for query in queries]), 0, {}, []
    for name, part in parts.items():
        groups[name], start = labels[start : start + len(part)], start + len(part)
    for name, other in (("validation", "train"), ("test", "train"), ("test", "validation")):
        if name not in parts or other not in parts:
            continue
        other_groups = set(groups[other])
        repeated = [query.id for query, group in zip(parts[name], groups[name], strict=True) if group in other_groups]
        if repeated:
            notes.append(f"{len(repeated):,} {name} questions have a near duplicate in {other} ({some_of(repeated)})")
        texts = {candidate.text for query in parts[other] for candidate in query.candidates}
        num_shared = sum(candidate.text in texts for query in parts[name] for candidate in query.candidates)
        if num_shared:
            notes.append(f"{num_shared:,} answers to {name} questions also occur, word for word, in {other}")
    return notes
