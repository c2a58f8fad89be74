"""Answers that are written once for each of their skills.

Files such as ASSISTments' have a row for each skill of an item, with the student's one response in each of them. A model that sees
the first row knows the others: even for coin tosses it then reaches an AUC of 0.8 instead of 0.5. Such rows are one answer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from utils.common.reading import FileReport
from utils.tracing.response_log import ResponseLog

MIN_EXPECTED_CONFLICTS = 20
"""Agreement of rows shows that they are one answer only if at least this many groups of rows would disagree by chance."""
ONE_ANSWER = 0.05
"""Rows of one answer have different responses in less than this fraction of what is expected of different answers."""
SEVERAL_ANSWERS = 0.5
"""Rows of several answers have different responses in more than this fraction of what is expected."""
MIN_CONFLICTS = 3
"""Fewer different responses are taken for damaged records."""
MIN_MOVED, MOVED_FRACTION = 20, 0.25
"""Times change the order of many rows if at least this many rows, and at least this fraction, stand earlier in the file than the
row before them in time."""
COPIES_SAMPLE = 2**20
"""How many rows are searched for copies."""


def join_repeated_rows(log: ResponseLog, by_time: bool, expand_skills: bool, report: FileReport) -> None:
    """Sort the rows by student and time, and join those that are one answer with several skills.

    One answer is

    - in a file with times: the rows of a student with the same item and time;
    - in a file without times: consecutive rows of a student with the same item, each with another skill. A skill that comes again
      begins a new answer, and so does every row of a file without skills: a student may answer an item twice in a row;
    - with `by_time`: all rows of a student with the same time, whatever their items, which are skills.

    A joined answer has the names of its skills (or items) in alphabetical order with a plus between: `addition+fractions`. Where
    its rows have different responses, the true one is not known, and they are left out as bad records. Where that is about as
    frequent as among different answers, every row counts as an answer, because times may be whole days.

    Args:
        log: the rows; they are changed.
        by_time: see above.
        expand_skills: keep the rows apart, and only say how many repeat an answer.
        report: counts them.
    """
    log.sort()
    leader = find_leaders(log, by_time)
    shared = "time" if by_time else "item and time" if log.has_time else "item in a row"
    are_repeated_rows_kept = expand_skills and bool((leader != np.arange(len(leader))).any())
    _join_answers(log, leader, shared, by_time, expand_skills, report)
    if log.has_time and log.has_skills and not by_time and not are_repeated_rows_kept:
        # Times may be those of writing the rows, and differ a little. The responses show whether it is one answer.
        leader = _consecutive_leaders(log.columns)
        if _agree(*count_conflicts(log.responses(), leader)):
            _join_answers(log, leader, "item in a row", by_time, expand_skills, report)
    if not expand_skills:
        _look_for_copies(log, report)
    _remark_on_order(log, report)


def _remark_on_order(log: ResponseLog, report: FileReport) -> None:
    """Say so if times change the order of many rows: such a column may hold how long answers took instead."""
    if not log.has_time:
        return
    student, line = log.columns["student"], log.columns["line"]
    is_same = student[1:] == student[:-1]
    num_moved = int((is_same & (line[1:] < line[:-1])).sum())
    if num_moved >= max(MIN_MOVED, MOVED_FRACTION * is_same.sum()):
        report.remark(
            "its rows are put in the order of their times, which is very different; if the column of times holds something "
            "else, such as how long answers took, --columns time= keeps the order of the file"
        )


def _look_for_copies(log: ResponseLog, report: FileReport) -> None:
    """Say so if students almost never change their response to an item: such rows may be copies that are far apart in the file.

    This happens in files that hold the same rows twice, and where rows for each skill were sorted by skill.

    Args:
        log: the rows, sorted by student. The first ones are enough.
        report: takes the remark.
    """
    student, item = (log.columns[name][:COPIES_SAMPLE].astype(np.int64) for name in ("student", "item"))
    key = student * len(log.items) + item
    order = np.argsort(key, kind="stable")
    is_first = np.append(True, np.diff(key[order]) != 0)[: len(key)]
    first = np.maximum.accumulate(np.where(is_first, np.arange(len(key)), 0))
    leader = np.empty(len(key), np.int64)
    leader[order] = order[first]
    if is_first.all() or not _agree(*count_conflicts(log.responses()[: len(key)], leader)):
        return
    report.remark(
        f"{int((~is_first).sum()):,} rows have the student and item of another row, and their responses (almost) never differ: "
        "they may be copies, which a model can repeat; if so, remove them, or name the column that tells answers apart "
        "(--columns time=NAME)"
    )


def _join_answers(
    log: ResponseLog, leader: np.ndarray, shared: str, by_time: bool, expand_skills: bool, report: FileReport
) -> None:
    """Join the rows of each answer, unless they are to be kept apart or seem to be several answers.

    Args:
        log: the rows.
        leader: the first row of each row's answer, `(rows,)`.
        shared: what the rows of an answer have in common.
        by_time: the items are skills, whose names are joined.
        expand_skills: keep the rows apart.
        report: counts the rows.
    """
    rows = np.flatnonzero(leader != np.arange(len(leader)))
    conflicts, expected = count_conflicts(log.responses(), leader) if len(rows) else (0, 0)
    if conflicts >= MIN_CONFLICTS and conflicts >= SEVERAL_ANSWERS * expected:
        report.remark(
            f"{len(rows):,} rows share student and {shared} with another row, but their responses differ as often as those of "
            "different answers: each row counts as an answer"
        )
    elif expand_skills:
        reason = f"they repeat an answer (same student, {shared}), which a model can copy (--expand-skills)"
        log.count_rows(report.note, rows, reason)
    elif len(rows):
        _join(log, leader, rows, shared, by_time, report)


def _join(
    log: ResponseLog, leader: np.ndarray, rows: np.ndarray, shared: str, by_time: bool, report: FileReport
) -> None:
    """Join these rows, which are not their own leaders, with their leaders. The other arguments are those of `_join_answers`."""
    responses = log.responses()
    conflicts = np.zeros(len(log), bool)
    conflicts[leader[rows[responses[rows] != responses[leader[rows]]]]] = True
    conflicts = conflicts[leader]
    rows = rows[~conflicts[rows]]
    of_skill = " for another skill" if by_time or log.has_skills else ""
    reason = f"they repeat an answer{of_skill} (same student, {shared}) and are merged with it"
    log.count_rows(report.note, rows, reason)
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
        return _consecutive_leaders(columns) if log.has_skills else leader
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


def _consecutive_leaders(columns: dict[str, np.ndarray]) -> np.ndarray:
    """The leaders of rows that follow one another, with the same student and item and different skills."""
    leader = np.arange(len(columns["student"]), dtype=np.int32)
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
    """Give the first row of each answer the joined names of all its rows, in alphabetical order."""
    rows = np.append(np.unique(leader[rows]), rows)
    rows = rows[columns[column][rows] >= 0]
    names_by_number = list(names)
    rank = np.empty(len(names), np.int32)
    rank[np.argsort(np.array(names_by_number, object))] = np.arange(len(names))
    rows = rows[np.lexsort((rank[columns[column][rows]], leader[rows]))]
    first, number = leader[rows], columns[column][rows]
    is_other = np.append(True, (np.diff(first) != 0) | (np.diff(number) != 0))[: len(rows)]
    first, number = first[is_other], number[is_other]
    starts = np.flatnonzero(np.append(True, np.diff(first) != 0)[: len(first)])
    sizes = np.diff(np.append(starts, len(first)))
    joined = number[starts]
    for place in range(1, sizes.max(initial=0)):  # add the second name of each answer, then the third, ...
        answers, base = np.flatnonzero(sizes > place), np.int64(len(names))
        pairs = joined[answers] * base + number[starts[answers] + place]
        different, pair_of_answer = np.unique(pairs, return_inverse=True)
        numbers = []
        for left, right in zip(*(part.tolist() for part in np.divmod(different, base)), strict=True):
            name = f"{names_by_number[left]}+{names_by_number[right]}"
            numbers.append(names.setdefault(name, len(names)))
            if numbers[-1] == len(names_by_number):
                names_by_number.append(name)
        joined[answers] = np.array(numbers, np.int32)[pair_of_answer]
    columns[column] = columns[column].copy()
    columns[column][first[starts]] = joined


def times_tell_answers(logs: Sequence[ResponseLog]) -> bool:
    """Whether all rows of a student and time are one answer, although their items differ, because the items are skills.

    A column's name may say that. If it does not, the responses show it: rows of one student and time almost always agree, although
    as many rows of different answers would often disagree.

    Args:
        logs: the files of one run.
    """
    logs = [log for log in logs if log.has_time]
    if any(log.items_are_skills for log in logs):
        return True
    conflicts, expected = 0, 0.0
    for log in logs:
        log.sort()
        leader = find_leaders(log, by_time=True)
        if (leader == np.arange(len(leader))).all():
            continue
        one_item = find_leaders(log, by_time=False)
        rows = np.flatnonzero(one_item == np.arange(len(log)))  # one row of each student, time and item
        places = np.zeros(len(log), np.int32)
        places[rows] = np.arange(len(rows))
        counts = count_conflicts(log.responses()[rows], places[leader[rows]])
        conflicts, expected = conflicts + counts[0], expected + counts[1]
    return _agree(conflicts, expected)


def _agree(conflicts: int, expected: float) -> bool:
    """Whether groups of rows agree so often that each group is one answer."""
    return expected >= MIN_EXPECTED_CONFLICTS and conflicts <= ONE_ANSWER * expected


def count_conflicts(responses: np.ndarray, leader: np.ndarray) -> tuple[int, float]:
    """In how many groups of rows the responses differ, and in how many they would if responses were independent.

    Args:
        responses: `(rows,)`.
        leader: the first row of each row's group, `(rows,)`.
    """
    sizes = np.bincount(leader, minlength=len(leader))
    _, counts = np.unique(responses, return_counts=True)
    frequencies = counts / counts.sum()
    group_sizes, num_groups = np.unique(sizes[sizes > 1], return_counts=True)
    agreement = (frequencies ** group_sizes[:, None]).sum(axis=1)
    conflicts = len(np.unique(leader[responses != responses[leader]]))
    return conflicts, float((num_groups * (1 - agreement)).sum())
