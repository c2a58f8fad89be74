"""Read questions with graded answers, and texts to search among. The content of a file or folder decides how it is read.

Readers never drop anything silently: `utils.common.reading` counts and names what was left out or is unusual.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from utils.common.errors import UserError
from utils.common.files import content_kind, has_lone_surrogate, read_lines
from utils.common.reading import FileReport, Reading
from utils.common.records import read_json_values, read_records
from utils.common.tables import find_columns
from utils.ranking.formats.checks import checked_queries
from utils.ranking.formats.collection import (
    LAYOUT,
    collection_files,
    is_collection_folder,
    read_collection,
    read_collection_texts,
    read_documents,
)
from utils.ranking.formats.examples import read_examples
from utils.ranking.formats.fields import DOCUMENT_FIELDS, KNOWN_NAMES, find_fields
from utils.ranking.formats.headerless import ROWS, read_rows, text_layout
from utils.ranking.formats.mediqa import read_mediqa
from utils.ranking.formats.posts import read_posts
from utils.ranking.formats.threads import is_thread, read_threads
from utils.ranking.formats.wikiqa import is_wikiqa_folder, read_wikiqa
from utils.ranking.formats.xml_stream import read_elements
from utils.ranking.records import Query, Rankings, grades_from_votes
from utils.ranking.text_numbers import SeenTexts


class NamedText(NamedTuple):
    """A text to search among.

    Args:
        name: what and where it is, in words, such as `line 7`.
        text: the text.
        id: its id in the file; for a line, its number.
    """

    name: str
    text: str
    id: str


WITH_VOTES = ("posts", "threads")
SNIFFED_RECORDS = 20


def read_rankings(
    path: str | Path, reading: Reading, vote_rule: str = "best_share", needs_grades: bool = True
) -> Rankings:
    """Read questions with their answers. `docs/data_formats.md` describes the formats.

    Args:
        path: a file, compressed or not, or a folder.
        reading: counts what is left out.
        vote_rule: how votes become grades, see `utils.ranking.records.grades_from_votes`. An accepted answer has at least grade 1.
        needs_grades: leave out answers whose grade is empty; otherwise their grade is 0, which a prediction does not read.

    Returns:
        the questions, each with at least one answer; and the documents, where the answers are those of a collection.

    Raises:
        UserError: the file cannot be read or has no known format, more of its records are bad than may be, or none can be used.
            The message names the file and the remedy.
    """
    path = Path(path)
    grades_from_votes([], vote_rule)  # an unknown rule fails before the file is read
    layout = find_layout(path)
    if layout == "collection":
        return read_collection(path, reading)
    with reading.file(path) as report:
        queries = _read_queries(path, layout, report, needs_grades)
        return Rankings({"": checked_queries(queries, report, vote_rule if layout in WITH_VOTES else "")}, [])


def read_texts(path: str | Path, reading: Reading) -> list[NamedText]:
    """Read the texts of a file to search among: answers, the documents of a collection, or the lines of a text file.

    A text that occurs several times in the file is taken once.

    Args:
        path: as for `read_rankings`; also a text file, each line of which is a text, records with an id and a text, or a JSON list
            of texts.
        reading: counts what is left out.

    Raises:
        UserError: as `read_rankings`.
    """
    return list(iterate_texts(path, reading))


def iterate_texts(path: str | Path, reading: Reading) -> Iterator[NamedText]:
    """Yield what `read_texts` lists. Lines, lone texts and collections are read one by one and not kept; others all at once."""
    path, seen = Path(path), SeenTexts()
    layout = find_layout(path)
    if layout in ("lines", "documents", "strings"):
        with reading.file(path) as report:
            for named in _named_texts(path, layout, report):
                report.used += 1
                if seen.add(named.text):
                    yield named
        return
    if layout == "collection":
        texts = (NamedText(f"document {id_}", text, id_) for id_, text in read_collection_texts(path, reading))
    else:
        texts = named_answers(read_rankings(path, reading).queries)
    yield from (named for named in texts if seen.add(named.text))


def files_of_texts(path: Path) -> list[Path]:
    """The files from which `iterate_texts` reads: the one that is named, or those of a folder or of a collection."""
    layout = find_layout(path)
    if layout == "collection":
        return collection_files(path)
    return sorted(path.iterdir()) if layout == "wikiqa" and path.is_dir() else [path]


def named_answers(queries: Sequence[Query]) -> list[NamedText]:
    """The answers of these questions with their names."""
    return [
        NamedText(f"{candidate.id}, of question {query.id}", candidate.text, candidate.id)
        for query in queries
        for candidate in query.candidates
    ]


def find_layout(path: Path) -> str:
    """How a file or folder is laid out.

    Returns:
        `collection`, `wikiqa`, `posts`, `mediqa`, `threads`, `records`, `strings`, `documents`, `lines`, or one of `ROWS`.

    Raises:
        UserError: there is no such file, or it has no known format.
    """
    kind = content_kind(path)
    if kind == "folder":
        if is_wikiqa_folder(path) or is_collection_folder(path):
            return "wikiqa" if is_wikiqa_folder(path) else "collection"
        raise UserError(
            f"{path}: is a folder without a known format; name a file in it, a folder with WikiQA's files, or {LAYOUT}"
        )
    if kind == "xml":
        return _xml_layout(path)
    if kind == "text":
        layout = text_layout(path)
        return "collection" if layout == "judgements" else layout
    if kind in ("json", "jsonl", "parquet"):
        return _record_layout(path, kind)
    raise UserError(
        f"{path}: is {'a zip archive' if kind == 'zip' else 'a NumPy array'}; unpack it, and name a file in it"
    )


def _xml_layout(path: Path) -> str:
    names = [name.lower() for _, event, name, _ in _first(read_elements(path, FileReport(path))) if event == "start"]
    if names and (names[0] == "posts" or "row" in names[:2]):
        return "posts"
    if "question" in names:
        return "mediqa"
    raise UserError(
        f"{path}: its XML begins with <{names[0] if names else ''}>; known are Posts.xml of Stack Exchange and MEDIQA's files"
    )


def _record_layout(path: Path, kind: str) -> str:
    report = FileReport(path)
    values = [
        value
        for _, value in _first(read_records(path, report) if kind == "parquet" else read_json_values(path, report))
    ]
    if sum(isinstance(value, str) for value in values) > len(values) / 2:
        return "strings"
    if any(map(is_thread, values)):
        return "threads"
    for record in values:
        if isinstance(record, dict):
            fields = set(find_fields(path, list(record)))
            if {"query_id", "candidate_id"} <= fields and not {"query", "candidate", "positive"} & fields:
                return "collection"
            has_text = "text" in find_columns(path, list(record), DOCUMENT_FIELDS)
            if has_text and not fields & {"query", "positive", "relevance"}:
                return "documents"
    return "records"


def _first(values: Iterator) -> list:
    return [value for value, _ in zip(values, range(SNIFFED_RECORDS), strict=False)]


def _read_queries(path: Path, layout: str, report: FileReport, needs_grades: bool) -> Iterator[Query]:
    readers = {"posts": read_posts, "mediqa": read_mediqa, "threads": read_threads, "wikiqa": read_wikiqa}
    if layout in readers:
        return readers[layout](path, report)
    if layout in ROWS:
        return read_examples(path, read_rows(path, layout, report), report, needs_grades)
    if layout == "records":
        is_json = content_kind(path) in ("json", "jsonl")
        values = read_json_values(path, report) if is_json else read_records(path, report, KNOWN_NAMES)
        return read_examples(path, values, report, needs_grades)
    known = ""
    if layout == "lines":
        first = next((line.strip() for _, line in read_lines(path) if line.strip()), "")
        known = f" (its first line {first[:60]!r} has no known names of columns)"
    raise UserError(
        f"{path}: holds texts without questions{known}; they can be searched (predict.py RUN QUESTION --file {path.name}), but "
        f"training needs questions with answers: name columns query, candidate and relevance, or give {LAYOUT}"
    )


def _named_texts(path: Path, layout: str, report: FileReport) -> Iterator[NamedText]:
    if layout == "documents":
        for place, id_, text in read_documents(path, report, needs_id=False):
            yield NamedText(f"document {id_}" if id_ else place, text, id_ or _number_in(place))
        return
    if layout == "lines":
        lines = ((f"line {number:,}", line) for number, line in read_lines(path))
    else:
        lines = read_json_values(path, report)
    for place, text in lines:
        if not isinstance(text, str) or has_lone_surrogate(text):
            report.leave_out(place, "it is not a text, or contains half a character (a lone surrogate)")
        elif text.strip():
            yield NamedText(place, text.strip(), _number_in(place))


def _number_in(place: str) -> str:
    """The number of a line or record, as an id: `1234` of `line 1,234`."""
    return place.rpartition(" ")[2].replace(",", "")
