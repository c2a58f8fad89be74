"""Which of very many texts are equal, by hashes of 64 bits.

Among 10 million texts two different ones have the same hash with a probability of 3 in a million.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np


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
