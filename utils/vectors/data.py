"""Documents as sequences of vectors, and the files that hold them."""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from utils.common.errors import UserError
from utils.common.files import file_kind

ROWS_AT_ONCE = 65_536
"""Rows of a file that are read together, so that a file need not fit into memory."""
MIN_SIZE, MAX_SIZE = 1e-15, 1e15
"""Range of a vector's largest absolute element; outside of it the norm leaves the range of float32."""
TEXT_KINDS = (".txt", ".jsonl")
"""Files of text, which an encoder must turn into vectors."""
UNREADABLE = (OSError, ValueError, EOFError, SyntaxError, tokenize.TokenError, zipfile.BadZipFile, zlib.error)
"""What NumPy raises for files that are cut off or damaged."""


@dataclass(frozen=True)
class VectorDocuments:
    """The vectors of some documents, in order.

    Args:
        vectors: float16, float32 or float64 `(count, dim)`, possibly a memory map. None is zero; norms are arbitrary.
        document: int `(count,)`, the number of each vector's document, from 0 and never decreasing.
        texts: the text of each vector, or None.
        names: the name of each document.
        file: where the vectors come from, for messages.
    """

    vectors: np.ndarray
    document: np.ndarray
    texts: Sequence[str] | None
    names: Sequence[str]
    file: str

    @property
    def dim(self) -> int:
        """The number of elements of a vector."""
        return self.vectors.shape[1]

    @cached_property
    def starts(self) -> np.ndarray:
        """The first row of each document, followed by the number of all rows."""
        return np.append(np.flatnonzero(np.diff(self.document, prepend=-1)), len(self.document))

    def take(self, rows: np.ndarray) -> np.ndarray:
        """The vectors of these rows as float32, scaled to unit norm."""
        vectors = np.asarray(self.vectors[rows], np.float32)
        return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def read_file(path: Path, embed: Callable | None = None) -> tuple[VectorDocuments, list[str]]:
    """Read the documents of a file of vectors or of text.

    Args:
        path: `.npz` or `.npy` (see `read_vectors`), or `.txt` or `.jsonl` (see `utils.vectors.chunks`).
        embed: turns a file of text into documents and notes. None: text is refused.

    Returns:
        the documents, and notes on what was left out.

    Raises:
        UserError: the file cannot be used.
    """
    if file_kind(path) not in TEXT_KINDS:
        return read_vectors(path), []
    if embed is None:
        raise UserError(f"{path}: is text; name the encoder that turns it into vectors with --embed-with FOLDER")
    return embed(path)


def read_vectors(path: str | Path) -> VectorDocuments:
    """Read a file of vectors.

    - `.npz`: arrays `vectors` `(count, dim)` and `document` `(count,)`, any integers; optionally `texts` and `names`, one of each
      per row.
    - `.npy`: the vectors, read from the disk piece by piece. The documents stand beside it: `NAME.document.npy` for `NAME.npy`.

    The rows of a document must follow one another.

    Raises:
        UserError: the file is missing, unreadable or cut off; an array has a wrong shape or type; a vector is zero or not finite;
            or the rows of a document do not follow one another.
    """
    path = Path(path)
    if path.suffix == ".npy":
        arrays = {"vectors": _load(path, mmap_mode="r"), "document": _load(path.with_suffix(".document.npy"))}
    elif path.suffix == ".npz":
        with _load(path, is_archive=True) as archive:
            arrays = {name: _read_member(path, archive, name) for name in archive.files}
    else:
        raise UserError(f"{path}: must be .npz (vectors and document) or .npy (vectors, with the documents beside it)")
    missing = [name for name in ("vectors", "document") if name not in arrays]
    if missing:
        raise UserError(f"{path}: has no array {' nor '.join(missing)}; it needs vectors and document")
    vectors, labels = arrays["vectors"], arrays["document"]
    if vectors.ndim != 2 or vectors.dtype not in (np.float16, np.float32, np.float64) or not vectors.size:
        raise UserError(
            f"{path}: vectors are {vectors.dtype} {vectors.shape}; they must be float16, float32 or float64 (count, dim)"
        )
    if labels.shape != vectors.shape[:1] or not np.issubdtype(labels.dtype, np.integer):
        raise UserError(
            f"{path}: document is {labels.dtype} {labels.shape}; it must be one integer for each of {len(vectors):,} vectors"
        )
    for name in ("texts", "names"):
        if name in arrays and arrays[name].shape != (len(vectors),):
            raise UserError(f"{path}: has {arrays[name].size:,} {name} for {len(vectors):,} vectors; give one for each")
    _check_sizes(path, vectors)
    first_rows = _first_rows(path, labels)
    document = np.repeat(np.arange(len(first_rows)), np.diff(np.append(first_rows, len(labels))))
    names = [str(name) for name in arrays.get("names", labels)[first_rows]]
    texts = [str(text) for text in arrays["texts"]] if "texts" in arrays else None
    return VectorDocuments(vectors, document, texts, names, str(path))


def join(files: Sequence[VectorDocuments]) -> VectorDocuments:
    """The documents of several files as one, in memory; a single file stays as it is."""
    first = files[0]
    if len(files) == 1:
        return first
    for data in files[1:]:
        check_same_dim(data, first)
    offsets = np.cumsum([0] + [len(data.names) for data in files[:-1]])
    document = np.concatenate([data.document + offset for data, offset in zip(files, offsets, strict=True)])
    texts = [text for data in files for text in data.texts] if all(data.texts for data in files) else None
    names = [name for data in files for name in data.names]
    vectors = np.concatenate([data.vectors for data in files])
    return VectorDocuments(vectors, document, texts, names, ", ".join(data.file for data in files))


def check_same_dim(data: VectorDocuments, other: VectorDocuments) -> None:
    """Check that the vectors of two files have the same number of elements."""
    if data.dim != other.dim:
        raise UserError(
            f"{data.file}: its vectors have {data.dim} elements, those of {other.file} {other.dim}; embed both with one model"
        )


def _load(path: Path, is_archive: bool = False, **options):
    """Open a NumPy array, or an archive of arrays."""
    try:
        loaded = np.load(path, **options)
    except FileNotFoundError:
        raise UserError(f"{path}: not found; name a file of vectors, with the documents in it or beside it") from None
    except UNREADABLE as error:
        raise UserError(f"{path}: cannot be read ({_first_line(error)}); it may be cut off: write it again") from None
    if isinstance(loaded, np.ndarray) == is_archive:
        kind = "one array" if is_archive else "an archive of arrays"
        raise UserError(f"{path}: holds {kind}, but its name ends in {path.suffix}; np.save writes .npy, np.savez .npz")
    return loaded


def _read_member(path: Path, archive, name: str) -> np.ndarray:
    try:
        return archive[name]
    except UNREADABLE as error:
        remedy = "give texts as np.array(texts, str)" if "allow_pickle" in str(error) else "write it again"
        raise UserError(f"{path}: its array {name} cannot be read ({_first_line(error)}); {remedy}") from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _check_sizes(path: Path, vectors: np.ndarray) -> None:
    for start in range(0, len(vectors), ROWS_AT_ONCE):
        block = np.asarray(vectors[start : start + ROWS_AT_ONCE])
        sizes = np.abs(block).max(axis=1).astype(np.float64)
        wrong = np.flatnonzero(~((sizes > MIN_SIZE) & (sizes < MAX_SIZE)))
        if len(wrong):
            size = sizes[wrong[0]]
            if size == 0:
                problem = "is zero"
            elif np.isfinite(size):
                problem = f"has elements of size {size:g}"
            else:
                problem = "is not finite"
            raise UserError(f"{path}, row {start + wrong[0]:,}: the vector {problem}; remove the row or embed it again")


def _first_rows(path: Path, labels: np.ndarray) -> np.ndarray:
    """The first row of each document, in order; the label of a document must not return after another's."""
    first_rows = np.flatnonzero(np.diff(labels, prepend=labels[:1] - 1))
    _, positions = np.unique(labels[first_rows], return_index=True)
    if len(positions) < len(first_rows):
        row = first_rows[np.setdiff1d(np.arange(len(first_rows)), positions)[0]]
        raise UserError(
            f"{path}, row {row:,}: document {labels[row]} began earlier, and another document stands between; "
            "put the rows of each document together"
        )
    return first_rows
