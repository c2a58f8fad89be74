"""Read tables with any common separator, quotes as pandas and spreadsheets write them, and columns under any common name."""

from __future__ import annotations

import csv
import itertools
import re
import sys
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from utils.common.errors import UserError
from utils.common.files import read_lines

SEPARATORS = {"\t": "tab", "|": "pipe", ";": "semicolon", ",": "comma"}
"""The separators that are recognised, the least likely to stand within a text first."""
SNIFFED_LINES = 50
"""How many lines at the beginning decide the separator."""
MAX_ROW_LINES = 1_000
"""The most lines of one row; its quoted fields may hold line breaks."""
MAX_LINES_IN_VAIN = 20
"""Where quotes are part of the text, lines are read ahead in vain and put back. After more than this many for each line of the
file, a row may have at most this many lines."""

_EXCEL_SEPARATOR = re.compile(r"\"?sep=([\t|;,])\"?")
"""A first line that tells Excel what separates the fields of the others."""


def read_table(
    path: str | Path, separator: str | None = None, known_columns: Collection[str] = ()
) -> Iterator[tuple[int, list[str]]]:
    """Yield `(first line number, fields)` of each row of a table, the header included. Blank lines are left out.

    A first line such as `sep=;`, which Excel reads, is left out as well.

    Quotes are undone as the writer meant them. With commas and semicolons, a quoted field is one that begins with a quote. With
    tabs and pipes, many files do not quote at all, so that quotes are part of the text; a field is unquoted only where a writer
    had to quote it (it holds the separator, a quote or a line break) or where the whole row is quoted. A row whose quotes do not
    fit together is split at its separators, quotes and all; callers recognise it by its number of fields.

    Args:
        path: the file, compressed or not.
        separator: what separates the fields. If left out, `find_separator` finds it.
        known_columns: names of columns that the caller knows, which help to find the separator.

    Raises:
        UserError: the file cannot be read or is not text.
    """
    csv.field_size_limit(sys.maxsize)  # for the whole process: the csv module has no limit per reader
    separator = separator or find_separator(path, known_columns)
    lines, width = _Lines(path), 0
    while pair := lines.next():
        number, line = pair
        if number == 1 and _EXCEL_SEPARATOR.fullmatch(line):
            continue
        fields = _quoted_row(line, lines, separator, width) if '"' in line else line.split(separator)
        if len(fields) > 1 or fields[0].strip():
            width = width or len(fields)
            yield number, fields


class _Lines:
    """The lines of a file, of which some can be read ahead and put back."""

    def __init__(self, path: str | Path):
        self._lines = read_lines(path)
        self._ahead: deque = deque()
        self._num_read = 0
        self._num_put_back = 0

    def next(self) -> tuple[int, str] | None:
        """The next `(line number, line)`; None at the end."""
        if self._ahead:
            return self._ahead.popleft()
        self._num_read += 1
        return next(self._lines, None)

    def put_back(self, pairs: Sequence[tuple[int, str]]) -> None:
        """Take lines back, so that they are the next ones again."""
        self._ahead.extendleft(reversed(pairs))
        self._num_put_back += len(pairs)

    @property
    def max_row_lines(self) -> int:
        """How many lines a row may have. Quotes that never fit together must not cost a thousand lines each time."""
        is_vain = self._num_put_back > MAX_LINES_IN_VAIN * self._num_read
        return MAX_LINES_IN_VAIN if is_vain else MAX_ROW_LINES


def find_separator(path: str | Path, known_columns: Collection[str] = ()) -> str:
    """The separator of a table, found from its first lines; a comma if they do not show it.

    It is the one that splits the first line into the most known columns, if these are 2 or more. Otherwise it is the one that
    splits the most of the first lines into as many fields as the first line has, 2 or more. The other lines may be damaged.
    """
    sample = [line for _, line in itertools.islice(read_lines(path), SNIFFED_LINES) if line.strip()]
    if not sample:
        return ","
    if said := _EXCEL_SEPARATOR.fullmatch(sample[0]):
        return said[1]
    known = {_plain(name) for name in known_columns}
    num_known = {
        separator: sum(_plain(name) in known for name in _split(sample[0], separator)) for separator in SEPARATORS
    }
    best = max(SEPARATORS, key=num_known.get)
    if num_known[best] > 1:
        return best
    agreement = {}
    for separator in SEPARATORS:
        widths = [len(_split(line, separator)) for line in sample]
        agreement[separator] = sum(width == widths[0] for width in widths) / len(widths) if widths[0] > 1 else 0.0
    best = max(SEPARATORS, key=agreement.get)
    return best if agreement[best] else ","


def find_columns(
    path: str | Path,
    header: Sequence[str],
    aliases: Mapping[str, Sequence[str]],
    chosen: Mapping[str, str] | None = None,
) -> dict[str, int]:
    """The places of the columns that a reader knows.

    Names are compared without regard to capital letters, blanks and punctuation: `QuestionID` is `question_id`.

    >>> find_columns("facts.csv", ["Tail", "Head", "Relation"], {"subject": ["head", "s"], "object": ["tail", "o"]})
    {'subject': 1, 'object': 0}

    Args:
        path: the file, for messages.
        header: the names in the file.
        aliases: for each column by the reader's name, other names that it may have. The first name that is in the header is taken.
        chosen: for a column by the reader's name, the name that the user chose. It must be in the header.

    Returns:
        the place of each column that the header has, counted from 0, by the reader's name.

    Raises:
        UserError: a chosen column is not in the header, or a column's name is in it twice.
    """
    names = [_plain(name) for name in header]
    columns = {}
    for column, others in aliases.items():
        candidates = [chosen[column]] if chosen and column in chosen else [column, *others]
        name = next((_plain(name) for name in candidates if _plain(name) in names), None)
        if name is None and chosen and column in chosen:
            listed = ", ".join(repr(name) for name in header)[:200]
            raise UserError(f"{path}: has no column {chosen[column]!r}; its columns are {listed}")
        if name is None:
            continue
        if names.count(name) > 1:
            raise UserError(f"{path}: its first line has the column {header[names.index(name)]!r} twice; rename one")
        columns[column] = names.index(name)
    return columns


def _plain(name: str) -> str:
    """A column's name without capital letters, blanks and punctuation."""
    return re.sub(r"[\W_]+", "", str(name).casefold())


def _split(line: str, separator: str) -> list[str]:
    """The fields of one line, which may be the beginning of a row of several lines."""
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return line.split(separator)


def _quoted_row(line: str, lines: _Lines, separator: str, width: int) -> list[str]:
    """The fields of the row that begins with this line, and may go on over the following ones.

    Args:
        line: a line with a quote in it.
        lines: the following lines; those that do not belong to the row are put back.
        separator: what separates the fields.
        width: number of fields of the table's rows, 0 where it is not known yet.
    """
    taken, limit = [], lines.max_row_lines  # the following lines that the row needs

    def row_lines():
        yield line + "\n"
        while len(taken) < limit and (pair := lines.next()):
            taken.append(pair)
            yield pair[1] + "\n"

    try:
        fields = next(csv.reader(row_lines(), delimiter=separator, strict=True))
    except csv.Error:
        fields = None
    raw_fields = line.split(separator)
    if fields is not None and taken:
        is_row = not width or (len(fields) == width and not _swallows_rows(raw_fields, taken, separator, width))
    else:
        is_row = fields is not None and (separator in ",; " or _had_to_be_quoted(raw_fields, fields, separator))
    if is_row:
        return fields
    lines.put_back(taken)
    return raw_fields


def _swallows_rows(raw_fields: Sequence[str], taken: Sequence[tuple[int, str]], separator: str, width: int) -> bool:
    """Whether a stray quote joins whole rows. With commas and semicolons, which also occur in texts, one cannot know."""
    whole = separator in "\t|" and len(raw_fields) == width > 1
    return whole and any(line.count(separator) == width - 1 for _, line in taken)


def _had_to_be_quoted(raw_fields: Sequence[str], fields: Sequence[str], separator: str) -> bool:
    """Whether quotes in a row of tabs or pipes belong to the format and not to the text."""
    if len(raw_fields) != len(fields):
        return True
    changed = [field for raw, field in zip(raw_fields, fields, strict=True) if raw != field]
    is_needed = all(any(mark in field for mark in (separator, '"', "\n", "\r")) for field in changed)
    all_quoted = all(
        raw != field or re.fullmatch(r"[-+.\deE]*|NA|TRUE|FALSE", raw)
        for raw, field in zip(raw_fields, fields, strict=True)
    )
    return bool(changed) and (is_needed or all_quoted)
