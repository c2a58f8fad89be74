"""Predicts students' next responses with an exported model. It needs the packages of requirements.txt, and nothing else.

python answer.py 17,4
python answer.py 17,4 --file histories.csv

from answer import Answerer

answerer = Answerer()
answerer([[("17", 3), ("4", 0)]], ["5"])[0]["predictions"][0]["probabilities"]
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from utils.common.errors import UserError, exit_on_user_error, one_line
from utils.common.exported import read_exported
from utils.common.onnx_model import OnnxModel
from utils.tracing.answering import TracingAnswerer, answer_lines
from utils.tracing.credit import credit_category, response_value
from utils.tracing.names import plain_name
from utils.tracing.sequences import NEW_STUDENT, ResponseSequence

COLUMNS = ("student", "item", "response")


class Answerer(TracingAnswerer):
    """Predicts responses with an exported model, see `TracingAnswerer`.

    Args:
        folder: the export; left out, the folder of this file.
        model: name of the model's file in it.

    Raises:
        UserError: a file is missing or damaged.
    """

    def __init__(self, folder: str | Path | None = None, model: str = "model.onnx"):
        folder = Path(__file__).parent if folder is None else Path(folder)
        settings = read_exported(folder, "settings.json")
        self.credit_levels = settings.pop("credit_levels")
        super().__init__(OnnxModel(folder / model, ("logits",)), read_exported(folder, "items.json"), **settings)

    def run(self, inputs: dict[str, np.ndarray]) -> dict:
        """The model's outputs for a batch, name to array."""
        return self.model.outputs(inputs)

    def read_histories(self, path: str | Path) -> tuple[list[ResponseSequence], list[str]]:
        """Read students' responses so far, in UTF-8: a table with commas or tabs, whose first line names the columns `student`,
        `item` and `response`; or a JSON object with these three in each line. A student's responses keep the order of the file.

        Args:
            path: the file.

        Returns:
            the students' sequences, and notes on what was not read.

        Raises:
            UserError: the file cannot be read, or a line is not a response.
        """
        students: dict[str, list[tuple[int, str, float]]] = {}
        others: dict[str, None] = {}
        try:
            with open(path, encoding="utf-8-sig", newline="") as file:
                for line, row in _rows(path, file):
                    others |= dict.fromkeys(name for name in row if name and name not in COLUMNS)
                    student, item, text = (
                        str(row.get(name) if row.get(name) is not None else "").strip() for name in COLUMNS
                    )
                    student, item, value = plain_name(student), plain_name(item), response_value(text)
                    if not student or not item or value is None or not value >= 0:
                        raise UserError(
                            f"{path}, line {line:,}: {text[:40]!r} is not the response of a student to an item; give student, item "
                            "and a category from 0"
                        )
                    students.setdefault(student, []).append((line, item, value))
        except (OSError, ValueError, csv.Error) as error:
            reason = getattr(error, "strerror", None) or error
            raise UserError(f"{path}: cannot be read ({reason}); give a table or JSON lines in UTF-8") from None
        if not students:
            raise UserError(f"{path}: has no responses; give student, item and response in each line")
        notes = [f"{path}: columns that are not read: {', '.join(others)}; responses keep the order of the file"]
        return [self._sequence(path, student, rows) for student, rows in students.items()], notes if others else []

    def _sequence(self, path: str | Path, student: str, rows: list[tuple[int, str, float]]) -> ResponseSequence:
        lines, items, responses = zip(*rows, strict=True)
        values = np.array(responses)
        wrong = np.flatnonzero(values > 1 if self.credit_levels else values != np.floor(values))
        if len(wrong):
            expected = "a fraction of credit from 0 to 1" if self.credit_levels else "a whole number, the category"
            raise UserError(f"{path}, line {lines[wrong[0]]:,}: a response is {values[wrong[0]]:g}; give {expected}")
        categories = credit_category(values, self.credit_levels) if self.credit_levels else values.astype(np.int64)
        return ResponseSequence(student, items, categories, file=str(path), lines=lines)


def _rows(path: str | Path, file) -> Iterator[tuple[int, dict]]:
    """Yield the line and the values by column of each response in an open file."""
    start = file.read(1)
    file.seek(0)
    if start == "{":
        for number, line in enumerate(file, start=1):
            if line.strip():
                try:
                    row = json.loads(line)
                except ValueError:
                    row = None
                if not isinstance(row, dict):
                    raise UserError(f"{path}, line {number:,}: is no JSON object; give student, item and response")
                yield number, row
        return
    delimiter = "\t" if "\t" in file.readline() else ","
    file.seek(0)
    reader = csv.DictReader(file, delimiter=delimiter)
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise UserError(
            f"{path}: has no column {' nor '.join(missing)}; name the columns {', '.join(COLUMNS)} in its first line"
        )
    for row in reader:
        yield reader.line_num, row


def main() -> None:
    """Predict responses on the command line."""
    parser = argparse.ArgumentParser(description="Predict how students respond to items next.")
    parser.add_argument("items", help="names of items, with commas between")
    parser.add_argument(
        "--file",
        type=Path,
        help="students' responses so far: CSV with the columns student, item and response, or JSON lines of these; without it, a "
        "new student is asked",
    )
    parser.add_argument("--json", action="store_true", help="print a line of JSON for each student")
    parser.add_argument("--model", default="model.onnx", help="the model's file (model.onnx)")
    arguments = parser.parse_args()
    with exit_on_user_error():
        items = [item.strip() for item in arguments.items.split(",") if item.strip()]
        if not items:
            raise UserError(f"{arguments.items!r}: no item there; give items, with commas between")
        answerer = Answerer(model=arguments.model)
        histories, notes = answerer.read_histories(arguments.file) if arguments.file else ([NEW_STUDENT], [])
        for note in notes:
            print(f"note: {one_line(note)}", file=sys.stderr)
        for student in answerer.predict(histories, items):
            if arguments.json:
                print(json.dumps(student))
            else:
                print("\n".join(map(one_line, answer_lines(student))))
