"""Every reader takes damaged files without failing: a slice of `python -m benchmarks.fuzz`, and inputs that once failed.

The inputs are the same at each run.
"""

import pytest

from tests.helpers import fuzzing
from tests.helpers.readers import READERS

INPUTS = 40
"""Damaged files of each quick reader; slow ones get fewer."""
SEED = 2026


@pytest.mark.parametrize("name", READERS)
def test_valid_files_are_read(tmp_path, name):
    reader = READERS[name]
    for format_name, files in reader.examples().items():
        fuzzing.write_files(tmp_path / "input", files)
        outcome = fuzzing.try_reader(reader, reader.path(tmp_path / "input", files), max_seconds=60)
        is_kept = name not in ("records", "tables", "lines")  # these take some of the formats alone
        assert outcome.kind == "accepted" or (not is_kept and outcome.kind == "refused"), (format_name, outcome)


@pytest.mark.parametrize("name", READERS)
def test_damaged_files_are_read_or_refused(tmp_path, name):
    reader = READERS[name]
    for number in range(max(1, INPUTS // reader.slow)):
        format_name, files = fuzzing.damaged_files(name, number, SEED)
        fuzzing.write_files(tmp_path / "input", files)
        outcome = fuzzing.try_reader(reader, reader.path(tmp_path / "input", files), max_seconds=30)
        assert outcome.kind != "failed", f"{name} {number}, {format_name}: {outcome.problem}\n{outcome.details}"


def test_damage_is_reproducible():
    for name in ("responses", "rankings"):
        assert fuzzing.damaged_files(name, 3) == fuzzing.damaged_files(name, 3) != fuzzing.damaged_files(name, 4)


def test_each_kind_of_failure_is_noticed(tmp_path):
    def reading(function):
        return fuzzing.try_reader(fuzzing.Reader(function, dict), tmp_path, max_seconds=0.2)

    def raises(error):
        def read(path):
            raise error

        return read

    def never_ends(path):
        while True:
            pass

    assert reading(lambda path: None).kind == "accepted"
    assert reading(raises(fuzzing.UserError("a.txt: is empty"))).kind == "refused"
    assert reading(raises(KeyError("x"))).problem.startswith("KeyError in ")
    assert reading(raises(fuzzing.UserError("two\nlines"))).problem == "a message that is not one line"
    assert reading(raises(fuzzing.UserError("half a \ud83d"))).problem == "a message that cannot be printed"
    assert reading(never_ends).problem == "more than 0.2 seconds"
