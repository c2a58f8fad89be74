"""Checks of students' sequences: the same students twice, items that training does not have, responses that are all the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from utils.common.errors import UserError, some_of
from utils.tracing.names import NumbersOfNames, distinct_names_of
from utils.tracing.sequences import ResponseSequence

MIN_STEPS, MIN_OTHERS = 10, 3
"""Sequences of fewer responses, or with fewer that are not the most frequent one, may be the same for two students by chance."""
MIN_EQUAL = 0.01
"""Fewer of a split's students are not noted: of thousands who practise few items, some have the same responses by chance."""


def notes_on_unknown_items(
    sequences: Mapping[str, Sequence[ResponseSequence]], item_numbers: Mapping[str, int]
) -> list[str]:
    """A line for each split that has items which training does not have."""
    notes = []
    for split in ("validation", "test"):
        items = distinct_names_of(sequence.items for sequence in sequences.get(split, ()))
        unknown = sorted(items - item_numbers.keys())
        if unknown:
            notes.append(
                f"{split}: {len(unknown):,} items that training does not have all count as one unknown item "
                f"({some_of(unknown)})"
            )
    return notes


def notes_on_single_categories(sequences: Mapping[str, Sequence[ResponseSequence]]) -> list[str]:
    """A line for each split all of whose responses are the same."""
    categories = {
        split: sorted({category for sequence in part for category in np.unique(sequence.responses).tolist()})
        for split, part in sequences.items()
    }
    return [
        f"{split}: all responses are {present[0]}, so that AUC and kappa are not defined or say nothing"
        for split, present in categories.items()
        if len(present) == 1
    ]


def distinct_names(students: list[ResponseSequence], path: Path, earlier: list[str]) -> list[ResponseSequence]:
    """The students, renamed if they are named after their file and an earlier file has the same name."""
    repetitions = earlier.count(path.name)
    if not repetitions or not students[0].student.startswith(f"{path.name}:"):
        return students
    return [replace(sequence, student=f"{sequence.student} ({repetitions + 1})") for sequence in students]


def check_students(sequences: Sequence[ResponseSequence]) -> None:
    """Check that no student is in two files.

    Raises:
        UserError: names the student and the files.
    """
    first = {}
    for sequence in sequences:
        other = first.setdefault(sequence.student, sequence)
        if other is not sequence:
            raise UserError(
                f"student {sequence.student!r} is in {other.file} and in {sequence.file}; keep each student in one file"
            )


def check_paths(paths: Sequence[Path]) -> None:
    """Check that no file is named twice: where students have no names, they would count as others.

    Raises:
        UserError: names the file.
    """
    named = set()
    for path in paths:
        if path.resolve() in named:
            raise UserError(f"{path}: was named twice; name each file once")
        named.add(path.resolve())


def notes_on_equal_students(sequences: Mapping[str, Sequence[ResponseSequence]]) -> list[str]:
    """A line for each two splits that share students, as far as items and responses tell. Names do not: a file may have none."""
    if len(sequences) < 2:
        return []
    items = distinct_names_of(sequence.items for part in sequences.values() for sequence in part)
    number_items = NumbersOfNames({item: number for number, item in enumerate(items)})
    notes, earlier = [], {}
    for split, part in sequences.items():
        keyed = [(_content_key(sequence, number_items), sequence) for sequence in part if _is_distinctive(sequence)]
        for other, student_of_key in earlier.items():
            pairs = [(sequence, student_of_key[key]) for key, sequence in keyed if key in student_of_key]
            if pairs and len(pairs) >= MIN_EQUAL * len(part):
                first, its_equal = (sequence.place(0) for sequence in pairs[0])
                notes.append(
                    f"{split}: {len(pairs):,} of {len(part):,} students have the same items and responses as a student of {other} "
                    f"({first} and {its_equal}); if they are the same students, scores are too high: remove them from one file"
                )
        earlier[split] = dict(keyed)
    return notes


def _is_distinctive(sequence: ResponseSequence) -> bool:
    steps = len(sequence.responses)
    return steps >= MIN_STEPS and steps - np.bincount(sequence.responses).max() >= MIN_OTHERS


def _content_key(sequence: ResponseSequence, number_items: NumbersOfNames) -> int:
    return hash((number_items(sequence.items).tobytes(), sequence.responses.tobytes()))
