"""Predicts next vectors with an exported model. It needs the packages of requirements.txt, and nothing else.

python answer.py articles.npz --row 7
python answer.py article.npy --output predicted.npz

from answer import Answerer

answerer = Answerer()
answerer([article], rows=[7])[0]["nearest"]        # article is an array of vectors (rows, dim)
answerer.predict_next([article], rows=[7])["predicted"]
"""

from __future__ import annotations

import argparse
import json
import zipfile
from pathlib import Path

import numpy as np

from utils.common.archives import open_npy, open_npz
from utils.common.errors import UserError, exit_on_user_error, one_line
from utils.common.exported import read_exported
from utils.common.onnx_model import OnnxModel
from utils.vectors.answering import VectorsAnswerer, answer_lines
from utils.vectors.columns import VECTOR_COLUMNS, changes, columns_of, in_order
from utils.vectors.data import VectorDocuments

KINDS = {"document": ("iufU", "a number or a text"), "position": ("iuf", "a number")}
"""The types of arrays other than texts, and what each element is."""


class Answerer(VectorsAnswerer):
    """Predicts next vectors with an exported model, see `VectorsAnswerer`.

    Args:
        folder: the export; left out, the folder of this file.
        model: name of the model's file in it.

    Raises:
        UserError: a file is missing or damaged.
    """

    def __init__(self, folder: str | Path | None = None, model: str = "model.onnx"):
        folder = Path(__file__).parent if folder is None else Path(folder)
        super().__init__(OnnxModel(folder / model, ("predicted",)), **read_exported(folder, "settings.json"))

    def run(self, inputs: dict[str, np.ndarray]) -> dict:
        """The model's outputs for a batch, name to array."""
        return self.model.outputs(inputs)


def read_vectors(path: str | Path) -> VectorDocuments:
    """Read the documents of a file of arrays.

    - `.npz`: `vectors` `(rows, dim)`, and `document` `(rows,)`, numbers or texts that tell which rows belong together; without it,
      `names` or `id` tell that, and without these all rows are one document. The rows of a document are put in the order of
      `position` `(rows,)`, numbers, if there is one. `texts` and `names` (of documents) `(rows,)` are shown beside the rows, if
      there are any. Arrays may have the other names that training knows (`VECTOR_COLUMNS`).
    - `.npy`: the vectors of one document, or of those that `NAME.document.npy` beside `NAME.npy` tells apart.

    Args:
        path: the file.

    Raises:
        UserError: the file cannot be read, or its arrays are something else.
    """
    arrays = _load(Path(path))
    vectors = arrays.pop("vectors", np.zeros(0))
    if vectors.ndim != 2 or not vectors.size or vectors.dtype.kind not in "fiu":
        raise UserError(
            f"{path}: has no array `vectors` of numbers (rows, dim); save them with np.savez(path, vectors=...)"
        )
    with np.errstate(over="ignore"):  # what is too large for float32 is not finite
        norms = np.linalg.norm(vectors.astype(np.float32), axis=1)
    wrong = np.flatnonzero(~np.isfinite(norms) | (norms == 0))
    if len(wrong):
        raise UserError(f"{path}, row {wrong[0]:,}: the vector is zero or not finite; leave the row out")
    for name, array in arrays.items():
        kinds, what = KINDS.get(name, ("U", "a text"))
        if array.shape != (len(vectors),) or array.dtype.kind not in kinds:
            raise UserError(
                f"{path}: {name} is {array.dtype} {array.shape}; give one for each of {len(vectors):,} vectors, {what}"
            )
    labels, position = arrays.get("document", np.zeros(len(vectors), np.int64)), arrays.get("position")
    if position is not None and not np.isfinite(position).all():
        raise UserError(f"{path}: a position is not finite; number the rows of each document")
    in_file = np.arange(len(vectors))
    order = in_order(path, in_file, labels, position)
    starts = changes(labels[order])
    texts = arrays["texts"][order].tolist() if "texts" in arrays else None
    names = map(str, arrays.get("names", labels)[order[starts]].tolist())
    rows = None if (order == in_file).all() else order
    return VectorDocuments(vectors, np.cumsum(starts) - 1, texts, list(names), str(path), rows)


def _load(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file that `read_vectors` uses; nothing is unpickled."""
    try:
        if zipfile.is_zipfile(path):
            with open_npz(path) as archive:
                names = columns_of(path, archive.files, VECTOR_COLUMNS)
                by_id = names.pop("id", None)
                if "document" not in names and (name := names.get("names", by_id)):
                    names["document"] = name
                arrays = {column: archive[name] for column, name in names.items()}
                if names.get("texts", "texts") != "texts" and arrays["texts"].dtype.kind not in "US":
                    del arrays["texts"]  # an array of another meaning, such as numbers of chunks
                if names.get("document", "") == by_id and len(np.unique(arrays["document"])) == len(arrays["document"]):
                    raise UserError(
                        f"{path}: has another `id` for each vector; add `document`, which tells what belongs together"
                    )
                return arrays
        beside = path.with_suffix(".document.npy")
        return {"vectors": open_npy(path)} | ({"document": open_npy(beside)} if beside.exists() else {})
    except UserError:
        raise
    except Exception as error:  # NumPy raises many kinds for damaged files
        reason = getattr(error, "strerror", None) or "it holds no arrays of numbers, or is damaged"
        raise UserError(f"{path}: cannot be read ({reason}); give a file of np.save or np.savez") from None


def main() -> None:
    """Predict on the command line."""
    parser = argparse.ArgumentParser(
        description="Predict the vectors that follow rows of a file, and find the nearest rows."
    )
    parser.add_argument(
        "file", type=Path, help=".npz of `vectors` and `document`, or .npy of the vectors of one document"
    )
    parser.add_argument(
        "--row",
        type=int,
        action="append",
        help="a row, from 0, to predict what follows it; left out, the last one of each document",
    )
    parser.add_argument("--n-best", type=int, default=3, help="nearest rows to show, at most (3)")
    parser.add_argument("--output", type=Path, help="write `rows`, `predicted` and `query` to this .npz file")
    parser.add_argument("--json", action="store_true", help="print a line of JSON for each row")
    parser.add_argument("--model", default="model.onnx", help="the model's file (model.onnx)")
    arguments = parser.parse_args()
    with exit_on_user_error():
        answerer, data = Answerer(model=arguments.model), read_vectors(arguments.file)
        if arguments.output:
            if arguments.output.exists() and arguments.output.samefile(arguments.file):
                raise UserError(f"{arguments.file}: is read, and --output would replace it; name another file")
            _write(arguments.output, answerer.predict_next(data, arguments.row))
        for answer in answerer(data, arguments.row, max(arguments.n_best, 1)):
            if arguments.json:
                print(json.dumps(answer))
                continue
            print("\n".join(map(one_line, answer_lines(answer))))


def _write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    try:
        with open(path, "wb") as file:
            np.savez_compressed(file, **arrays)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}); give another --output") from None
