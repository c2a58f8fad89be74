"""Check the questions that a reader gives, and make grades of their votes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from utils.common.files import has_lone_surrogate
from utils.common.reading import FileReport
from utils.ranking.records import Candidate, Query, grades_from_votes


def checked_queries(queries: Iterable[Query], report: FileReport, vote_rule: str = "") -> list[Query]:
    """The questions that can be used, each with at least one candidate. Candidates count as the file's records.

    Args:
        queries: the questions of a file, which may be a stream.
        report: counts what is left out, and what should be known.
        vote_rule: how votes become grades; empty where the file has grades.
    """
    checked, ids = [], set()
    for query in queries:
        place = f"question {query.id}"
        if query.id in ids:
            report.leave_out(place, "another question has its id")
        elif not query.text.strip():
            report.leave_out(place, "the question is empty")
        elif has_lone_surrogate(query.id + query.text):
            report.leave_out(place, "the question contains half a character (a lone surrogate)")
        elif not (candidates := _checked_candidates(query, report, bool(vote_rule))):
            report.skip(place, "the question has no answer")
        else:
            ids.add(query.id)
            if vote_rule:
                candidates = _graded(query, candidates, report, vote_rule)
            num_relevant = sum(candidate.relevance > 0 for candidate in candidates)
            if not num_relevant:
                report.note(place, "a question has no relevant answer")
            elif num_relevant == len(candidates):
                report.note(place, "a question has only relevant answers")
            report.used += len(candidates)
            checked.append(replace(query, candidates=tuple(candidates)))
    grades = {candidate.relevance for query in checked for candidate in query.candidates}
    if not vote_rule and len(grades) > 1 and min(grades) > 0:
        report.remark(
            f"has no grade of 0: all answers count as relevant, those with the lowest grade ({min(grades):g}) too; if these are "
            "not, lower the grades"
        )
    return checked


def _checked_candidates(query: Query, report: FileReport, has_votes: bool) -> list[Candidate]:
    candidates, by_id, texts = [], {}, set()
    for candidate in query.candidates:
        place = f"answer {candidate.id} of question {query.id}"
        if not candidate.text.strip():
            report.skip(place, "the answer has no text")
        elif candidate.id in by_id:
            is_repeated = by_id[candidate.id] == candidate
            count = report.skip if is_repeated else report.leave_out
            count(place, "it repeats another answer" if is_repeated else "another answer of its question has its id")
        elif has_lone_surrogate(candidate.id + candidate.text):
            report.leave_out(place, "the answer contains half a character (a lone surrogate)")
        else:
            if candidate.text in texts:
                report.note(place, "an answer has the same text as another answer of its question")
            if has_votes and candidate.votes < 0:
                report.note(place, "an answer has negative votes, which count as 0")
            texts.add(candidate.text)
            by_id[candidate.id] = candidate
            candidates.append(candidate)
    return candidates


def _graded(query: Query, candidates: list[Candidate], report: FileReport, vote_rule: str) -> list[Candidate]:
    votes = [candidate.votes for candidate in candidates]
    if len(votes) > 1 and len(set(votes)) == 1:
        report.note(f"question {query.id}", "a question has several answers with equal votes, so they rank nothing")
    return [
        replace(candidate, relevance=max(grade, float(candidate.accepted)))
        for candidate, grade in zip(candidates, grades_from_votes(votes, vote_rule), strict=True)
    ]
