"""Questions with answers by split: near-duplicate questions, and those that share an answer, never stand in two splits."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from utils.common.errors import UserError, some_of
from utils.ranking.data import read_rankings
from utils.ranking.demo import demo_rankings
from utils.ranking.records import Query
from utils.text.words import split_words

WORDS_COMPARED = 100
"""Of a question, from its start: what comes after is mostly code and signatures."""

SHARED_WORDS = 2
"""Rare words that two texts must share before they are compared; more of them means fewer comparisons and longer lists."""


@dataclass(frozen=True)
class RankingSplits:
    """`train` and, where there are any, `validation` and `test`.

    Args:
        notes: lines on what is left out, kept together, or stands in two splits.
    """

    parts: dict[str, list[Query]]
    notes: list[str]

    def checksum(self) -> str:
        """Of all texts and grades, and of what belongs to which split."""
        digest = hashlib.sha256()
        for name, part in self.parts.items():
            for query in part:
                answers = [(candidate.text, candidate.relevance) for candidate in query.candidates]
                digest.update(json.dumps([name, query.text, answers]).encode())
        return f"sha256:{digest.hexdigest()}"

    def described(self, files: Sequence[Path], checksum: str) -> dict:
        """What `results.json` says of the data."""
        return {
            "files": [str(file) for file in files] or ["demo world"],
            "questions": {name: len(part) for name, part in self.parts.items()},
            "answers": {name: sum(len(query.candidates) for query in part) for name, part in self.parts.items()},
            "checksum": checksum,
            "notes": self.notes,
        }

    def unseen(self) -> np.ndarray:
        """Of each test question, whether none of its answers is, word for word, one of the training or validation questions."""
        known = [query for name in ("train", "validation") for query in self.parts[name]]
        texts = {candidate.text for query in known for candidate in query.candidates}
        return np.array([not any(of.text in texts for of in query.candidates) for query in self.parts["test"]])


class _Groups:
    """Union-find: things that were joined, directly or by others between, have one root, the first of them."""

    def __init__(self, count: int):
        self.parents = list(range(count))

    def root(self, number: int) -> int:
        while self.parents[number] != number:
            self.parents[number] = number = self.parents[self.parents[number]]
        return number

    def join(self, one: int, other: int) -> None:
        first, second = sorted((self.root(one), self.root(other)))
        self.parents[second] = first

    def join_alike(self, keys: Iterable[tuple[int, object]]) -> None:
        """Join all numbers of one key."""
        first: dict[object, int] = {}
        for number, key in keys:
            self.join(first.setdefault(key, number), number)

    @property
    def numbers(self) -> list[int]:
        """The group of each, numbered from 0 in order of appearance."""
        seen: dict[int, int] = {}
        return [seen.setdefault(self.root(number), len(seen)) for number in range(len(self.parents))]


def near_duplicates(texts: Sequence[str], threshold: float = 0.7) -> list[int]:
    """A group number for each text; texts are in one group where a chain of near duplicates leads from one to the other.

    Near duplicates are two whose sets of lower-cased words, of the first 100, have a Jaccard similarity (shared words by all
    words) of at least the threshold. None is missed: sets so alike must share words already among the rarest of each (prefix
    filtering; Chaudhuri et al. 2006), so only pairs that do, found in an inverted index, are compared.
    """
    groups = _Groups(len(texts))
    sets = [frozenset(split_words(text)[:WORDS_COMPARED]) or text for text in texts]
    groups.join_alike(enumerate(sets))
    firsts: dict[frozenset[str], int] = {}
    for number, words in enumerate(sets):
        if not isinstance(words, str):
            firsts.setdefault(words, number)
    counts = Counter(word for words in firsts for word in words)
    rarest = {word: rank for rank, word in enumerate(sorted(counts, key=lambda word: (counts[word], word)))}
    ordered = sorted(firsts, key=lambda words: (len(words), firsts[words]))
    sizes = np.array([len(words) for words in ordered])
    index: dict[str, list[int]] = {}  # the places in `ordered` of the sets with this word among their rarest
    for place, words in enumerate(ordered):
        least = int(np.ceil(threshold * len(words) - 1e-9))  # words that any near duplicate has, and shares with it
        prefix = sorted(words, key=rarest.get)[: len(words) - least + SHARED_WORDS]
        smallest = np.searchsorted(sizes, least)
        found = Counter()
        for word in prefix:
            found.update(index.get(word, ()))
        for other, shared in found.items():
            if other >= smallest and shared >= min(SHARED_WORDS, least):
                both = len(words & ordered[other])
                if both >= threshold * (len(words) + len(ordered[other]) - both) - 1e-9:
                    groups.join(firsts[words], firsts[ordered[other]])
        for word in prefix:
            index.setdefault(word, []).append(place)
    return groups.numbers


def question_groups(queries: Sequence[Query]) -> list[int]:
    """A group number for each question, for splits: near-duplicate questions, those with an identical answer and those of one
    `group` are in one. Questions that have a `group` are in no other for the likeness of their texts: templates make them alike."""
    groups = _Groups(len(queries))
    free = [number for number, query in enumerate(queries) if not query.group]
    groups.join_alike(zip(free, near_duplicates([queries[number].text for number in free]), strict=True))
    groups.join_alike((number, query.group) for number, query in enumerate(queries) if query.group)
    groups.join_alike(
        (number, candidate.text) for number, query in enumerate(queries) for candidate in query.candidates
    )
    return groups.numbers


def split_queries(
    queries: Sequence[Query], validation_fraction: float, test_fraction: float, seed: int
) -> RankingSplits:
    """Hold out shares of the questions, whole groups of `question_groups` at a time.

    Groups are shuffled with the seed; each goes to the test split, else to validation, else to training: the first in which there
    is room for all of it. So a split is never larger than its share, at least one question; a share of 0 makes no split. In each,
    questions stay in the order given.

    Raises:
        UserError: shares that leave no question for training, or a split that no group fits into.
    """
    shares = {"test": test_fraction, "validation": validation_fraction}
    if not all(share >= 0 for share in shares.values()) or not sum(shares.values()) < 1:
        raise UserError(
            f"the shares of validation and test questions, {validation_fraction} and {test_fraction}, must be 0 or more and less "
            "than 1 together; give smaller fractions"
        )
    members: dict[int, list[int]] = {}
    for number, group in enumerate(question_groups(queries)):
        members.setdefault(group, []).append(number)
    room = {name: max(1, round(share * len(queries))) for name, share in shares.items() if share}
    chosen: dict[str, list[int]] = {name: [] for name in ("train", *room)}
    for group in np.random.default_rng(seed).permutation(len(members)):
        found = members[group]
        part = next((name for name, most in room.items() if len(chosen[name]) + len(found) <= most), "train")
        chosen[part] += found
    several = [found for found in members.values() if len(found) > 1]
    largest = max(several, key=len, default=[])
    notes = [
        f"{sum(map(len, several)):,} of {len(queries):,} questions are in {len(several):,} groups that are alike, share an answer "
        f"or belong together, and stay in one split; the largest has {len(largest):,} (such as {some_of(_ids(queries, largest))})"
    ] if several else []  # fmt: skip
    parts = {
        name: [queries[n] for n in sorted(chosen[name])] for name in ("train", "validation", "test") if name in chosen
    }
    for name, part in parts.items():
        if not part:
            first = f"{queries[0].place} and on: no {name} question is left of {len(queries):,}; give more, or another fraction"
            raise UserError("; ".join([first, *notes]))
    return RankingSplits(parts, notes)


def _ids(queries: Sequence[Query], numbers: Iterable[int]) -> list[str]:
    return [queries[number].id for number in numbers]


def read_ranking_splits(
    train_files: Sequence[Path],
    validation_files: Sequence[Path],
    test_files: Sequence[Path],
    validation_fraction: float,
    test_fraction: float,
    seed: int,
    limit: int | None = None,
    rule: str = "best_share",
) -> RankingSplits:
    """The questions of files by split; what no file is given for is held out from training's. Without files, the demo world's.

    Where several files are read, an id is `FILE:ID`.

    Args:
        validation_fraction: the share held out where there are no `validation_files`; `test_fraction` alike.
        limit: the most training questions, drawn with the seed; all where it is None or 0.
        rule: from votes to grades (`normalised_votes`).

    Raises:
        UserError: of `read_rankings` or `split_queries`; files without training files, one file twice, or a split without a
            relevant answer.
    """
    given = {"train": train_files, "validation": validation_files, "test": test_files}
    parts, notes = _read(given, rule)
    if not parts:
        parts = {"train": demo_rankings(seed)}
    if "train" not in parts:
        raise UserError(f"{next(iter(parts.values()))[0].place}: is not for training; name training files as well")
    fractions = (0 if "validation" in parts else validation_fraction, 0 if "test" in parts else test_fraction)
    if any(fractions):
        held = split_queries(parts["train"], *fractions, seed)
        parts, notes = parts | held.parts, notes + held.notes
    parts = {name: parts[name] for name in given if name in parts}
    if limit and limit < len(parts["train"]):
        drawn = np.random.default_rng(seed).permutation(len(parts["train"]))[:limit]
        parts["train"] = [parts["train"][number] for number in sorted(drawn)]
    for name, part in parts.items():
        _check(name, part, notes)
    if validation_files or test_files:
        notes += _in_two_splits(parts)
    return RankingSplits(parts, notes)


def _read(given: dict[str, Sequence[Path]], rule: str) -> tuple[dict[str, list[Query]], list[str]]:
    several = sum(map(len, given.values())) > 1
    parts, notes, seen, names = {}, [], set(), Counter()
    for split, paths in given.items():
        for path in map(Path, paths):
            if path.resolve() in seen:
                raise UserError(f"{path}: is given twice; name each file once")
            seen.add(path.resolve())
            names[path.name] += 1
            name = path.name if names[path.name] == 1 else f"{path.name} ({names[path.name]})"
            queries, found = read_rankings(path, rule)
            notes += found
            named = (replace(query, id=f"{name}:{query.id}") for query in queries) if several else queries
            parts.setdefault(split, []).extend(named)
    return parts, notes


def _check(name: str, queries: Sequence[Query], notes: list[str]) -> None:
    """That something is relevant. Where all answers of a question are alike, training can still learn from other questions'."""
    if not any(candidate.relevance > 0 for query in queries for candidate in query.candidates):
        raise UserError(
            f"{queries[0].place}: neither this nor another {name} question has a relevant answer; give graded ones"
        )
    if all(len({candidate.relevance for candidate in query.candidates}) == 1 for query in queries):
        notes.append(f"no {name} question has answers of different grades: there is nothing to rank within one")


def _in_two_splits(parts: dict[str, list[Query]]) -> list[str]:
    """Notes on questions and answers of one split that another has as well; chains of near duplicates count."""
    queries = [query for part in parts.values() for query in part]
    groups, start, of, notes = near_duplicates([query.text for query in queries]), 0, {}, []
    for name, part in parts.items():
        of[name], start = groups[start : start + len(part)], start + len(part)
    for name, other in (("validation", "train"), ("test", "train"), ("test", "validation")):
        if name not in parts or other not in parts:
            continue
        held = set(of[other])
        twice = [query.id for query, group in zip(parts[name], of[name], strict=True) if group in held]
        if twice:
            notes.append(f"{len(twice):,} {name} questions have a near duplicate in {other} ({some_of(twice)})")
        texts = {candidate.text for query in parts[other] for candidate in query.candidates}
        shared = sum(candidate.text in texts for query in parts[name] for candidate in query.candidates)
        if shared:
            notes.append(f"{shared:,} answers to {name} questions are, word for word, answers in {other} as well")
    return notes
