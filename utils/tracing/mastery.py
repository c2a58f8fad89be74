"""How much of each skill a student masters: a table and a picture."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from utils.common.asking import OrderedReport, json_line
from utils.common.files import atomic_file
from utils.common.fonts import drawable
from utils.text.words import shortened
from utils.tracing.sequences import ResponseSequence

MAX_DRAWN = 40
"""Students and skills in the picture, at most. The table has all."""
COLUMNS = ("student", "skill", "num_items", "num_responses", "mastery")
"""Columns of the table; models with ability have two more."""
MAX_NAME = 24
"""Characters of a name in the picture."""


def skill_mastery(
    predictions: Sequence[dict], history: ResponseSequence, skill_of_item: Mapping[str, str]
) -> list[dict]:
    """The mastery of each skill by a student.

    `mastery` is the credit that the student is expected to get for the skill's items, from 0 to 1: the mean over its items of
    `sum_k k P(response = k) / (K - 1)`. With two categories it is the mean probability of a right response.

    >>> predictions = [
    ...     {"item": "7 + 5", "probabilities": [0.1, 0.9]},
    ...     {"item": "6 + 8", "probabilities": [0.3, 0.7]},
    ...     {"item": "7 x 5", "probabilities": [0.6, 0.4]},
    ... ]
    >>> skills = {"7 + 5": "addition", "6 + 8": "addition", "7 x 5": "products"}
    >>> for row in skill_mastery(predictions, ResponseSequence("ann", ("7 + 5",), np.array([1])), skills):
    ...     print(row)
    {'skill': 'addition', 'num_items': 2, 'num_responses': 1, 'mastery': 0.8}
    {'skill': 'products', 'num_items': 1, 'num_responses': 0, 'mastery': 0.4}

    Args:
        predictions: of the student's response to each item, see `TracingAnswerer.predict`.
        history: the student's responses so far.
        skill_of_item: item to the name of its skill; an item that is not among them is a skill of its own, `item NAME`.

    Returns:
        a dict for each skill, in the order of their names, numbers in them by value: `skill`; `num_items`, of the predictions;
        `num_responses`, of the history; `mastery`; and for a model with ability `ability` and `ability_error`, means over the
        skill's items.
    """
    predictions_of: dict[str, list[dict]] = {}
    for prediction in predictions:
        predictions_of.setdefault(_skill(prediction["item"], skill_of_item), []).append(prediction)
    num_responses = Counter(_skill(item, skill_of_item) for item in history.items)
    return [
        {
            "skill": skill,
            "num_items": len(part),
            "num_responses": num_responses[skill],
            "mastery": _mean(map(_expected_credit, part)),
            **{
                name: _mean(prediction[name] for prediction in part)
                for name in ("ability", "ability_error")
                if name in part[0]
            },
        }
        for skill, part in sorted(predictions_of.items(), key=lambda pair: _numbers_by_value(pair[0]))
    ]


def _skill(item: str, skill_of_item: Mapping[str, str]) -> str:
    return skill_of_item.get(item, f"item {item}")


def _numbers_by_value(name: str) -> tuple[str, str]:
    """A sorting key that puts `unit 2` before `unit 10`."""
    return re.sub("[0-9]+", lambda number: number[0].zfill(20), name), name


def _mean(values: Iterable[float]) -> float:
    return round(float(np.mean(list(values))), 6)


def _expected_credit(prediction: dict) -> float:
    probabilities = np.array(prediction["probabilities"])
    return float(probabilities @ np.arange(len(probabilities)) / (len(probabilities) - 1))


def write_folder(folder: Path, answers: Iterable[dict], predictor, report: OrderedReport) -> None:
    """Write `predictions.jsonl`, `mastery.csv` (a row for each student and skill) and `mastery.png`.

    Args:
        folder: an existing folder.
        answers: from `utils.tracing.asking.ask_file`; a student whose responses the model does not know is in
            `predictions.jsonl` alone, with an error.
        predictor: the predictor that gave them; not used.
        report: counts what is left out; not used.
    """
    drawn: list[dict] = []
    num_students, num_responses = 0, Counter()
    with atomic_file(folder / "predictions.jsonl") as lines, atomic_file(folder / "mastery.csv") as table:
        for answer in answers:
            lines.write(f"{json_line(answer)}\n".encode())
            rows = [{"student": answer["student"], **row} for row in answer.get("mastery", ())]
            if not rows:
                continue
            table.write(_csv_lines(rows, with_header=not num_students))
            num_students += 1
            num_responses.update({row["skill"]: row["num_responses"] for row in rows})
            drawn += rows if num_students <= MAX_DRAWN else []
        if not num_students:
            table.write((",".join(COLUMNS) + "\n").encode())
    (folder / "mastery.png").unlink(missing_ok=True)
    if drawn:
        plot_mastery(drawn, folder / "mastery.png", num_students, num_responses)


def _csv_lines(rows: list[dict], with_header: bool) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    if with_header:
        writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def plot_mastery(rows: Sequence[dict], path: Path, num_students: int, num_responses: Counter[str]) -> None:
    """Draw a heat map with a row for each student and a column for each skill.

    Of more skills than `MAX_DRAWN`, those with the most responses are drawn; the title says so, and how many students there are.

    Args:
        rows: `student`, `skill` and `mastery` each, at least one, of the students that are drawn.
        path: the PNG file to write.
        num_students: students in all.
        num_responses: skill to the responses of all students.
    """
    from utils.common.figures import figure_and_axes, save_figure

    most = {skill for skill, _ in num_responses.most_common(MAX_DRAWN)}
    skills = [skill for skill in num_responses if skill in most]
    students = list(dict.fromkeys(row["student"] for row in rows))
    mastery = np.full((len(students), len(skills)), np.nan)
    row_of, column_of = ({name: place for place, name in enumerate(names)} for names in (students, skills))
    for row in rows:
        if row["skill"] in column_of:
            mastery[row_of[row["student"]], column_of[row["skill"]]] = row["mastery"]
    title = "Mastery: the part of a skill's credit that is expected"
    if num_students > len(students):
        title += f"\nthe first {len(students)} of {num_students:,} students"
    if len(num_responses) > len(skills):
        title += f"\nthe {len(skills)} of {len(num_responses):,} skills with the most responses"
    size = max(5.0, 2.5 + 0.3 * len(skills)), max(3.0, 1.8 + 0.22 * len(students))
    figure, (ax,) = figure_and_axes(*size, 1, title=title)
    image = ax.imshow(mastery, "viridis", aspect="auto", interpolation="nearest", vmin=0, vmax=1)
    names = [[drawable(shortened(str(name), MAX_NAME)) for name in names] for names in (skills, students)]
    ax.set_xticks(range(len(skills)), names[0], rotation=45, ha="right", fontsize=8)
    ax.set_yticks(range(len(students)), names[1], fontsize=8)
    ax.set(xlabel="skill", ylabel="student")
    figure.colorbar(image, ax=ax, label="mastery")
    save_figure(figure, path)
