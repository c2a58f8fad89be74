"""The skill of each item, for models that know skills."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from utils.tracing.names import Names
from utils.tracing.sequences import ResponseSequence

COUNTED_TOGETHER = 2**20
"""Responses whose pairs of item and skill are counted at once."""


def find_skills(sequences: Sequence[ResponseSequence]) -> tuple[dict[str, str] | None, list[str]]:
    """The skill of each item: the one that is named with it most often.

    Args:
        sequences: the training students.

    Returns:
        item to the name of its skill; or None where a student has no skills. And notes.
    """
    without_skills = sum(sequence.skills is None for sequence in sequences)
    if without_skills == len(sequences):
        return None, []
    if without_skills:
        return None, [f"train: {without_skills:,} students have no skills, so no skills are used"]
    counts = {}
    for item, skill, count in _pairs(sequences):
        counts.setdefault(item, Counter())[skill or f"item {item}"] += count
    notes = []
    unnamed = [item for item, skills in counts.items() if f"item {item}" in skills]
    if unnamed:
        notes.append(f"train: {len(unnamed):,} items have rows without a skill, which count as a skill of their own")
    skill_of_item = {
        item: min(skills, key=lambda skill, skills=skills: (-skills[skill], skill)) for item, skills in counts.items()
    }
    ambiguous = [item for item, skills in counts.items() if len(skills) > 1]
    if ambiguous:
        notes.append(
            f"train: {len(ambiguous):,} items have several skills and keep their most frequent one "
            f"({ambiguous[0]}: {skill_of_item[ambiguous[0]]})"
        )
    return skill_of_item, notes


def number_skills(skill_of_item: dict[str, str], numbers: dict[str, int]) -> list[int]:
    """Item number to the number of its skill, from 1 in the order of their names, and 0 for item 0.

    >>> number_skills({"7 + 5": "addition", "7 x 5": "products"}, {"7 x 5": 1, "7 + 5": 2})
    [0, 2, 1]

    Args:
        skill_of_item: item to the name of its skill.
        numbers: item to number, from 1.
    """
    skill_numbers = {skill: number for number, skill in enumerate(sorted(set(skill_of_item.values())), start=1)}
    return [0] + [skill_numbers[skill_of_item[item]] for item in sorted(numbers, key=numbers.get)]


def _pairs(sequences: Sequence[ResponseSequence]) -> Iterator[tuple[str, str, int]]:
    """Yield item, skill and how many responses have both; items in the order in which they first occur. A pair may come again."""
    block, num_responses, tables = [], 0, None
    for sequence in sequences:
        if not isinstance(sequence.items, Names) or not isinstance(sequence.skills, Names):
            yield from _pairs_of_names(block)
            block, num_responses = [], 0
            yield from ((item, skill, 1) for item, skill in zip(sequence.items, sequence.skills, strict=True))
            continue
        its_tables = id(sequence.items.table), id(sequence.skills.table)
        if block and (its_tables != tables or num_responses >= COUNTED_TOGETHER):
            yield from _pairs_of_names(block)
            block, num_responses = [], 0
        block.append(sequence)
        num_responses, tables = num_responses + len(sequence.items), its_tables
    yield from _pairs_of_names(block)


def _pairs_of_names(sequences: Sequence[ResponseSequence]) -> Iterator[tuple[str, str, int]]:
    """`_pairs` of sequences whose names are in the same tables."""
    if not sequences:
        return
    item_names, skill_names = sequences[0].items.table, sequences[0].skills.table
    # The code -1 is the last name.
    items = np.concatenate([sequence.items.codes for sequence in sequences]).astype(np.int64) % len(item_names)
    skills = np.concatenate([sequence.skills.codes for sequence in sequences]).astype(np.int64) % len(skill_names)
    pairs, first, counts = np.unique(items * len(skill_names) + skills, return_index=True, return_counts=True)
    order = np.argsort(first)
    for pair, count in zip(pairs[order].tolist(), counts[order].tolist(), strict=True):
        item, skill = divmod(pair, len(skill_names))
        yield item_names[item], skill_names[skill], count
