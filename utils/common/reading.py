"""One policy for records that cannot be used: leave them out, count them, name the first ones, and stop where they are too many."""

from __future__ import annotations

from pathlib import Path

from utils.common.errors import UserError, one_line

MAX_BAD_FRACTION = 0.05
"""Fraction of a file's records that may be unusable before the file is refused."""
NUM_EXAMPLES = 5
"""How many records are named for each reason."""
MAX_PLACE = 100
"""The most characters of a record's name in a message."""


class Reading:
    """What reading the files of a run left out or noticed.

    >>> reading = Reading(max_bad_fraction=0.5)
    >>> with reading.file("answers.csv") as report:
    ...     report.used += 2
    ...     report.leave_out("line 3", "the item is empty")
    >>> reading.notes
    ['answers.csv: 1 of 3 records left out, the item is empty (line 3)']

    Args:
        max_bad_fraction: fraction of a file's records that may be unusable, 0-1. With 0 the first such record is an error.
    """

    def __init__(self, max_bad_fraction: float = MAX_BAD_FRACTION):
        self.max_bad_fraction = max_bad_fraction
        self.reports: list[FileReport] = []

    def file(self, path: str | Path) -> FileReport:
        """Start the report of a file; use it in a `with` statement around the reading."""
        report = FileReport(path, self.max_bad_fraction)
        self.reports.append(report)
        return report

    @property
    def notes(self) -> list[str]:
        """A line for each file and reason, to be printed."""
        return [line for report in self.reports for line in report.notes]

    def description(self) -> dict:
        """The counts of each file, for `results.json`: `used`, `bad`, and `left_out` and `noticed` by reason."""
        return {
            Path(report.path).name if self._has_unique_name(report) else str(report.path): report.description()
            for report in self.reports
        }

    def _has_unique_name(self, report: FileReport) -> bool:
        return sum(Path(other.path).name == Path(report.path).name for other in self.reports) == 1


class FileReport:
    """What reading one file left out or noticed.

    At the end of the `with` statement it raises `UserError` if more records were bad than may be, or if no record was used.

    Attributes:
        used: number of records that are used; the reader counts them.
        num_bad: number of records that are left out because they cannot be used.
    """

    def __init__(self, path: str | Path, max_bad_fraction: float = MAX_BAD_FRACTION):
        self.path = path
        self.max_bad_fraction = max_bad_fraction
        self.used = 0
        self.num_bad = 0
        self._bad: dict[str, _Places] = {}
        self._skipped: dict[str, _Places] = {}
        self._noticed: dict[str, _Places] = {}
        self._remarks: list[str] = []

    def leave_out(self, place: str, reason: str, count: int = 1) -> None:
        """Count a record that cannot be used.

        Args:
            place: where it is, such as `line 7` or `question 'q12'`.
            reason: what is wrong with it. Records with the same reason are counted together, so it must not contain values of
                the record.
            count: number of records that are lost at this place.
        """
        self.num_bad += count
        self._bad.setdefault(reason, _Places()).add(place, count)

    def skip(self, place: str, reason: str, count: int = 1) -> None:
        """Count a record that is left out but is not bad, because such files normally have some: a row without a response, say."""
        self._skipped.setdefault(reason, _Places()).add(place, count)

    def note(self, place: str, reason: str, count: int = 1) -> None:
        """Count a record that is used, although something about it should be known."""
        self._noticed.setdefault(reason, _Places()).add(place, count)

    def remark(self, text: str) -> None:
        """Say something about the file as a whole, such as how it was understood."""
        self._remarks.append(one_line(text))

    @property
    def notes(self) -> list[str]:
        """A line for each remark and each reason."""
        total = self.used + self.num_bad
        lines = [f"{self.path}: {text}" for text in self._remarks]
        lines += [f"{self.path}: {places.count:,} of {total:,} records left out, {places.because(reason)}"
                  for reason, places in self._bad.items()]  # fmt: skip
        for outcome, reasons in (("left out,", self._skipped), ("used, but", self._noticed)):
            for reason, places in reasons.items():
                records = "1 record" if places.count == 1 else f"{places.count:,} records"
                lines.append(f"{self.path}: {records} {outcome} {places.because(reason)}")
        return [one_line(line) for line in lines]

    def description(self) -> dict:
        """The counts, for `results.json`."""
        left_out = {reason: places.count for part in (self._bad, self._skipped) for reason, places in part.items()}
        noticed = {reason: places.count for reason, places in self._noticed.items()}
        counts = {"used": self.used, "bad": self.num_bad, "left_out": left_out, "noticed": noticed}
        return counts | ({"remarks": self._remarks} if self._remarks else {})

    def check(self) -> None:
        """Check that enough records were used.

        Raises:
            UserError: more records were bad than may be, or none was used.
        """
        total = self.used + self.num_bad
        reasons = "; ".join(places.because(reason) for reason, places in (self._bad | self._skipped).items())
        if not self.used:
            raise UserError(
                f"{self.path}: no record in it can be used" + (f": {reasons}" if reasons else ": it has none")
            )
        if self.num_bad > self.max_bad_fraction * total:
            raise UserError(
                f"{self.path}: {self.num_bad:,} of {total:,} records cannot be used, more than --max-bad-fraction "
                f"{self.max_bad_fraction:g} allows: {reasons}; correct them, or raise --max-bad-fraction to leave them out"
            )

    def __enter__(self) -> FileReport:
        return self

    def __exit__(self, kind, error, traceback) -> None:
        if kind is None:
            self.check()


class _Places:
    """How many records share a reason, and where the first ones are."""

    def __init__(self):
        self.count = 0
        self.num_places = 0
        self.examples: list[str] = []

    def add(self, place: str, count: int) -> None:
        self.count += count
        self.num_places += 1
        if len(self.examples) < NUM_EXAMPLES:
            self.examples.append(place if len(place) <= MAX_PLACE else f"{place[:MAX_PLACE]}...")

    def because(self, reason: str) -> str:
        return f"{reason} ({', '.join(self.examples)}{', ...' if self.num_places > NUM_EXAMPLES else ''})"
