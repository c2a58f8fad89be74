"""Facts and question templates from files. A file's content decides how it is read, not its name."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from utils.common.errors import UserError
from utils.common.files import content_kind, read_lines, write_atomically
from utils.common.reading import FileReport, Reading
from utils.common.records import KIND_NAMES, read_json_values, read_records
from utils.common.tables import find_columns, find_separator, read_table
from utils.memnet.markdown import without_markdown
from utils.memnet.ntriples import STATEMENT, names_of_terms, read_ntriples
from utils.memnet.records import (
    AND,
    INVERSE,
    MAX_FIELD_LENGTH,
    PATH,
    SECOND,
    BadFactError,
    Fact,
    KnowledgeBase,
    fact_from,
)
from utils.text.words import split_words

COLUMNS = {
    "subject": ("head", "s", "h", "subj", "source", "start", "start_id", "entity", "entity1", "e1", "arg1", "node1", "from",
                "head_entity"),
    "relation": ("predicate", "r", "p", "rel", "pred", "property", "attribute", "relationship", "relation_type", "edge", "type"),
    "object": ("tail", "o", "t", "obj", "target", "end", "end_id", "value", "entity2", "e2", "arg2", "node2", "to",
               "tail_entity"),
}  # fmt: skip
"""The columns of facts, and other names that they have in people's files."""
TEMPLATE_COLUMNS = {"relation": COLUMNS["relation"], "template": ("question",), "split": ("set",)}
SNIFFED_ROWS = 50
"""Rows or lines at the beginning of a file by which its format is recognised."""
MAX_RELATIONS = 20
"""If the second column has more different values than this and the third has not, the second may not hold the relations."""
MISSING = ("na", "n/a", "nan", "null", "none", "<na>")
"""Objects that may stand for a missing value, in small letters."""
MIN_ROWS_TO_JUDGE = 10
"""In tables with fewer rows than this, no remark is made on a second column that does not look like relations."""

_WIKIMOVIES = re.compile(r"\d+ (\S.*?) ([a-z]+_[a-z_]+) (\S.*)")


def read_facts(paths: Sequence[str | Path], reading: Reading) -> KnowledgeBase:
    """Read facts from files.

    Formats:

    - a table with tabs, commas, semicolons or pipes between its columns, which are named by a header (`subject`, `relation` and
      `object`, or names as in `COLUMNS`; other columns may stand beside them), or are these three in this order;
    - JSON, JSON lines or Parquet of objects with such names, or JSON of lists of three;
    - N-Triples;
    - WikiMovies' knowledge base (`1 Kismet directed_by William Dieterle`), whose facts are taken in both directions.

    Terms of RDF become names in all of them, see `names_of_terms`.

    Args:
        paths: the files, compressed or not.
        reading: counts what is left out: rows that lack a field, have more fields than columns, or have a field of more than 1,000
            characters.

    Raises:
        UserError: a file cannot be read, has none of these formats, or has too many rows that are not facts.
    """
    facts: dict[Fact, None] = {}
    for path in map(Path, paths):
        with reading.file(path) as report:
            for place, fields in _rows(path, report):
                try:
                    fact = fact_from(names_of_terms(fields))
                except BadFactError as error:
                    (report.skip if error.is_natural else report.leave_out)(place, str(error))
                    continue
                report.used += 1
                if fact.object.lower() in MISSING:
                    report.note(
                        place,
                        "their object is NA, NaN, null or none, which is taken as a name; empty it if it is missing",
                    )
                if fact in facts:
                    report.note(place, "they repeat a fact, which is kept once")
                facts[fact] = None
    return KnowledgeBase(tuple(facts))


def write_facts(path: Path, base: KnowledgeBase) -> None:
    """Write facts as a TSV file that `read_facts` reads back with the same numbers, atomically."""
    write_atomically(path, facts_as_table(base.facts))


def facts_as_table(facts: Iterable[Fact]) -> str:
    """Facts as a table with tabs between its columns, which a first line names."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter="\t", lineterminator="\n")
    writer.writerow(("subject", "relation", "object"))
    writer.writerows((fact.subject, fact.relation, fact.object) for fact in facts)
    return buffer.getvalue()


def _rows(path: Path, report: FileReport) -> Iterator[tuple[str, Sequence]]:
    """Yield `(place, fields)` of each row that should be a fact."""
    kind = content_kind(path)
    if kind in ("json", "jsonl"):
        return _named_rows(path, read_json_values(path, report), report)
    if kind == "parquet":
        return _named_rows(path, read_records(path, report), report)
    if kind not in ("text", "xml"):  # a statement of N-Triples may look like XML
        raise UserError(f"{path}: is {KIND_NAMES[kind]}; give a table, JSON lines, Parquet or N-Triples")
    lines = (line for _, line in read_lines(path) if line.strip() and not line.startswith("#"))
    sample = list(itertools.islice(lines, SNIFFED_ROWS))
    if any(re.match(r"@?prefix\s+\S*:\s*<", line, re.IGNORECASE) for line in sample):
        raise UserError(f"{path}: is Turtle; convert it to N-Triples")
    if is_majority(STATEMENT.fullmatch(line) for line in sample):
        return read_ntriples(path, report)
    if is_majority(_WIKIMOVIES.fullmatch(line) and not re.search(r"[\t|]", line) for line in sample):
        return _wikimovies_rows(path, report)
    if kind == "xml" and not is_majority("\t<" in line for line in sample):  # YAGO's tables begin like XML
        raise UserError(f"{path}: is {KIND_NAMES[kind]}; give a table, JSON lines, Parquet or N-Triples")
    return _table_rows(path, report)


def is_majority(results) -> bool:
    """Whether more than half of the results, at least one, are true."""
    results = [bool(result) for result in results]
    return sum(results) > len(results) / 2


def _named_rows(path: Path, values, report: FileReport) -> Iterator[tuple[str, Sequence]]:
    """Yield the rows of `(place, value)` whose values are objects with named fields, or lists of three."""
    places_of: dict[tuple, list[str] | None] = {}  # names of an object to those of its subject, relation and object
    for place, value in values:
        if isinstance(value, list):
            yield place, value
            continue
        names = tuple(value) if isinstance(value, dict) else ()
        if names not in places_of:
            columns = find_columns(path, names, COLUMNS)
            places_of[names] = [names[columns[column]] for column in COLUMNS] if len(columns) == 3 else None
        if places_of[names] is None:
            report.leave_out(place, "it has no subject, relation and object")
            continue
        subject, relation, object_ = (value[name] for name in places_of[names])
        for single in object_ if isinstance(object_, list) else [object_]:
            yield place, (subject, relation, single)


def _table_rows(path: Path, report: FileReport) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield the rows of a table. A row that is longer than the header, or lacks one of the three columns, is yielded with more
    or fewer than three fields, so that the caller leaves it out."""
    separator = find_separator(path, [name for column, names in COLUMNS.items() for name in (column, *names)])
    rows = read_table(path, separator)
    if separator == "|":
        rows = without_markdown(rows, report)
    first_rows = list(itertools.islice(rows, SNIFFED_ROWS))
    if not first_rows:
        return
    header = first_rows[0][1]
    places = _places_of_columns(path, header, report)
    width = len(header)
    if places is None:
        width = Counter(len(row) for _, row in first_rows).most_common(1)[0][0]
        if width != 3:
            raise UserError(
                f"{path}: its first line ({', '.join(header)[:80]!r}) names no columns subject, relation and object; rename its "
                "columns or add such a line"
            )
    relations, objects = Counter(), set()
    subject, relation, object_ = places or (0, 1, 2)
    for line, row in itertools.chain(first_rows[places is not None :], rows):
        if places is not None and row == header:
            report.skip(f"line {line:,}", "it repeats the first line")
            continue
        if len(row) > width:
            yield f"line {line:,}", [*row, "", "", ""]
            continue
        if len(row) <= max(subject, relation, object_):
            yield f"line {line:,}", []
            continue
        if row[relation] == "relation" and (row[subject], row[object_]) == ("subject", "object"):
            report.skip(f"line {line:,}", "it names the columns")
            continue
        relations[row[relation]] += 1
        if places is None and len(objects) <= MAX_RELATIONS:
            objects.add(row[object_])
        yield f"line {line:,}", (row[subject], row[relation], row[object_])
    if places is None:
        _remark_on_columns(header, relations, len(objects), report)


def _places_of_columns(path: Path, header: Sequence[str], report: FileReport) -> list[int] | None:
    """The places of subject, relation and object in a header; None where the first row is no header."""
    if len(set(header)) < len(header) == 3:
        return None
    plain = [
        re.sub(r"\(.*\)", "", name) if name.startswith(":") else name for name in header
    ]  # Neo4j's :START_ID(Person)
    columns = find_columns(path, plain, COLUMNS)
    if len(columns) == 2 and len(header) == 3:  # the third column has a name of its own
        (missing,) = set(COLUMNS) - set(columns)
        columns[missing] = ({0, 1, 2} - set(columns.values())).pop()
    if len(columns) < 3:
        return None
    places = [columns[column] for column in COLUMNS]
    if [header[place].strip().lower() for place in places] != list(COLUMNS):
        report.remark(
            "its columns are read as "
            + ", ".join(f"{column} {header[place].strip()!r}" for column, place in zip(COLUMNS, places, strict=True))
        )
    return places


def _remark_on_columns(header: Sequence[str], relations: Counter, num_objects: int, report: FileReport) -> None:
    """Say so where the first row of a table may be a header of unknown names, or its second column may hold no relations."""
    num_rows = relations.total()
    remedy = "add a first line that names the columns in their order, such as subject, object, relation"
    are_many = len(relations) > num_rows / 2 or num_objects <= MAX_RELATIONS < len(relations)
    if num_rows >= MIN_ROWS_TO_JUDGE and are_many:
        report.remark(
            f"its second column is read as the relation, but has {len(relations):,} different values in {num_rows:,} rows; if it "
            f"is not, {remedy}"
        )
    elif len(header) == 3 and relations[header[1]] == 1 and len(relations) <= num_rows / 2:
        report.remark(
            f"its first line ({', '.join(header)[:80]!r}) is read as a fact, but no other row has its relation; if it names the "
            "columns, call them subject, relation and object"
        )


def _wikimovies_rows(path: Path, report: FileReport) -> Iterator[tuple[str, list[str]]]:
    """Yield the facts of WikiMovies' knowledge base in both directions; a line may hold several objects, separated by commas.

    Plots are texts, not facts. They are left out.
    """
    num_with_commas = 0
    for number, line in read_lines(path):
        if not line.strip():
            continue
        place, parts = f"line {number:,}", _WIKIMOVIES.fullmatch(line)
        if parts is None:
            report.leave_out(place, "it is not a number, a subject, a relation with an underscore, and objects")
            continue
        subject, relation, objects = parts.groups()
        if relation == "has_plot":
            report.skip(place, "a plot is a text, not a fact")
            continue
        num_with_commas += ", " in objects
        for object_ in objects.split(", "):
            yield place, [subject, relation, object_]
            yield place, [object_, INVERSE + relation, subject]
    if num_with_commas:
        report.remark(f"the objects of {num_with_commas:,} lines are split at their commas, as in WikiMovies' files")


def read_templates(path: str | Path, reading: Reading) -> dict[str, dict[str, list[str]]]:
    """Read question templates: rows of relation, template with `{s}` for the subject, and optionally a split.

    The file is a table, usually with tabs, with or without a header. The split is `test` for a template that training does not
    use; `train`, the default, for all others.

    The relation may be several, with ` -> ` between them, for questions that take several steps: what `author -> born_in` asks for
    is where the author of the subject was born. Two relations with ` & ` between them are for questions about what two subjects
    have in common, where `{t}` stands for the second subject: `born_in & died_in`, "Where was {s} born and did {t} die?".

    Args:
        path: the file.
        reading: counts rows that are not templates: without `{s}`, with `{t}` beside another number of relations than two, with an
            unknown split, or too long.

    Returns:
        relation to split to templates.

    Raises:
        UserError: the file cannot be read or has too many such rows, or one template is in both splits.
    """
    templates, split_of, is_first, places = {}, {}, True, (0, 1, 2)
    names = [name for column, others in TEMPLATE_COLUMNS.items() for name in (column, *others)]
    with reading.file(path) as report:
        for number, row in read_table(path, known_columns=names):
            if is_first and not any("{" in field for field in row):
                columns = find_columns(path, row, TEMPLATE_COLUMNS)
                if {"relation", "template"} <= set(columns):
                    places, is_first = [columns.get(name, len(row)) for name in TEMPLATE_COLUMNS], False
                    continue
            is_first = False
            relation, template, split = (" ".join(row[place].split()) if place < len(row) else "" for place in places)
            split = split or "train"
            reason = _problem_of_template(relation, template, split)
            if reason:
                report.leave_out(f"line {number:,}", reason)
                continue
            words = relation, *split_words(template)
            if split_of.setdefault(words, split) != split:
                raise UserError(
                    f"{path}, line {number:,}: {template!r} stands under train and under test; leave one out"
                )
            report.used += 1
            same_split = templates.setdefault(relation, {}).setdefault(split, [])
            if template not in same_split:
                same_split.append(template)
    return templates


def _problem_of_template(relation: str, template: str, split: str) -> str:
    """Why a row is not a template; empty where it is one."""
    if not relation or "{s}" not in template:
        return "it is not a relation and a template with {s} for the subject"
    if SECOND in template and (relation.count(AND) != 1 or PATH in relation):
        return f"it has {SECOND} for a second subject, and its relation is not two with '{AND}' between them"
    if split not in ("train", "test"):
        return "its split is not train or test"
    if len(template) > MAX_FIELD_LENGTH:
        return f"the template is longer than {MAX_FIELD_LENGTH:,} characters"
    return ""
