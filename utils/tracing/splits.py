"""Responses by split, of files or simulated, with the truth that made them where it is known."""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np

from utils.common.errors import UserError
from utils.tracing.data import (
    ResponseSequence,
    count_categories,
    folds,
    item_numbers,
    read_responses,
    split_students,
)
from utils.tracing.simulation import Truth, simulate_practice, simulate_static

SIMULATIONS = {"practice": simulate_practice, "static": simulate_static}


@dataclass
class ResponseData:
    """Students' sequences by split; no student stands in two.

    Args:
        sequences: of `train`, `validation` and `test`.
        num_categories: K.
        truth: of the simulation, or None; an item's row in it is its name, read as a number.
        truth_students: by split, the row of every sequence's student in `truth`.
        files: names of what was read.
        notes: lines on what was left out.
        item_skills: by item number, that of its skill, 0 being the unknown item's; None where skills are not known.
    """

    sequences: dict[str, list[ResponseSequence]]
    num_categories: int
    truth: Truth | None
    truth_students: dict[str, list[int]]
    files: list[str]
    notes: list[str]
    item_skills: list[int] | None = None

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Numbers of the training items, from 1; others are 0."""
        return item_numbers(self.sequences["train"])

    @cached_property
    def checksum(self) -> str:
        digest = hashlib.sha256()
        for name, part in self.sequences.items():
            rows = [(s.student, s.items, s.responses.tolist(), *([s.skills] if s.skills else [])) for s in part]
            digest.update(json.dumps([name, rows]).encode())
        return f"sha256:{digest.hexdigest()}"

    @property
    def described(self) -> dict:
        """What `results.json` says of the data."""
        return {
            "files": self.files,
            "students": {name: len(part) for name, part in self.sequences.items()},
            "responses": {name: sum(len(s.items) for s in part) for name, part in self.sequences.items()},
            "items": len(self.numbers),
            "skills": max(self.item_skills) if self.item_skills else None,
            "categories": self.num_categories,
            "checksum": self.checksum,
            "notes": self.notes,
        }

    def pairs(self, name: str, of_truth: bool = False) -> list[tuple[np.ndarray, np.ndarray]]:
        """A split's items and responses, items as numbers of `numbers`, or as rows of the truth."""
        row = int if of_truth else lambda item: self.numbers.get(item, 0)
        return [(np.array([row(item) for item in s.items]), s.responses) for s in self.sequences[name]]


def simulated(settings) -> ResponseData:
    """A simulation's students, divided by `validation_fraction` and `test_fraction`."""
    sizes = {"students": settings.students, "items": settings.items, "categories": settings.categories}
    pairs, truth = SIMULATIONS[settings.data](**{name: size for name, size in sizes.items() if size})
    sequences = [
        ResponseSequence(
            str(number),
            tuple(map(str, items)),
            responses,
            tuple(map(str, truth.skills[items])) if truth.gain.any() else None,
        )
        for number, (items, responses) in enumerate(pairs)
    ]
    test, others = _test_students(sequences, settings)
    rows = {sequence.student: row for row, sequence in enumerate(sequences)}
    categories = truth.thresholds.shape[1] + 1
    return _divided(
        settings, {"train": others, "test": test}, categories, (truth, rows), [f"{settings.data} (simulated)"], []
    )


def read(settings) -> ResponseData:
    """The students of the files that the settings name; whole students are held out where no file is given for a split."""
    given = {"train": settings.train_files, "validation": settings.validation_files, "test": settings.test_files}
    parts, notes, files = {}, [], []
    for name, paths in given.items():
        for path in paths:
            sequences, found = read_responses(path)
            if found and settings.truth:
                raise UserError(f"{found[0]}; with --truth each must have some, or its row means another student")
            parts.setdefault(name, []).extend(_named(sequences, path, files))
            notes += found
            files.append(path.name)
    everybody = [sequence for name in given for sequence in parts.get(name, ())]
    _check_students(everybody)
    rows = {sequence.student: row for row, sequence in enumerate(everybody)}
    if "test" not in parts and (settings.folds or settings.test_fraction):
        parts["test"], parts["train"] = _test_students(parts["train"], settings)
    categories, found = count_categories([s for part in parts.values() for s in part], settings.categories or None)
    truth = (read_truth(settings.truth), rows) if settings.truth else (None, {})
    return _divided(settings, parts, categories, truth, files, notes + found)


def _test_students(sequences: Sequence[ResponseSequence], settings):
    """The test students, a fold or a share of all, and the others."""
    if settings.folds:
        if settings.folds > len(sequences):
            raise UserError(f"--folds {settings.folds}: are more than the {len(sequences):,} students")
        return next(islice(folds(sequences, settings.folds, settings.split_seed), settings.fold, None))
    return split_students(sequences, settings.test_fraction, settings.split_seed)


def _named(sequences: Sequence[ResponseSequence], path: Path, earlier: list[str]) -> list[ResponseSequence]:
    """The sequences, with other names for students that only have their file's, where an earlier file has the same name."""
    again = earlier.count(path.name)
    if not again or not sequences[0].student.startswith(f"{path.name}:"):
        return sequences
    return [replace(sequence, student=f"{sequence.student} ({again + 1})") for sequence in sequences]


def _divided(settings, parts, categories: int, truth, files, notes) -> ResponseData:
    """The data with validation students taken from training's, where there are none yet; and `limit` of the others."""
    truth, rows = truth
    if "validation" not in parts:
        parts["validation"], parts["train"] = split_students(
            parts["train"], settings.validation_fraction, settings.split_seed
        )
    if settings.limit:
        order = np.random.default_rng(settings.split_seed).permutation(len(parts["train"]))[: settings.limit]
        parts["train"] = [parts["train"][place] for place in order]
    parts = {name: parts[name] for name in ("train", "validation", "test") if name in parts}
    _check(parts)
    data = ResponseData(parts, categories, truth, {}, files, notes)
    data.item_skills = _item_skills(parts["train"], data.numbers, notes)
    for name in ("validation", "test"):
        new = sorted({item for s in parts.get(name, ()) for item in s.items if item not in data.numbers})
        if new:
            told = ", ".join(new[:5]) + (", ..." if len(new) > 5 else "")
            notes.append(
                f"{name}: {len(new):,} items that training does not have are all treated as one unknown item ({told})"
            )
    if truth:
        data.truth_students.update({name: [rows[s.student] for s in part] for name, part in parts.items()})
        _check_truth(data, settings, len(rows))
    return data


def _item_skills(sequences: Sequence[ResponseSequence], numbers: dict[str, int], notes: list[str]) -> list[int] | None:
    """The skill that training names each item with most often, as numbers from 1; item 0 has 0."""
    without = sum(sequence.skills is None for sequence in sequences)
    if without:
        if without < len(sequences):
            notes.append(f"train: {without:,} students have no skills, so nobody's are used")
        return None
    counts = {}
    for sequence in sequences:
        for item, skill in zip(sequence.items, sequence.skills, strict=True):
            counts.setdefault(item, Counter())[skill or f"of item {item} alone"] += 1
    unnamed = [item for item, found in counts.items() if f"of item {item} alone" in found]
    if unnamed:
        notes.append(f"train: {len(unnamed):,} items have rows without a skill, which count as a skill of their own")
    of_item = {item: min(found, key=lambda skill: (-found[skill], skill)) for item, found in counts.items()}
    several = [item for item, found in counts.items() if len(found) > 1]
    if several:
        notes.append(
            f"train: {len(several):,} items have several skills and keep their most frequent one "
            f"({several[0]}: {of_item[several[0]]})"
        )
    skills = {skill: number for number, skill in enumerate(sorted(set(of_item.values())), start=1)}
    return [0] + [skills[of_item[item]] for item in sorted(numbers, key=numbers.get)]


def _check_students(sequences: Sequence[ResponseSequence]) -> None:
    seen = {}
    for sequence in sequences:
        other = seen.setdefault(sequence.student, sequence)
        if other is not sequence:
            raise UserError(
                f"student {sequence.student!r} stands in {other.file} and in {sequence.file}; let each student stand in one file"
            )


def _check(parts) -> None:
    for name, part in parts.items():
        if not part:
            raise UserError(f"no {name} students are left; give more, or hold out others")


def read_truth(path: Path) -> Truth:
    """Abilities and items from deep-gpcm's `true_irt_parameters.json`, `.gz` or not.

    Raises:
        UserError: the file can not be read, or has other contents.
    """
    try:
        with gzip.open(path) if str(path).endswith(".gz") else open(path, "rb") as file:
            found = json.load(file)
        ability = np.array(found["student_abilities"]["theta"], float)
        discrimination = np.array(found["question_params"]["discrimination"]["alpha"], float)
        thresholds = np.array(found["question_params"]["difficulties"]["beta"], float)
        if ability.ndim != 1 or thresholds.ndim != 2 or len(discrimination) != len(thresholds):
            raise ValueError("alpha and beta are not one row an item")
        if not all(np.isfinite(part).all() for part in (ability, discrimination, thresholds)):
            raise ValueError("a parameter is not a finite number")
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: no true parameters there ({type(error).__name__}: {str(error)[:80]})") from None
    return Truth(ability, discrimination, thresholds, np.zeros(len(ability)), np.zeros(len(thresholds), int))


def _check_truth(data: ResponseData, settings, students: int) -> None:
    truth = data.truth
    items = [item for part in data.sequences.values() for s in part for item in s.items]
    numbers = [int(item) if item.isdigit() else -1 for item in set(items)]
    if students != len(truth.ability) or min(numbers) < 0 or max(numbers) >= len(truth.thresholds):
        raise UserError(
            f"{settings.truth}: has {len(truth.ability):,} students and {len(truth.thresholds):,} items, numbered from 0, but the "
            "data has others; give the truth of these very files, the training students first"
        )
    if truth.thresholds.shape[1] + 1 != data.num_categories:
        raise UserError(
            f"{settings.truth}: has {truth.thresholds.shape[1] + 1} categories, the data {data.num_categories}"
        )
