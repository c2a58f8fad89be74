"""Paragraphs of text files, and the check that none of them is text that a model will be tested on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from utils.common.errors import UserError
from utils.common.files import content_kind, file_kind, has_lone_surrogate, read_lines
from utils.common.reading import MAX_BAD_FRACTION, FileReport, Reading
from utils.common.records import read_records
from utils.squad.layouts import CONTEXT, KNOWN_COLUMNS, MAX_DEPTH, as_text, first_value
from utils.squad.overlap import SharedText
from utils.training.training_summary import text_keys

TEXT = ("text", "chunk", *CONTEXT)
"""Names of the field of a record that holds a text."""
TITLE = ("title", "document")
NO_FILES = "none"
"""What --exclude-files says where a model will be tested on no file."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph of a text.

    Args:
        text: the paragraph; of a file of plain text, its lines joined by spaces.
        article: what it is part of: the title, or the name of its file.
        place: the file, and where in it.
    """

    text: str
    article: str
    place: str


def read_paragraphs(paths: Iterable[str | Path], reading: Reading | None = None) -> list[Paragraph]:
    """Read text files of any kind, compressed or not, in their order; of equal paragraphs the first alone.

    - Plain text: blank lines stand between paragraphs.
    - SQuAD's layout and the others of `utils.squad.layouts`: the paragraphs, with or without questions about them.
    - JSON, JSON lines, Parquet, or a table (.csv, .tsv) of records with `text`.

    Args:
        paths: the files.
        reading: counts what is left out; a new one allows 5 % of the records of each file to be bad.

    Raises:
        UserError: a file cannot be read, or has no text.
    """
    reading = reading or Reading()
    paragraphs: dict[str, Paragraph] = {}
    for path in paths:
        with reading.file(path) as report:
            is_plain = content_kind(path) == "text" and file_kind(path) not in (".csv", ".tsv")
            for paragraph in _plain_text(path) if is_plain else _records(path, report):
                if has_lone_surrogate(paragraph.text):
                    report.leave_out(
                        paragraph.place.removeprefix(f"{path}, "), "the text holds half a character (a lone surrogate)"
                    )
                    continue
                report.used += 1
                paragraphs.setdefault(paragraph.text, paragraph)
    if not paragraphs:
        raise UserError("no text files are named; name at least one")
    return list(paragraphs.values())


def _plain_text(path: str | Path) -> Iterator[Paragraph]:
    first, lines = 0, []
    for number, line in read_lines(path):
        if line.strip():
            first = first if lines else number
            lines.append(line.strip())
        elif lines:
            yield Paragraph(" ".join(lines), Path(path).name, f"{path}, line {first:,}")
            lines = []
    if lines:
        yield Paragraph(" ".join(lines), Path(path).name, f"{path}, line {first:,}")


def _records(path: str | Path, report: FileReport) -> Iterator[Paragraph]:
    known_columns = tuple(dict.fromkeys((*TEXT, *TITLE, *KNOWN_COLUMNS)))
    for place, record in read_records(path, report, known_columns=known_columns):
        for text, article, inner in _texts_of(record, place, Path(path).name, report):
            yield Paragraph(text, article, f"{path}, {inner}")


def _texts_of(record, place: str, article: str, report: FileReport, depth: int = 0) -> Iterator[tuple[str, str, str]]:
    """Yield `(text, article, place)` of the texts of a document, an article, a paragraph or a row."""
    if not isinstance(record, dict) or depth > MAX_DEPTH:
        report.leave_out(place, "it is not a JSON object" if depth <= MAX_DEPTH else "it is nested too deeply")
        return
    record = {str(name).strip().lower(): value for name, value in record.items()}
    article = as_text(first_value(record, TITLE)) or article
    parts = next((record[name] for name in ("paragraphs", "data") if name in record), None)
    if parts is not None:
        for number, part in enumerate(parts if isinstance(parts, list) else [parts], start=1):
            inner = f"{place}, paragraph {number:,}" if "paragraphs" in record else place
            yield from _texts_of(part, inner, article, report, depth + 1)
        return
    text = as_text(first_value(record, TEXT))
    if text and text.strip():
        yield text, article, place
    elif "header" not in record:  # MRQA's first line
        report.leave_out(place, f"it has no {', '.join(TEXT[:-1])} or {TEXT[-1]}")


def excluded_files(named: Sequence[Path]) -> list[Path]:
    """The files that --exclude-files names: none for the word `none`.

    >>> excluded_files([Path("none")]), excluded_files([Path("dev.json")])
    ([], [PosixPath('dev.json')])

    Raises:
        UserError: `none` stands beside a file.
    """
    files = [path for path in named if str(path) != NO_FILES]
    if files and len(files) < len(named):
        raise UserError(f"--exclude-files: {NO_FILES} goes with no other file")
    return files


def without_excluded(
    paragraphs: Sequence[Paragraph],
    exclude_files: Sequence[str | Path],
    *,
    leave_out: bool = False,
    max_bad_fraction: float = MAX_BAD_FRACTION,
) -> list[Paragraph]:
    """Check that no paragraph is, or has eight words in a row in common with, text that a model will be tested on.

    Args:
        paragraphs: what is to be learned from.
        exclude_files: files whose paragraphs must not be among them, of any kind that `read_paragraphs` knows.
        leave_out: leave such paragraphs out and print how many they were, instead of raising an error.
        max_bad_fraction: fraction of the records of an excluded file that may be unusable. They are named, as nothing is compared
            with them.

    Returns:
        the paragraphs that stay.

    Raises:
        UserError: names the first such paragraph, the one that it overlaps with, and the words; or no paragraph stays.
    """
    if not exclude_files:
        return list(paragraphs)
    reading = Reading(max_bad_fraction)
    excluded = read_paragraphs(exclude_files, reading)
    for note in reading.notes:
        print(f"--exclude-files: {note}")
    keys = dict(zip(text_keys(paragraph.text for paragraph in excluded).tolist(), excluded, strict=True))
    excluded_text = SharedText(paragraph.text for paragraph in excluded)
    kept, overlaps = [], []
    for paragraph, key in zip(paragraphs, text_keys(paragraph.text for paragraph in paragraphs).tolist(), strict=True):
        words = excluded_text.with_text(paragraph.text)
        if words or key in keys:
            overlaps.append((paragraph, words or paragraph.text, keys.get(key)))
        else:
            kept.append(paragraph)
    if overlaps and not leave_out:
        paragraph, words, equal = overlaps[0]
        other = equal or next(other for other in excluded if SharedText([other.text]).with_text(paragraph.text))
        others = f" and {len(overlaps) - 1:,} other paragraphs do so too" if len(overlaps) > 1 else ""
        raise UserError(
            f"{paragraph.place}: has words in common with {other.place} of --exclude-files ({words[:80]!r}){others}; "
            "take them out of the text, or let --overlap leave_out do it"
        )
    if overlaps:
        print(f"{len(overlaps):,} of {len(paragraphs):,} paragraphs overlap with --exclude-files and are left out")
    if not kept:
        raise UserError("--text-files: all paragraphs overlap with --exclude-files; give other files")
    return kept
