"""Documents as sequences of vectors: readers, documents by split, windows, batches."""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from utils.common.errors import UserError

ROWS_AT_ONCE = 65_536
"""Rows of a file that are looked at together, so that it need not fit into memory."""

SMALLEST, LARGEST = 1e-15, 1e15
"""Of a vector's largest number, so that its norm is one of float32."""

GROUP = 32
"""Targets of one document that stay together when batches are shuffled."""


@dataclass(frozen=True)
class VectorDocuments:
    """Vectors in order, document by document.

    Args:
        vectors: `(count, dim)`, floating-point, perhaps a memory map; not all of unit norm, but none is zero.
        document: `(count,)`, the number of each vector's document, from 0, growing.
        texts: what each vector stands for, where known.
        names: of the documents.
        file: where they come from, for messages.
    """

    vectors: np.ndarray
    document: np.ndarray
    texts: Sequence[str] | None
    names: Sequence[str]
    file: str

    @cached_property
    def starts(self) -> np.ndarray:
        """The first row of every document, and at the end the count of all rows."""
        return np.append(np.flatnonzero(np.diff(self.document, prepend=-1)), len(self.document))

    def take(self, rows: np.ndarray) -> np.ndarray:
        """These rows as float32, of unit norm."""
        found = np.asarray(self.vectors[rows], np.float32)
        return found / np.linalg.norm(found, axis=-1, keepdims=True)


def read_vectors(path: str | Path) -> VectorDocuments:
    """Read vectors with their documents.

    - `.npz`: arrays `vectors` `(count, dim)` and `document` `(count,)`, any whole numbers; perhaps `texts` and `names` of each row;
    - `.npy`: the vectors, read piece by piece from the disk; the documents stand beside it, `NAME.document.npy` for `NAME.npy`.

    Rows of a document follow one another.

    Raises:
        UserError: the file can not be read or is cut off; arrays of other shapes or types; a vector that is zero or not finite; a
            document whose rows do not stand together.
    """
    path = Path(path)
    if path.suffix == ".npy":
        beside = path.with_suffix(".document.npy")
        arrays = {"vectors": _load(path, mmap_mode="r"), "document": _load(beside)}
    elif path.suffix == ".npz":
        with _load(path, archive=True) as archive:
            arrays = {name: _member(path, archive, name) for name in archive.files}
    else:
        raise UserError(f"{path}: must be .npz (vectors and document) or .npy (vectors, documents beside it)")
    missing = [name for name in ("vectors", "document") if name not in arrays]
    if missing:
        raise UserError(f"{path}: has no array {' nor '.join(missing)}; it needs vectors and document")
    vectors, given = arrays["vectors"], arrays["document"]
    if vectors.ndim != 2 or vectors.dtype not in (np.float16, np.float32, np.float64) or not vectors.size:
        raise UserError(
            f"{path}: vectors are {vectors.dtype} {vectors.shape}; they must be float16, float32 or float64 (count, dim)"
        )
    if given.shape != vectors.shape[:1] or not np.issubdtype(given.dtype, np.integer):
        raise UserError(f"{path}: document is {given.dtype} {given.shape}; it must be one whole number for each of "
                        f"{len(vectors):,} vectors")  # fmt: skip
    for name in ("texts", "names"):
        if name in arrays and arrays[name].shape != (len(vectors),):
            raise UserError(f"{path}: has {arrays[name].size:,} {name} for {len(vectors):,} vectors; give one for each")
    _check_rows(path, vectors)
    first = np.flatnonzero(np.diff(given, prepend=given[:1] - 1))
    seen, where = np.unique(given[first], return_index=True)
    if len(seen) < len(first):
        row = first[np.setdiff1d(np.arange(len(first)), where)[0]]
        raise UserError(f"{path}, row {row:,}: document {given[row]} began before, and another stands between; "
                        "put the rows of a document together")  # fmt: skip
    document = np.repeat(np.arange(len(first)), np.diff(np.append(first, len(given))))
    names = [str(name) for name in arrays.get("names", given)[first]]
    texts = [str(text) for text in arrays["texts"]] if "texts" in arrays else None
    return VectorDocuments(vectors, document, texts, names, str(path))


BROKEN = (OSError, ValueError, EOFError, SyntaxError, tokenize.TokenError, zipfile.BadZipFile, zlib.error)
"""What NumPy raises on files that are cut off or damaged."""


def _load(path: Path, archive: bool = False, **more):
    """A NumPy array, or an archive of them."""
    try:
        found = np.load(path, **more)
    except FileNotFoundError:
        raise UserError(f"{path}: not found; name the file of vectors, with the documents in it or beside it") from None
    except BROKEN as error:
        raise UserError(f"{path}: can not be read ({_first(error)}); it may be cut off: write it again") from None
    if isinstance(found, np.ndarray) == archive:
        kind = "one array" if archive else "an archive of arrays"
        raise UserError(f"{path}: is {kind} under another ending; np.save writes .npy, np.savez .npz")
    return found


def _member(path: Path, archive, name: str) -> np.ndarray:
    try:
        return archive[name]
    except BROKEN as error:
        remedy = "give texts as np.array(texts, str)" if "allow_pickle" in str(error) else "write it again"
        raise UserError(f"{path}: its array {name} can not be read ({_first(error)}); {remedy}") from None


def _first(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _check_rows(path: Path, vectors: np.ndarray) -> None:
    for start in range(0, len(vectors), ROWS_AT_ONCE):
        part = np.asarray(vectors[start : start + ROWS_AT_ONCE])
        largest = np.abs(part).max(axis=1).astype(np.float64)
        wrong = np.flatnonzero(~((largest > SMALLEST) & (largest < LARGEST)))
        if len(wrong):
            most = largest[wrong[0]]
            what = "is zero" if most == 0 else f"has numbers of size {most:g}" if np.isfinite(most) else "is not finite"
            raise UserError(f"{path}, row {start + wrong[0]:,}: the vector {what}; take the row out or embed it again")


def split_documents(documents: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Hold out a share of these documents, at least one: numbers of those held out, and of the others, both sorted."""
    held = np.random.default_rng(seed).permutation(documents)[: max(1, round(fraction * len(documents)))]
    return np.sort(held), np.setdiff1d(documents, held)


def targets(data: VectorDocuments, documents: np.ndarray, least: int) -> np.ndarray:
    """Rows that are to be predicted: of these documents, those with at least `least` others before them."""
    starts = data.starts
    rows = [np.arange(starts[number] + least, starts[number + 1]) for number in documents]
    return np.concatenate([np.zeros(0, np.int64), *rows])


def duplicates(splits: dict[str, tuple[VectorDocuments, np.ndarray]]) -> list[str]:
    """Notes on vectors of one split that stand in another as well, equal to the last bit.

    Args:
        splits: name to the file's documents and the numbers of those that belong to it.
    """
    hashes = {id(data): row_hashes(data.vectors) for data, _ in splits.values()}
    of = {name: np.unique(hashes[id(data)][np.isin(data.document, chosen)]) for name, (data, chosen) in splits.items()}
    notes = []
    for name, other in (("validation", "train"), ("test", "train"), ("test", "validation")):
        if name in of and other in of and (count := len(np.intersect1d(of[name], of[other]))):
            notes.append(f"{count:,} different vectors of the {name} documents stand in the {other} documents as well")
    return notes


def row_hashes(vectors: np.ndarray) -> np.ndarray:
    """A number of 64 bits for each row, the same for rows of equal bits."""
    random = np.random.default_rng(0).integers(1, 2**63, vectors.shape[1], dtype=np.uint64) | np.uint64(1)
    bits = {2: np.uint16, 4: np.uint32, 8: np.uint64}[vectors.dtype.itemsize]
    hashes = np.empty(len(vectors), np.uint64)
    for start in range(0, len(hashes), ROWS_AT_ONCE):
        part = np.ascontiguousarray(vectors[start : start + ROWS_AT_ONCE]).view(bits).astype(np.uint64)
        hashes[start : start + ROWS_AT_ONCE] = (part * random).sum(axis=1)  # wraps around
    return hashes


def windows(data: VectorDocuments, rows: np.ndarray, context_length: int) -> dict[str, np.ndarray]:
    """The inputs for these targets: the up to `context_length` vectors before each, of its own document, at the end of the context.

    Returns:
        `vectors`, float32 `(rows, context_length, dim)`, and `padding_mask`, int32 `(rows, context_length)`.
    """
    places = rows[:, None] - np.arange(context_length, 0, -1)
    there = (places >= 0) & (data.document[np.maximum(places, 0)] == data.document[rows][:, None])
    vectors = np.zeros((*places.shape, data.vectors.shape[1]), np.float32)
    vectors[there] = data.take(places[there])
    return {"vectors": vectors, "padding_mask": there.astype(np.int32)}


def answers(data: VectorDocuments, rows: np.ndarray) -> np.ndarray:
    """What `VectorLoss` wants for these targets: vector, document, place; float32 `(rows, dim + 2)`."""
    document = data.document[rows]
    return np.column_stack([data.take(rows), document, rows - data.starts[document]]).astype(np.float32)


def training_batches(
    data: VectorDocuments, rows: np.ndarray, context_length: int, batch_size: int, seed: int, first_step: int
) -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
    """Endless batches of windows and answers from a step on; the same step always gives the same batch.

    Targets of a document come in groups of up to 32, drawn anew each epoch, and groups in any order: so that a batch holds several
    targets of a document, which are one another's negatives. Every target comes once an epoch; the last batch is smaller.
    """
    steps = -(-len(rows) // batch_size)
    borders = np.flatnonzero(np.diff(data.document[rows])) + 1
    for epoch in range(first_step // steps, 2**31):
        rng = np.random.default_rng((seed, epoch))
        groups = []
        for part in np.split(rows, borders):
            mixed = rng.permutation(part)
            groups += [mixed[start : start + GROUP] for start in range(0, len(mixed), GROUP)]
        order = np.concatenate([groups[number] for number in rng.permutation(len(groups))])
        for step in range(first_step % steps if epoch == first_step // steps else 0, steps):
            chosen = order[step * batch_size : (step + 1) * batch_size]
            yield windows(data, chosen, context_length), answers(data, chosen)
