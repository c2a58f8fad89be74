"""Sequences of names, such as those of a student's items, as numbers: four bytes for each instead of an object."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np


def plain_name(text: str) -> str:
    """A name as a file has it, without blanks around it. `12.0` is `12`: pandas writes ids so where a column had empty cells.

    >>> plain_name(" 12.0 "), plain_name("1.5"), plain_name("unit 2.0")
    ('12', '1.5', 'unit 2.0')
    """
    name = text.strip()
    return name[:-2] if re.fullmatch(r"\d+\.0", name, re.ASCII) else name


def with_plain_names(numbers: dict[str, int]) -> dict[str, int]:
    """The item numbers of a run under plain names: older runs have `12.0` for `12`. Unchanged where two names would become one."""
    plain = {plain_name(name): number for name, number in numbers.items()}
    return plain if len(plain) == len(numbers) else numbers


class Names(Sequence):
    """A sequence of names that are stored once for many sequences.

    >>> Names(np.array([1, 0, 1]), ["add", "mul"])[:2]
    Names('mul', 'add')

    Args:
        codes: the place in `table` of each name, integer `(length,)`; -1 is the last one.
        table: the different names. Sequences of one file share one list.
    """

    def __init__(self, codes: np.ndarray, table: list[str]):
        self.codes, self.table = codes, table

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, place):
        if isinstance(place, slice):
            return Names(self.codes[place], self.table)
        return self.table[self.codes[place]]

    def __iter__(self) -> Iterator[str]:
        return map(self.table.__getitem__, self.codes.tolist())

    def __eq__(self, other) -> bool:
        return isinstance(other, Names | tuple | list) and tuple(self) == tuple(other)

    __hash__ = None

    def __repr__(self) -> str:
        return f"Names({', '.join(map(repr, self))})"


class NumbersOfNames:
    """Turns sequences of names into arrays of numbers. What a table of `Names` becomes is computed once.

    Args:
        numbers: name to its number.
        default: the number of all other names.
    """

    def __init__(self, numbers: Mapping[str, int], default: int = 0):
        self.numbers, self.default = numbers, default
        self.tables: dict[int, tuple[list[str], np.ndarray]] = {}  # the list is kept, so that its id stays its own

    def __call__(self, names: Sequence[str]) -> np.ndarray:
        """The number of each name, int32 `(length,)`."""
        if not isinstance(names, Names):
            return np.array([self.numbers.get(name, self.default) for name in names], np.int32)
        key = id(names.table)
        if key not in self.tables:
            numbers = np.array([self.numbers.get(name, self.default) for name in names.table], np.int32)
            self.tables[key] = names.table, numbers
        return self.tables[key][1][names.codes]


def distinct_names_of(sequences: Iterable[Sequence[str]]) -> set[str]:
    """The different names in some sequences."""
    tables: dict[int, tuple[list[str], np.ndarray]] = {}
    names = set()
    for sequence in sequences:
        if isinstance(sequence, Names):
            _, is_used = tables.setdefault(id(sequence.table), (sequence.table, np.zeros(len(sequence.table), bool)))
            is_used[sequence.codes] = True
        else:
            names.update(sequence)
    for table, is_used in tables.values():
        names.update(table[place] for place in np.flatnonzero(is_used).tolist())
    return names
