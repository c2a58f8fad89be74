"""Students whose responses a trained model is to predict."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from utils.common.errors import UserError
from utils.common.reading import Reading
from utils.tracing.checks import (
    check_students,
    distinct_names,
    notes_on_single_categories,
    notes_on_unknown_items,
)
from utils.tracing.data import ResponseFormat, read_responses
from utils.tracing.names import NumbersOfNames
from utils.tracing.splits import ResponseData


def read_students(
    paths: Sequence[Path],
    model_items: dict[str, int],
    num_categories: int,
    response_format: ResponseFormat,
    reading: Reading,
) -> ResponseData:
    """Read students whose responses a trained model is to predict; all are in the split `test`.

    Args:
        paths: their files.
        model_items: the model's items and their numbers.
        num_categories: the model's number of response categories.
        response_format: how the training files were read.
        reading: counts records that cannot be used.

    Raises:
        UserError: a file is not usable, a student is in two files, or a response is none of the model's categories.
    """
    students_of_file, understood = read_responses(paths, reading, response_format, needs_columns=False)
    if understood.credit_levels != response_format.credit_levels:
        named = " or ".join(map(str, paths))
        raise UserError(f"{named}: has fractions of credit, but the run was trained on categories; give categories")
    students, files = [], []
    for path, part in zip(map(Path, paths), students_of_file, strict=True):
        students += distinct_names(part, path, files)
        files.append(path.name)
    check_students(students)
    for sequence in students:
        if sequence.responses.max() >= num_categories:
            place = sequence.place(int(sequence.responses.argmax()))
            raise UserError(
                f"{place}: a response is {sequence.responses.max()}, but the model knows 0 to {num_categories - 1}; correct it"
            )
    data = ResponseData(
        {"test": students}, num_categories, files, [], None, {}, None, understood, model_items=model_items
    )
    data.reading = reading.description()
    number_items = NumbersOfNames(model_items)
    unknown = sum(int((number_items(sequence.items) == 0).sum()) for sequence in students)
    if unknown:
        total = sum(len(sequence.items) for sequence in students)
        data.notes.append(f"{unknown:,} of {total:,} responses are to items that training does not have")
    data.notes += notes_on_unknown_items(data.sequences, model_items) + notes_on_single_categories(data.sequences)
    return data
