"""Questions with graded answers as plain records, the text of HTML, and grades from votes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html.parser import HTMLParser

from utils.common.errors import UserError

RULES = ("best_share", "rank")
BLOCKS = frozenset(
    """address article blockquote br dd details div dl dt figure footer h1 h2 h3 h4 h5 h6 header hr li ol p pre section
    summary table tbody td tfoot th thead tr ul""".split()  # noqa: SIM905
)


@dataclass(frozen=True)
class Candidate:
    """An answer: `relevance` is its grade, 0 and up; `votes` are None, `created` is empty, where they are not known."""

    id: str
    text: str
    relevance: float = 0.0
    votes: int | None = None
    created: str = ""
    accepted: bool = False


@dataclass(frozen=True)
class Query:
    """A question and its candidates, in the file's order.

    Args:
        place: "FILE, line N", for messages.
        group: where it is not empty, splits keep questions of one group together and look for no other likeness of their texts.
    """

    id: str
    text: str
    candidates: tuple[Candidate, ...]
    place: str
    group: str = ""


class _Text(HTMLParser):
    def __init__(self):
        super().__init__()
        self.parts: list[str] = []
        self.written = 0  # how many of code and pre are open: their text is kept as it is

    def handle_starttag(self, tag, attrs):
        if tag in BLOCKS:
            self._line_break()
        self.written += tag in ("code", "pre")

    def handle_endtag(self, tag):
        self.written = max(0, self.written - (tag in ("code", "pre")))
        if tag in BLOCKS:
            self._line_break()

    def handle_data(self, data):
        if self.cdata_elem in ("script", "style"):
            return
        if not self.written:
            data = re.sub(r"\s+", " ", data)
            data = data.lstrip() if not self.parts or self.parts[-1][-1].isspace() else data
        if data:
            self.parts.append(data)

    def _line_break(self):
        if self.parts and not self.written:
            self.parts[-1] = self.parts[-1].rstrip(" ") or "\n"
        if self.parts and not self.parts[-1].endswith("\n"):
            self.parts.append("\n")


def strip_html(text: str) -> str:
    """The text of a piece of HTML: entities decoded, a line for each block, the text of links and code kept, images left out.

    White space becomes single, but in `<code>` and `<pre>` it stays as it is.
    """
    parser = _Text()
    parser.feed(text)
    parser.close()
    return "".join(parser.parts).strip("\n").rstrip()


def normalised_votes(votes: Sequence[int], rule: str = "best_share") -> list[float]:
    """Grades of one question's answers, from their votes; negative votes count as none, and are grade 0.

    - `best_share`: `floor(4 * max(v, 0) / max(best, 1) + 1/2)`, the share of the best answer's votes in quarters: 0 to 4;
    - `rank`: 4 times the share of the question's different numbers of votes above 0 that are not above it; 0 without votes.

    Raises:
        UserError: no such rule.
    """
    counted = [max(vote, 0) for vote in votes]
    if rule == "best_share":
        best = max([*counted, 1])
        return [float((8 * vote + best) // (2 * best)) for vote in counted]  # whole numbers: halves are exact
    if rule == "rank":
        numbers = sorted(set(counted) - {0})
        return [4.0 * sum(number <= vote for number in numbers) / max(1, len(numbers)) for vote in counted]
    raise UserError(f"there is no rule {rule!r} from votes to grades; choose one of {', '.join(RULES)}")
