"""Checks of students' sequences: names in two files, items that training does not have, responses that are all the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from utils.common.errors import UserError, some_of
from utils.tracing.names import distinct_names_of
from utils.tracing.sequences import ResponseSequence


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
