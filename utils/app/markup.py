"""Pieces of HTML. Every text that comes from a client or a model is escaped here."""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Sequence

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Characters that have no form of their own, or turn the direction of what follows them."""

_BREAKS = re.compile(r"[^\s_]{0,13}_(?=\S)|[!-~]{14}(?=[!-~])")
"""Ends where a line may end: after an underscore, and within a long word."""


def escaped(text: str) -> str:
    """A text as HTML that shows it; a control character is shown as �.

    >>> escaped("<b>1 & 2</b>\\x00")
    '&lt;b&gt;1 &amp; 2&lt;/b&gt;�'
    """
    return html.escape(_CONTROL.sub("\ufffd", text))


def breakable(text: str) -> str:
    """A text as HTML that shows it, for a narrow column: a line may end after an underscore, and within a very long word.

    >>> breakable("born_in <b>")
    'born_<wbr/>in &lt;b&gt;'
    """
    ends = [0, *(match.end() for match in _BREAKS.finditer(text)), len(text)]
    return "<wbr/>".join(escaped(text[start:end]) for start, end in itertools.pairwise(ends))


def message(text: str, kind: str = "note") -> str:
    """A line for the reader.

    Args:
        text: the line.
        kind: `note` or `error`.
    """
    role = ' role="alert"' if kind == "error" else ""
    return f'<p class="qkv-message qkv-{kind}"{role}>{escaped(text)}</p>'


def bar(fraction: float, label: str = "") -> str:
    """A bar whose length is a fraction, 0 to 1, with a label after it; without a label, the fraction."""
    width = 100 * min(max(fraction, 0.0), 1.0)
    label = label or f"{fraction:.3f}"
    return (
        f'<span class="qkv-bar"><span class="qkv-track"><span style="width:{width:.1f}%"></span></span>'
        f'<span class="qkv-number">{escaped(label)}</span></span>'
    )


def row_number(number: int) -> str:
    """A number in the first column of a table."""
    return f'<span class="qkv-number">{number}</span>'


def table(header: Sequence[str], rows: Sequence[Sequence[str]], name: str) -> str:
    """A table.

    Args:
        header: titles of the columns.
        rows: cells, which are HTML already.
        name: the table's class, after `qkv-`.
    """
    head = "".join(f'<th scope="col">{escaped(title)}</th>' for title in header)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<table class="qkv-table qkv-{name}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def marked_text(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """A text with some parts highlighted, the first one most; a part that overlaps one before it is not highlighted.

    Args:
        text: the text.
        spans: first character, and the one after the last, of each part; the most important part first.
    """
    chosen: list[tuple[int, int, int]] = []
    for rank, (start, end) in enumerate(spans, start=1):
        if start < end and all(end <= first or start >= last for first, last, _ in chosen):
            chosen.append((start, end, rank))
    pieces, place = [], 0
    for start, end, rank in sorted(chosen):
        kind = "best" if rank == 1 else "other"
        pieces.append(escaped(text[place:start]))
        pieces.append(f'<mark class="qkv-{kind}">{escaped(text[start:end])}<sup>{rank}</sup></mark>')
        place = end
    pieces.append(escaped(text[place:]))
    return f'<div class="qkv-text" dir="auto">{"".join(pieces)}</div>'
