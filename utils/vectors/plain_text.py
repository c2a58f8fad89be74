"""Files of plain text, and advice on other files that are taken for it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from pathlib import Path

from utils.common.errors import UserError
from utils.common.files import open_binary, read_lines
from utils.common.reading import FileReport
from utils.vectors.columns import SAVE_VECTORS, number_or_none
from utils.vectors.text_records import TextDocument

OTHER_FORMATS = (
    (rb"\x80[\x02-\x05]", "a pickle, which could run code and is never opened"),
    (rb"\x89HDF", "an HDF5 file"),
    (rb"ARROW1|FEA1|\xff\xff\xff\xff..\x00\x00", "an Arrow or Feather file"),
    (rb"I[xHwBv][A-Za-z0-9]{2}.{0,12}\x00", "a FAISS index, which does not say what belongs to one document"),
    (rb"SQLite format", "a database"),
    (rb".{7}\x00\{\"", "a safetensors file"),
    (rb"\d+ \d+\r?\n[^\n]{0,200}?[\x00-\x08\x0e-\x1f]", "a binary file of word vectors (word2vec), which has no documents"),
    (rb"%PDF", "a PDF"),
    (rb"\{\\rtf", "an RTF document"),
)  # fmt: skip
"""How files of other formats begin, and what they are."""
SAMPLE_LINES = 4
MIN_NUMBERS, NUMBERS_FRACTION = 4, 0.8
"""Fields of each line of a table of vectors, at least, and how many of them are numbers."""


def refuse_other_formats(path: str | Path) -> None:
    """Say what a file is, if it begins like one of a common format that is not read here.

    Raises:
        UserError: it is such a file, and what to do.
    """
    with open_binary(path) as file:
        head = file.read(300)
    for pattern, name in OTHER_FORMATS:
        if re.match(pattern, head, re.DOTALL):
            remedy = (
                "extract its text" if name in ("a PDF", "an RTF document") else f"save the vectors with {SAVE_VECTORS}"
            )
            raise UserError(f"{path}: is {name}; {remedy}")


def read_plain_text(path: str | Path, report: FileReport) -> list[TextDocument]:
    """The text of a file as one document, named like the file.

    Raises:
        UserError: the file cannot be read, or holds numbers and no text.
    """
    lines = [line for _, line in read_lines(path)]
    kind = table_of_numbers(list(itertools.islice((line for line in lines if line.strip()), SAMPLE_LINES)))
    if kind:
        raise UserError(f"{path}: is {kind}, which does not say what belongs to one document; save {SAVE_VECTORS}")
    text = "\n".join(lines)
    if not text.strip():
        report.skip("the whole file", "it has no text")
        return []
    report.used += 1
    return [TextDocument(Path(path).name, text)]


def table_of_numbers(lines: Sequence[str]) -> str:
    """What the first lines of a file show it to be, where they are numbers and no text; else an empty string.

    >>> table_of_numbers(["2 4", "the 0.1 0.2 0.3 0.4", "of 0.2 0.1 0.5 0.1"])
    'a file of word vectors'
    >>> table_of_numbers(["id,a,b,c,d", "0.1,0.2,0.3,0.4,7"]), table_of_numbers(["In 1 2 3 4"]), table_of_numbers(["Chapter 1"])
    ('a table of numbers', '', '')
    """
    rows = [[number_or_none(field) is not None for field in re.split(r"[\s,;]+", line.strip())] for line in lines]
    if rows and not _is_row_of_numbers(rows[0]):
        rows = rows[1:]  # the first line may be a header
    if not rows or not all(map(_is_row_of_numbers, rows)):
        return ""
    if all(row[0] for row in rows):
        return "a table of numbers"
    return "a file of word vectors" if len(rows) > 1 else ""


def _is_row_of_numbers(are_numbers: Sequence[bool]) -> bool:
    return len(are_numbers) >= MIN_NUMBERS and sum(are_numbers) >= NUMBERS_FRACTION * len(are_numbers)
