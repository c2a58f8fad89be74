"""From files to records: students' sequences of answered items, and the true parameters of a simulation."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from utils.common.errors import UserError
from utils.common.files import content_kind, read_json
from utils.common.reading import FileReport, Reading
from utils.tracing.blocks import find_block_layout, read_block_log
from utils.tracing.columns import REQUIRED, find_response_columns, missing_columns
from utils.tracing.credit import choose_levels, credit_category, has_fractions, levels_in_words
from utils.tracing.matrices import is_matrix, read_matrix_log
from utils.tracing.repeated_rows import join_repeated_rows, times_tell_answers
from utils.tracing.response_log import ResponseLog
from utils.tracing.sequences import ResponseSequence
from utils.tracing.simulation import Truth
from utils.tracing.tables import open_table, read_table_log


@dataclass(frozen=True)
class ResponseFormat:
    """How responses are read.

    Args:
        columns: `student`, `item`, `response`, `time` or `skill` to the name of its column, where it has an uncommon one.
        expand_skills: rows that repeat an answer for another skill count as answers of their own.
        credit_levels: the number of categories that fractions of credit are turned into. 0 lets the responses tell: whole numbers
            are categories, fractions get as many levels as `utils.tracing.credit.choose_levels` says.
        answer_per_time: rows of one student and time are one answer, although their items differ; the items are skills. None lets
            the responses tell.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    expand_skills: bool = False
    credit_levels: int = 0
    answer_per_time: bool | None = None


COMMON_FORMAT = ResponseFormat()
"""Columns with common names, answers that are merged, and whatever the responses tell."""


def read_responses(
    paths: Sequence[str | Path],
    reading: Reading,
    response_format: ResponseFormat = COMMON_FORMAT,
    needs_columns: bool = True,
) -> tuple[list[list[ResponseSequence]], ResponseFormat]:
    """Read the files of a run, which are understood alike. What is in a file tells its layout:

    - lines per student (`utils.tracing.blocks`): three, as DKVMN and AKT have them, four with skills, six as pyKT has them;
    - a table, JSON, JSON lines or Parquet: a row per response, or per student with lists as pyKT has it (`utils.tracing.tables`);
      or a row per student with a column per item, or with responses by item as py-irt has it (`utils.tracing.matrices`).

    A student's rows are ordered by time where there are times, else they keep the order of the file. Rows that repeat an answer for
    another skill are joined (`utils.tracing.repeated_rows`).

    Args:
        paths: the files.
        reading: counts what is left out, and holds the notes.
        response_format: how the responses are read.
        needs_columns: a file without one of the format's columns is an error; otherwise, common names are looked for.

    Returns:
        the students' sequences of each file, and the format with what the responses told: `credit_levels` is 0 where responses are
        categories.

    Raises:
        UserError: a file cannot be read, or too many of its records cannot be used.
    """
    paths = [Path(path) for path in paths]
    with contextlib.ExitStack() as open_reports:
        reports = [open_reports.enter_context(reading.file(path)) for path in paths]
        columns = response_format.columns
        logs = [_read_log(path, report, columns, needs_columns) for path, report in zip(paths, reports, strict=True)]
        if response_format.answer_per_time is None:
            response_format = replace(response_format, answer_per_time=times_tell_answers(logs))
        for log, report in zip(logs, reports, strict=True):
            by_time = response_format.answer_per_time and log.has_time
            join_repeated_rows(log, by_time, response_format.expand_skills, report)
    levels = _credit_levels(logs, response_format.credit_levels)
    if levels:
        for report in reports:
            report.remark(
                f"responses are fractions of credit; each becomes the nearest of {levels} levels ({levels_in_words(levels)}), "
                "which are the categories (--credit-levels)"
            )
    sequences = [log.sequences(lambda values: _categories(values, levels)) for log in logs]
    return sequences, replace(response_format, credit_levels=levels)


def _read_log(path: Path, report: FileReport, columns: Mapping[str, str], needs_columns: bool) -> ResponseLog:
    """The rows of one file, after the first checks."""
    if content_kind(path) == "text" and (layout := find_block_layout(path)):
        if columns and needs_columns:
            raise UserError(
                f"{path}: has {layout}, and no columns that --columns {next(iter(columns))}= could name; leave --columns out, or "
                "give a table whose first line names its columns"
            )
        log = read_block_log(path, layout, report)
    else:
        table = open_table(path, columns, report)
        places = find_response_columns(path, table.header, columns, needs_columns)
        if is_matrix(places, table):
            log = read_matrix_log(table, places, report)
        elif places.keys() >= set(REQUIRED):
            log = read_table_log(table, places, report)
        else:
            raise missing_columns(path, table.header, places)
    if report.used:
        log.leave_out_mixed_responses(report)
    report.check()
    return log


def _credit_levels(logs: Sequence[ResponseLog], levels: int) -> int:
    """The number of levels of credit, or 0 where responses are categories."""
    values = np.unique(np.concatenate([log.used_values() for log in logs]))
    if not levels and not has_fractions(values):
        return 0
    if values.max() > 1:
        above = next(log for log in logs if log.used_values().max() > 1)
        others = [str(log.path) for log in logs if has_fractions(log.used_values())]
        reason = (
            f"but {others[0]} has fractions of credit" if others else "but --credit-levels is for fractions of credit"
        )
        raise UserError(
            f"{above.path}: a response is {above.used_values().max():g}, {reason}; divide scores by the full score"
        )
    return levels or choose_levels(values)


def _categories(values: np.ndarray, levels: int) -> np.ndarray:
    return credit_category(values, levels) if levels else values.astype(np.int64)


def read_truth(path: str | Path) -> Truth:
    """Read the true abilities and items from deep-gpcm's `true_irt_parameters.json`, compressed or not.

    Raises:
        UserError: the file cannot be read, or does not hold these parameters.
    """
    content = read_json(path)
    try:
        ability = np.array(content["student_abilities"]["theta"], float)
        discrimination = np.array(content["question_params"]["discrimination"]["alpha"], float)
        thresholds = np.array(content["question_params"]["difficulties"]["beta"], float)
        if ability.ndim != 1 or thresholds.ndim != 2 or len(discrimination) != len(thresholds):
            raise ValueError("alpha and beta must have one row per item")
        if not all(np.isfinite(part).all() for part in (ability, discrimination, thresholds)):
            raise ValueError("a parameter is not a finite number")
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: holds no true parameters ({type(error).__name__}: {str(error)[:80]}); give a true_irt_parameters.json"
        ) from None
    return Truth(ability, discrimination, thresholds, np.zeros(len(ability)), np.zeros(len(thresholds), int))
