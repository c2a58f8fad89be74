"""Documents of a collection that stay on disk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from utils.common.disk_rows import ChosenRows, RowsWriter, TextRows, text_row
from utils.ranking.records import Candidate
from utils.ranking.text_numbers import text_hash, text_hashes


class StoredDocuments(Sequence):
    """Documents in temporary files, which vanish with this object; each is made a `Candidate` when it is looked at.

    Args:
        ids: their ids.
        texts: their texts.
    """

    def __init__(self, ids: TextRows, texts: TextRows):
        self.ids, self.texts = ids, texts
        hashes = text_hashes(ids)
        self._order = np.argsort(hashes, kind="stable")
        self._hashes = hashes[self._order]

    @classmethod
    def write(cls, documents: Iterable[tuple[str, str]]) -> StoredDocuments:
        """Store pairs of id and text as they come."""
        with RowsWriter(np.uint8) as ids, RowsWriter(np.uint8) as texts:
            for id_, text in documents:
                ids.add(text_row(id_))
                texts.add(text_row(text))
        return cls(TextRows(ids.rows), TextRows(texts.rows))

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, number: int) -> Candidate:
        return Candidate(self.ids[number], self.texts[number], is_document=True)

    def find(self, id_: str) -> Candidate | None:
        """The first document with this id, if there is one."""
        key = np.uint64(text_hash(id_))
        for place in self._order[slice(*(np.searchsorted(self._hashes, key, side) for side in ("left", "right")))]:
            if self.ids[int(place)] == id_:
                return self[int(place)]
        return None


def joined(parts: Sequence[Sequence]) -> Sequence:
    """The elements of several sequences one after another, which stay where they are."""
    parts = [part for part in parts if len(part)]
    return parts[0] if len(parts) == 1 else ChosenRows(parts, np.arange(sum(map(len, parts))))
