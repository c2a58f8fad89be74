"""Records of text: whole documents, documents that are split already, or the chunks of documents one by one."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from utils.common.errors import UserError, some_of
from utils.common.files import has_lone_surrogate
from utils.common.reading import FileReport
from utils.text.words import shortened
from utils.vectors.columns import MAX_SHOWN, VECTOR_COLUMNS, columns_of, in_order, label_text, positions_of

CHUNK_NAMES = ("chunk", "sentence", "passage", "paragraph", "segment", "utterance")
"""Names of a column that holds a piece of a document."""
TEXT_NAMES = ("text", "content", "contents", "body", "article", "page_content", "context", "story", "document")
"""Names of a column that holds a document, or a piece of it where the documents repeat."""
MIN_DIFFERENT_NAMES = 0.9
"""Where fewer of the names of documents differ, the records may be pieces of documents."""
OTHER_COLUMNS = {
    "document": VECTOR_COLUMNS["document"],
    "name": ("names", "title", "id", "url", "file", "filename"),
    "position": VECTOR_COLUMNS["position"],
}
SOURCE_NAMES = ("source", "file_path", "file_name")
"""Names of columns, or of fields of a column `metadata`, that may say which document a record is a piece of."""
TEXT_COLUMN_NAMES = {name for column, others in OTHER_COLUMNS.items() for name in (column, *others)} | {
    *CHUNK_NAMES,
    *TEXT_NAMES,
}


@dataclass(frozen=True)
class TextDocument:
    """A document as text.

    Args:
        name: its name.
        text: its whole text; empty where its chunks are known.
        chunks: the texts that are to have a vector each; None: the text is still to be split.
        id: what tells it apart where its chunks are records of their own; else empty.
    """

    name: str
    text: str = ""
    chunks: Sequence[str] | None = None
    id: str = ""


@dataclass(frozen=True)
class _Record:
    place: str
    text: str | list[str]
    document: str
    name: str
    position: object


def text_documents(
    path: str | Path, records: Iterable[tuple[str, dict]], examples: dict[str, object], report: FileReport
) -> list[TextDocument]:
    """The documents of records of text.

    Args:
        path: the file.
        records: pairs of place and record.
        examples: each column and an example of its values.
        report: counts the records.

    Raises:
        UserError: there is no column of text, two documents have one name, chunks have no documents, or the chunks of a document do
            not stand together and have no position.
    """
    several = [f"{name}s" for name in CHUNK_NAMES]
    lists = {name for name, value in examples.items() if _is_list_of_texts(value)}
    texts = {name for name, value in examples.items() if isinstance(value, str)}
    split = columns_of(path, lists, {"text": (*TEXT_NAMES, "texts", *several)})
    chunk = columns_of(path, texts, {"chunk": CHUNK_NAMES})
    whole = columns_of(path, texts, {"text": TEXT_NAMES})
    column = split.get("text") or chunk.get("chunk") or whole.get("text")
    if column is None:
        names = some_of([shortened(name, MAX_SHOWN) for name in examples])
        has = f"its records have the columns {names}" if names else "its records are not objects with named values"
        raise UserError(
            f"{path}: {has}; they need a text, such as "
            '{"text": "..."}, or a vector with its document, such as {"document": 1, "vector": [0.1, 0.2]}'
        )
    others = columns_of(path, [name for name in examples if name != column], OTHER_COLUMNS)
    used = [record for pair in records if (record := _text_record(pair, column, bool(split), others, report))]
    if "position" in others:
        used = _with_positions(used, others["position"], report)
    report.used += len(used)
    documents = {record.document for record in used}
    if not split and (chunk or ("document" in others and len(documents) <= len(used) / 2)):
        return _chunked_documents(path, used)
    source = None if split or "document" in others else _column_of_source(examples)
    if source:
        report.remark(
            f"each record is read as a document of its own, and {source} is not used; if the records are pieces of documents, "
            "give each the name of its document in a column `document`, and call the text `chunk`"
        )
    return _whole_documents(path, used, report)


def _column_of_source(examples: dict[str, object]) -> str | None:
    """The column, or the field of a column such as LangChain's `metadata`, that may name the document of a record."""
    for column, value in examples.items():
        names = value if column.lower() in ("metadata", "meta") and isinstance(value, dict) else ()
        fields = [
            f"{column}.{name}" for name in names if str(name).lower() in (*SOURCE_NAMES, *OTHER_COLUMNS["document"])
        ]
        if column.lower() in SOURCE_NAMES or fields:
            return shortened(fields[0] if fields else column, MAX_SHOWN)
    return None


def _is_list_of_texts(value) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)


def _text_record(
    pair: tuple[str, dict], column: str, is_split: bool, others: dict[str, str], report: FileReport
) -> _Record | None:
    """The record, or None where it cannot be used; then it is counted."""
    place, record = pair
    text = record.get(column)
    parts = text if is_split else [text]
    document, name = (label_text(record.get(others[key])) if key in others else "" for key in ("document", "name"))
    position = record.get(others.get("position"))
    if text is None or not text:
        report.skip(place, "it has no text")
    elif not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        report.leave_out(
            place, f"its {shortened(column, MAX_SHOWN)} is not a {'list of texts' if is_split else 'text'}"
        )
    elif any(map(has_lone_surrogate, parts)):
        report.leave_out(place, "its text holds half a character (a broken \\u escape)")
    elif not any(part.strip() for part in parts):
        report.skip(place, "it has no text")
    else:
        if not all(part.strip() for part in parts):
            report.note(place, "some of its chunks are empty")
        kept = [" ".join(part.split()) for part in parts if part.strip()]
        return _Record(place, kept if is_split else text, document, name, position)
    return None


def _with_positions(records: Sequence[_Record], column: str, report: FileReport) -> list[_Record]:
    """The records with numbers as positions; those without one are counted, unless no record has one."""
    positions = positions_of([record.position for record in records], column, report) or [None] * len(records)
    has_positions = any(position is not None for position in positions)
    used = []
    for record, position in zip(records, positions, strict=True):
        if has_positions and position is None:
            report.leave_out(record.place, "its position is not a number")
        else:
            used.append(replace(record, position=position))
    return used


def _whole_documents(path: str | Path, records: Sequence[_Record], report: FileReport) -> list[TextDocument]:
    """A document for each record. The few that have the name of another one get a number."""
    documents = {}
    is_unique = len({_document_name(path, record) for record in records}) >= MIN_DIFFERENT_NAMES * len(records)
    for record in records:
        name = first = _document_name(path, record)
        if name in documents and not is_unique:
            raise UserError(
                f"{path}, {record.place}: two documents have the name {shortened(name, MAX_SHOWN)!r}; give each its own, or call "
                "the text `chunk` where the records are pieces of documents"
            )
        if name in documents:
            report.note(record.place, "another document has its name")
            name = next(name for number in itertools.count(2) if (name := f"{first} ({number})") not in documents)
        is_split = isinstance(record.text, list)
        documents[name] = TextDocument(name, "" if is_split else record.text, record.text if is_split else None)
    return list(documents.values())


def _document_name(path: str | Path, record: _Record) -> str:
    number = record.place.rpartition(" ")[2].replace(",", "")
    return record.name or record.document or f"{Path(path).name}:{number}"


def _chunked_documents(path: str | Path, records: Sequence[_Record]) -> list[TextDocument]:
    """A document for each group of records that are its chunks."""
    labels = np.array([record.document or record.name for record in records])
    missing = next((record.place for record, label in zip(records, labels, strict=True) if not label), None)
    if missing:
        raise UserError(f"{path}, {missing}: does not say which document it is a piece of; add a `document`")
    positions = [record.position for record in records]
    positions = None if None in positions else np.array(positions)
    order = in_order(path, np.arange(len(records)), labels, positions, [record.place for record in records])
    chunks: dict[str, list[_Record]] = {}
    for row in order:
        chunks.setdefault(str(labels[row]), []).append(records[row])
    return [
        TextDocument(parts[0].name or label, chunks=[" ".join(part.text.split()) for part in parts], id=label)
        for label, parts in chunks.items()
    ]
