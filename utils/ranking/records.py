"""Questions with graded answers as plain records, the text of HTML, and grades from votes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html.parser import HTMLParser

from utils.common.errors import UserError

VOTE_RULES = ("best_share", "rank")
BLOCK_TAGS = frozenset(
    """address article blockquote br dd details div dl dt figure footer h1 h2 h3 h4 h5 h6 header hr li ol p pre section
    summary table tbody td tfoot th thead tr ul""".split()  # noqa: SIM905
)


_WHITE_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Candidate:
    """An answer that is ranked.

    Args:
        id: unique among the answers of its question.
        text: plain text.
        relevance: its grade, 0 or more; 0 is not relevant.
        votes: None where they are not known.
        created: ISO date, empty where it is not known.
        accepted: whether the asker accepted it.
        is_document: whether it is a document of a collection, with its id there; it may be a candidate of several questions.
    """

    id: str
    text: str
    relevance: float = 0.0
    votes: int | None = None
    created: str = ""
    accepted: bool = False
    is_document: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A question and its own candidates, in the order of the file.

    Args:
        id: unique in its file.
        text: plain text.
        candidates: at least one after reading.
        place: "FILE, line N", for messages.
        group: splits keep the questions of a group together, and do not compare their texts. Empty: no group is given.
    """

    id: str
    text: str
    candidates: tuple[Candidate, ...]
    place: str
    group: str = ""


@dataclass(frozen=True)
class Rankings:
    """What a file or a folder holds.

    Args:
        parts: its questions by split; all under the empty name where it has no splits of its own.
        documents: the collection that is searched as well; empty where a file holds nothing but questions and their answers.
    """

    parts: dict[str, list[Query]]
    documents: Sequence[Candidate]

    @property
    def queries(self) -> list[Query]:
        """The questions of all splits."""
        return [query for part in self.parts.values() for query in part]


MAX_UNCLOSED = 50
"""Tags that are never closed in a piece of HTML, at most; where there are more, they are taken for text."""
_UNCLOSED_TAG = re.compile(r"<(?=[^<>]*(?:<|\Z))")


class _TextOfHTML(HTMLParser):
    def __init__(self):
        super().__init__()
        self.parts: list[str] = []
        self.open_code_tags = 0  # inside of them, white space stays as it is

    def updatepos(self, i, j):
        """Count no lines: the base class would, at a tenth of its time."""
        return j

    def handle_starttag(self, tag, attrs):
        if tag in BLOCK_TAGS:
            self._line_break()
        self.open_code_tags += tag in ("code", "pre")

    def handle_endtag(self, tag):
        self.open_code_tags = max(0, self.open_code_tags - (tag in ("code", "pre")))
        if tag in BLOCK_TAGS:
            self._line_break()

    def handle_data(self, data):
        if self.cdata_elem in ("script", "style"):
            return
        if not self.open_code_tags:
            data = _WHITE_SPACE.sub(" ", data)
            data = data.lstrip() if not self.parts or self.parts[-1][-1].isspace() else data
        if data:
            self.parts.append(data)

    def _line_break(self):
        if self.parts and not self.open_code_tags:
            self.parts[-1] = self.parts[-1].rstrip(" ") or "\n"
        if self.parts and not self.parts[-1].endswith("\n"):
            self.parts.append("\n")


def _with_few_unclosed_tags(text: str) -> str:
    """The same HTML, but where very many tags or comments are never closed, they are text.

    Each of them makes `html.parser` search the whole rest: without this, 100 KB of them would take minutes. (Python has mended it
    in 3.11.14, 3.12.11 and 3.13.6.)
    """
    for opening, closing in (("<!--", "-->"), ("<![", "]>")):
        head, last_closing, tail = text.rpartition(closing)
        if tail.count(opening) > MAX_UNCLOSED:
            text = head + last_closing + tail.replace(opening, f"&lt;{opening[1:]}")
    return _UNCLOSED_TAG.sub("&lt;", text) if len(_UNCLOSED_TAG.findall(text)) > MAX_UNCLOSED else text


def strip_html(text: str) -> str:
    """The plain text of a piece of HTML.

    Entities are decoded, and every block starts a new line. The text of links and code is kept, images are dropped. White space
    collapses to one space, except within `<code>` and `<pre>`.

    >>> strip_html("<p>One &amp; two.</p><p>Three</p>")
    'One & two.\\nThree'
    """
    parser = _TextOfHTML()
    parser.feed(_with_few_unclosed_tags(text))
    parser.close()
    return "".join(parser.parts).strip("\n").rstrip()


def grades_from_votes(votes: Sequence[int], rule: str = "best_share") -> list[float]:
    """Turn the votes of one question's answers into grades from 0 to 4. Negative votes count as 0.

    - `best_share`: `floor(4 * v / max(best, 1) + 1/2)`, with v the answer's votes and `best` the highest: quarters of the best.
    - `rank`: with the distinct positive numbers of votes sorted, 4 times the fraction that v reaches; 0 without votes.

    >>> grades_from_votes([8, 3, 0, -5]), grades_from_votes([9, 5, 5, 0], "rank")
    ([4.0, 2.0, 0.0, 0.0], [4.0, 2.0, 2.0, 0.0])

    Raises:
        UserError: `rule` is neither of the two.
    """
    positive = [max(vote, 0) for vote in votes]
    if rule == "best_share":
        best = max([*positive, 1])
        return [float((8 * vote + best) // (2 * best)) for vote in positive]  # in integers, so that halves are exact
    if rule == "rank":
        levels = sorted(set(positive) - {0})
        return [4.0 * sum(level <= vote for level in levels) / max(1, len(levels)) for vote in positive]
    raise UserError(f"--votes {rule}: no such rule from votes to grades; choose one of {', '.join(VOTE_RULES)}")
