"""Students by split, from files or a simulation, with the true parameters where they are known."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from utils.common.errors import UserError
from utils.common.reading import Reading
from utils.common.splitting import hold_out
from utils.tracing.checks import (
    check_paths,
    check_students,
    distinct_names,
    notes_on_equal_students,
    notes_on_single_categories,
    notes_on_unknown_items,
)
from utils.tracing.data import COMMON_FORMAT, ResponseFormat, read_responses, read_truth
from utils.tracing.expanded_skills import notes_on_expanded_skills
from utils.tracing.features import item_numbers
from utils.tracing.names import NumbersOfNames, distinct_names_of
from utils.tracing.sequences import ResponseSequence, count_categories
from utils.tracing.simulation import SIMULATIONS, Truth
from utils.tracing.skills import find_skills, number_skills

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class HeldOut:
    """Which students are held out from training.

    Args:
        validation_fraction: fraction of the training students that is held out for validation, 0-1.
        test_fraction: fraction of all students that is held out for testing, 0-1; 0 leaves no test students.
        folds: if above 0, test on one of this many folds instead of a fraction.
        fold: which fold, from 0.
        limit: train on this many of the remaining students, drawn at random; 0 is all.
        seed: seed of all these draws.
    """

    validation_fraction: float = 0.1
    test_fraction: float = 0.2
    folds: int = 0
    fold: int = 0
    limit: int = 0
    seed: int = 0


@dataclass
class ResponseData:
    """Students' sequences by split. No student is in two splits.

    Args:
        sequences: sequences of `train`, `validation` and, where there is one, `test`.
        num_categories: number of response categories, K.
        files: names of the files, or the name of the simulation.
        notes: lines about what was left out or replaced.
        truth: the true parameters, or None. The name of an item, read as a number, is its row.
        truth_students: split to the row of `truth` of each sequence's student.
        item_skills: item number to the number of its skill, from 1; 0 for item 0. None where skills are unknown.
        skill_of_item: item to the name of its skill; None where skills are unknown.
        response_format: how the files were read, with what the responses told; None for a simulation.
        reading: counts of what reading the files left out or noticed, by file.
        model_items: item to number of a trained model that these students are for; None: the training students have them.
    """

    sequences: dict[str, list[ResponseSequence]]
    num_categories: int
    files: list[str]
    notes: list[str]
    truth: Truth | None = None
    truth_students: dict[str, list[int]] = field(default_factory=dict)
    item_skills: list[int] | None = None
    skill_of_item: dict[str, str] | None = None
    response_format: ResponseFormat | None = None
    reading: dict[str, dict] = field(default_factory=dict)
    model_items: dict[str, int] | None = None

    @cached_property
    def item_numbers(self) -> dict[str, int]:
        """Training item to its number, from 1. All other items have the number 0."""
        return item_numbers(self.sequences["train"]) if self.model_items is None else self.model_items

    @cached_property
    def item_names(self) -> list[str]:
        """The training items in the order of their numbers."""
        return sorted(self.item_numbers, key=self.item_numbers.get)

    @cached_property
    def checksum(self) -> str:
        """Changes with any response, student, item or skill."""
        return self.checksum_of(*self.sequences)

    def checksum_of(self, *splits: str) -> str:
        """The same for some splits."""
        digest = hashlib.sha256()
        for name in splits:
            part = self.sequences[name]
            digest.update(name.encode())
            for s in part:  # one by one, as a large log needs much memory as JSON
                skills = None if s.skills is None else list(s.skills)
                digest.update(json.dumps([s.student, list(s.items), s.responses.tolist(), skills]).encode())
        return f"sha256:{digest.hexdigest()}"

    @property
    def description(self) -> dict:
        """The entry `data` of `results.json`; `counts` are those of the responses."""
        return {
            "files": self.files,
            "counts": {name: sum(len(s.items) for s in part) for name, part in self.sequences.items()},
            "students": {name: len(part) for name, part in self.sequences.items()},
            "items": len(self.item_numbers),
            "skills": max(self.item_skills) if self.item_skills else None,
            "categories": self.num_categories,
            "checksum": self.checksum,
            "notes": self.notes,
            "reading": self.reading,
            "format": asdict(self.response_format) if self.response_format else None,
        }

    def pairs(self, split: str) -> list[tuple[np.ndarray, np.ndarray]]:
        """Item numbers and responses of each sequence of a split."""
        number_items = NumbersOfNames(self.item_numbers)
        return [(number_items(s.items), s.responses) for s in self.sequences[split]]

    def truth_pairs(self, split: str) -> list[tuple[np.ndarray, np.ndarray]]:
        """Rows of `truth` of the items, and responses, of each sequence of a split."""
        return [(np.array([int(item) for item in s.items]), s.responses) for s in self.sequences[split]]


def simulate(name: str, held_out: HeldOut, students: int = 0, items: int = 0, categories: int = 0) -> ResponseData:
    """Simulate students and split them.

    Args:
        name: a name in `SIMULATIONS`.
        held_out: which students are held out.
        students: number of students; 0 is the simulation's default.
        items: number of items; 0 is the simulation's default.
        categories: number of response categories; 0 is the simulation's default.
    """
    sizes = {"students": students, "items": items, "categories": categories}
    pairs, truth = SIMULATIONS[name](**{name: size for name, size in sizes.items() if size})
    sequences = [
        ResponseSequence(
            str(number),
            tuple(map(str, items)),
            responses,
            tuple(map(str, truth.skills[items])) if truth.gain.any() else None,
        )
        for number, (items, responses) in enumerate(pairs)
    ]
    data = ResponseData({"train": sequences}, truth.thresholds.shape[1] + 1, [f"{name} (simulated)"], [], truth)
    return _divide(data, held_out)


def read_files(
    train_files: Sequence[Path],
    held_out: HeldOut,
    validation_files: Sequence[Path] = (),
    test_files: Sequence[Path] = (),
    truth_file: Path | None = None,
    categories: int = 0,
    response_format: ResponseFormat = COMMON_FORMAT,
    reading: Reading | None = None,
) -> ResponseData:
    """Read students from files. Where a split has no files, students of the training files are held out.

    Args:
        train_files: files for training; `utils.tracing.data.read_responses` describes the formats.
        held_out: which students are held out.
        validation_files: files for validation.
        test_files: files for testing.
        truth_file: the true parameters of these files, for `utils.tracing.data.read_truth`.
        categories: number of response categories; 0 takes it from the responses.
        response_format: how the files are read.
        reading: counts records that cannot be used; left out, with its own limit.

    Raises:
        UserError: a file is not usable or named twice, a student is in two files, or the true parameters belong to other files.
    """
    reading = reading or Reading()
    split_of_path = [
        (split, Path(path))
        for split, paths in zip(SPLITS, (train_files, validation_files, test_files), strict=True)
        for path in paths
    ]
    paths = [path for _, path in split_of_path]
    check_paths(paths)
    students_of_file, response_format = read_responses(paths, reading, response_format)
    sequences, files = {}, []
    for (split, path), students in zip(split_of_path, students_of_file, strict=True):
        sequences.setdefault(split, []).extend(distinct_names(students, path, files))
        files.append(path.name)
    everyone = [sequence for part in sequences.values() for sequence in part]
    check_students(everyone)
    num_categories, empty_categories = count_categories(everyone, categories or response_format.credit_levels)
    notes = [*reading.notes, *empty_categories, *notes_on_expanded_skills(everyone, num_categories)]
    notes += notes_on_equal_students(sequences)
    data = ResponseData(sequences, num_categories, files, notes, response_format=response_format)
    data.reading = reading.description()
    if truth_file:
        if any(counts["left_out"] for counts in data.reading.values()):
            notes = "; ".join(note for note in reading.notes if "left out" in note)
            raise UserError(f"with --truth each record is needed, else students do not match: {notes}")
        data.truth = read_truth(truth_file)
        _check_truth(data, truth_file)
    return _divide(data, held_out)


def _divide(data: ResponseData, held_out: HeldOut) -> ResponseData:
    """Hold out students for the splits that are missing, draw the training students, and add skills and notes."""
    parts = data.sequences
    rows = {s.student: row for row, s in enumerate(s for part in parts.values() for s in part)}
    if "test" not in parts and (held_out.folds or held_out.test_fraction):
        parts["test"], parts["train"] = _test_students(parts["train"], held_out)
    if "validation" not in parts:
        parts["validation"], parts["train"] = split_students(
            parts["train"], held_out.validation_fraction, held_out.seed
        )
    if held_out.limit:
        order = np.random.default_rng(held_out.seed).permutation(len(parts["train"]))
        parts["train"] = [parts["train"][number] for number in order[: held_out.limit]]
    data.sequences = {split: parts[split] for split in SPLITS if split in parts}
    for split, part in data.sequences.items():
        if not part:
            raise UserError(f"no {split} students are left; give more students, or change what is held out")
    if data.truth is not None:
        data.truth_students = {split: [rows[s.student] for s in part] for split, part in data.sequences.items()}
    data.skill_of_item, skill_notes = find_skills(data.sequences["train"])
    if data.skill_of_item:
        data.item_skills = number_skills(data.skill_of_item, data.item_numbers)
    data.notes += (
        skill_notes
        + notes_on_unknown_items(data.sequences, data.item_numbers)
        + notes_on_single_categories(data.sequences)
    )
    return data


def _test_students(sequences: Sequence[ResponseSequence], held_out: HeldOut) -> tuple[list, list]:
    """The test students, a fold or a fraction of all, and the other students."""
    if not held_out.folds:
        return split_students(sequences, held_out.test_fraction, held_out.seed)
    if held_out.folds > len(sequences):
        raise UserError(f"--folds {held_out.folds}: more folds than the {len(sequences):,} students; give fewer")
    return split_fold(sequences, held_out.folds, held_out.fold, held_out.seed)


def split_students(sequences: Sequence[ResponseSequence], fraction: float, seed: int) -> tuple[list, list]:
    """Hold out a fraction of the students: at least one if the fraction is above 0.

    Returns:
        the held-out students and the others, each in the given order.
    """
    parts = hold_out([1] * len(sequences), {"held_out": fraction}, seed)
    return [sequences[n] for n in parts.get("held_out", ())], [sequences[n] for n in parts["train"]]


def split_fold(sequences: Sequence[ResponseSequence], folds: int, fold: int, seed: int) -> tuple[list, list]:
    """Hold out one fold of the students. Over all folds, every student is held out once.

    Returns:
        the held-out students and the others, each in the given order.
    """
    order = np.random.default_rng(seed).permutation(len(sequences))
    numbers = set(order[fold::folds].tolist())
    return [sequences[n] for n in sorted(numbers)], [s for n, s in enumerate(sequences) if n not in numbers]


def _check_truth(data: ResponseData, truth_file: Path) -> None:
    """Check that true parameters belong to these sequences."""
    truth, everyone = data.truth, [sequence for part in data.sequences.values() for sequence in part]
    rows = [int(item) if item.isdigit() else -1 for item in distinct_names_of(s.items for s in everyone)]
    if len(everyone) != len(truth.ability) or min(rows) < 0 or max(rows) >= len(truth.thresholds):
        raise UserError(
            f"{truth_file}: has {len(truth.ability):,} students and {len(truth.thresholds):,} items, numbered from 0, but the data "
            "has others; give the true parameters of these files, training students first"
        )
    if truth.thresholds.shape[1] + 1 != data.num_categories:
        raise UserError(f"{truth_file}: has {truth.thresholds.shape[1] + 1} categories, the data {data.num_categories}")
