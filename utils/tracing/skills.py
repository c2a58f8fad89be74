"""The skill of each item, for models that know skills."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from utils.tracing.sequences import ResponseSequence


def find_skills(sequences: Sequence[ResponseSequence], numbers: dict[str, int]) -> tuple[list[int] | None, list[str]]:
    """The skill of each item: the one that is named with it most often.

    Args:
        sequences: the training students.
        numbers: item to number, from 1.

    Returns:
        item number to the number of its skill, from 1, and 0 for item 0; or None where a student has no skills. And notes.
    """
    without_skills = sum(sequence.skills is None for sequence in sequences)
    if without_skills == len(sequences):
        return None, []
    if without_skills:
        return None, [f"train: {without_skills:,} students have no skills, so no skills are used"]
    counts = {}
    for sequence in sequences:
        for item, skill in zip(sequence.items, sequence.skills, strict=True):
            counts.setdefault(item, Counter())[skill or f"of item {item} alone"] += 1
    notes = []
    unnamed = [item for item, skills in counts.items() if f"of item {item} alone" in skills]
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
    skill_numbers = {skill: number for number, skill in enumerate(sorted(set(skill_of_item.values())), start=1)}
    return [0] + [skill_numbers[skill_of_item[item]] for item in sorted(numbers, key=numbers.get)], notes
