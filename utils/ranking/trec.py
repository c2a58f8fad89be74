"""Write rankings in TREC's formats, for `trec_eval` and its relatives."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from utils.common.files import write_atomically
from utils.ranking.evaluation import EvaluationSet, answerable, rerankable, searched_candidates

TAG = "qkv_zoo"
DEPTH = 100
"""Candidates of a question that are listed of all that were searched."""


def write_runs(folder: Path, evaluation_set: EvaluationSet, scores: np.ndarray) -> list[str]:
    """Write what a system ranked, and the grades.

    - `run.trec`: each question's own candidates, where there is something to rank.
    - `run_all.trec`: the best 100 of all candidates.
    - `qrels.trec`: the grades of the questions that have a relevant candidate.

    A line of a run is `question Q0 candidate rank score tag`, one of the judgements `question 0 candidate grade`. White space in an
    id is written as `%20` and the like. A candidate whose id another one has already gets a number: `7#2`.

    Args:
        folder: where to write.
        evaluation_set: the questions and candidates.
        scores: float `(questions, candidates)`, higher is better.

    Returns:
        notes on ids that had to be changed.
    """
    queries, starts = evaluation_set.queries, evaluation_set.starts
    questions, names = [_escaped(query.id) for query in queries], candidate_names(evaluation_set)
    own, run, run_all, judgements = set(rerankable(queries)), [], [], []
    for number in answerable(queries):
        places = np.arange(starts[number], starts[number + 1])
        judgements += [f"{questions[number]} 0 {names[place]} {candidate.relevance:g}\n"
                       for place, candidate in zip(places, queries[number].candidates, strict=True)]  # fmt: skip
        if number in own:
            run += _ranked_lines(questions[number], names, scores[number], places, len(places))
        (mask,) = searched_candidates([number], starts, evaluation_set.texts)
        run_all += _ranked_lines(questions[number], names, scores[number], np.flatnonzero(mask), DEPTH)
    for name, lines in (("run.trec", run), ("run_all.trec", run_all), ("qrels.trec", judgements)):
        if lines:
            write_atomically(folder / name, "".join(lines))
    changed = sum(_escaped(query.id) != query.id for query in queries)
    changed += sum(_escaped(candidate.id) != candidate.id for candidate in evaluation_set.candidates)
    return [f"{changed:,} ids have white space, which the .trec files write as %20 and the like"] if changed else []


def candidate_names(evaluation_set: EvaluationSet) -> list[str]:
    """A name for each candidate without white space; a document has one name, and all others have different ones."""
    names, counts, used, documents = [], Counter(), set(), {}
    for candidate in evaluation_set.candidates:
        key = (candidate.id, candidate.text)
        if candidate.is_document and key in documents:
            names.append(documents[key])
            continue
        names.append(_distinct(candidate.id, used, counts))
        if candidate.is_document:
            documents[key] = names[-1]
    return names


def distinct_names(ids: Sequence[str]) -> list[str]:
    """A name for each id, without white space and different from those before it.

    >>> distinct_names(["d 1", "7", "7"])
    ['d%201', '7', '7#2']
    """
    used: set[str] = set()
    counts: Counter[str] = Counter()
    return [_distinct(identifier, used, counts) for identifier in ids]


def _distinct(identifier: str, used: set[str], counts: Counter[str]) -> str:
    name = plain = _escaped(identifier)
    while name in used:
        counts[plain] += 1
        name = f"{plain}#{counts[plain] + 1}"
    used.add(name)
    return name


def run_line(question: str, document: str, rank: int, score: float) -> str:
    """A line of a TREC run, whose names have no white space."""
    return f"{_escaped(question)} Q0 {document} {rank} {score:.9g} {TAG}"


def _ranked_lines(question: str, names: list[str], scores: np.ndarray, places: np.ndarray, depth: int) -> list[str]:
    best = places[np.argsort(-scores[places], kind="stable")[:depth]]
    return [run_line(question, names[place], rank, scores[place]) + "\n" for rank, place in enumerate(best, start=1)]


def _escaped(name: str) -> str:
    return re.sub(r"\s", lambda match: "".join(f"%{byte:02X}" for byte in match.group().encode()), name) or "_"
