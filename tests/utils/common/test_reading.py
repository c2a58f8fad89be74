"""Bad records are left out, counted and named, as long as they are few."""

import pytest

from utils.common.errors import UserError
from utils.common.reading import Reading


def fill(report, used, bad, reason="the item is empty"):
    report.used += used
    for number in range(bad):
        report.leave_out(f"line {number + 1}", reason)


def test_few_bad_records_are_counted_and_the_first_five_named():
    reading = Reading(0.05)
    with reading.file("a.csv") as report:
        fill(report, 114, 6)
    assert reading.notes == [
        "a.csv: 6 of 120 records left out, the item is empty (line 1, line 2, line 3, line 4, line 5, ...)"
    ]
    assert reading.description() == {
        "a.csv": {"used": 114, "bad": 6, "left_out": {"the item is empty": 6}, "noticed": {}}
    }


def test_too_many_bad_records_are_an_error():
    reading = Reading(0.05)
    with pytest.raises(UserError) as caught, reading.file("a.csv") as report:
        fill(report, 94, 5)
        report.leave_out("line 99", "the time is no number")
    assert str(caught.value).startswith(
        "a.csv: 6 of 100 records cannot be used, more than --max-bad-fraction 0.05 allows: "
    )
    assert "the item is empty (line 1, " in str(caught.value) and "the time is no number (line 99)" in str(caught.value)


def test_none_may_be_bad_where_the_fraction_is_0():
    with pytest.raises(UserError, match="1 of 1,001 records"), Reading(0.0).file("a") as report:
        fill(report, 1000, 1)


def test_what_is_skipped_or_noticed_is_not_bad():
    reading = Reading(0.0)
    with reading.file("a") as report:
        report.used += 1
        report.skip("line 2", "there is no response")
        report.note("line 1", "the label is wider than its answer")
    assert reading.notes == [
        "a: 1 record left out, there is no response (line 2)",
        "a: 1 record used, but the label is wider than its answer (line 1)",
    ]


def test_a_file_without_a_usable_record_is_an_error():
    with (
        pytest.raises(UserError, match="a: no record in it can be used: no response"),
        Reading(0.9).file("a") as report,
    ):
        report.skip("line 2", "no response")
    with pytest.raises(UserError, match=r"a: no record in it can be used: it has none$"), Reading().file("a"):
        pass


def test_another_error_is_not_replaced():
    with pytest.raises(UserError, match="its own"), Reading().file("a"):
        raise UserError("its own")


def test_files_of_one_name_are_told_apart():
    reading = Reading()
    for path in ("x/a", "y/a", "y/b"):
        with reading.file(path) as report:
            report.used += 1
    assert list(reading.description()) == ["x/a", "y/a", "b"]


def test_a_remark_is_about_the_file_as_a_whole():
    reading = Reading()
    with reading.file("a.tsv") as report:
        report.used += 1
        report.remark("it has no header")
    assert reading.notes == ["a.tsv: it has no header"]


def test_what_a_file_holds_cannot_break_a_line():
    reading = Reading(0.5)
    with reading.file("a.csv") as report:
        fill(report, 3, 1)
        report.note(f"question {'9' * 5_000!r}", "half \ud83d")
        report.remark("two\nlines \x1b[2J")
    assert all(line.isprintable() and len(line) < 300 for line in reading.notes)
    assert r"two\nlines \x1b[2J" in reading.notes[0] and r"half \ud83d" in reading.notes[-1]
    message = str(UserError(f"a.csv: column {'x' * 9_000} is a\r\nb; rename it"))
    assert message.isprintable() and len(message) < 1_100 and message.startswith("a.csv: column xx")
    assert message.endswith(r"is a\r\nb; rename it")
