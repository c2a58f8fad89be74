"""Read the XML files of MEDIQA 2019, task 3."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from utils.common.reading import FileReport
from utils.ranking.formats.xml_stream import read_elements
from utils.ranking.records import Candidate, Query


def read_mediqa(path: Path, report: FileReport) -> Iterator[Query]:
    """Yield the questions, with answers in the order of the search that found them.

    Scores 1 and 2 become grade 0, 3 grade 1, 4 grade 2. `votes` are the negated ranks of the search.
    """
    place, question, answer = "", {}, {}
    question_text, answer_text, answers = "", "", []
    for line, event, name, value in read_elements(path, report):
        if event == "start" and name == "Question":
            place, question, question_text, answers = f"line {line:,}", value, "", []
        elif event == "start" and name == "Answer":
            answer, answer_text = {**value, "place": f"line {line:,}"}, ""
        elif name == "QuestionText":
            question_text = value if event == "end" else ""
        elif name == "AnswerText":
            answer_text = value if event == "end" else ""
        elif name == "Answer":
            if not re.fullmatch("[1-4]", answer.get("ReferenceScore", "")):
                report.leave_out(answer["place"], "the answer has no ReferenceScore from 1 to 4")
            elif not re.fullmatch("[0-9]{1,9}", answer.get("SystemRank", "")):
                report.leave_out(answer["place"], "the answer has no SystemRank that is a number")
            else:
                rank, grade = int(answer["SystemRank"]), max(int(answer["ReferenceScore"]) - 2, 0)
                answers.append(Candidate(answer.get("AID", str(rank)), answer_text.strip(), float(grade), votes=-rank))
        elif event == "end" and name == "Question":
            if question.get("QID"):
                answers.sort(key=lambda answer: -answer.votes)
                yield Query(question["QID"], question_text.strip(), tuple(answers), f"{path}, {place}")
            else:
                report.leave_out(place, "the question has no QID")
