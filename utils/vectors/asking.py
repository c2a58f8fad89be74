"""Ask a trained model what follows: a row of a file, several rows, or whole documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from utils.common.asking import OrderedReport, Record, Request, answer_in_order, say_notes
from utils.common.errors import UserError
from utils.common.files import content_kind, write_arrays
from utils.common.question_records import record_id
from utils.common.reading import FileReport
from utils.common.records import read_json_values
from utils.vectors.answering import CANDIDATES_AT_ONCE, SIMILARITIES_AT_ONCE
from utils.vectors.answering import answer_lines as answer_lines  # predict.py prints by it
from utils.vectors.data import VectorDocuments, check_same_dim
from utils.vectors.predictor import VectorsPredictor

SHOWN = 3
"""Rows that are listed as the next one."""


def load(request: Request) -> VectorsPredictor:
    """The predictor that answers."""
    return VectorsPredictor.load(request.reference)


def ask(predictor: VectorsPredictor, request: Request) -> list[dict]:
    """What follows the rows of the request, see `VectorsPredictor.nearest`.

    Raises:
        UserError: the request names no rows.
    """
    data = _read(predictor, request.file, request)
    rows = [row.strip() for row in request.question.split(",")]
    if not all(row.isdecimal() and row.isascii() for row in rows):
        last = len(data.vectors) - 1
        raise UserError(
            f"{request.question!r}: must be a row of {data.file}, from 0 to {last:,}, or rows with commas between"
        )
    return predictor.nearest(data, list(map(int, rows)), request.n_best or SHOWN)


def ask_file(predictor: VectorsPredictor, request: Request, report: OrderedReport) -> Iterator[dict]:
    """What follows, for each record of a file, in its order.

    JSON of objects with a `row` asks about rows of the request's file. Any other input holds documents, of vectors or of text, and
    each of them is continued: the rows that are most likely to follow its last one, among those of the request's file; without
    one, among those of the input itself, as `VectorsPredictor.nearest` returns them.
    """
    n_best = request.n_best or SHOWN
    if names_rows(request.input):
        data = _read(predictor, request.file, request)
        records = report.in_order(_rows(request.input, report))
        return answer_in_order(records, lambda rows: predictor.nearest(data, rows, n_best), report, _at_once(data))
    documents = _read(predictor, request.input, request)
    if not request.file:
        rows = documents.file_rows(documents.starts[1:] - 1).tolist()
        records = (Record(name, f"document {name}", row) for name, row in zip(documents.names, rows, strict=True))
        return answer_in_order(
            records, lambda rows: predictor.nearest(documents, rows, n_best), report, _at_once(documents)
        )
    searched = _read(predictor, request.file, request)
    check_same_dim(searched, documents)
    numbers = range(len(documents.names))
    records = (Record(documents.names[number], f"document {number}", number) for number in numbers)
    return answer_in_order(
        records,
        lambda numbers: continuations(predictor, documents, numbers, searched, n_best),
        report,
        _at_once(searched),
    )


def continuations(
    predictor: VectorsPredictor,
    documents: VectorDocuments,
    numbers: Sequence[int],
    searched: VectorDocuments,
    n_best: int,
) -> list[dict]:
    """The rows of other documents that are most likely to follow the end of each of these.

    Args:
        predictor: gives the queries.
        documents: are continued.
        numbers: those of the documents that are wanted.
        searched: documents whose rows may follow.
        n_best: rows to return, at most.

    Returns:
        for each document a dict of `document`, and `nearest` as `VectorsPredictor.nearest` describes it.
    """
    outputs = predictor.predict_rows(documents, documents.starts[1:][list(numbers)] - 1, include_row=True)
    queries = outputs.get("query", outputs["predicted"])
    blocks = np.split(np.arange(searched.count), range(CANDIDATES_AT_ONCE, searched.count, CANDIDATES_AT_ONCE))
    similarities = np.concatenate([queries @ searched.take(block).T for block in blocks], axis=1)
    answers = []
    for number, similarity in zip(numbers, similarities, strict=True):
        best = np.argsort(-similarity, kind="stable")[:n_best]
        nearest = [
            {
                "row": int(searched.file_rows(place)),
                "document": searched.names[searched.document[place]],
                "text": searched.texts[place] if searched.texts else None,
                "similarity": float(similarity[place]),
            }
            for place in best
        ]
        answers.append({"document": documents.names[number], "nearest": nearest})
    return answers


def write_predicted(predictor: VectorsPredictor, request: Request) -> int:
    """Write the predicted vectors themselves to an `.npz` file, and return their number.

    Of an input of documents, it holds for every row what is predicted to follow it: `predicted`, float32 `(rows, dim)`, unit
    vectors; `row`, the row of the input that each follows; and `document`, the number of its document.
    """
    if names_rows(request.input):
        raise UserError(f"{request.input}: names rows; to write vectors, give documents with --input")
    data = _read(predictor, request.input, request)
    numbers = np.arange(data.count)
    predicted = predictor.predict_rows(data, numbers, include_row=True)["predicted"]
    write_arrays(request.output, {"predicted": predicted, "row": data.file_rows(numbers), "document": data.document})
    return data.count


def names_rows(path: Path) -> bool:
    """Whether a file has records that name rows, and no documents."""
    if content_kind(path) not in ("json", "jsonl"):
        return False
    first = [value for _, value in islice(read_json_values(path, FileReport(path)), 20)]
    return any(isinstance(value, dict) and "row" in value and not {"text", "vector"} & value.keys() for value in first)


def _rows(path: Path, report: OrderedReport) -> Iterator[Record]:
    for place, value in read_json_values(path, report):
        identifier = record_id(value) if isinstance(value, dict) else None
        row = value.get("row") if isinstance(value, dict) else None
        if isinstance(row, bool) or not isinstance(row, int):
            report.leave_out(place, "it has no row that is a whole number", id=identifier)
        else:
            yield Record(identifier, place, row)


def _read(predictor: VectorsPredictor, path: Path | None, request: Request) -> VectorDocuments:
    data, notes = predictor.read_documents(path, max_bad_fraction=request.max_bad_fraction)
    say_notes(notes)
    if data.dim != predictor.dim:
        raise UserError(
            f"{data.file}: vectors have {data.dim} elements, the model's {predictor.dim}; give such vectors"
        )
    return data


def _at_once(searched: VectorDocuments) -> int:
    return max(1, min(256, SIMILARITIES_AT_ONCE // searched.count))
