"""Read judgements (TREC's qrels, BEIR's) with the collection and the questions that they name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from utils.common.errors import UserError
from utils.common.files import content_kind, file_kind, has_lone_surrogate, read_lines
from utils.common.reading import FileReport, Reading
from utils.common.records import read_records
from utils.common.tables import find_columns, read_table
from utils.ranking.formats.checks import checked_queries
from utils.ranking.formats.fields import DOCUMENT_FIELDS, FIELDS, KNOWN_NAMES, parse_grade
from utils.ranking.records import Candidate, Query, Rankings
from utils.ranking.stored import StoredDocuments
from utils.ranking.text_numbers import SeenTexts

COLLECTION = frozenset({"corpus", "collection", "documents", "docs", "passages"})
QUERIES = frozenset({"queries", "topics", "questions"})
JUDGEMENTS = frozenset({"qrels", "qrel"})
"""Words in the names of the files, and names of the folders, of each part."""
SUFFIXES = frozenset({"", ".jsonl", ".json", ".ndjson", ".tsv", ".csv", ".txt", ".parquet", ".qrels", ".qrel", ".trec"})
SPLITS = {"train": "train", "dev": "validation", "valid": "validation", "validation": "validation", "val": "validation",
          "test": "test"}  # fmt: skip
"""Words in the names of files with judgements, and the splits that they mean."""
JUDGEMENT_FIELDS = {name: FIELDS[name] for name in ("query_id", "candidate_id", "relevance")}
LAYOUT = (
    "a folder with the collection (corpus.jsonl, or corpus.tsv with id and text), the questions (queries.jsonl or queries.tsv) and "
    "the judgements (qrels/train.tsv, qrels/test.tsv, or qrels.txt)"
)


def is_collection_folder(path: Path) -> bool:
    """Whether a folder has a collection."""
    return bool(_files(path, COLLECTION))


def is_trec_judgement(line: str) -> bool:
    """Whether a line has the form of TREC's qrels: question, a number or Q0, document, grade."""
    return re.fullmatch(r"\S+\s+(\d+|Q0)\s+\S+\s+[-+]?\d+(\.\d+)?\s*", line) is not None


def read_collection(path: Path, reading: Reading) -> Rankings:
    """Read a folder, or one file with judgements in it.

    A folder's judgements may be in several files whose names say which split is theirs: train, dev (or valid, validation) and
    test. A file is all of its questions, without splits.

    Raises:
        UserError: the collection, the questions or the judgements are missing, or two files are for one split.
    """
    folder, judgements = (path, _judgement_files(path)) if path.is_dir() else (_folder_of(path), {"": path})
    corpus, questions = _files(folder, COLLECTION), _files(folder, QUERIES)
    if not questions:
        raise UserError(f"{folder}: has a collection ({corpus[0].name}) but no questions; needed is {LAYOUT}")
    documents = StoredDocuments.write(_different_documents(corpus, reading))
    texts, reports = {}, {}
    for file in questions:
        with reading.file(file) as report:
            for place, id_, text in read_documents(file, report):
                reports.setdefault(id_, (place, report))
                _add(texts, Candidate(id_, text), place, report)
    parts = {}
    for split, file in judgements.items():
        with reading.file(file) as report:
            questions_of_file = _judged_questions(file, documents, texts, report)
            parts[split] = checked_queries(questions_of_file, report)
    judged = {query.id for part in parts.values() for query in part}
    for id_, (place, report) in reports.items():
        if id_ not in judged:
            report.used -= 1
            report.skip(place, "nothing was judged for the question")
    return Rankings(parts, documents)


def read_collection_texts(path: Path, reading: Reading) -> Iterator[tuple[str, str]]:
    """Yield the id and the text of each document of a folder, or of the folder that a file with judgements is in.

    Documents with one id are all of them documents here. Questions and judgements are not read.
    """
    for file in collection_files(path):
        with reading.file(file) as report:
            for _, id_, text in read_documents(file, report):
                report.used += 1
                yield id_, text


def collection_files(path: Path) -> list[Path]:
    """The files with the documents of a folder, or of the folder that a file with judgements is in."""
    return _files(path if path.is_dir() else _folder_of(path), COLLECTION)


def read_documents(path: Path, report: FileReport, needs_id: bool = True) -> Iterator[tuple[str, str, str]]:
    """Yield `(place, id, text)` of documents or of questions. A title stands before its text.

    A file has records with an id, a text and perhaps a title; or it is a table without header, of id and text or of id, title and
    text with tabs between. Ids may be missing, and are then empty, unless they are needed.
    """
    for place, id_, title, text in (
        _headerless(path, report) if _has_no_header(path) else _named(path, report, needs_id)
    ):
        id_, text = id_.strip(), " ".join(filter(None, (title.strip(), text.strip())))
        if needs_id and not id_:
            report.leave_out(place, "the id is empty")
        elif not text:
            report.leave_out(place, "the text is empty")
        elif has_lone_surrogate(id_ + text):
            report.leave_out(place, "it contains half a character (a lone surrogate)")
        else:
            yield place, id_, text


def _has_no_header(path: Path) -> bool:
    if content_kind(path) != "text":
        return False
    _, first = next(read_table(path, known_columns=KNOWN_NAMES), (1, []))
    return "text" not in find_columns(path, first, DOCUMENT_FIELDS)


def _headerless(path: Path, report: FileReport) -> Iterator[tuple[str, str, str, str]]:
    for number, fields in read_table(path, "\t"):
        if len(fields) in (2, 3):
            yield f"line {number:,}", fields[0], fields[1] if len(fields) == 3 else "", fields[-1]
        else:
            report.leave_out(f"line {number:,}", "it is neither id and text nor id, title and text, with tabs between")


def _named(path: Path, report: FileReport, needs_id: bool) -> Iterator[tuple[str, str, str, str]]:
    fields = {}
    for place, record in read_records(path, report, KNOWN_NAMES):
        names = tuple(record)
        if names not in fields:
            fields[names] = find_columns(path, names, DOCUMENT_FIELDS)
            if len(names) == 1 and content_kind(path) == "text":
                report.remark(f"is a table of one column, {names[0]!r}, by its first line")
        values = list(record.values())
        document = {field: values[column] for field, column in fields[names].items()}
        if "text" not in document or (needs_id and "id" not in document):
            report.leave_out(place, "it has no id and text")
        elif not all(isinstance(value, str | int | None) for value in document.values()):
            report.leave_out(place, "its id, title or text is neither a text nor a number")
        else:
            texts = ["" if document.get(field) is None else str(document[field]) for field in DOCUMENT_FIELDS]
            yield place, *texts


def _different_documents(corpus: list[Path], reading: Reading) -> Iterator[tuple[str, str]]:
    """Yield the id and the text of each document whose id has not come before; like `_add`, without keeping them."""
    ids, pairs = SeenTexts(), SeenTexts()
    for file in corpus:
        with reading.file(file) as report:
            for place, id_, text in read_documents(file, report):
                pair = f"{id_}\0{text}"
                if ids.add(id_):
                    pairs.add(pair)
                    report.used += 1
                    yield id_, text
                elif pair in pairs:
                    report.skip(place, "it repeats an earlier record")
                else:
                    report.leave_out(place, "another record has its id")


def _add(documents: dict[str, Candidate], document: Candidate, place: str, report: FileReport) -> None:
    earlier = documents.setdefault(document.id, document)
    if earlier is document:
        report.used += 1
    elif earlier.text == document.text:
        report.skip(place, "it repeats an earlier record")
    else:
        report.leave_out(place, "another record has its id")


def _judged_questions(
    path: Path, documents: StoredDocuments, texts: dict[str, Candidate], report: FileReport
) -> list[Query]:
    candidates: dict[str, dict[str, Candidate]] = {}
    places = {}
    for place, query_id, document_id, value in _judgements(path, report):
        grade, document = parse_grade(value), documents.find(document_id)
        if grade is None or grade != grade:
            report.leave_out(place, "its grade is not a number that can be used")
        elif query_id not in texts:
            report.leave_out(place, "its question is not among the questions")
        elif document is None:
            report.leave_out(place, "its document is not in the collection")
        else:
            if grade < 0:
                report.note(place, "a grade is negative, which counts as 0")
            places.setdefault(query_id, f"{path}, {place}")
            judged = candidates.setdefault(query_id, {})
            candidate = Candidate(document.id, document.text, max(grade, 0.0), is_document=True)
            earlier = judged.setdefault(document_id, candidate)
            if earlier == candidate and earlier is not candidate:
                report.skip(place, "it repeats an earlier judgement")
            elif earlier is not candidate:
                report.leave_out(place, "the document has another grade for this question already")
    return [Query(id_, texts[id_].text, tuple(judged.values()), places[id_]) for id_, judged in candidates.items()]


def _judgements(path: Path, report: FileReport) -> Iterator[tuple[str, str, str, object]]:
    """Yield `(place, question id, document id, grade)`."""
    if content_kind(path) == "text" and not has_judgement_header(path):
        for number, line in read_lines(path):
            parts = line.split()
            if len(parts) in (3, 4):
                yield f"line {number:,}", parts[0], parts[-2], parts[-1]
            elif parts:
                report.leave_out(f"line {number:,}", "it is not question, 0, document and grade")
        return
    for place, record in read_records(path, report, KNOWN_NAMES):
        fields = find_columns(path, list(record), JUDGEMENT_FIELDS)
        if not {"query_id", "candidate_id"} <= set(fields):
            report.leave_out(place, "it has no query-id and corpus-id")
            continue
        values = list(record.values())
        grade = values[fields["relevance"]] if "relevance" in fields else 1
        yield place, str(values[fields["query_id"]]).strip(), str(values[fields["candidate_id"]]).strip(), grade


def has_judgement_header(path: Path) -> bool:
    """Whether the first line of a table names the columns of judgements and none with texts, as BEIR's qrels do."""
    _, first = next(read_table(path, known_columns=KNOWN_NAMES), (1, []))
    fields = set(find_columns(path, first, FIELDS))
    return {"query_id", "candidate_id"} <= fields and not {"query", "candidate"} & fields


def _files(folder: Path, words: frozenset[str]) -> list[Path]:
    """The files of a folder that have one of the words in their name, and those in folders of such a name, in order."""
    files = []
    for entry in sorted(folder.iterdir()):
        if entry.is_dir():
            files += sorted(entry.iterdir()) if entry.name.lower() in words else []
        elif words & set(re.split("[^a-z]+", entry.name.lower())):
            files.append(entry)
    return [file for file in files if file.is_file() and file_kind(file) in SUFFIXES and not file.name.startswith(".")]


def _judgement_files(folder: Path) -> dict[str, Path]:
    """The file of each split; of the empty name where there is one file that names no split."""
    files = {}
    for file in _files(folder, JUDGEMENTS):
        words = re.split("[^a-z]+", file.name.lower())
        split = next((SPLITS[word] for word in words if word in SPLITS), "")
        if split in files:
            raise UserError(
                f"{folder}: {files[split].name} and {file.name} both hold judgements "
                f"{f'for {split}' if split else 'without a split'}; keep one of them in the folder"
            )
        files[split] = file
    if not files:
        raise UserError(f"{folder}: has a collection but no judgements; needed is {LAYOUT}")
    if "" in files and len(files) > 1:
        raise UserError(
            f"{folder}: {files[''].name} names no split, but other judgements do; call it train, dev or test, or remove it"
        )
    return files


def _folder_of(path: Path) -> Path:
    """The folder with the collection that a file with judgements belongs to: its own, or the one above."""
    for folder in (path.parent, path.parent.parent):
        if folder.is_dir() and is_collection_folder(folder):
            return folder
    raise UserError(
        f"{path}: holds judgements, which name questions and documents by their ids; put corpus.jsonl and queries.jsonl beside it, "
        f"or name {LAYOUT}"
    )
