"""Documents of vectors by split, of files or of the demo world."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utils.common.errors import UserError
from utils.vectors.data import (
    ROWS_AT_ONCE,
    VectorDocuments,
    duplicates,
    read_vectors,
    split_documents,
    targets,
)

DEMO_DIM = 256


@dataclass(frozen=True)
class VectorSplit:
    """Some documents of a file, and the rows in it that are to be predicted."""

    data: VectorDocuments
    documents: np.ndarray
    rows: np.ndarray


@dataclass(frozen=True)
class VectorSplits:
    """`train`, `validation` and `test`; no document of a file stands in two.

    Args:
        notes: lines on what is left out or stands twice.
    """

    parts: dict[str, VectorSplit]
    notes: list[str]

    @property
    def dim(self) -> int:
        return self.parts["train"].data.vectors.shape[1]

    def checksum(self) -> str:
        """Of all vectors and documents, and of what belongs to which split."""
        digest = hashlib.sha256()
        for data in {part.data.file: part.data for part in self.parts.values()}.values():
            digest.update(data.document.tobytes())
            for start in range(0, len(data.vectors), ROWS_AT_ONCE):
                digest.update(np.ascontiguousarray(data.vectors[start : start + ROWS_AT_ONCE]).tobytes())
        for part in self.parts.values():
            digest.update(part.rows.tobytes())
        return f"sha256:{digest.hexdigest()}"

    def described(self, checksum: str) -> dict:
        """What `results.json` says of the data."""
        return {
            "files": sorted({part.data.file for part in self.parts.values()}),
            "documents": {name: len(part.documents) for name, part in self.parts.items()},
            "targets": {name: len(part.rows) for name, part in self.parts.items()},
            "dim": self.dim,
            "checksum": checksum,
            "notes": self.notes,
        }


def read_splits(settings, embed=None) -> VectorSplits:
    """The documents that the settings name: whole documents are held out where no file is given for a split.

    Args:
        settings: with `train_files`, `validation_files` and `test_files`, or without the first the demo world;
            `validation_fraction`, `test_fraction`, `split_seed`, `limit`, `min_context`.
        embed: function of a file of text that gives its documents and notes; None where there is no encoder.

    Raises:
        UserError: a file that can not be used (`read_vectors`), vectors of another size than the first file's, or a split without a
            target.
    """
    given = {"train": settings.train_files, "validation": settings.validation_files, "test": settings.test_files}
    notes: list[str] = []

    def documents_of(path):
        data, more = read_any(path, embed)
        notes.extend(more)
        return data

    files = {name: joined([documents_of(path) for path in paths]) for name, paths in given.items() if paths}
    files = files or {"train": demo_vectors(settings.split_seed)}
    main = files["train"]
    wanted = 1 + ("validation" not in files) + ("test" not in files)
    if len(main.names) < wanted:
        raise UserError(
            f"{main.file}: has {len(main.names)} of {wanted} documents that are wanted, one at least for each split; give more, or "
            "files for validation and test"
        )
    documents = {name: np.arange(len(data.names)) for name, data in files.items()}
    for name, fraction in (("test", settings.test_fraction), ("validation", settings.validation_fraction)):
        if name not in files:
            held, documents["train"] = split_documents(documents["train"], fraction, settings.split_seed)
            documents[name] = held
    if settings.limit:
        documents["train"] = documents["train"][: settings.limit]
    parts = {}
    for name in ("train", "validation", "test"):
        data = files.get(name, main)
        check_width(data, main)
        rows = targets(data, documents[name], settings.min_context)
        if not len(rows):
            raise UserError(
                f"{data.file}: no {name} document has more than {settings.min_context} vectors, so that none can be predicted; "
                "give longer documents, more of them, or a smaller --min-context"
            )
        short = len(documents[name]) - len(np.unique(data.document[rows]))
        notes += [f"{data.file}: {short:,} {name} documents have too few vectors to predict one"] if short else []
        parts[name] = VectorSplit(data, documents[name], rows)
    return VectorSplits(parts, notes + duplicates({name: (part.data, part.documents) for name, part in parts.items()}))


def read_any(path: Path, embed=None) -> tuple[VectorDocuments, list[str]]:
    """The documents of a file of vectors, or of text by `embed` (see `read_splits`), and notes."""
    if not path.name.removesuffix(".gz").endswith((".txt", ".jsonl")):
        return read_vectors(path), []
    if embed is None:
        raise UserError(f"{path}: is text; name the encoder that makes vectors of it with --embed-with FOLDER")
    return embed(path)


def joined(files: list[VectorDocuments]) -> VectorDocuments:
    """The documents of several files as those of one, in memory; one file stays as it is."""
    first, names = files[0], [name for data in files for name in data.names]
    if len(files) == 1:
        return first
    for data in files[1:]:
        check_width(data, first)
    before = np.cumsum([0] + [len(data.names) for data in files[:-1]])
    document = np.concatenate([data.document + shift for data, shift in zip(files, before, strict=True)])
    texts = [text for data in files for text in data.texts] if all(data.texts for data in files) else None
    vectors = np.concatenate([data.vectors for data in files])
    return VectorDocuments(vectors, document, texts, names, ", ".join(data.file for data in files))


def check_width(data: VectorDocuments, other: VectorDocuments) -> None:
    if data.vectors.shape[1] != other.vectors.shape[1]:
        raise UserError(
            f"{data.file}: its vectors have {data.vectors.shape[1]} elements, those of {other.file} {other.vectors.shape[1]}; "
            "embed both with one model"
        )


def demo_vectors(seed: int) -> VectorDocuments:
    """The demo world's passages, a vector a sentence: a hashed bag of words (Weinberger et al. 2009), rare words counting more."""
    from utils.demo.world import build_world, demo_passages

    passages = demo_passages(build_world(seed, num_people=1200, num_places=400), seed)
    sentences = [sentence for passage in passages for sentence in passage]
    document = np.repeat(np.arange(len(passages)), [len(passage) for passage in passages])
    names = [passage[0] for passage in passages]
    return VectorDocuments(hashed_words(sentences, DEMO_DIM), document, sentences, names, "demo world")


def hashed_words(texts: Sequence[str], dim: int) -> np.ndarray:
    """A vector of unit norm for each text: each word adds its inverse document frequency at a place and with a sign that its hash
    decides; float32 `(texts, dim)`. A text needs one word at least."""
    split = [[word.strip(".,?!'\"").lower() for word in text.split()] for text in texts]
    counts: dict[str, int] = {}
    for words in split:
        for word in set(words):
            counts[word] = counts.get(word, 0) + 1
    vectors = np.zeros((len(texts), dim), np.float32)
    for row, words in enumerate(split):
        for word in words:
            code = zlib.crc32(word.encode())
            vectors[row, code // 2 % dim] += (code % 2 * 2 - 1) * np.log(1 + len(texts) / counts[word])
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
