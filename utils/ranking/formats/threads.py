"""Read Stack Exchange threads as JSON: a question with its answers and their votes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from utils.common.reading import FileReport
from utils.common.records import read_json_values
from utils.ranking.formats.posts import question_text
from utils.ranking.records import Candidate, Query, strip_html


def is_thread(value) -> bool:
    """Whether a JSON value looks like a thread: it has a title, and a list of answers that are objects."""
    if not isinstance(value, dict) or "title" not in value or not isinstance(value.get("answers"), list):
        return False
    return all(isinstance(answer, dict) for answer in value["answers"])


def read_threads(path: Path, report: FileReport) -> Iterator[Query]:
    """Yield the questions."""
    for place, record in read_json_values(path, report):
        if not is_thread(record):
            report.leave_out(place, "it is not an object with a title and a list of answers")
            continue
        body = record.get("body") or ""
        if not _is_id(record.get("id")) or not isinstance(record["title"], str) or not isinstance(body, str):
            report.leave_out(place, "its id, title or body is missing or has another type")
            continue
        candidates = []
        for answer in record["answers"]:
            votes, text = answer.get("score"), answer.get("body")
            votes = int(votes) if isinstance(votes, float) and votes.is_integer() else votes
            if not _is_id(answer.get("id")) or not _is_votes(votes) or not isinstance(text, str):
                report.leave_out(place, "an answer's id, score (an integer) or body is missing or has another type")
                continue
            created = str(answer.get("created") or "")
            is_accepted = answer.get("accepted") is True
            candidates.append(
                Candidate(str(answer["id"]), strip_html(text), votes=votes, created=created, accepted=is_accepted)
            )
        site = f"{record['site']}/" if record.get("site") else ""
        text = question_text(record["title"], body)
        yield Query(f"{site}{record['id']}", text, tuple(candidates), f"{path}, {place}")


def _is_id(value) -> bool:
    return type(value) in (int, str) and str(value).strip() != ""


def _is_votes(value) -> bool:
    return type(value) is int and abs(value) < 10**18
