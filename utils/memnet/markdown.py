"""Tables of Markdown, whose second line is made of dashes and whose rows may begin and end with a pipe."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from utils.common.reading import FileReport

_DASHES = re.compile(r"\s*:?-+:?\s*")


def without_markdown(rows: Iterable[tuple[int, list[str]]], report: FileReport) -> Iterator[tuple[int, list[str]]]:
    """Leave out the lines of dashes, and the empty fields outside the pipes at both ends of a row.

    Args:
        rows: pairs of line number and fields, split at pipes.
        report: counts the lines of dashes.
    """
    has_outer_pipes = None
    for line, row in rows:
        if has_outer_pipes is None:
            has_outer_pipes = _has_outer_pipes(row)
        if has_outer_pipes and _has_outer_pipes(row):
            row = row[1:-1]
        if len(row) > 1 and all(map(_DASHES.fullmatch, row)):
            report.skip(f"line {line:,}", "it is a Markdown table's line of dashes")
        else:
            yield line, row


def _has_outer_pipes(row: list[str]) -> bool:
    return len(row) > 3 and not row[0].strip() and not row[-1].strip()
