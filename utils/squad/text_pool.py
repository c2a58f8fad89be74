"""Many different texts in a file, each once, found by their numbers or by themselves."""

from __future__ import annotations

import os
import tempfile
from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np

PENDING_BYTES = 2**20
"""Bytes that are kept in memory before they are written."""


class BytesFile:
    """An unnamed file that grows at its end. The system removes it with the process, however that ends.

    Args:
        folder: where the file is.
    """

    def __init__(self, folder: Path):
        self.file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (it lives as long as this object)
        self._pending = bytearray()
        self._written = 0

    def append(self, data: bytes) -> int:
        """Write some bytes, and return the place where they begin."""
        place = self._written + len(self._pending)
        self._pending += data
        if len(self._pending) >= PENDING_BYTES:
            self.flush()
        return place

    def read(self, place: int, size: int) -> bytes:
        """The bytes at a place."""
        if place + size > self._written:
            self.flush()
        return os.pread(self.file.fileno(), size, place)

    def overwrite(self, place: int, data: bytes) -> None:
        """Change the bytes at a place, which were written before."""
        self.flush()
        os.pwrite(self.file.fileno(), data, place)

    def blocks(self) -> Iterator[bytes]:
        """All bytes, in pieces."""
        self.flush()
        for place in range(0, self._written, PENDING_BYTES):
            yield os.pread(self.file.fileno(), PENDING_BYTES, place)

    def flush(self) -> None:
        """Write what is kept in memory."""
        view = memoryview(self._pending)
        while len(view):  # a write may stop half way, and says why at the next one
            size = os.pwrite(self.file.fileno(), view, self._written)
            self._written += size
            view = view[size:]
        self._pending = bytearray()


class TextPool:
    """Different texts, numbered in the order in which they were added.

    In memory are 8 bytes of hash and 8 of place for each text, and 8 to 16 of a table with open addressing.

    Args:
        folder: where the texts are kept.
    """

    def __init__(self, folder: Path):
        self._file = BytesFile(folder)
        self._starts = array("q", [0])
        self._hashes = array("q")
        self._slots = array("i", bytes(4 * 1024))  # 0, or 1 + the number of a text
        self._latest = ("", -1)

    def __len__(self) -> int:
        return len(self._hashes)

    @property
    def num_bytes(self) -> int:
        """Bytes of all texts."""
        return self._starts[-1]

    @property
    def longest_bytes(self) -> int:
        """Bytes of the longest text."""
        return int(np.diff(self._starts).max(initial=0))

    def content(self) -> Iterator[bytes]:
        """What tells these texts from others, for a checksum."""
        yield self._starts.tobytes()
        yield from self._file.blocks()

    def __getitem__(self, number: int) -> str:
        return self._file.read(self._starts[number], self._starts[number + 1] - self._starts[number]).decode()

    def __iter__(self) -> Iterator[str]:
        return (self[number] for number in range(len(self)))

    def find(self, text: str) -> int:
        """The number of a text, -1 if it is not there."""
        if text is self._latest[0]:
            return self._latest[1]
        hashed, mask = hash(text), len(self._slots) - 1
        place = hashed & mask
        while number := self._slots[place]:
            if self._hashes[number - 1] == hashed and self[number - 1] == text:
                self._latest = (text, number - 1)
                return number - 1
            place = (place + 1) & mask
        return -1

    def add(self, text: str) -> int:
        """The number of a text, which is added if it is not there."""
        number = self.find(text)
        if number < 0:
            number = len(self._hashes)
            data = text.encode()
            self._file.append(data)
            self._starts.append(self._starts[-1] + len(data))
            self._hashes.append(hash(text))
            if 2 * len(self._hashes) > len(self._slots):
                self._slots = array("i", bytes(2 * self._slots.itemsize * len(self._slots)))
                for earlier in range(number):
                    self._enter(earlier)
            self._enter(number)
            self._latest = (text, number)
        return number

    def _enter(self, number: int) -> None:
        mask = len(self._slots) - 1
        place = self._hashes[number] & mask
        while self._slots[place]:
            place = (place + 1) & mask
        self._slots[place] = number + 1
