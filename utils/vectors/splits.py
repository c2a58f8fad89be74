"""Training, validation and test documents, from files or from the demo world."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utils.common.errors import UserError
from utils.common.splitting import hold_out
from utils.vectors.data import ROWS_AT_ONCE, VectorDocuments, check_same_dim, join, read_file
from utils.vectors.demo import demo_vectors

SPLITS = ("train", "validation", "test")


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


@dataclass(frozen=True)
class VectorSplits:
    """Training, validation and test split.

    Args:
        parts: `train`, `validation` and `test`; of one file, no document is in two of them.
        notes: lines on documents that were left out and on vectors that two splits share.
    """

    parts: dict[str, VectorSplit]
    notes: list[str]

    @property
    def dim(self) -> int:
        """The number of elements of a vector."""
        return self.parts["train"].data.dim

    def checksum(self) -> str:
        """A checksum of all vectors and documents, and of the targets of each split."""
        digest = hashlib.sha256()
        for data in {part.data.file: part.data for part in self.parts.values()}.values():
            digest.update(data.document.tobytes())
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
        }


def read_splits(
    train_files: Sequence[Path] = (),
    validation_files: Sequence[Path] = (),
    test_files: Sequence[Path] = (),
    *,
    embed: Callable | None = None,
    validation_fraction: float = 0.15,
    test_fraction: float = 0.2,
    split_seed: int = 0,
    limit: int = 0,
    min_context: int = 5,
) -> VectorSplits:
    """Read the documents, and hold out some of the training documents for each split that has no files.

    Args:
        train_files: files of vectors or of text; none: the demo world.
        validation_files: files for the validation split, or none to hold documents out.
        test_files: the same for the test split.
        embed: turns a file of text into documents and notes; None where there is no encoder.
        validation_fraction: fraction of the documents that is held out for validation, after those for the test.
        test_fraction: fraction of the documents that is held out for the test.
        split_seed: seed of what is held out, and of the demo world.
        limit: number of training documents to use; 0 is all.
        min_context: vectors that must stand before a target.

    Raises:
        UserError: a file cannot be used, files differ in the size of their vectors, or a split has no target.
    """
    paths = {"train": train_files, "validation": validation_files, "test": test_files}
    files, notes = {}, []
    for name in SPLITS:
        contents = [read_file(path, embed) for path in paths[name]]
        notes += [note for _, notes_of_file in contents for note in notes_of_file]
        if contents:
            files[name] = join([data for data, _ in contents])
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
    if limit:
        documents["train"] = documents["train"][:limit]
    parts = {}
    for name in SPLITS:
        data = files.get(name, main)
        check_same_dim(data, main)
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
    return VectorSplits(parts, notes + shared_vectors(parts))


def hold_out_documents(documents: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Hold out a fraction of these documents, at least one: the numbers of the held-out ones and of the others, both sorted."""
    chosen = hold_out([1] * len(documents), {"held_out": fraction}, seed)
    return documents[chosen["held_out"]], documents[chosen["train"]]


def target_rows(data: VectorDocuments, documents: np.ndarray, min_context: int) -> np.ndarray:
    """The rows to be predicted: all rows of these documents with at least `min_context` rows of their document before them."""
    starts = data.starts
    rows = [np.arange(starts[number] + min_context, starts[number + 1]) for number in documents]
    return np.concatenate([np.zeros(0, np.int64), *rows])


def shared_vectors(parts: dict[str, VectorSplit]) -> list[str]:
    """Notes on vectors that are in two splits, equal to the last bit."""
    hashes_of_files = {id(part.data): row_hashes(part.data.vectors) for part in parts.values()}
    hashes = {
        name: np.unique(hashes_of_files[id(part.data)][np.isin(part.data.document, part.documents)])
        for name, part in parts.items()
    }
    notes = []
    for name, other in (("validation", "train"), ("test", "train"), ("test", "validation")):
        if name in hashes and other in hashes:
            count = len(np.intersect1d(hashes[name], hashes[other]))
            if count:
                notes.append(
                    f"{count:,} different vectors of the {name} documents are in the {other} documents as well"
                )
    return notes


def row_hashes(vectors: np.ndarray) -> np.ndarray:
    """A 64-bit hash of each row; rows of equal bits have equal hashes."""
    multipliers = np.random.default_rng(0).integers(1, 2**63, vectors.shape[1], dtype=np.uint64) | np.uint64(1)
    bits = {2: np.uint16, 4: np.uint32, 8: np.uint64}[vectors.dtype.itemsize]
    hashes = np.empty(len(vectors), np.uint64)
    for start in range(0, len(hashes), ROWS_AT_ONCE):
        block = np.ascontiguousarray(vectors[start : start + ROWS_AT_ONCE]).view(bits).astype(np.uint64)
        hashes[start : start + ROWS_AT_ONCE] = (block * multipliers).sum(axis=1)  # wraps around
    return hashes
