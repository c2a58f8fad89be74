"""Responses in files of some lines per student: those of DKVMN, AKT and pyKT."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from utils.common.errors import UserError
from utils.common.files import read_lines
from utils.common.reading import FileReport
from utils.tracing.credit import is_response
from utils.tracing.response_log import ResponseLog

SAMPLE_LINES = 600
"""Lines that tell how a file is laid out."""
LAYOUTS = (
    ("item", "response"),
    ("item", "skill", "response"),
    ("item", "skill", "response", "time", "duration"),
)
"""What the lines after a student's first line hold: DKVMN's files, those with skills, and pyKT's."""
WORDS = {"item": "items", "skill": "skills", "response": "responses", "time": "times", "duration": "durations"}

Block = list[tuple[int, list[str]]]
"""Line number and entries of each line of one student."""


@dataclass(frozen=True)
class BlockLayout:
    """How a file of some lines per student is laid out.

    Args:
        columns: what the lines after the first one hold, one of `LAYOUTS`.
        count: place of the number of responses in the first line, or None.
        student: place of the student's name in the first line, or None.
        missing: columns that hold nothing but NA.
    """

    columns: tuple[str, ...]
    count: int | None = 0
    student: int | None = None
    missing: frozenset[str] = frozenset()

    def __str__(self) -> str:
        places = {self.count: "number of responses", self.student: "student"}
        first = " and ".join(places[place] for place in (0, 1) if place in places)
        names = (WORDS[column] for column in self.columns)
        return f"{len(self.columns) + 1} lines per student: {first}, {', '.join(names)}"


def find_block_layout(path: Path) -> BlockLayout | None:
    """The layout of a file of some lines per student, or None where the file is something else.

    Raises:
        UserError: the first lines of the students are not clear.
    """
    lines = list(itertools.islice(read_lines(path), SAMPLE_LINES))
    first = next((entries for _, line in lines if (entries := split_entries(line))), [])
    if not 1 <= len(first) <= 2:
        return None
    best_layout, best_score = None, (0.5, 0.0)
    for columns in LAYOUTS:
        blocks = [block for block in _blocks(lines, len(columns) + 1) if len(block) > len(columns)]
        fitting = [block for block in blocks if len(block[0][1]) == len(first) and _widths_agree(block, columns)]
        if not fitting:
            continue
        layout, count_share = _layout_of(fitting, columns, len(first))
        score = (len(fitting) / len(blocks), count_share)
        if layout is not None and score > best_score:
            best_layout, best_score = layout, score
    if best_layout is not None and best_layout.count is None and best_layout.student is None:
        raise UserError(
            f"{path}: a student's first line, such as {','.join(first)!r}, has no number of responses, and does not tell who the "
            "student is; write the number of responses and the student into it, such as '3,ann'"
        )
    if best_layout is None and len(first) == 1 and first[0].isdecimal():
        # No table begins with a number alone: the records are bad, and the reader names them.
        return BlockLayout(LAYOUTS[0])
    return best_layout


def _widths_agree(block: Block, columns: Sequence[str]) -> bool:
    """Whether all lines after the first have the same number of entries, and the responses are numbers."""
    entries = {column: part for column, (_, part) in zip(columns, block[1:], strict=True)}
    widths = {len(part) for part in entries.values() if part != ["NA"]}
    return len(widths) == 1 and 0 not in widths and all(map(is_response, entries["response"]))


def _layout_of(blocks: Sequence[Block], columns: tuple[str, ...], num_first: int) -> tuple[BlockLayout | None, float]:
    """What the first line of each student holds, and the share of students for which it holds the number of responses."""
    place_of_responses = columns.index("response") + 1
    widths = [len(block[place_of_responses][1]) for block in blocks]
    shares = [
        sum(block[0][1][place] == str(width) for block, width in zip(blocks, widths, strict=True)) / len(blocks)
        for place in range(num_first)
    ]
    count = max(range(num_first), key=shares.__getitem__) if max(shares) > 0.5 else None
    if count is None and all(width == num_first for width in widths):
        return None, 0.0  # a table whose rows all have as many fields as its header
    student = _place_of_student([block[0][1] for block in blocks], count)
    missing = (
        column
        for place, column in enumerate(columns, start=1)
        if all(block[place][1] == ["NA"] and widths[number] != 1 for number, block in enumerate(blocks))
    )
    return BlockLayout(columns, count, student, frozenset(missing)), shares[count] if count is not None else 0.0


def _place_of_student(first_lines: Sequence[Sequence[str]], count: int | None) -> int | None:
    """Which entry of the students' first lines names the student, who may have several blocks; None where none does.

    Beside the number of responses or a running number it is the other entry. Else it is the last one that differs in all lines, if
    that holds for each entry.

    Args:
        first_lines: the entries of each.
        count: place of the number of responses, or None.
    """
    entries, number = list(zip(*first_lines, strict=True)), count
    if number is None and len(entries) == 2:
        numbers = [[int(entry) if entry.isdecimal() else -1 for entry in column] for column in entries]
        running = [place for place, column in enumerate(numbers) if _is_running(column)]
        # A student's number may grow from line to line, too, but not as slowly.
        number = min(running, key=lambda place: numbers[place][-1], default=None)
    if number is not None:
        if len(entries) == 1 or (count is not None and len(set(entries[1 - number])) == 1):  # one value is no name
            return None
        return 1 - number
    return len(entries) - 1 if all(len(set(column)) == len(column) for column in entries) else None


def _is_running(numbers: Sequence[int]) -> bool:
    """Whether numbers begin at 0 or 1 and grow."""
    return numbers[0] in (0, 1) and all(earlier < later for earlier, later in itertools.pairwise(numbers))


def split_entries(line: str) -> list[str]:
    """The entries of a line, with commas, semicolons or blanks between; those at the end that are empty do not count.

    >>> split_entries("4,7,"), split_entries("0 1  1"), split_entries("3,,4")
    (['4', '7'], ['0', '1', '1'], ['3', '', '4'])
    """
    separator = next((mark for mark in ",;" if mark in line), None)
    entries = [entry.strip() for entry in line.split(separator)]
    while entries and not entries[-1]:
        entries.pop()
    return entries


def _blocks(lines: Iterable[tuple[int, str]], height: int) -> Iterator[Block]:
    """The lines of each student, blank ones between students left out. A student without responses may have the first line only."""
    block: Block = []
    for number, line in lines:
        entries = split_entries(line)
        if not entries and not block:
            continue
        block.append((number, entries))
        if len(block) == height or (len(block) == 2 and block[0][1] == ["0"] and not entries):
            yield block
            block = []
    if block:
        yield block


def read_block_log(path: Path, layout: BlockLayout, report: FileReport) -> ResponseLog:
    """Read a file of some lines per student.

    Args:
        path: the file.
        layout: from `find_block_layout`.
        report: counts what is used and what is not, and says how the file was understood.
    """
    present = [column for column in layout.columns if column not in layout.missing]
    items_are_skills = "item" not in present and "skill" in present
    has_skills = "skill" in present and not items_are_skills
    if layout != BlockLayout(LAYOUTS[0]):
        report.remark(f"read as {layout}" + ("; a skill counts as an item" if items_are_skills else ""))
    log = ResponseLog(path, "line", "time" in present, has_skills, items_are_skills)
    log.read(_rows(path, layout, items_are_skills, report, log), report)
    return log


def _rows(
    path: Path, layout: BlockLayout, items_are_skills: bool, report: FileReport, log: ResponseLog
) -> Iterator[tuple]:
    """The responses, as `ResponseLog.read` takes them."""
    seen = set()
    for number, block in enumerate(_blocks(read_lines(path), len(layout.columns) + 1)):
        line, first = block[0]
        if len(block) <= len(layout.columns):
            if first == ["0"]:
                report.skip(log.place(line), "the student has no responses")
            else:
                report.leave_out(log.place(line), "the file ends within a student", max(len(part) for _, part in block))
            continue
        lines = {column: part for column, (_, part) in zip(layout.columns, block[1:], strict=True)}
        count = len(lines["response"])
        empty = [""] * count
        parts = {column: empty if part == ["NA"] != lines["response"] else part for column, part in lines.items()}
        widths = {len(parts[column]) for column in layout.columns if column not in layout.missing}
        if layout.count is not None:
            widths.add(
                int(first[layout.count]) if layout.count < len(first) and first[layout.count].isdecimal() else -1
            )
        if widths != {count}:
            largest = max(1, *map(len, lines.values()))
            report.leave_out(log.place(line), "the numbers of a student's entries differ", largest)
            continue
        name = f"{path.name}:{number}"
        if layout.student is not None and layout.student < len(first):
            name = first[layout.student]
            if name in seen:
                report.note(log.place(line), "they continue a student from further up", count)
            seen.add(name)
        items = parts["skill" if items_are_skills else "item"]
        line_of_responses = block[layout.columns.index("response") + 1][0]
        for item, response, time, skill in zip(
            items, parts["response"], parts.get("time", empty), parts.get("skill", empty), strict=True
        ):
            yield line_of_responses, name, item, response, time, skill
