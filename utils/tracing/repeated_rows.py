"""Answers that are written once for each of their skills.

Files such as ASSISTments' have a row for each skill of an item, with the student's one response in each of them. A model that sees
the first row knows the others: responses by tossing coins then have an AUC of 0.8 instead of 0.5. Such rows are one answer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from utils.common.reading import FileReport
from utils.tracing.response_log import ResponseLog

MIN_EXPECTED_CONFLICTS = 20
"""So many groups of rows must be expected to disagree by chance before their agreement says that each group is one answer."""
MAX_CONFLICT_RATIO = 0.05
"""The groups of one answer disagree in less than this fraction of what is expected by chance."""


def join_repeated_rows(log: ResponseLog, by_time: bool, expand_skills: bool, report: FileReport) -> None:
    """Sort the rows by student and time, and join those that are one answer with several skills.

    One answer is

    - in a file with times: the rows of a student with the same item and time;
    - in a file without times: consecutive rows of a student with the same item, each with another skill. A skill that comes again
      begins a new answer, and so does every row of a file without skills: a student may answer an item twice in a row;
    - with `by_time`: all rows of a student with the same time, whatever their items, which are skills.

    A joined answer has the names of its skills (or items) in alphabetical order with a plus between: `addition+fractions`. Where
    its rows have different responses, nobody knows the answer: they are left out as bad records.

    Args:
        log: the rows; they are changed.
        by_time: see above.
        expand_skills: keep the rows apart, and only say how many repeat an answer.
        report: counts them.
    """
    log.sort()
    leader = find_leaders(log, by_time)
    rows = np.flatnonzero(leader != np.arange(len(leader)))
    if not len(rows):
        return
    shared = "time" if by_time else "item and time" if log.has_time else "item in a row"
    if expand_skills:
        reason = f"they repeat an answer (same student, {shared}), which a model can copy (--expand-skills)"
        for line in log.columns["line"][rows].tolist():
            report.note(log.place(line), reason)
        return
    responses = log.responses()
    conflicts = np.zeros(len(log), bool)
    conflicts[leader[rows[responses[rows] != responses[leader[rows]]]]] = True
    conflicts = conflicts[leader]
    rows = rows[~conflicts[rows]]
    reason = f"they repeat an answer for another skill (same student, {shared}) and are merged with it"
    for line in log.columns["line"][rows].tolist():
        report.note(log.place(line), reason)
    if by_time:
        _join_names(log.columns, "item", log.items, leader, rows)
    if log.has_skills:
        _join_names(log.columns, "skill", log.skills, leader, rows)
    is_merged = np.zeros(len(log), bool)
    is_merged[rows] = True
    conflicts = conflicts[~is_merged]
    log.keep(~is_merged)
    if conflicts.any():
        reason = (
            f"rows of one answer (same student, {shared}) have different responses (--expand-skills keeps each row)"
        )
        log.leave_out(conflicts, reason, report)


def find_leaders(log: ResponseLog, by_time: bool) -> np.ndarray:
    """For each row the first row of its answer, `(rows,)`; the rows are sorted by student and time."""
    columns = log.columns
    leader = np.arange(len(log), dtype=np.int32)
    if not log.has_time:
        return _consecutive_leaders(columns, leader) if log.has_skills else leader
    is_new = np.append(True, (np.diff(columns["student"]) != 0) | (np.diff(columns["time"]) != 0))
    is_shared = ~is_new | np.append(~is_new[1:], False)  # rows with the time of the row before or after
    rows = np.flatnonzero(is_shared)
    if by_time:
        return np.maximum.accumulate(np.where(is_new, leader, 0))
    moment, item = np.cumsum(is_new)[rows], columns["item"][rows]
    order = np.lexsort((item, moment))  # stable: the first row of an answer stays the first
    is_first = np.append(True, (np.diff(moment[order]) != 0) | (np.diff(item[order]) != 0))[: len(rows)]
    first = np.maximum.accumulate(np.where(is_first, np.arange(len(rows)), 0))
    leader[rows[order]] = rows[order][first]
    return leader


def _consecutive_leaders(columns: dict[str, np.ndarray], leader: np.ndarray) -> np.ndarray:
    student, item, skill = (columns[name] for name in ("student", "item", "skill"))
    goes_on = (
        (np.diff(student) == 0) & (np.diff(item) == 0) & (np.diff(skill) != 0) & (skill[1:] >= 0) & (skill[:-1] >= 0)
    )
    previous, skills = -1, set()
    for row in (np.flatnonzero(goes_on) + 1).tolist():
        if row - 1 != previous:
            skills = {skill[row - 1]}
        if skill[row] in skills:
            skills = {skill[row]}
        else:
            skills.add(skill[row])
            leader[row] = leader[row - 1]
        previous = row
    return leader


def _join_names(
    columns: dict[str, np.ndarray], column: str, names: dict[str, int], leader: np.ndarray, rows: np.ndarray
) -> None:
    """Give the first row of each answer the joined names of all its rows."""
    numbers = columns[column].copy()
    members: dict[int, set[int]] = {}
    for first, number in zip(leader[rows].tolist(), numbers[rows].tolist(), strict=True):
        members.setdefault(first, {int(numbers[first])}).add(number)
    name_of_number, joined = list(names), {}
    for first, parts in members.items():
        key = tuple(sorted(parts - {-1}))
        if key and key not in joined:
            joined[key] = names.setdefault("+".join(sorted(name_of_number[part] for part in key)), len(names))
        if key:
            numbers[first] = joined[key]
    columns[column] = numbers


def times_tell_answers(logs: Sequence[ResponseLog]) -> bool:
    """Whether all rows of a student and time are one answer, although their items differ, because the items are skills.

    A column's name may say that. Where it does not, the responses show it: rows of one student and time agree always, where as many
    rows of different answers would often disagree.

    Args:
        logs: the files of one run.
    """
    logs = [log for log in logs if log.has_time]
    if any(log.items_are_skills for log in logs):
        return True
    expected = conflicts = 0.0
    for log in logs:
        log.sort()
        leader = find_leaders(log, by_time=True)
        if (np.diff(leader) > 0).all():
            continue
        one_item = find_leaders(log, by_time=False)
        rows = np.flatnonzero(one_item == np.arange(len(log)))  # one row of each student, time and item
        responses, moment = log.responses(), leader[rows]
        sizes = np.bincount(moment, minlength=len(log))
        firsts = np.flatnonzero(sizes > 1)
        _, counts = np.unique(responses[rows], return_counts=True)
        shares = counts / counts.sum()
        agreement = {int(size): (shares**size).sum() for size in np.unique(sizes[firsts])}
        expected += sum(1 - agreement[size] for size in sizes[firsts].tolist())
        differs = responses[rows] != responses[moment]
        conflicts += len(np.unique(moment[differs]))
    return expected >= MIN_EXPECTED_CONFLICTS and conflicts <= MAX_CONFLICT_RATIO * expected
