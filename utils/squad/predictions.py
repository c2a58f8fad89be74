"""Predictions and null scores from files, in the layouts that the field's tools write."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from utils.common.errors import UserError
from utils.common.files import content_kind, read_json
from utils.common.reading import FileReport, Reading
from utils.common.records import read_records
from utils.squad.layouts import IDENTIFIER, as_text, first_value

LARGEST = 1e300
"""Null scores beyond it are not taken for numbers."""
PREDICTION = ("prediction_text", "prediction", "answer", "answer_text")
"""The names under which a record holds its prediction; the first one is Hugging Face's."""


def read_predictions(path: str | Path, reading: Reading | None = None) -> dict[str, str]:
    """Read `{question id: answer text}`, or records such as Hugging Face's `{"id": ..., "prediction_text": ...}`.

    A number is taken as a text and noted. A prediction that is null or no text is left out; its question then has none.

    Args:
        path: JSON, JSON lines, Parquet or a table. Of several predictions for a question the first one counts.
        reading: counts what is left out; a new one allows 5 % of the records to be bad.

    Raises:
        UserError: the file cannot be read, too many records are bad, or no record can be used.
    """
    predictions: dict[str, str] = {}
    with (reading or Reading()).file(path) as report:
        for identifier, value in _pairs(path, report):
            text = as_text(value)
            if text is None:
                report.leave_out(
                    f"question {identifier!r}", f"the prediction is {'null' if value is None else 'not a text'}"
                )
            elif identifier in predictions:
                report.leave_out(f"question {identifier!r}", "there is an earlier prediction for it")
            else:
                predictions[identifier] = text
                report.used += 1
                if not isinstance(value, str):
                    report.note(f"question {identifier!r}", "the prediction is a number: it is taken as a text")
    return predictions


def read_null_scores(path: str | Path, reading: Reading | None = None) -> dict[str, float]:
    """Read `{question id: null score}` from JSON. Of several null scores for a question the first one counts.

    Raises:
        UserError: the file cannot be read, holds no such object, or a value is not a finite number.
    """
    null_scores: dict[str, float] = {}
    with (reading or Reading()).file(path) as report:
        document, pairs = _read_json_with_pairs(path)
        if not isinstance(document, dict):
            raise UserError(f"{path}: holds no JSON object; give one that maps each question id to a finite number")
        for identifier, value in pairs:
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not is_number or not abs(value) < LARGEST:  # NaN is not
                raise UserError(f"{path}: the value of {identifier!r} is {str(value)[:40]!r}; give a finite number")
            if identifier in null_scores:
                report.leave_out(f"question {identifier!r}", "there is an earlier null score for it")
            else:
                null_scores[identifier] = float(value)
                report.used += 1
    return null_scores


def _pairs(path: str | Path, report: FileReport) -> Iterator[tuple[str, object]]:
    """Yield the question id and the value of each prediction of a file."""
    document, pairs = _read_json_with_pairs(path) if content_kind(path) == "json" else (None, [])
    if isinstance(document, dict) and first_value(document, PREDICTION) is None:
        yield from pairs
        return
    for place, fields in read_records(path, report, known_columns=(*IDENTIFIER, *PREDICTION)):
        record = {name.strip().lower(): value for name, value in fields.items()}
        identifier = as_text(first_value(record, IDENTIFIER))
        names = [name for name in PREDICTION if name in record]
        if identifier is None or not names:
            report.leave_out(place, f"it has no {'id' if identifier is None else PREDICTION[0]}")
        else:
            yield identifier, record[names[0]]


def _read_json_with_pairs(path: str | Path) -> tuple[object, list[tuple[str, object]]]:
    """A JSON document and, where it is an object, its pairs. A dict would keep only the last pair of a name."""
    pairs: list[tuple[str, object]] = []

    def keep_pairs(items: list[tuple[str, object]]) -> dict:
        nonlocal pairs
        pairs = items  # the parser ends with the outermost object
        return dict(items)

    return read_json(path, keep_pairs), pairs
