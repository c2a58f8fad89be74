"""Read Posts.xml of a Stack Exchange dump."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from utils.common.reading import FileReport
from utils.ranking.formats.xml_stream import read_elements
from utils.ranking.records import Candidate, Query, strip_html

QUESTION, ANSWER = "1", "2"
"""Values of `PostTypeId`."""


def read_posts(path: Path, report: FileReport) -> Iterator[Query]:
    """Yield the questions with their answers, if they have any. Of the file, only the texts of these are kept while it is read."""
    questions: dict[int, tuple[int, str, str | None]] = {}
    answers: dict[int, list[Candidate]] = {}
    for line, event, name, row in read_elements(path, report):
        if event == "end" or name.lower() != "row":
            continue
        place, kind = f"line {line:,}", row.get("PostTypeId", "")
        needed = {QUESTION: ("Id",), ANSWER: ("Id", "ParentId", "Score")}.get(kind, ("PostTypeId",))
        wrong = next((name for name in needed if not re.fullmatch("-?[0-9]{1,18}", row.get(name, ""))), "")
        if wrong:
            report.leave_out(place, f"the row has no {wrong} that is an integer")
        elif kind == QUESTION:
            if int(row["Id"]) in questions:
                report.leave_out(place, "another question has its Id")
            else:
                text = question_text(row.get("Title", ""), row.get("Body", ""))
                questions[int(row["Id"])] = line, text, row.get("AcceptedAnswerId")
        elif kind == ANSWER:
            text, created = strip_html(row.get("Body", "")), row.get("CreationDate", "")
            answer = Candidate(row["Id"], text, votes=int(row["Score"]), created=created)
            answers.setdefault(int(row["ParentId"]), []).append(answer)
        else:
            report.skip(place, "the row is neither a question nor an answer")
    for number, (line, text, accepted_id) in questions.items():
        candidates = [replace(answer, accepted=True) if answer.id == accepted_id else answer
                      for answer in answers.pop(number, ())]  # fmt: skip
        yield Query(str(number), text, tuple(candidates), f"{path}, line {line:,}")
    for posts in answers.values():
        for answer in posts:
            report.skip(f"answer {answer.id}", "its question is not in the file")


def question_text(title: str, body: str) -> str:
    """A question's title and the text of its body."""
    return f"{title.strip()}\n{strip_html(body)}".strip()
