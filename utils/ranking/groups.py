"""Groups of questions that must stay in one split: near duplicates, and questions that share an answer."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from utils.ranking.records import Query
from utils.text.words import split_words

MAX_COMPARED_WORDS = 100
"""Words at the start of a question that are compared. What follows is mostly code and signatures."""
MAX_COMPARED_CHARACTERS = 20_000
"""Characters in which these words are looked for."""
MIN_SHARED_WORDS = 2
"""Rare words that two texts must share before they are compared. More of them mean fewer comparisons and longer lists."""
MAX_GROUP = 0.5
"""Fraction of the questions that may be in one group because they share wrong answers."""


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
    beginnings = [text[:MAX_COMPARED_CHARACTERS] for text in texts]
    word_sets = [frozenset(split_words(text)[:MAX_COMPARED_WORDS]) or text for text in beginnings]
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
    The texts of questions that have a `group` are not compared: templates make them similar. A document of a collection keeps no
    questions together: all splits search the same collection.

    Where wrong answers were drawn from those of other questions, they would connect nearly all questions. If a group has more than
    half of them, only questions that share a right answer are kept together.

    Returns:
        the group number of each question.
    """
    groups = _Groups(len(queries))
    ungrouped = [number for number, query in enumerate(queries) if not query.group]
    labels = near_duplicates([queries[number].text for number in ungrouped])
    groups.join_equal(zip(ungrouped, labels, strict=True))
    groups.join_equal((number, query.group) for number, query in enumerate(queries) if query.group)
    groups_by_right_answers = copy.deepcopy(groups)
    for joined, lowest in ((groups, -1.0), (groups_by_right_answers, 0.0)):
        joined.join_equal(
            (number, candidate.text)
            for number, query in enumerate(queries)
            for candidate in query.candidates
            if candidate.relevance > lowest and not candidate.is_document
        )
        group_numbers = joined.labels
        if max(Counter(group_numbers).values(), default=0) <= MAX_GROUP * len(group_numbers):
            break
    return group_numbers
