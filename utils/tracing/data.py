"""Sequences of answered items as plain records: readers, students by split, pieces, batches."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utils.common.errors import UserError
from utils.common.files import read_csv_rows, read_lines

LENGTH_MULTIPLE = 32
"""Steps of a batch are padded to a multiple of this, for few shapes to compile."""

MOST_CATEGORIES = 100


@dataclass(frozen=True)
class ResponseSequence:
    """What one student answered, in order: `items` (ids as in the file), `responses` (0 and up), `skills` where they are known; and
    for messages the `file`, and the line that each response stands in. Where a file has no names, `student` is its name and a
    number."""

    student: str
    items: tuple[str, ...]
    responses: np.ndarray
    skills: tuple[str, ...] | None = None
    file: str = ""
    lines: tuple[int, ...] = ()

    def place(self, step: int) -> str:
        """Where the response of a step, from 0, stands."""
        return (
            f"{self.file}, line {self.lines[step]:,}" if self.lines else f"student {self.student}, response {step + 1}"
        )


def read_responses(path: str | Path) -> tuple[list[ResponseSequence], list[str]]:
    """Read a file of either format, and notes on what was left out.

    - three lines a student (DKVMN, deep-gpcm): the number of responses, item ids and responses, with commas between;
    - a `.csv` that does not begin with a number: a header with `student`, `item`, `response` and perhaps `skill` and `time` (a
      number, which orders a student's rows; else their order in the file does).

    A student without responses is left out and named in a note.

    Raises:
        UserError: naming file and line, for lines that are ragged, not whole numbers, negative, or have no usable time.
    """
    path = Path(path)
    _, first = next(read_lines(path), (0, ""))
    table = path.name.removesuffix(".gz").lower().endswith(".csv") and not first.strip(" ,").isdecimal()
    sequences, empty = [], []
    for line, sequence in _table(path) if table else _three_lines(path):
        if len(sequence.responses):
            sequences.append(sequence)
        else:
            empty.append(line)
    if not sequences:
        raise UserError(
            f"{path}: no responses there; give three lines a student, or a .csv with student, item and response"
        )
    some = ", ".join(f"{line:,}" for line in empty[:5]) + (", ..." if len(empty) > 5 else "")
    return sequences, [f"{path}: {len(empty):,} students without responses left out (line {some})"] if empty else []


def _three_lines(path: Path) -> Iterator[tuple[int, ResponseSequence]]:
    lines = [(number, line.strip()) for number, line in read_lines(path)]
    while len(lines) % 3 and not lines[-1][1]:  # blank lines at the end
        lines.pop()
    if len(lines) % 3:
        raise UserError(f"{path}: has {len(lines):,} lines, not three for every student; the file may be cut off")
    for start in range(0, len(lines), 3):
        (first, count), (second, items), (third, responses) = lines[start : start + 3]
        if not (count or items or responses):
            continue
        count = count.rstrip(", ")
        items, responses = (
            tuple(part.strip() for part in line.split(",")) if line else ()
            for line in (items.rstrip(", "), responses.rstrip(", "))
        )
        for line, found in ((second, items), (third, responses)):
            if "" in found:
                raise UserError(f"{path}, line {line:,}: has nothing between two commas; fill it in")
            if not count.isdecimal() or int(count) != len(found):
                raise UserError(
                    f"{path}, line {line:,}: has {len(found):,} entries, but line {first:,} says {count[:20]!r}; mend one"
                )
        found = _whole_numbers(path, third, responses)
        yield first, ResponseSequence(f"{path.name}:{start // 3}", items, found, None, str(path), (third,) * len(found))


def _whole_numbers(path: Path, line: int, texts: Sequence[str]) -> np.ndarray:
    wrong = [text for text in texts if not text.removeprefix("-").isdecimal() or len(text) > 18]
    if wrong:
        raise UserError(f"{path}, line {line:,}: responses must be whole numbers, not {wrong[0][:40]!r}")
    found = np.array([int(text) for text in texts], np.int64)
    if len(found) and found.min() < 0:
        raise UserError(f"{path}, line {line:,}: has the response {found.min()}; categories count from 0")
    return found


def _table(path: Path) -> Iterator[tuple[int, ResponseSequence]]:
    rows, places, width, entries = read_csv_rows(path), {}, 0, {}
    for line, row in rows:
        if not any(field.strip() for field in row):
            continue
        if not places:
            names, width = [name.strip().lower() for name in row], len(row)
            places = {
                name: names.index(name) for name in ("student", "item", "response", "time", "skill") if name in names
            }
            missing = [name for name in ("student", "item", "response") if name not in names]
            twice = [name for name in places if names.count(name) > 1]
            if missing:
                raise UserError(
                    f"{path}: its first line has no column {', '.join(missing)}; name the columns student, item and response"
                )
            if twice:
                raise UserError(f"{path}: its first line has the column {twice[0]} twice; take one out")
            continue
        if any(field.strip() for field in row[width:]) or len(row) <= max(
            map(places.get, ("student", "item", "response"))
        ):
            raise UserError(
                f"{path}, line {line:,}: has {len(row)} fields, the first line {width}; mend it, and put commas in quotes"
            )
        given = {name: row[place].strip() if place < len(row) else "" for name, place in places.items()}
        if not given["student"] or not given["item"]:
            raise UserError(f"{path}, line {line:,}: student or item is empty; fill it in or take the row out")
        time = _time(path, line, given["time"]) if "time" in given else 0
        (value,) = _whole_numbers(path, line, [given["response"]])
        entries.setdefault(given["student"], []).append((time, given["item"], value, given.get("skill"), line))
    for student, found in entries.items():
        found.sort(key=lambda entry: entry[0])  # stable: equal times stay in the file's order
        _, items, responses, skills, lines = zip(*found, strict=True)
        skills = skills if "skill" in places else None
        yield lines[0], ResponseSequence(student, items, np.array(responses, np.int64), skills, str(path), lines)


def _time(path: Path, line: int, text: str | None) -> float:
    try:
        time = float(text or "")
    except ValueError:
        time = math.nan
    if not math.isfinite(time):
        raise UserError(f"{path}, line {line:,}: time {text!r} is no number; give seconds, or leave the column out")
    return time


def count_categories(sequences: Iterable[ResponseSequence], wanted: int | None = None) -> tuple[int, list[str]]:
    """How many categories there are (the largest response and one, or `wanted`), and a note on those that never occur.

    Raises:
        UserError: fewer than two, more than `MOST_CATEGORIES`, or a response that is not below `wanted`.
    """
    sequences = list(sequences)
    largest = max(sequences, key=lambda sequence: sequence.responses.max())
    most = int(largest.responses.max())
    where = f"{largest.place(int(largest.responses.argmax()))}: a response is {most}"
    found = wanted or most + 1
    if most >= found:
        raise UserError(
            f"{where}, but there are {found} categories, 0 to {found - 1}; give more --categories or mend it"
        )
    if found > MOST_CATEGORIES:
        raise UserError(
            f"{where}: categories are counted from 0, at most {MOST_CATEGORIES} of them; is it a score or an id?"
        )
    counts = np.bincount(np.concatenate([sequence.responses for sequence in sequences]))
    if found < 2:
        raise UserError("all responses are 0; there is nothing to predict")
    never = [str(category) for category in range(found) if category >= len(counts) or not counts[category]]
    return found, [f"no response is in category {', '.join(never)}"] if never else []


def item_numbers(sequences: Iterable[ResponseSequence]) -> dict[str, int]:
    """A number from 1 for every item; 0 is left for items that are not among them."""
    items = {item for sequence in sequences for item in sequence.items}
    return {item: number for number, item in enumerate(sorted(items, key=lambda item: (len(item), item)), start=1)}


def split_students(sequences: Sequence[ResponseSequence], fraction: float, seed: int):
    """Two lists: a share of the students drawn with the seed, at least one if it is more than 0, and the others."""
    order = np.random.default_rng(seed).permutation(len(sequences))
    count = max(1, round(fraction * len(sequences))) if fraction else 0
    held_out = set(order[:count].tolist())
    parts = ([], [])
    for number, sequence in enumerate(sequences):
        parts[number not in held_out].append(sequence)
    return parts


def folds(sequences: Sequence[ResponseSequence], count: int, seed: int) -> Iterator[tuple[list, list]]:
    """`count` pairs of held-out and other students; every student is held out once."""
    order = np.random.default_rng(seed).permutation(len(sequences))
    for fold in range(count):
        held_out = set(order[fold::count].tolist())
        yield [sequences[n] for n in sorted(held_out)], [s for n, s in enumerate(sequences) if n not in held_out]


@dataclass(frozen=True)
class Piece:
    """Part of a sequence: `items` and `responses` as numbers, of which those before `first_scored` are there as history alone."""

    items: np.ndarray
    responses: np.ndarray
    first_scored: int = 0


def cut(sequences: Iterable[ResponseSequence], numbers: dict[str, int], length: int, history: int = 0) -> list[Piece]:
    """Sequences in pieces of at most `length` steps, in order; every response is scored in exactly one of them.

    Args:
        numbers: of the items; others become 0.
        history: steps before each piece (but the first) that go along unscored; less than `length`.
    """
    pieces = []
    for sequence in sequences:
        items = np.array([numbers.get(item, 0) for item in sequence.items], np.int32)
        start = 0
        while start < len(items):
            before = min(start, history)
            end = min(len(items), start - before + length)
            part = slice(start - before, end)
            pieces.append(Piece(items[part], sequence.responses[part].astype(np.int32), before))
            start = end
    return pieces


def assemble(pieces: Sequence[Piece], longest: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Inputs, targets and weights, all `(batch, steps)`; the weight of a step that is not scored is 0.

    Inputs are int32 `item_ids`, `responses` and `padding_mask`.

    Args:
        longest: of all pieces, where it is known; there is no padding beyond it.
    """
    steps = max(len(piece.items) for piece in pieces)
    padded = steps + -steps % LENGTH_MULTIPLE
    steps = max(steps, min(padded, longest or padded))
    item_ids, responses, mask = (np.zeros((len(pieces), steps), np.int32) for _ in range(3))
    weights = np.zeros((len(pieces), steps), np.float32)
    for row, piece in enumerate(pieces):
        count = len(piece.items)
        item_ids[row, :count], responses[row, :count], mask[row, :count] = piece.items, piece.responses, 1
        weights[row, piece.first_scored : count] = 1
    return {"item_ids": item_ids, "responses": responses, "padding_mask": mask}, responses, weights


def training_batches(pieces: Sequence[Piece], batch_size: int, seed: int, first_step: int):
    """Endless `(inputs, targets, weights)` from a step on; step `n` is always the same batch, of pieces of similar length."""
    lengths = np.array([len(piece.items) for piece in pieces])
    steps = -(-len(pieces) // batch_size)
    epoch, step = divmod(first_step, steps)
    while True:
        rng = np.random.default_rng((seed, epoch))
        order = rng.permutation(len(pieces))
        parts = np.split(order, range(20 * batch_size, len(order), 20 * batch_size))
        order = np.concatenate([part[np.argsort(lengths[part], kind="stable")] for part in parts])
        batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
        for place in rng.permutation(len(batches))[step:]:
            yield assemble([pieces[number] for number in batches[place]], int(lengths.max()))
        epoch, step = epoch + 1, 0
