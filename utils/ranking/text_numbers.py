"""Which of very many texts are equal, by hashes of 64 bits.

Among 10 million texts two different ones have the same hash with a probability of 3 in a million.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

RECENT = 1 << 16
"""Hashes that are gathered before they are sorted."""


def text_hashes(texts: Iterable[str | bytes]) -> np.ndarray:
    """A hash of each text, uint64 `(texts,)`."""
    return np.fromiter((text_hash(text) for text in texts), np.uint64)


def text_hash(text: str | bytes) -> int:
    """The hash of a text, below 2^64."""
    encoded = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(encoded, digest_size=8).digest(), "little")


def text_numbers(texts: Iterable[str | bytes]) -> np.ndarray:
    """A number for each text, integer `(texts,)`, equal for equal texts and in the order of their first places.

    >>> text_numbers(["b", "a", "b"]).tolist()
    [0, 1, 0]
    """
    _, first, inverse = np.unique(text_hashes(texts), return_index=True, return_inverse=True)
    numbers = np.empty(len(first), np.int64)
    numbers[np.argsort(first)] = np.arange(len(first))
    return numbers[inverse]


def first_of_each(texts: Iterable[str | bytes]) -> np.ndarray:
    """The first place of each different text, ascending.

    >>> first_of_each(["b", "a", "b"]).tolist()
    [0, 1]
    """
    return np.sort(np.unique(text_hashes(texts), return_index=True)[1])


class SeenTexts:
    """Which texts of a stream have come before, in 8 bytes for each."""

    def __init__(self):
        self._recent: set[int] = set()
        self._sorted: list[np.ndarray] = []

    def __contains__(self, text: str) -> bool:
        number = text_hash(text)
        return number in self._recent or any(_holds(hashes, np.uint64(number)) for hashes in self._sorted)

    def add(self, text: str) -> bool:
        """Whether a text comes for the first time."""
        if text in self:
            return False
        self._recent.add(text_hash(text))
        if len(self._recent) == RECENT:
            self._sorted.append(np.sort(np.fromiter(self._recent, np.uint64)))
            self._recent = set()
            # Arrays of like sizes are joined, so that there are few: each is at least twice as long as the next one.
            while len(self._sorted) > 1 and len(self._sorted[-2]) < 2 * len(self._sorted[-1]):
                self._sorted.append(np.sort(np.concatenate([self._sorted.pop(), self._sorted.pop()])))
        return True


def _holds(hashes: np.ndarray, key: np.uint64) -> bool:
    place = np.searchsorted(hashes, key)
    return place < len(hashes) and hashes[place] == key
