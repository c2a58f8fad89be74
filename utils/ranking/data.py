"""Readers of questions with graded answers: threads with votes, judged sentences, and tables.

A reader never drops anything in silence: beside the questions it returns notes, one line each, that count and name what it left
out and what can not rank.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

from utils.common.errors import UserError, some_of
from utils.common.files import read_csv_rows, read_lines
from utils.ranking.records import Candidate, Query, normalised_votes, strip_html

COLUMNS = ("query", "candidate", "relevance")


def read_rankings(path: str | Path, rule: str = "best_share") -> tuple[list[Query], list[str]]:
    """Read questions with their answers, and notes on what was left out or ranks nothing. Files may be `.gz`.

    With votes, which become grades by `rule` (an accepted answer has grade 1 at least):

    - `.jsonl`: a Stack Exchange thread a line, `{"id", "title", "body", "answers": [{"id", "score", "body", ...}]}`, perhaps with
      `site`, `created` and `accepted`; bodies are HTML;
    - `.xml` of `<posts>`: a Stack Exchange dump's `Posts.xml`.

    With grades:

    - a folder in WikiQA's form: `a.toks`, `b.toks`, `sim.txt` (0 or 1), `id.txt`, `boundary.txt`;
    - `.xml` of MEDIQA 2019: scores 1 and 2 are grade 0, 3 is 1, 4 is 2; `votes` are the retrieval rank, negated;
    - `.csv`, `.tsv`, `.jsonl` with `query`, `candidate`, `relevance`, perhaps `query_id` and `candidate_id`: the rows of one
      `query_id`, else of one query's text, belong together.

    Raises:
        UserError: naming file and line, for what has another form, ids that stand twice, and grades that are negative or not
            finite; or no question is left.
    """
    path = Path(path)
    normalised_votes([], rule)
    read, notes = _reader(path), []
    return _checked(path, read(path, notes), rule if read in (_threads, _posts) else None, notes), notes


def _reader(path: Path):
    kind = Path(path.name.lower().removesuffix(".gz")).suffix
    if path.is_dir():
        return _wikiqa
    if kind == ".jsonl":
        lines = read_lines(path)
        number, line = next((pair for pair in lines if pair[1].strip()), (1, "{}"))
        return _threads if "answers" in _record(path, number, line) else _table
    if kind == ".xml":
        return _posts if next(_elements(path))[2].tag == "posts" else _mediqa
    if kind in (".csv", ".tsv"):
        return _table
    raise UserError(
        f"{path}: must be .jsonl, .xml, .csv or .tsv (.gz or not), or a folder with WikiQA's files; name another"
    )


def _checked(path: Path, queries: Iterable[Query], rule: str | None, notes: list[str]) -> list[Query]:
    """The questions that have answers, graded by the rule where there is one; notes are added."""
    kept, seen, found = [], {}, {}

    def tell(what: str, name: str) -> None:
        found.setdefault(what, []).append(name)

    for query in queries:
        if query.id in seen:
            raise UserError(
                f"{query.place}: the question id {query.id!r} is that of {seen[query.id]}; give each its own"
            )
        seen[query.id] = query.place
        candidates, ids, texts = [], set(), set()
        for candidate in query.candidates:
            if candidate.id in ids:
                raise UserError(
                    f"{query.place}: question {query.id!r} has two answers {candidate.id!r}; give each its own id"
                )
            ids.add(candidate.id)
            name = f"{candidate.id} of {query.id}"
            if not candidate.text.strip():
                tell("answers without text left out", name)
                continue
            if candidate.text in texts:
                tell("answers have the very text of another answer of their question; kept", name)
            if rule and candidate.votes < 0:
                tell("answers have negative votes, which count as 0", name)
            texts.add(candidate.text)
            candidates.append(candidate)
        try:
            "".join((query.id, query.text, *ids, *texts)).encode()
        except UnicodeEncodeError:
            raise UserError(
                f"{query.place}: question {query.id!r} or an answer has half a character (a lone surrogate); mend it"
            ) from None
        if not query.text.strip() or not candidates:
            tell(f"questions without {'answers' if query.text.strip() else 'text'} left out", query.id)
            continue
        if rule:
            votes = [candidate.votes for candidate in candidates]
            if len(votes) > 1 and len(set(votes)) == 1:
                tell("questions of several answers have equal votes for all, which rank nothing; kept", query.id)
            candidates = [
                replace(candidate, relevance=max(grade, float(candidate.accepted)))
                for candidate, grade in zip(candidates, normalised_votes(votes, rule), strict=True)
            ]
        relevant = sum(candidate.relevance > 0 for candidate in candidates)
        if relevant in (0, len(candidates)):
            tell(f"questions have {'only relevant answers' if relevant else 'no relevant answer'}; kept", query.id)
        kept.append(replace(query, candidates=tuple(candidates)))
    notes += [f"{path}: {len(names):,} {what} ({some_of(names)})" for what, names in found.items()]
    if not kept:
        raise UserError("; ".join([f"{path}: no question with an answer there; give another file", *notes]))
    return kept


def _record(path: Path, number: int, line: str) -> dict:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        raise UserError(f"{path}, line {number:,}: must be a JSON object; mend it, or take the line out")
    return record


def _threads(path: Path, notes: list[str]) -> Iterator[Query]:
    for number, line in read_lines(path):
        if not line.strip():
            continue
        record, place = _record(path, number, line), f"{path}, line {number:,}"
        answers, body = record.get("answers"), record.get("body", "")
        if (
            type(record.get("id")) not in (int, str)
            or not isinstance(record.get("title"), str)
            or not isinstance(body, str)
        ):
            raise UserError(f"{place}: a question must have an id, a title and a body that is text; mend it")
        if not isinstance(answers, list) or not all(isinstance(answer, dict) for answer in answers):
            raise UserError(f"{place}: answers must be a list of objects, [] where there are none; mend it")
        for answer in answers:
            types = type(answer.get("id")), type(answer.get("score")), type(answer.get("body"))
            if types not in ((int, int, str), (str, int, str)):
                raise UserError(f"{place}: an answer must have an id, a score (a whole number) and a body; mend it")
        site = f"{record['site']}/" if record.get("site") else ""
        candidates = tuple(
            Candidate(
                str(answer["id"]), strip_html(answer["body"]), 0.0, answer["score"], str(answer.get("created") or ""),
                answer.get("accepted") is True,
            )
            for answer in answers
        )  # fmt: skip
        yield Query(f"{site}{record['id']}", _asked(record["title"], body), candidates, place)


def _asked(title: str, body: str) -> str:
    return f"{title.strip()}\n{strip_html(body)}".strip()


def _elements(path: Path) -> Iterator[tuple[int, str, ElementTree.Element]]:
    """Line, event and element, as the file is read; what has ended is forgotten once the caller clears the root."""
    parser, number = ElementTree.XMLPullParser(("start", "end")), 0  # unlike iterparse it can be fed line by line
    try:
        for number, line in read_lines(path):
            parser.feed(line + "\n")
            for event, element in parser.read_events():
                yield number, event, element
        parser.close()
        yield from ((number, *event) for event in parser.read_events())
    except ElementTree.ParseError as error:
        raise UserError(
            f"{path}, line {error.position[0]:,}: is no XML ({str(error).split(':')[0]}); mend it, it may be cut off"
        ) from None


def _whole(path: Path, line: int, element, name: str, pattern: str = "-?[0-9]{1,18}") -> int:
    if not re.fullmatch(pattern, element.get(name, "")):
        raise UserError(
            f"{path}, line {line:,}: {element.tag} has {name}={element.get(name)!r:.40}, not a whole number that fits; mend it"
        )
    return int(element.get(name))


def _posts(path: Path, notes: list[str]) -> Iterator[Query]:
    questions, answers, others, root = [], {}, 0, None
    for line, event, row in _elements(path):
        root = row if root is None else root
        if event == "start" or row.tag != "row":
            continue
        number, kind = _whole(path, line, row, "Id"), _whole(path, line, row, "PostTypeId")
        if kind == 1:
            text = _asked(row.get("Title", ""), row.get("Body", ""))
            questions.append((line, number, text, row.get("AcceptedAnswerId")))
        elif kind == 2:
            votes, parent = _whole(path, line, row, "Score"), _whole(path, line, row, "ParentId")
            body, created = strip_html(row.get("Body", "")), row.get("CreationDate", "")
            answers.setdefault(parent, []).append(Candidate(str(number), body, 0.0, votes, created))
        others += kind not in (1, 2)
        root.clear()
    for line, number, text, accepted in questions:
        given = (replace(answer, accepted=answer.id == accepted) for answer in answers.get(number, ()))
        yield Query(str(number), text, tuple(given), f"{path}, line {line:,}")
    known = {number for _, number, *_ in questions}
    lost = [answer.id for parent, found in answers.items() if parent not in known for answer in found]
    if lost:
        notes.append(f"{path}: {len(lost):,} answers whose question is missing left out ({some_of(lost)})")
    if others:
        notes.append(f"{path}: {others:,} rows that are neither question nor answer left out")


def _mediqa(path: Path, notes: list[str]) -> Iterator[Query]:
    started, answers = 0, []
    for line, event, element in _elements(path):
        if event == "start":
            if element.tag == "Question":
                started, answers = line, []
        elif element.tag == "Answer":
            score, rank = (
                _whole(path, line, element, "ReferenceScore", "[1-4]"),
                _whole(path, line, element, "SystemRank"),
            )
            text = (element.findtext("AnswerText") or "").strip()
            answers.append(Candidate(element.get("AID", str(rank)), text, float(max(score - 2, 0)), -rank))
        elif element.tag == "Question":
            if not element.get("QID"):
                raise UserError(f"{path}, line {started:,}: a Question has no QID; give it one")
            answers.sort(key=lambda answer: -answer.votes)
            text = (element.findtext("QuestionText") or "").strip()
            yield Query(element.get("QID"), text, tuple(answers), f"{path}, line {started:,}")
            element.clear()


def _wikiqa(path: Path, notes: list[str]) -> Iterator[Query]:
    def lines(name: str) -> list[str]:
        file = path / name if (path / name).exists() or not (path / f"{name}.gz").exists() else path / f"{name}.gz"
        return [line.strip() for _, line in read_lines(file)]

    names = ("a.toks", "b.toks", "sim.txt", "id.txt")
    asked, answers, labels, ids = columns = [lines(name) for name in names]
    if len(set(map(len, columns))) > 1:
        told = ", ".join(f"{name} {len(column):,}" for name, column in zip(names, columns, strict=True))
        raise UserError(
            f"{path}: its files have different numbers of lines ({told}); one may be cut off: copy it again"
        )
    borders, where = lines("boundary.txt"), path / "boundary.txt"
    for number, (border, before) in enumerate(zip(borders, ["-1", *borders], strict=False), start=1):
        if not re.fullmatch("[0-9]{1,9}", border) or int(border) <= int(before) or (number == 1 and int(border)):
            raise UserError(
                f"{where}, line {number:,}: {border[:40]!r} must be a line number that grows, from 0; mend it"
            )
    if not borders or int(borders[-1]) != len(ids):
        raise UserError(
            f"{where}: must end with the number of lines, {len(ids):,}, not {(borders or [''])[-1]!r}; mend it"
        )
    for number, label in enumerate(labels, start=1):
        if label not in ("0", "1"):
            raise UserError(f"{path / 'sim.txt'}, line {number:,}: {label[:40]!r} must be 0 or 1; mend it")
    several = []
    for start, end in zip(map(int, borders), map(int, borders[1:]), strict=False):
        name = re.sub(r"-D\d+-\d+$", "", ids[start])  # WikiQA: Q12-D12-3
        several += [name] if len(set(asked[start:end])) > 1 else []
        rows = range(start, end)
        candidates = tuple(Candidate(ids[row], answers[row], float(labels[row])) for row in rows)
        yield Query(name, asked[start], candidates, f"{path / 'b.toks'}, line {start + 1:,}")
    if several:
        notes.append(
            f"{path}: {len(several):,} questions are written in several ways; the first is taken ({some_of(several)})"
        )


def _table(path: Path, notes: list[str]) -> Iterator[Query]:
    found: dict[str, tuple[int, str, list[Candidate]]] = {}
    for line, row in _rows(path):
        where = f"{path}, line {line:,}"
        for name in ("query_id", "candidate_id"):
            if name in row and not row[name]:
                raise UserError(f"{where}: {name} is empty; fill it in, or leave it out everywhere")
        try:
            grade = math.nan if "_" in row["relevance"] else float(row["relevance"])
        except ValueError:
            grade = math.nan
        if not math.isfinite(grade) or grade < 0:
            raise UserError(
                f"{where}: relevance is {row['relevance'][:40]!r}, not a finite number of 0 or more; mend it"
            )
        first, text, candidates = found.setdefault(row.get("query_id", row["query"]), (line, row["query"], []))
        if text != row["query"]:
            raise UserError(
                f"{where}: query_id {row['query_id']!r} has another query than in line {first:,}; give it its own id"
            )
        candidates.append(Candidate(row.get("candidate_id", str(line)), row["candidate"], grade))
    for key, (line, text, candidates) in found.items():
        name = key if "query_id" in row else str(line)
        yield Query(name, text, tuple(candidates), f"{path}, line {line:,}")


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The named columns of every row, as text without white space around it."""
    known, names = (*COLUMNS, "query_id", "candidate_id"), None
    kind = Path(path.name.lower().removesuffix(".gz")).suffix
    if kind == ".jsonl":
        for number, line in read_lines(path):
            if line.strip():
                record = _record(path, number, line)
                names = names or [name for name in known if name in record or name in COLUMNS]
                wrong = [name for name in names if type(record.get(name)) not in (str, int, float)]
                wrong += [name for name in known if name in record and name not in names]
                if wrong:
                    raise UserError(
                        f"{path}, line {number:,}: {wrong[0]} must be a text or a number in every line, or in none; mend it"
                    )
                yield number, {name: str(record[name]).strip() for name in names}
        return
    for number, row in read_csv_rows(path) if kind == ".csv" else ((n, line.split("\t")) for n, line in read_lines(path)):
        if not any(field.strip() for field in row):
            continue
        if names is None:
            names = [name.strip().lower() for name in row]
            missing = [name for name in COLUMNS if name not in names]
            twice = [name for name in known if names.count(name) > 1]
            if missing or twice:
                what = f"has no column {', '.join(missing)}" if missing else f"has the column {twice[0]} twice"
                raise UserError(f"{path}: its first line {what}; name the columns query, candidate and relevance")
        elif len(row) != len(names):
            raise UserError(
                f"{path}, line {number:,}: has {len(row)} fields, the first line {len(names)}; mend it (in .csv, quote commas)"
            )
        else:
            yield number, {name: row[names.index(name)].strip() for name in known if name in names}
