"""Facts in N-Triples (and N-Quads, whose graphs are left out): RDF with one statement per line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote

from utils.common.files import read_lines
from utils.common.reading import FileReport
from utils.memnet.records import name_text

_IRI = r"<(?:[^<>\"{}|^`\\\s]|\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8})*>"
_BLANK = r"_:[^\s<>\"]+"
_LITERAL = r"\"(?:[^\"\\]|\\.)*\"(?:@[a-zA-Z0-9-]+|\^\^" + _IRI + ")?"
STATEMENT = re.compile(
    rf"\s*({_IRI}|{_BLANK})\s*({_IRI})\s*({_IRI}|{_BLANK}|{_LITERAL})\s*(?:(?:{_IRI}|{_BLANK})\s*)?\.\s*(?:#.*)?"
)
_IRI_ALONE = re.compile(_IRI).fullmatch
_TERM = re.compile(f"{_IRI}|{_LITERAL}").fullmatch
_PAGE = re.compile(r"https?://[^/]+/(?:resource|wiki)/(.+)")
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL)
_CHARACTERS = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f"}


def read_ntriples(path: str | Path, report: FileReport) -> Iterator[tuple[str, list[str]]]:
    """Yield `(place, [subject, relation, object])` of each statement of a file, as names for people.

    An IRI is named by its last part: `<http://example.org/Ada_Moor>` is `Ada Moor`, and `<http://example.org/born_in>` as a
    relation is `born_in`. A literal is its text, without language and datatype. Lines that are no statement are left out.
    """
    names = {}  # name to the IRIs that have it
    for number, line in read_lines(path):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = STATEMENT.fullmatch(line)
        if match is None:
            report.leave_out(f"line {number:,}", "it is not a statement of N-Triples")
            continue
        subject, relation, object_ = match.groups()
        fields = [_name(subject), _last_part(relation), _name(object_)]
        for term, name in zip((subject, object_), (fields[0], fields[2]), strict=True):
            if term.startswith("<"):
                names.setdefault(name, set()).add(term)
        yield f"line {number:,}", fields
    shared = [name for name, iris in names.items() if len(iris) > 1]
    if shared:
        first, second = sorted(names[shared[0]])[:2]
        report.remark(f"{len(shared):,} names stand for several IRIs (such as {first} and {second}), which become one")


def names_of_terms(fields: Sequence) -> Sequence:
    """The names of a subject, relation and object, where these are terms of RDF; any other fields as they are.

    Results of SPARQL and the files of YAGO are tables of such terms.

    >>> names_of_terms(["<Ada_Moor>", "<http://e.org/born_in>", '"Brom"@en'])
    ['Ada Moor', 'born_in', 'Brom']
    """
    if len(fields) != 3:
        return fields
    # As `fact_from` reads them, so that a written fact is read back the same.
    subject, relation, object_ = map(name_text, fields)
    if not (_IRI_ALONE(subject) and _IRI_ALONE(relation)):
        return fields
    return [_name(subject), _last_part(relation), _name(object_) if _TERM(object_) else object_]


def _name(term: str) -> str:
    """The name of a subject or object."""
    if term.startswith("<"):
        return _last_part(term).replace("_", " ")
    return _unescaped(term[1 : term.rindex('"')]) if term.startswith('"') else term


def _last_part(iri: str) -> str:
    """What stands after the last `#` or `/` of an IRI, after the last `:` of one without slashes, or all of it where nothing does.

    Names of Wikipedia and DBpedia may themselves have slashes: `<http://dbpedia.org/resource/AC/DC>` is `AC/DC`.
    """
    iri = _unescaped(iri[1:-1])
    page = _PAGE.match(iri)
    return unquote(page[1] if page else re.split("[#/]" if "//" in iri else "[#/:]", iri.rstrip("/#"))[-1]) or iri


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(_character, text) if "\\" in text else text


def _character(match: re.Match) -> str:
    code = match[1] or match[2]
    if code is None:
        return _CHARACTERS.get(match[3], match[3])
    return chr(int(code, 16)) if int(code, 16) <= 0x10FFFF else "\ufffd"
