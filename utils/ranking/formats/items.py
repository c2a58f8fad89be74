"""The candidates that one record names, whatever its layout."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from utils.common.tables import find_columns
from utils.ranking.formats.fields import DOCUMENT_FIELDS, FIELDS

LAYOUTS = {
    "graded": "a graded candidate",
    "listed": "a list of candidates with labels",
    "paired": "a question with right answers",
}
"""Layouts of records, and what a record of each is."""


ITEM_FIELDS = DOCUMENT_FIELDS | {
    "relevance": (*FIELDS["relevance"], "pm_score", "votes", "selected", "accepted", "is_accepted")
}
"""Names in a candidate that is an object."""


QUERY_NAMES = {"query": FIELDS["query"]}


class Item(NamedTuple):
    """A candidate as a record names it."""

    id: str
    text: object
    grade: object = None
    grade_name: str = ""
    """The name of the grade where the candidate is an object that holds it."""


def as_record(value) -> dict:
    """The record as an object with known fields; an empty one where it is neither an object nor a list."""
    if isinstance(value, dict):
        texts = value.get("set") or value.get("texts")
        if not isinstance(texts, list) or not texts or "query" in find_columns("", list(value), QUERY_NAMES):
            return value
        if "set" in value:
            return {"query": texts[0], "positive": texts[1:]}
        grade = next((value[name] for name in ("label", "score") if value.get(name) is not None), None)
        return as_record([*texts, grade] if len(texts) == 2 and isinstance(grade, int | float) else texts)
    if not isinstance(value, list) or len(value) < 2:
        return {}
    if len(value) == 3 and isinstance(value[2], int | float):
        return dict(zip(("query", "candidate", "relevance"), value, strict=True))
    return {"query": value[0], "positive": value[1], **({"negative": value[2:]} if value[2:] else {})}


def layout_of(record: dict, fields: dict[str, list[str]]) -> str:
    """`graded`, `listed` or `paired` (see `LAYOUTS`); empty for a record without a question or candidates."""
    if "query" not in fields:
        return ""
    if "positive" in fields:
        return "paired"
    if "candidates" in fields and isinstance(first_value(record, fields, "candidates"), list | dict):
        items = list(_items(first_value(record, fields, "candidates"), ""))
        has_labels = "labels" in fields or any(item.grade is not None for item in items)
        return "listed" if has_labels else "paired"
    if "candidate" not in fields:
        return ""
    return "graded" if "relevance" in fields else "paired"


def used_fields(layout: str, fields: dict[str, list[str]]) -> dict[str, list[str]]:
    """The fields that are read from a record of this layout."""
    if layout == "graded":
        used = {"query", "candidate", "relevance", "query_id", "candidate_id"}
    elif layout == "listed":
        used = {"query", "candidates", "labels", "query_id"}
    else:
        answer = next((field for field in ("positive", "candidates", "candidate") if field in fields), "")
        used = {"query", answer, "negative", "query_id"}
    return {field: names for field, names in fields.items() if field in used}


def items_of(record: dict, fields: dict[str, list[str]], layout: str, number: str) -> Iterator[Item]:
    """The candidates of a record with their grades."""
    if layout == "graded":
        id_ = plain_text(first_value(record, fields, "candidate_id")) if "candidate_id" in fields else number
        yield Item(id_, first_value(record, fields, "candidate"), first_value(record, fields, "relevance"))
    elif layout == "listed":
        items = list(_items(first_value(record, fields, "candidates"), number))
        labels = first_value(record, fields, "labels") if "labels" in fields else None
        if isinstance(labels, list):
            padded = [*labels, *[None] * (len(items) - len(labels))]
            items = [item._replace(grade=label) for item, label in zip(items, padded, strict=False)]
        yield from items
    else:
        answer = next(field for field in ("positive", "candidates", "candidate") if field in fields)
        positives = list(_items(first_value(record, fields, answer), number))
        yield from (item._replace(grade=1.0) for item in positives)
        start = len(positives)
        for name in fields.get("negative", ()):
            negatives = list(_items(record[name], number, start))
            start += len(negatives)
            yield from (item._replace(grade=0.0) for item in negatives)


def num_labels(record: dict, fields: dict[str, list[str]]) -> int:
    """How many labels a record lists; 0 where it has no list of them."""
    labels = first_value(record, fields, "labels") if "labels" in fields else None
    return len(labels) if isinstance(labels, list) else 0


def _items(value, number: str, start: int = 0) -> Iterator[Item]:
    """The candidates in a text, a list of texts or objects, or an object of lists; without ids of their own they are numbered."""
    if value is None or value == "":
        return
    if isinstance(value, dict) and any(isinstance(column, list) for column in value.values()):
        columns = {name: column for name, column in value.items() if isinstance(column, list)}
        length = max(map(len, columns.values()))
        value = [{name: column[row] for name, column in columns.items() if row < len(column)} for row in range(length)]
    values = value if isinstance(value, list) else [value]
    for place, part in enumerate(values, start=start + 1):
        name = number if place == 1 else f"{number}-{place}"
        if not isinstance(part, dict):
            yield Item(name, part)
            continue
        names = {
            field: next((key for key in (field, *others) if key in part), "") for field, others in ITEM_FIELDS.items()
        }
        title, text = plain_text(part.get(names["title"])), plain_text(part.get(names["text"]))
        text = f"{title} {text}" if title and text else text
        grade = names["relevance"]
        yield Item(plain_text(part.get(names["id"])) or name, text, part.get(grade), grade)


def first_value(record: dict, fields: dict[str, list[str]], field: str):
    """The value of a field; None where the record lacks it."""
    return record.get(fields[field][0])


def plain_text(value) -> str:
    """A text or a number as text without white space around it; empty for anything else, and for NaN."""
    return str(value).strip() if type(value) in (str, int, float) and value == value else ""
