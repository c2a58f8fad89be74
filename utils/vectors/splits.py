"""Training, validation and test documents, from files or from the demo world."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from utils.common.errors import UserError, some_of
from utils.common.reading import Reading
from utils.common.splitting import hold_out
from utils.text.words import shortened
from utils.vectors.columns import MAX_SHOWN, ROWS_AT_ONCE
from utils.vectors.data import VectorDocuments, check_same_dim, join, read_file, shared_ids
from utils.vectors.demo import demo_vectors
from utils.vectors.overlap import Overlap, overlaps

SPLITS = ("train", "validation", "test")
MAX_SHARED_FRACTION = 0.5
"""Fraction of a file's documents that may also be in the training files."""

MANY_PAIRS = 10**11
"""Targets times vectors to rank them among, from which on a note says that it takes long: hours on a few cores."""


@dataclass(frozen=True)
class VectorSplit:
    """Some documents of a file, and those of its rows that are to be predicted.

    Args:
        data: all documents of the file.
        documents: int, numbers of the documents of this split.
        rows: int, the targets.
    """

    data: VectorDocuments
    documents: np.ndarray
    rows: np.ndarray

    @property
    def groups(self) -> np.ndarray:
        """The document of each target; intervals resample these."""
        return self.data.document[self.rows]

    @property
    def longest_context(self) -> int:
        """How many vectors stand before the last one of the longest document."""
        return int(np.diff(self.data.starts)[self.documents].max()) - 1


@dataclass(frozen=True)
class VectorSplits:
    """Training, validation and test split.

    Args:
        parts: `train`, `validation` and `test`; of one file, no document is in two of them.
        notes: lines on documents that are too short, and on those that two splits share.
        reading: counts of what was left out of each file, for `results.json`.
    """

    parts: dict[str, VectorSplit]
    notes: list[str]
    reading: dict[str, dict] = field(default_factory=dict)

    @property
    def dim(self) -> int:
        """The number of elements of a vector."""
        return self.parts["train"].data.dim

    def checksum(self) -> str:
        """A checksum of all vectors and documents, and of the targets of each split."""
        digest = hashlib.sha256()
        for data in {part.data.file: part.data for part in self.parts.values()}.values():
            digest.update(data.document.tobytes())
            if data.rows is not None:
                digest.update(data.rows.tobytes())
            for start in range(0, len(data.vectors), ROWS_AT_ONCE):
                digest.update(np.ascontiguousarray(data.vectors[start : start + ROWS_AT_ONCE]).tobytes())
        for part in self.parts.values():
            digest.update(part.rows.tobytes())
        return f"sha256:{digest.hexdigest()}"

    def summary(self) -> list[str]:
        """The notes, and a line with the sizes of the splits."""
        sizes = [f"{name} {len(part.rows):,} of {len(part.documents):,}" for name, part in self.parts.items()]
        return [*self.notes, f"vectors of {self.dim} elements; targets and documents: {', '.join(sizes)}"]

    def description(self, checksum: str) -> dict:
        """What `results.json` holds of the data."""
        return {
            "files": sorted({part.data.file for part in self.parts.values()}),
            "counts": {name: len(part.rows) for name, part in self.parts.items()},
            "checksum": checksum,
            "documents": {name: len(part.documents) for name, part in self.parts.items()},
            "dim": self.dim,
            "notes": self.notes,
            "reading": self.reading,
        }


def read_splits(
    train_files: Sequence[Path] = (),
    validation_files: Sequence[Path] = (),
    test_files: Sequence[Path] = (),
    *,
    reading: Reading | None = None,
    embed: Callable | None = None,
    validation_fraction: float = 0.15,
    test_fraction: float = 0.2,
    split_seed: int = 0,
    limit: int = 0,
    min_context: int = 5,
) -> VectorSplits:
    """Read the documents, and hold out some of the training documents for each split that has no files.

    Documents that also stand in the validation or test split are left out of training, and a note names them.

    Args:
        train_files: files of vectors or of text; none: the demo world.
        validation_files: files for the validation split, or none to hold documents out.
        test_files: the same for the test split.
        reading: counts records that cannot be used; left out, with its own limit.
        embed: turns documents of text into vectors (see `utils.vectors.data.read_file`); None where there is no encoder.
        validation_fraction: fraction of the documents that is held out for validation, after those for the test.
        test_fraction: fraction of the documents that is held out for the test.
        split_seed: seed of what is held out, and of the demo world.
        limit: number of training documents to use; 0 is all.
        min_context: vectors that must stand before a target.

    Raises:
        UserError: a file cannot be used, files differ in the size of their vectors, a split has no target, or most documents of
            the files for validation or test are in those for training.
    """
    reading = reading or Reading()
    paths = {"train": train_files, "validation": validation_files, "test": test_files}
    files, notes = {}, []
    for name in SPLITS:
        contents = [read_file(path, reading, embed) for path in paths[name]]
        if contents:
            files[name] = join(contents)
            if numbers := shared_ids(contents):
                notes.append(
                    f"{files[name].file}: have {len(numbers):,} numbers of documents in common ({some_of(list(numbers))}), which "
                    "are read as different documents; if a document stands in several files, put all of its rows into one"
                )
    files = files or {"train": demo_vectors(split_seed)}
    main = files["train"]
    needed = 1 + ("validation" not in files) + ("test" not in files)
    if len(main.names) < needed:
        raise UserError(
            f"{main.file}: holds {len(main.names)} documents, but {needed} are needed, one for each split; give more documents, or "
            "files for validation and test"
        )
    documents = {name: np.arange(len(data.names)) for name, data in files.items()}
    for name, fraction in (("test", test_fraction), ("validation", validation_fraction)):
        if name not in files:
            documents[name], documents["train"] = hold_out_documents(documents["train"], fraction, split_seed)
    data_of = {name: files.get(name, main) for name in SPLITS}
    for data in data_of.values():
        check_same_dim(data, main)
    for (name, other), shared in overlaps({name: (data_of[name], documents[name]) for name in SPLITS}).items():
        if other == "train":
            _check_files_differ(name, data_of[name], len(documents[name]), shared, data_of[name] is main)
            is_left_out = len(shared.others) <= MAX_SHARED_FRACTION * len(documents["train"])
            documents["train"] = np.setdiff1d(documents["train"], shared.others if is_left_out else [])
        else:
            is_left_out = False
        notes += overlap_notes(name, data_of[name], len(documents[name]), other, shared, is_left_out)
    if limit:
        documents["train"] = documents["train"][:limit]
    parts = {}
    for name, data in data_of.items():
        rows = target_rows(data, documents[name], min_context)
        if not len(rows):
            raise UserError(
                f"{data.file}: no {name} document has more than {min_context} vectors, so none can be predicted; "
                "give longer documents, more documents, or a smaller --min-context"
            )
        num_short = len(documents[name]) - len(np.unique(data.document[rows]))
        if num_short:
            notes.append(f"{data.file}: {num_short:,} {name} documents are too short to predict a vector")
        parts[name] = VectorSplit(data, documents[name], rows)
        num_candidates = int(np.diff(data.starts)[documents[name]].sum())
        if name != "train" and len(rows) * num_candidates > MANY_PAIRS:
            notes.append(
                f"{data.file}: ranking {len(rows):,} {name} targets among {num_candidates:,} vectors takes long; a smaller "
                f"--{name}-fraction takes less, or --{name}-files with fewer documents"
            )
    return VectorSplits(parts, notes, reading.description())


def hold_out_documents(documents: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Hold out a fraction of these documents, at least one: the numbers of the held-out ones and of the others, both sorted."""
    chosen = hold_out([1] * len(documents), {"held_out": fraction}, seed)
    return documents[chosen["held_out"]], documents[chosen["train"]]


def target_rows(data: VectorDocuments, documents: np.ndarray, min_context: int) -> np.ndarray:
    """The rows to be predicted: all rows of these documents with at least `min_context` rows of their document before them."""
    starts = data.starts
    rows = [np.arange(starts[number] + min_context, starts[number + 1]) for number in documents]
    return np.concatenate([np.zeros(0, np.int64), *rows])


def _check_files_differ(
    name: str, data: VectorDocuments, num_documents: int, shared: Overlap, is_held_out: bool
) -> None:
    """Check that most documents of a split's own files are not in the training files."""
    if not is_held_out and len(shared.documents) > MAX_SHARED_FRACTION * num_documents:
        raise UserError(
            f"{data.file}: {_count(name, data, num_documents, shared)} are in the training files as well, so scores would not be "
            f"those of new documents; name other --{name}-files, or none, and documents are held out"
        )


def _count(name: str, data: VectorDocuments, num_documents: int, shared: Overlap) -> str:
    examples = some_of([shortened(data.names[number], MAX_SHOWN) for number in shared.documents])
    return f"{len(shared.documents):,} of the {num_documents:,} {name} documents ({examples})"


def overlap_notes(
    name: str, data: VectorDocuments, num_documents: int, other: str, shared: Overlap, is_left_out: bool
) -> list[str]:
    """Lines on what two splits share.

    Args:
        name: the first split.
        data: its file.
        num_documents: the number of its documents.
        other: the second split.
        shared: what they share.
        is_left_out: whether the second split's shared documents are left out of it.
    """
    notes = []
    if len(shared.documents):
        if is_left_out:
            outcome = f"{len(shared.others):,} {other} documents are left out"
        elif other == "train":
            outcome = "too many to leave them out, so scores are not those of new documents"
        else:
            outcome = "so the epoch is chosen on documents that are scored"
        notes.append(
            f"{data.file}: {_count(name, data, num_documents, shared)} are in the {other} documents as well; {outcome}"
        )
    if shared.count:
        notes.append(
            f"{shared.count:,} different {shared.compared} of the {name} documents are in the {other} documents as well"
        )
    return notes
