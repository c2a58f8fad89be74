"""The names that columns of responses have in the field's files, and those that a user gives them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from utils.common.errors import UserError
from utils.common.tables import find_columns

ALIASES = {
    "student": (
        "student_id", "student_name", "students", "user", "user_id", "user_name", "uid", "learner", "learner_id", "subject",
        "subject_id", "person", "person_id",
        "pupil", "pupil_id", "examinee", "examinee_id", "respondent", "respondent_id", "stu_id", "anon_student_id",
    ),
    "item": (
        "item_id", "items", "question", "question_id", "questions", "problem", "problem_id", "problems", "problem_name", "exercise",
        "exercise_id", "exercises", "content_id", "qid", "step_name",
    ),
    "response": (
        "responses", "correct", "is_correct", "correctness", "answered_correctly", "correct_first_attempt", "score", "outcome",
        "credit",
    ),
    "time": (
        "times", "timestamp", "timestamps", "start_time", "date_time", "time_done", "created_at", "first_transaction_time",
        "end_time", "date", "order_id", "problem_log_id", "log_id",
    ),
    "skill": (
        "skills", "skill_id", "skill_name", "concept", "concept_id", "concepts", "kc", "kc_id", "kcs", "knowledge_component",
        "kc_default",
    ),
}  # fmt: skip
"""Each column to its other names: those of ASSISTments, pyKT, EdNet, Junyi, DataShop, and common ones."""
LAST_RESORT = {"item": "sequence_id"}
"""ASSISTments 2015 has neither problems nor skills, but problem sets."""
REQUIRED = ("student", "item", "response")
KNOWN_COLUMNS = tuple(name for column, others in ALIASES.items() for name in (column, *others))


def parse_columns(texts: Sequence[str]) -> dict[str, str]:
    """Read `--columns`: texts such as `student=user_id`. An empty name, as in `time=`, says that there is no such column.

    Raises:
        UserError: a text has another form, or names a column that does not exist.
    """
    columns = {}
    for text in texts:
        column, equals, name = text.partition("=")
        if not equals or column not in ALIASES or (column in REQUIRED and not name):
            raise UserError(f"--columns {text}: give COLUMN=NAME, where COLUMN is one of {', '.join(ALIASES)}")
        columns[column] = name
    return columns


def find_response_columns(
    path: Path, header: Sequence[str], chosen: Mapping[str, str], needs_chosen: bool = True
) -> dict[str, int]:
    """The places of the columns in a table, by their common names or those that the user gives.

    Where a table names skills but no items, the column of skills is that of the items.

    Args:
        path: the file, for messages.
        header: the names in the file.
        chosen: from `parse_columns`.
        needs_chosen: a chosen name that is not in the header is an error; otherwise, common names are looked for.

    Raises:
        UserError: a chosen name is not in the header, or two columns could be meant.
    """
    if not needs_chosen:
        chosen = {column: name for column, name in chosen.items() if not name or find_columns(path, header, {name: []})}
    names = {column: name for column, name in chosen.items() if name}
    columns = find_columns(path, header, ALIASES, names)
    for column in ("student", "item", "response", "skill"):
        if column in columns and column not in names:
            _check_unique(path, header, column)
    for column in chosen.keys() - names.keys():
        columns.pop(column, None)
    if "item" not in columns and "skill" in columns:
        columns["item"] = columns.pop("skill")
    elif "item" not in columns:
        columns |= find_columns(path, header, {column: [name] for column, name in LAST_RESORT.items()})
    elif is_skill(header[columns["item"]]) and "skill" not in names:
        columns.pop("skill", None)
    return columns


def is_skill(name: str) -> bool:
    """Whether a name in a header is a common one for skills."""
    return bool(find_columns("", [name], {"skill": ALIASES["skill"]}))


def _check_unique(path: Path, header: Sequence[str], column: str) -> None:
    """Check that only one thing in the header can be meant. The id and the name of one thing are no two things."""
    aliases = (column, *ALIASES[column])
    names = [header[place] for alias in aliases for place in find_columns(path, header, {alias: []}).values()]
    if column != "response" and find_columns(path, header, {column: []}):
        return  # the plain name wins; but a column of responses beside one of correctness may hold the texts of answers
    things = {re.sub(r"[\W_]|(id|name|s)$", "", name.casefold()) for name in names}
    if len(things) > 1:
        likely = next((name for name in names if "correct" in name.casefold()), names[0])
        raise UserError(
            f"{path}: its columns {' and '.join(map(repr, names))} could both be the {column}; say which with "
            f"--columns {column}={quoted(likely)}"
        )


def columns_in_words(header: Sequence[str], columns: Mapping[str, int]) -> str:
    """Which column of a file is what, as `--columns` takes it."""
    return " ".join(f"{column}={quoted(header[place])}" for column, place in columns.items())


def missing_columns(path: Path, header: Sequence[str], columns: Mapping[str, int]) -> UserError:
    """The error for a table in which some required columns are not known."""
    if not header:
        return UserError(f"{path}: is empty; name another file")
    if all(re.fullmatch(r"[-+.\d]*", name) for name in header):
        return UserError(
            f"{path}: its first line holds numbers and no names of columns; add a line such as student,item,response before it, "
            "or write three lines per student (docs/data_formats.md)"
        )
    missing = [column for column in REQUIRED if column not in columns]
    listed = ", ".join(map(quoted, header[:12])) + (", ..." if len(header) > 12 else "")
    return UserError(
        f"{path}: names no column of {' and '.join(missing)}, but {listed[:200]}; rename them, or say which they are in training "
        f"with --columns {' '.join(f'{column}=NAME' for column in missing)}"
    )


def quoted(name: str) -> str:
    """A name as a shell takes it."""
    return f'"{name}"' if re.search(r"[^\w.-]", name) else name
