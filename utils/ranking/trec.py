"""Write rankings in TREC's formats, for `trec_eval` and its relatives."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from utils.common.files import atomic_file
from utils.ranking.evaluation import Search, answerable, rerankable
from utils.ranking.records import Candidate
from utils.ranking.text_numbers import SeenTexts

TAG = "qkv_zoo"


def write_runs(folder: Path, search: Search, own_search: Search | None = None) -> list[str]:
    """Write what a system ranked, and the grades, question by question.

    - `run.trec`: each question's own candidates, where there is something to rank.
    - `run_all.trec`: the best of all candidates, as many as `search` kept.
    - `qrels.trec`: the grades of the questions that have a relevant candidate.

    A line of a run is `question Q0 candidate rank score tag`, one of the judgements `question 0 candidate grade`. White space in an
    id is written as `%20` and the like. A candidate whose id another one has already gets a number: `7#2`.

    Args:
        folder: where to write.
        search: what the system found.
        own_search: what it found among own answers, where it scores these otherwise.

    Returns:
        notes on ids that had to be changed.
    """
    questions, queries = search.questions, search.questions.queries
    escaped = [escaped_name(query.id) for query in queries]
    numbers, reranked = answerable(queries), set(rerankable(queries))
    listed = {int(place) for number in numbers for place in search.results[number].best}
    listed.update(range(questions.starts[-1]))
    names = candidate_names(questions.candidates, sorted(listed))

    def run(own: bool) -> Iterator[str]:
        for number in numbers:
            ranking = ((own_search or search) if own else search).results[number]
            places, scores = ranking.best, ranking.best_scores
            if own:
                order = np.argsort(-ranking.own_scores, kind="stable") if number in reranked else np.empty(0, int)
                places, scores = order + questions.starts[number], ranking.own_scores[order]
            for rank, (place, score) in enumerate(zip(places, scores, strict=True), start=1):
                yield run_line(escaped[number], names[int(place)], rank, score) + "\n"

    def judgements() -> Iterator[str]:
        for number in numbers:
            for place, candidate in enumerate(queries[number].candidates, start=int(questions.starts[number])):
                yield f"{escaped[number]} 0 {names[place]} {candidate.relevance:g}\n"

    for name, lines in (("run.trec", run(True)), ("run_all.trec", run(False)), ("qrels.trec", judgements())):
        _write_lines(folder / name, lines)
    changed = sum(escaped_name(query.id) != query.id for query in queries)
    changed += sum(escaped_name(questions.candidates[place].id) != questions.candidates[place].id for place in names)
    return [f"{changed:,} ids have white space, which the .trec files write as %20 and the like"] if changed else []


def candidate_names(candidates: Sequence[Candidate], places: Sequence[int]) -> dict[int, str]:
    """A name without white space for each of some candidates; a document has one name, and all others have different ones.

    Args:
        candidates: all candidates.
        places: the places of those that are named, ascending.
    """
    names, counts, used, documents = {}, Counter(), SeenTexts(), {}
    for place in places:
        candidate = candidates[place]
        key = (candidate.id, candidate.text)
        if candidate.is_document and key in documents:
            names[place] = documents[key]
            continue
        names[place] = _distinct(candidate.id, used, counts)
        if candidate.is_document:
            documents[key] = names[place]
    return names


def distinct_names(ids: Iterable[str]) -> Iterator[str]:
    """Yield a name for each id, without white space and different from those before it.

    >>> list(distinct_names(["d 1", "7", "7"]))
    ['d%201', '7', '7#2']
    """
    used, counts = SeenTexts(), Counter()
    return (_distinct(identifier, used, counts) for identifier in ids)


def _distinct(identifier: str, used: SeenTexts, counts: Counter[str]) -> str:
    name = plain = escaped_name(identifier)
    while not used.add(name):
        counts[plain] += 1
        name = f"{plain}#{counts[plain] + 1}"
    return name


def run_line(question: str, document: str, rank: int, score: float) -> str:
    """A line of a TREC run, whose names have no white space."""
    return f"{escaped_name(question)} Q0 {document} {rank} {score:.9g} {TAG}"


def _write_lines(path: Path, lines: Iterator[str]) -> None:
    """Write lines as they come to a temporary file, which then gets the path; without lines there is no file."""
    first = next(lines, None)
    if first is None:
        return
    with atomic_file(path) as file:
        file.writelines(line.encode() for line in itertools.chain([first], lines))


def escaped_name(name: str) -> str:
    """A name without white space, which is written as `%20` and the like."""
    return re.sub(r"\s", lambda match: "".join(f"%{byte:02X}" for byte in match.group().encode()), name) or "_"
