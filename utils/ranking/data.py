"""Read questions with graded answers: threads with votes, judged sentences, and tables.

Readers never drop anything silently. They return notes beside the questions, one line each: what was left out, and which
questions rank nothing, with counts and examples.
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
from utils.common.files import file_kind, read_csv_rows, read_lines
from utils.ranking.records import Candidate, Query, grades_from_votes, strip_html

REQUIRED_COLUMNS = ("query", "candidate", "relevance")
COLUMNS = (*REQUIRED_COLUMNS, "query_id", "candidate_id")


def read_rankings(path: str | Path, vote_rule: str = "best_share") -> tuple[list[Query], list[str]]:
    """Read questions with their answers. Files may be gzipped (`.gz`).

    Formats with votes, which become grades by `vote_rule` (an accepted answer has at least grade 1):

    - `.jsonl`: one Stack Exchange thread per line, `{"id", "title", "body", "answers": [{"id", "score", "body", ...}]}`. Optional
      are `site`, and for each answer `created` and `accepted`. Bodies are HTML.
    - `.xml` with the root `<posts>`: `Posts.xml` of a Stack Exchange dump.

    Formats with grades:

    - a folder with WikiQA's files: `a.toks`, `b.toks`, `sim.txt` (0 or 1), `id.txt`, `boundary.txt`.
    - `.xml` of MEDIQA 2019: scores 1 and 2 become grade 0, 3 grade 1, 4 grade 2. `votes` are the negated ranks of the search.
    - `.csv`, `.tsv`, `.jsonl` with the columns `query`, `candidate`, `relevance`, and optionally `query_id` and `candidate_id`.
      Rows with one `query_id` belong together; without that column, rows with the same query text.

    Args:
        path: a file or a folder.
        vote_rule: how votes become grades, see `utils.ranking.records.grades_from_votes`.

    Returns:
        the questions, each with at least one answer, and the notes.

    Raises:
        UserError: a record has another form, an id occurs twice, a grade is negative or not finite, or no question is left.
            The message names file and line.
    """
    path = Path(path)
    grades_from_votes([], vote_rule)  # an unknown rule fails before the file is read
    read, notes = _choose_reader(path), []
    return _check_queries(path, read(path, notes), vote_rule if read in (_threads, _posts) else None, notes), notes


def _choose_reader(path: Path):
    kind = file_kind(path)
    if path.is_dir():
        return _wikiqa
    if kind == ".jsonl":
        number, line = next((pair for pair in read_lines(path) if pair[1].strip()), (1, "{}"))
        return _threads if "answers" in _json_object(path, number, line) else _table
    if kind == ".xml":
        return _posts if next(_xml_events(path))[2].tag == "posts" else _mediqa
    if kind in (".csv", ".tsv"):
        return _table
    raise UserError(
        f"{path}: must be .jsonl, .xml, .csv or .tsv (optionally .gz), or a folder with WikiQA's files; name such a file"
    )


def _check_queries(path: Path, queries: Iterable[Query], vote_rule: str | None, notes: list[str]) -> list[Query]:
    """The questions that have answers, graded by the rule if there is one. Adds to the notes."""
    checked, places, examples = [], {}, {}

    def note(text: str, name: str) -> None:
        examples.setdefault(text, []).append(name)

    for query in queries:
        if query.id in places:
            raise UserError(
                f"{query.place}: the question id {query.id!r} was used in {places[query.id]}; give each question its own id"
            )
        places[query.id] = query.place
        candidates, ids, texts = [], set(), set()
        for candidate in query.candidates:
            if candidate.id in ids:
                raise UserError(
                    f"{query.place}: question {query.id!r} has two answers {candidate.id!r}; give each answer its own id"
                )
            ids.add(candidate.id)
            name = f"{candidate.id} of {query.id}"
            if not candidate.text.strip():
                note("answers without text left out", name)
                continue
            if candidate.text in texts:
                note("answers have the same text as another answer of their question; kept", name)
            if vote_rule and candidate.votes < 0:
                note("answers have negative votes, which count as 0", name)
            texts.add(candidate.text)
            candidates.append(candidate)
        try:
            "".join((query.id, query.text, *ids, *texts)).encode()
        except UnicodeEncodeError:
            raise UserError(
                f"{query.place}: question {query.id!r} or an answer contains a lone surrogate (half a character); correct it"
            ) from None
        if not query.text.strip() or not candidates:
            note(f"questions without {'answers' if query.text.strip() else 'text'} left out", query.id)
            continue
        if vote_rule:
            votes = [candidate.votes for candidate in candidates]
            if len(votes) > 1 and len(set(votes)) == 1:
                note("questions with several answers have equal votes for all, so they rank nothing; kept", query.id)
            candidates = [
                replace(candidate, relevance=max(grade, float(candidate.accepted)))
                for candidate, grade in zip(candidates, grades_from_votes(votes, vote_rule), strict=True)
            ]
        num_relevant = sum(candidate.relevance > 0 for candidate in candidates)
        if num_relevant in (0, len(candidates)):
            kind = "only relevant answers" if num_relevant else "no relevant answer"
            note(f"questions have {kind}; kept", query.id)
        checked.append(replace(query, candidates=tuple(candidates)))
    notes += [f"{path}: {len(names):,} {text} ({some_of(names)})" for text, names in examples.items()]
    if not checked:
        raise UserError("; ".join([f"{path}: contains no question with an answer; name another file", *notes]))
    return checked


def _json_object(path: Path, number: int, line: str) -> dict:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        raise UserError(f"{path}, line {number:,}: must be a JSON object; correct the line or remove it")
    return record


def _threads(path: Path, notes: list[str]) -> Iterator[Query]:
    for number, line in read_lines(path):
        if not line.strip():
            continue
        record, place = _json_object(path, number, line), f"{path}, line {number:,}"
        answers, body = record.get("answers"), record.get("body", "")
        if (
            type(record.get("id")) not in (int, str)
            or not isinstance(record.get("title"), str)
            or not isinstance(body, str)
        ):
            raise UserError(f"{place}: a question needs an id, a title and a body that is text; correct it")
        if not isinstance(answers, list) or not all(isinstance(answer, dict) for answer in answers):
            raise UserError(f"{place}: answers must be a list of objects, [] if there are none; correct it")
        for answer in answers:
            types = type(answer.get("id")), type(answer.get("score")), type(answer.get("body"))
            if types not in ((int, int, str), (str, int, str)):
                raise UserError(f"{place}: an answer needs an id, a score (an integer) and a body; correct it")
        site = f"{record['site']}/" if record.get("site") else ""
        candidates = tuple(
            Candidate(
                id=str(answer["id"]),
                text=strip_html(answer["body"]),
                votes=answer["score"],
                created=str(answer.get("created") or ""),
                accepted=answer.get("accepted") is True,
            )
            for answer in answers
        )
        yield Query(f"{site}{record['id']}", _question_text(record["title"], body), candidates, place)


def _question_text(title: str, body: str) -> str:
    return f"{title.strip()}\n{strip_html(body)}".strip()


def _xml_events(path: Path) -> Iterator[tuple[int, str, ElementTree.Element]]:
    """Yield `(line, "start" or "end", element)` while the file is read. The caller clears elements that it is done with."""
    parser, number = ElementTree.XMLPullParser(("start", "end")), 0  # unlike iterparse, it can be fed line by line
    try:
        for number, line in read_lines(path):
            parser.feed(line + "\n")
            for event, element in parser.read_events():
                yield number, event, element
        parser.close()
        yield from ((number, *event) for event in parser.read_events())
    except ElementTree.ParseError as error:
        reason = str(error).split(":")[0]
        raise UserError(
            f"{path}, line {error.position[0]:,}: is not valid XML ({reason}); correct it, or copy the file again if it was cut off"
        ) from None


def _integer(path: Path, line: int, element, name: str, pattern: str = "-?[0-9]{1,18}") -> int:
    value = element.get(name)
    if not re.fullmatch(pattern, value or ""):
        raise UserError(
            f"{path}, line {line:,}: {element.tag} has {name}={value!r:.40}, not an integer in range; correct it"
        )
    return int(value)


def _posts(path: Path, notes: list[str]) -> Iterator[Query]:
    questions, answers, num_others, root = [], {}, 0, None
    for line, event, row in _xml_events(path):
        root = row if root is None else root
        if event == "start" or row.tag != "row":
            continue
        number, kind = _integer(path, line, row, "Id"), _integer(path, line, row, "PostTypeId")
        if kind == 1:
            text = _question_text(row.get("Title", ""), row.get("Body", ""))
            questions.append((line, number, text, row.get("AcceptedAnswerId")))
        elif kind == 2:
            votes, parent = _integer(path, line, row, "Score"), _integer(path, line, row, "ParentId")
            text, created = strip_html(row.get("Body", "")), row.get("CreationDate", "")
            answers.setdefault(parent, []).append(Candidate(str(number), text, votes=votes, created=created))
        num_others += kind not in (1, 2)
        root.clear()
    for line, number, text, accepted_id in questions:
        candidates = tuple(replace(answer, accepted=answer.id == accepted_id) for answer in answers.get(number, ()))
        yield Query(str(number), text, candidates, f"{path}, line {line:,}")
    known = {number for _, number, *_ in questions}
    orphans = [answer.id for parent, posts in answers.items() if parent not in known for answer in posts]
    if orphans:
        notes.append(f"{path}: {len(orphans):,} answers whose question is missing left out ({some_of(orphans)})")
    if num_others:
        notes.append(f"{path}: {num_others:,} rows that are neither question nor answer left out")


def _mediqa(path: Path, notes: list[str]) -> Iterator[Query]:
    first_line, answers = 0, []
    for line, event, element in _xml_events(path):
        if event == "start":
            if element.tag == "Question":
                first_line, answers = line, []
        elif element.tag == "Answer":
            score = _integer(path, line, element, "ReferenceScore", "[1-4]")
            rank = _integer(path, line, element, "SystemRank")
            text = (element.findtext("AnswerText") or "").strip()
            answers.append(Candidate(element.get("AID", str(rank)), text, float(max(score - 2, 0)), votes=-rank))
        elif element.tag == "Question":
            if not element.get("QID"):
                raise UserError(f"{path}, line {first_line:,}: a Question has no QID; add one")
            answers.sort(key=lambda answer: -answer.votes)
            text = (element.findtext("QuestionText") or "").strip()
            yield Query(element.get("QID"), text, tuple(answers), f"{path}, line {first_line:,}")
            element.clear()


def _wikiqa(path: Path, notes: list[str]) -> Iterator[Query]:
    def read_column(name: str) -> list[str]:
        file = path / name if (path / name).exists() or not (path / f"{name}.gz").exists() else path / f"{name}.gz"
        return [line.strip() for _, line in read_lines(file)]

    names = ("a.toks", "b.toks", "sim.txt", "id.txt")
    questions, answers, labels, ids = columns = [read_column(name) for name in names]
    if len(set(map(len, columns))) > 1:
        lengths = ", ".join(f"{name} {len(column):,}" for name, column in zip(names, columns, strict=True))
        raise UserError(
            f"{path}: its files have different numbers of lines ({lengths}); copy it again, a file may be cut off"
        )
    boundaries, boundary_file = read_column("boundary.txt"), path / "boundary.txt"
    for number, (boundary, previous) in enumerate(zip(boundaries, ["-1", *boundaries], strict=False), start=1):
        is_integer = re.fullmatch("[0-9]{1,9}", boundary)
        if not is_integer or int(boundary) <= int(previous) or (number == 1 and int(boundary)):
            raise UserError(
                f"{boundary_file}, line {number:,}: {boundary[:40]!r} must be a line number, 0 first and then increasing; "
                "correct it"
            )
    if not boundaries or int(boundaries[-1]) != len(ids):
        raise UserError(
            f"{boundary_file}: must end with the number of lines, {len(ids):,}, not {(boundaries or [''])[-1]!r}; correct it"
        )
    for number, label in enumerate(labels, start=1):
        if label not in ("0", "1"):
            raise UserError(f"{path / 'sim.txt'}, line {number:,}: {label[:40]!r} must be 0 or 1; correct it")
    reworded = []
    for start, end in zip(map(int, boundaries), map(int, boundaries[1:]), strict=False):
        name = re.sub(r"-D\d+-\d+$", "", ids[start])  # WikiQA's ids look like Q12-D12-3
        reworded += [name] if len(set(questions[start:end])) > 1 else []
        candidates = tuple(Candidate(ids[row], answers[row], float(labels[row])) for row in range(start, end))
        yield Query(name, questions[start], candidates, f"{path / 'b.toks'}, line {start + 1:,}")
    if reworded:
        notes.append(
            f"{path}: {len(reworded):,} questions occur in several wordings; the first is used ({some_of(reworded)})"
        )


def _table(path: Path, notes: list[str]) -> Iterator[Query]:
    questions: dict[str, tuple[int, str, list[Candidate]]] = {}
    has_ids = False
    for line, row in _table_rows(path):
        place = f"{path}, line {line:,}"
        for name in ("query_id", "candidate_id"):
            if name in row and not row[name]:
                raise UserError(f"{place}: {name} is empty; fill it in, or remove the column")
        has_ids = "query_id" in row
        try:
            grade = math.nan if "_" in row["relevance"] else float(row["relevance"])
        except ValueError:
            grade = math.nan
        if not math.isfinite(grade) or grade < 0:
            raise UserError(
                f"{place}: relevance is {row['relevance'][:40]!r}, not a finite number of 0 or more; correct it"
            )
        key = row["query_id"] if has_ids else row["query"]
        first_line, text, candidates = questions.setdefault(key, (line, row["query"], []))
        if text != row["query"]:
            raise UserError(
                f"{place}: query_id {key!r} has another query than in line {first_line:,}; give each query its own id"
            )
        candidates.append(Candidate(row.get("candidate_id", str(line)), row["candidate"], grade))
    for key, (line, text, candidates) in questions.items():
        yield Query(key if has_ids else str(line), text, tuple(candidates), f"{path}, line {line:,}")


def _table_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield `(line, column to text)` of every row, without white space around the texts."""
    yield from _json_rows(path) if file_kind(path) == ".jsonl" else _delimited_rows(path)


def _json_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    names = None
    for number, line in read_lines(path):
        if not line.strip():
            continue
        record = _json_object(path, number, line)
        names = names or [name for name in COLUMNS if name in record or name in REQUIRED_COLUMNS]
        wrong = [name for name in names if type(record.get(name)) not in (str, int, float)]
        wrong += [name for name in COLUMNS if name in record and name not in names]
        if wrong:
            raise UserError(
                f"{path}, line {number:,}: {wrong[0]} must be a text or a number in every line, or absent in all; correct it"
            )
        yield number, {name: str(record[name]).strip() for name in names}


def _delimited_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    is_csv = file_kind(path) == ".csv"
    rows = read_csv_rows(path) if is_csv else ((number, line.split("\t")) for number, line in read_lines(path))
    names = None
    for number, row in rows:
        if not any(field.strip() for field in row):
            continue
        if names is None:
            names = [name.strip().lower() for name in row]
            missing = [name for name in REQUIRED_COLUMNS if name not in names]
            repeated = [name for name in COLUMNS if names.count(name) > 1]
            if missing or repeated:
                problem = f"has no column {', '.join(missing)}" if missing else f"has the column {repeated[0]} twice"
                raise UserError(f"{path}: its first line {problem}; name the columns query, candidate and relevance")
        elif len(row) != len(names):
            raise UserError(
                f"{path}, line {number:,}: has {len(row)} fields, the first line {len(names)}; correct it (in .csv, quote commas)"
            )
        else:
            yield number, {name: row[names.index(name)].strip() for name in COLUMNS if name in names}
