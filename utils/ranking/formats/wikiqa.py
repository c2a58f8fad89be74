"""Read a folder with the tokenised files of WikiQA: `a.toks`, `b.toks`, `sim.txt`, `id.txt` and `boundary.txt`."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from utils.common.errors import UserError
from utils.common.files import read_lines
from utils.common.reading import FileReport
from utils.ranking.records import Candidate, Query

NAMES = ("a.toks", "b.toks", "sim.txt", "id.txt", "boundary.txt")


def is_wikiqa_folder(path: Path) -> bool:
    """Whether a folder has WikiQA's first file."""
    return _file(path, NAMES[0]).exists()


def read_wikiqa(path: Path, report: FileReport) -> Iterator[Query]:
    """Yield the questions; the boundaries say which lines are theirs."""
    columns = {name: [line.strip() for _, line in read_lines(_file(path, name))] for name in NAMES}
    boundaries = _boundaries(path / "boundary.txt", columns.pop("boundary.txt"))
    if len(set(map(len, columns.values()))) > 1:
        lengths = ", ".join(f"{name} {len(column):,}" for name, column in columns.items())
        raise UserError(
            f"{path}: its files have different numbers of lines ({lengths}); copy it again, one may be cut off"
        )
    questions, answers, labels, ids = columns.values()
    if not boundaries or boundaries[-1] != len(ids):
        raise UserError(
            f"{path / 'boundary.txt'}: must end with the number of lines, {len(ids):,}, not {(boundaries or [''])[-1]!r}; "
            "correct it"
        )
    for start, end in itertools.pairwise(boundaries):
        name = re.sub(r"-D\d+-\d+$", "", ids[start])  # WikiQA's ids look like Q12-D12-3
        if len(set(questions[start:end])) > 1:
            report.note(f"question {name}", "a question has several wordings; the first is used")
        candidates = []
        for row in range(start, end):
            if labels[row] in ("0", "1"):
                candidates.append(Candidate(ids[row], answers[row], float(labels[row])))
            else:
                report.leave_out(f"sim.txt, line {row + 1:,}", "the label is neither 0 nor 1")
        yield Query(name, questions[start], tuple(candidates), f"{path / 'b.toks'}, line {start + 1:,}")


def _file(path: Path, name: str) -> Path:
    """A file of the folder, which may be gzipped."""
    return path / name if (path / name).exists() or not (path / f"{name}.gz").exists() else path / f"{name}.gz"


def _boundaries(path: Path, lines: list[str]) -> list[int]:
    for number, (line, previous) in enumerate(zip(lines, ["-1", *lines], strict=False), start=1):
        if not re.fullmatch("[0-9]{1,9}", line) or int(line) <= int(previous) or (number == 1 and int(line)):
            raise UserError(
                f"{path}, line {number:,}: {line[:40]!r} must be a line number, 0 first and then increasing; correct it"
            )
    return [int(line) for line in lines]
