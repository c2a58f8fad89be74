"""Predict next vectors and find the rows nearest to them, with a model that Keras trained or one that was exported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from utils.common.errors import UserError
from utils.common.progress import with_progress
from utils.common.scratch import scratch_array
from utils.vectors.data import VectorDocuments, as_documents
from utils.vectors.features import BATCH_SIZE, contexts, contexts_at_once
from utils.vectors.metrics import EXCLUSION

CANDIDATES_AT_ONCE = 65_536
SIMILARITIES_AT_ONCE = 2**25
"""Similarities of asked rows to those that are searched, which are in memory together."""
MAX_PRINTED = 100
"""Characters of a text that are printed."""


class VectorsAnswerer:
    """Answers which rows of a file are likely to follow others.

    Args:
        model: gives the outputs of a batch; its `predict_on_batch` is that of a model of next vectors.
        context_length: vectors that the model sees, at most.
        dim: elements of a vector.
    """

    def __init__(self, model, context_length: int, dim: int):
        self.model = model
        self.context_length = context_length
        self.dim = dim

    def __call__(
        self, data: VectorDocuments | Sequence[np.ndarray], rows: Sequence[int] | None = None, n_best: int = 3
    ) -> list[dict]:
        """For each row, the rows of the documents that are most likely to follow it.

        Args:
            data: the documents, each an array `(rows, dim)`; or what `read_documents` returns.
            rows: row numbers, counted through all documents. Left out: the last row of each document.
            n_best: rows to return, at most.

        Returns:
            a dict for each row, see `nearest`.

        Raises:
            ValueError: the arrays are not documents of vectors.
            UserError: the vectors have another size than the model's, or there is no such row.
        """
        documents, rows = _documents_and_rows(data, rows)
        return self.nearest(documents, rows, n_best)

    def predict_next(
        self, data: VectorDocuments | Sequence[np.ndarray], rows: Sequence[int] | None = None
    ) -> dict[str, np.ndarray]:
        """The vectors that are expected to follow rows of documents.

        Args:
            data, rows: as in a call.

        Returns:
            `rows`, int `(rows,)`; and the model's outputs for them, float32 `(rows, ...)`: `predicted`, the vector nearest to what
            may follow, and `query`, which searches for what follows; the same where the model has no `query`.

        Raises:
            ValueError, UserError: as in a call.
        """
        documents, rows = _documents_and_rows(data, rows)
        numbers = self._numbers_of_rows(documents, rows)
        outputs = self.predict_rows(documents, numbers, include_row=True) if len(numbers) else {}
        if "predicted" in outputs:
            outputs.setdefault("query", outputs["predicted"])
        return {"rows": np.asarray(rows, np.int64), **outputs}

    def predict(self, inputs: dict[str, np.ndarray], batch_size: int = 0) -> dict[str, np.ndarray]:
        """The model's outputs for these contexts (see `utils.vectors.features.contexts`).

        Args:
            inputs: the contexts.
            batch_size: contexts in a batch, where they are a part of many; 0: `BATCH_SIZE`, or all if they are fewer.
        """
        count, batches = len(inputs["padding_mask"]), []
        batch_size = batch_size or min(BATCH_SIZE, count)
        for start in range(0, count, batch_size):
            # The last batch repeats some contexts, so that all batches have one shape.
            chosen = np.resize(np.arange(start, min(start + batch_size, count)), batch_size)
            outputs = self.run({name: array[chosen] for name, array in inputs.items()})
            batches.append({name: np.asarray(array)[: count - start] for name, array in outputs.items()})
        return _concatenate(batches)

    def run(self, inputs: dict[str, np.ndarray]) -> dict:
        """The model's outputs for a batch, name to array."""
        return self.model.predict_on_batch(inputs)

    def predict_rows(
        self, data: VectorDocuments, rows: np.ndarray, shuffle: bool = False, include_row: bool = False
    ) -> dict[str, np.ndarray]:
        """The model's outputs for the contexts of these rows.

        Args:
            data: the documents.
            rows: int `(rows,)`, at least one. The outputs for many of them are kept on the disk.
            shuffle: whether each context is put in a random order first.
            include_row: whether a context ends with the row itself; else with the one before.
        """
        outputs: dict[str, np.ndarray] = {}
        at_once = contexts_at_once(self.context_length, self.dim)
        for start in with_progress(range(0, len(rows), at_once), "predicting vectors"):
            inputs = contexts(data, rows[start : start + at_once], self.context_length, include_row)
            block = self.predict(shuffled(inputs, start) if shuffle else inputs)
            for name, array in block.items():
                if name not in outputs:
                    outputs[name] = scratch_array((len(rows), *array.shape[1:]), array.dtype)
                outputs[name][start : start + len(array)] = array
        return outputs

    def nearest(self, data: VectorDocuments, rows: Sequence[int], n_best: int = 3) -> list[dict]:
        """For each row, the rows that are most likely to follow it: those nearest to the model's query.

        A row's context is the row itself and those before it. The last `EXCLUSION` of them are not searched.

        Args:
            data: the documents to search.
            rows: row numbers.
            n_best: rows to return, at most.

        Returns:
            for each row a dict: `row`, `document` (its name) and `text` (None where texts are not known); `nearest`, among all
            documents, and `nearest_in_document`, among its own: lists of dicts `row`, `document`, `text` and `similarity`
            (cosine), nearest first.

        Raises:
            UserError: the vectors have another size than the model's, or there is no such row.
        """
        numbers = self._numbers_of_rows(data, rows)
        if not len(numbers):
            return []
        outputs = self.predict_rows(data, numbers, include_row=True)
        queries = outputs.get("query", outputs["predicted"])
        searches = [_Search(data, row, n_best) for row in numbers.tolist()]
        at_once = max(1, min(CANDIDATES_AT_ONCE, SIMILARITIES_AT_ONCE // len(numbers)))
        for start in range(0, data.count, at_once):
            candidates = np.arange(start, min(start + at_once, data.count))
            for search, similarity in zip(searches, queries @ data.take(candidates).T, strict=True):
                search.add(start, similarity)
        answers = []
        for search in searches:
            nearest, nearest_in_document = (
                [{**_describe(data, other), "similarity": value} for other, value in rows]
                for rows in (search.best(), search.best_in_document())
            )
            answers.append(
                {**_describe(data, search.row), "nearest": nearest, "nearest_in_document": nearest_in_document}
            )
        return answers

    def _numbers_of_rows(self, data: VectorDocuments, rows: Sequence[int]) -> np.ndarray:
        """The numbers of the vectors that stand in these rows of a file, which are checked."""
        if data.dim != self.dim:
            raise UserError(f"{data.file}: vectors have {data.dim} elements, the model's {self.dim}; give such vectors")
        for row in rows:
            if not 0 <= row < len(data.vectors):
                raise UserError(f"'{row}': must be a row of {data.file}, from 0 to {len(data.vectors) - 1:,}")
        return np.array([_number_of_row(data, row) for row in rows], np.int64)


class _Search:
    """Finds the rows that are most similar to a query, in blocks of candidates.

    Args:
        data: the documents.
        row: the last row of the query's context.
        n_best: rows to find.
    """

    def __init__(self, data: VectorDocuments, row: int, n_best: int):
        self.row = row
        self.n_best = n_best
        self.first, self.end = (int(data.starts[data.document[row] + place]) for place in (0, 1))  # of its document
        self._in_document = np.full(self.end - self.first, -np.inf, np.float32)
        self._rows, self._values = np.zeros(0, np.int64), np.zeros(0, np.float32)

    def add(self, start: int, similarity: np.ndarray) -> None:
        """Look at the similarity of a block of candidates, `(candidates,)`, the first of which is row `start`."""
        end = start + len(similarity)
        low, high = max(start, self.first, self.row + 1 - EXCLUSION), min(end, self.row + 1)
        similarity[max(low - start, 0) : max(high - start, 0)] = -np.inf
        low, high = max(start, self.first), min(end, self.end)
        if low < high:
            self._in_document[low - self.first : high - self.first] = similarity[low - start : high - start]
        count = min(self.n_best, len(similarity))
        if count:
            least = np.partition(similarity, len(similarity) - count)[len(similarity) - count]
            places = np.flatnonzero(similarity >= least)
            rows, values = np.append(self._rows, start + places), np.append(self._values, similarity[places])
            order = np.argsort(-values, kind="stable")[: self.n_best]
            self._rows, self._values = rows[order], values[order]

    def best(self) -> list[tuple[int, float]]:
        """The most similar rows and their similarity, the best one first; of equal ones the first row."""
        return _finite(self._rows, self._values)

    def best_in_document(self) -> list[tuple[int, float]]:
        """The same within the document of the context."""
        order = np.argsort(-self._in_document, kind="stable")[: self.n_best]
        return _finite(self.first + order, self._in_document[order])


def _finite(rows: np.ndarray, values: np.ndarray) -> list[tuple[int, float]]:
    return [(row, value) for row, value in zip(rows.tolist(), values.tolist(), strict=True) if np.isfinite(value)]


def shuffled(inputs: dict[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    """The same contexts, each in a random order; padding stays in its place."""
    mask = inputs["padding_mask"]
    order = np.where(mask > 0, np.random.default_rng(seed).random(mask.shape), -1.0).argsort(axis=1, kind="stable")
    return {**inputs, "vectors": np.take_along_axis(inputs["vectors"], order[..., None], axis=1)}


def _documents_and_rows(
    data: VectorDocuments | Sequence[np.ndarray], rows: Sequence[int] | None
) -> tuple[VectorDocuments, Sequence[int]]:
    """Documents from what a caller has given, and the last row of each where no rows are given."""
    documents = data if isinstance(data, VectorDocuments) else as_documents(data)
    return documents, documents.file_rows(documents.starts[1:] - 1) if rows is None else rows


def _number_of_row(data: VectorDocuments, row: int) -> int:
    """The number of the vector that stands in a row of the file."""
    if data.rows is None:
        return row
    numbers = np.flatnonzero(data.rows == row)
    if not len(numbers):
        raise UserError(f"'{row}': the vector in this row of {data.file} cannot be used; name another row")
    return int(numbers[0])


def _describe(data: VectorDocuments, number: int) -> dict:
    text = data.texts[number] if data.texts else None
    return {"row": int(data.file_rows(number)), "document": data.names[data.document[number]], "text": text}


def _concatenate(outputs: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([batch[name] for batch in outputs]) for name in outputs[0]}


def answer_lines(answer: dict) -> Iterator[str]:
    """What is printed of an answer."""
    yield f"after {_described(answer)}"
    for title, name in (("of all documents", "nearest"), ("of its own", "nearest_in_document")):
        yield f"{title}:"
        for row in answer[name]:
            yield f"  {row['similarity']:.3f}  {_described(row)}"


def _described(row: dict) -> str:
    """A row with its document and the beginning of its text."""
    return f"row {row['row']} ({row['document']})" + (f": {row['text'][:MAX_PRINTED]}" if row["text"] else "")
