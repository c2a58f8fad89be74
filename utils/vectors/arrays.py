"""Files of NumPy arrays: `.npz`, and `.npy` with the documents in a file beside it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np

from utils.common.archives import map_npz_array, open_npy, open_npz
from utils.common.errors import UserError, some_of
from utils.common.files import content_kind
from utils.common.reading import FileReport
from utils.vectors.columns import SAVE_VECTORS, VECTOR_COLUMNS, VectorTable, columns_of, label_text

REMEDIES = {"vectors": "np.stack(vectors).astype('float32')", "document": "np.array(document, str)"}
"""How to save an array that holds Python objects as one that can be read."""


OTHER_ARCHIVES = (
    (
        r"data\.pkl$",
        f"a PyTorch file, whose pickle could run code and is never opened; save the vectors with {SAVE_VECTORS}",
    ),
    (r"Content_Types|^_rels/|^xl/|^word/", "a document of Excel, Word or the like; save it as CSV or as plain text"),
    (r"^mimetype$", "an EPUB or OpenDocument file; save it as CSV or as plain text"),
)
"""Names within zip archives that hold no arrays, and what they show."""


def read_arrays(path: str | Path, report: FileReport) -> VectorTable:
    """Read a file of arrays.

    - An archive of arrays: `vectors` `(count, dim)` and `document` `(count,)`, optionally `texts`, `names` and `position`, or other
      common names of these. Of two arrays without names (`arr_0`), the one with two axes holds the vectors.
    - One array of vectors, which is read from the disk piece by piece. The documents stand beside it: `NAME.document.npy` for
      `NAME.npy`.

    Args:
        path: the file; its content tells which of the two it is.
        report: takes remarks on how the file is understood.

    Raises:
        UserError: the file is unreadable, or an array is missing, has a wrong shape or type, or holds Python objects.
    """
    path = Path(path)
    arrays = _array_and_documents(path) if content_kind(path) == "npy" else _archive(path, report)
    vectors = _numbers(path, arrays["vectors"], report)
    document = _labels(path, arrays["document"], len(vectors))
    for name in ("texts", "names", "position"):
        if name in arrays and arrays[name].shape != (len(vectors),):
            raise UserError(f"{path}: has {arrays[name].size:,} {name} for {len(vectors):,} vectors; give one for each")
    position = arrays.get("position")
    if position is not None and (position.dtype.kind not in "iuf" or not np.isfinite(position).all()):
        raise UserError(f"{path}: its positions are {position.dtype}; they must be numbers")
    texts, names = (_texts(path, name, arrays[name]) if name in arrays else None for name in ("texts", "names"))
    return VectorTable(vectors, document, texts, names, position, is_by_id=arrays.get("document") is arrays.get("id"))


def _array_and_documents(path: Path) -> dict[str, np.ndarray]:
    """The array of a `.npy` file as a memory map, and the documents that stand beside it."""
    beside = path.with_suffix(".document.npy")
    if path.name.endswith(".document.npy"):
        raise UserError(
            f"{path}: holds documents; name the file of their vectors, {path.name[: -len('.document.npy')]}.npy"
        )
    with open(path, "rb") as file:
        if file.read(6) != b"\x93NUMPY":
            raise UserError(f"{path}: is a compressed array; unpack it, so that it can be read piece by piece")
    vectors = _open(path, "vectors")
    if not beside.is_file():
        raise UserError(
            f"{path}: holds vectors, but not which document each belongs to; save that beside it with "
            f"np.save({beside.name!r}, document), one id per row, or both with np.savez(path, vectors=vectors, document=document)"
        )
    return {"vectors": vectors, "document": _open(beside, "document")}


def _open(path: Path, name: str) -> np.ndarray:
    try:
        return open_npy(path)
    except Exception as error:  # NumPy parses the header as Python code, so a damaged one gives any kind of error
        raise _unreadable(path, name, error) from None


def _unreadable(path: Path, name: str, error: Exception) -> UserError:
    """The error of an array that NumPy cannot read."""
    if any(words in str(error) for words in ("allow_pickle", "Python objects")):
        remedy = REMEDIES.get(name, f"np.array({name}, str)")
        return UserError(
            f"{path}: its array {name} holds Python objects, which are never unpickled; save it as {remedy}"
        )
    if member := re.search(r"its file '([^']*)' is no array", str(error)):
        for pattern, kind in OTHER_ARCHIVES:
            if re.search(pattern, member[1]):
                raise UserError(f"{path}: is {kind}")
    reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
    return UserError(
        f"{path}: cannot be read ({reason}); it may be cut off or damaged: write it again with np.savez or np.save"
    )


def _archive(path: Path, report: FileReport) -> dict[str, np.ndarray]:
    """The arrays of an `.npz` file that are known, by their names here."""
    try:
        with open_npz(path) as archive:
            names = columns_of(path, archive.files, VECTOR_COLUMNS)
            if not {"vectors", "document"} & set(names) and all(
                re.fullmatch(r"arr_\d+", name) for name in archive.files
            ):
                return _unnamed(path, {name: _member(path, archive, name, "vectors") for name in archive.files}, report)
            by_id = names.pop("id", None)
            if "document" not in names and names.get("names", by_id):
                names["document"] = names.get("names", by_id)
            missing = [name for name in ("vectors", "document") if name not in names]
            if missing:
                raise UserError(
                    f"{path}: has no array {' nor '.join(missing)}, but {some_of(archive.files)}; save them as {SAVE_VECTORS}"
                )
            others = [f"{names[column]!r} as {column}" for column in names if names[column] != column]
            if others:
                report.remark(f"takes its array {', '.join(others)}")
            arrays = {}
            for column, name in names.items():
                try:
                    arrays[column] = _member(path, archive, name, column)
                except UserError as error:
                    if column != "texts" or "unpickled" not in str(error):
                        raise
                    report.remark(f"{str(error).removeprefix(f'{path}: ')}; it is left out")
            if names["document"] == by_id:
                arrays["id"] = arrays["document"]
            return arrays
    except UserError:
        raise
    except Exception as error:  # as above
        raise _unreadable(path, "vectors", error) from None


def _member(path: Path, archive, name: str, column: str) -> np.ndarray:
    try:
        return map_npz_array(archive, name) if column == "vectors" else archive[name]
    except Exception as error:  # as above
        raise _unreadable(path, column, error) from None


def _unnamed(path: Path, arrays: dict[str, np.ndarray], report: FileReport) -> dict[str, np.ndarray]:
    """Vectors and documents among arrays without names, where their shapes tell which is which."""
    tables = [name for name, array in arrays.items() if array.ndim == 2]
    labels = [name for name, array in arrays.items() if array.ndim == 1]
    if len(arrays) != 2 or not tables or not labels:
        shapes = ", ".join(f"{name} {array.dtype} {array.shape}" for name, array in arrays.items())
        raise UserError(
            f"{path}: its arrays have no names ({shapes[:200]}); save them with np.savez(path, vectors=..., document=...)"
        )
    report.remark(f"takes its array {tables[0]!r} as vectors, {labels[0]!r} as document")
    return {"vectors": arrays[tables[0]], "document": arrays[labels[0]]}


def _numbers(path: Path, vectors: np.ndarray, report: FileReport) -> np.ndarray:
    """The vectors as numbers that NumPy can compute with; a memory map stays one."""
    if vectors.ndim == 3 and vectors.size:
        raise UserError(
            f"{path}: vectors are {vectors.dtype} {vectors.shape}; they must be (count, dim): save "
            f"vectors.reshape(-1, {vectors.shape[2]}) and a document for each row, without rows of padding"
        )
    if vectors.ndim != 2 or not vectors.size:
        raise UserError(f"{path}: vectors are {vectors.dtype} {vectors.shape}; they must be numbers (count, dim)")
    if vectors.dtype == np.dtype("V2"):  # what NumPy makes of bfloat16
        import ml_dtypes

        report.remark("takes its 2-byte numbers as bfloat16")
        return vectors.view(ml_dtypes.bfloat16)
    check_number_type(path, vectors.dtype, report)
    return vectors


def check_number_type(path: str | Path, dtype: np.dtype, report: FileReport) -> None:
    """Check that numbers of this type are the elements of vectors as they stand, and remark on those that may not be.

    Raises:
        UserError: they are not.
    """
    if dtype.kind == "i":
        report.remark(
            f"takes its {dtype} numbers as they are; if they were quantised with an offset or are packed bits, save floats"
        )
    elif dtype.kind in "ub":
        raise UserError(
            f"{path}: vectors are {dtype}, as packed bits and quantised vectors with an offset are; turn them back into floats "
            "(np.unpackbits, or offset and scale), and save those"
        )
    elif dtype.kind != "f":
        raise UserError(f"{path}: vectors are {dtype}; save them as vectors.astype('float32')")


def _labels(path: Path, document: np.ndarray, count: int) -> np.ndarray:
    """What names each row's document, as whole numbers or texts."""
    kind = document.dtype.kind
    if document.shape == (count,) and kind in "US":
        return np.array(_texts(path, "document", document))
    if document.shape != (count,) or kind not in "iuf":
        raise UserError(
            f"{path}: document is {document.dtype} {document.shape}; it must be a number or a text for each of {count:,} vectors"
        )
    if kind != "f":
        return document
    present = document[~np.isnan(document)]
    fractions = present[(np.abs(present) >= 2.0**63) | (present != np.floor(present))]
    if len(fractions):
        raise UserError(
            f"{path}: document holds {fractions[0]:g}; it must hold ids of documents, such as whole numbers or texts"
        )
    if len(present) < count:
        return np.array([label_text(label) for label in document.tolist()])
    return document.astype(np.int64)


def _texts(path: Path, name: str, array: np.ndarray) -> list[str]:
    """The elements as texts; bytes are decoded."""
    if array.dtype.kind == "S":
        return [text.decode("utf-8", "replace") for text in array.tolist()]
    if array.dtype.kind == "U" and array.dtype.itemsize:
        codes = np.ascontiguousarray(array).view(array.dtype.str[0] + "u4")
        if ((codes > sys.maxunicode) | ((codes >= 0xD800) & (codes < 0xE000))).any():
            raise UserError(f"{path}: its array {name} holds what is no character; write the file again")
    return [str(text) for text in array.tolist()]
