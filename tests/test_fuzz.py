"""Every reader takes damaged files without failing: a slice of `python -m benchmarks.fuzz`, and inputs that once failed.

The inputs are the same at each run.
"""

import pytest

from tests.helpers import fuzzing
from tests.helpers.readers import READERS
from tests.helpers.small_files import parquet

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
    assert reading(raises(fuzzing.UserError("a.npz: Unable to allocate 3 TiB"))).problem == "too much memory"
    assert fuzzing.problem_of("two\nlines") == "a message that is not one line"
    assert fuzzing.problem_of("half a \ud83d") == "a message that cannot be printed"
    assert fuzzing.problem_of("a" * 10_000).startswith("a message of more than")
    assert fuzzing.problem_of("a.txt: is empty") == ""
    assert reading(never_ends).problem == "more than 0.2 seconds"


FAILED_ONCE = {
    "a column that is an object": ("rankings", '{"query": "a", "candidate": "b", "x": {"a": 1}}\n' * 3),
    "an encoding that does not exist": ("rankings", '<?xml version="1.0" encoding="utfnan"?><posts></posts>'),
    "tags that are never closed": (
        "rankings",
        '{"query": "a", "candidate": "' + "<a " * 9_000 + '", "relevance": 1}\n',
    ),
    "a row that ends before its column": ("responses", "item.,student,response\na\nb,q1\n"),
    "names of columns on several lines": ("responses", 'student,"item\n1","response\na"\n1,2,3\n'),
    "an id of 5,000 digits": ("squad predictions", '{"q%s": [1], "q2": "a"}' % ("9" * 5_000)),
    "a name of 5,000 letters": ("facts", f"subject\trelation\tobject\n{'a' * 5_000}\tb\tc\nd\te\tf\n"),
    "a relation of 900 letters": ("facts", f"o;s;{'p' * 900}\na;b;c\nd;e;f\n"),
    "a small document": ("squad null scores", '{"q1": 0.5}'),  # memory for all that may be read was reserved
    "a length that is true": (
        "vectors",
        b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '<f4', 'fortran_order': False, 'shape': (True,), }",
    ),
    "a name of a file that is binary": (
        "checkpoints",
        b"PK\x03\x04\x14" + bytes(21) + b"\x0a\x00\x00\x00" + b"\xff" * 400,
    ),
    "an archive of a later version": (
        "checkpoints",
        b"PK\x01\x02\x14\x03\x6d" + bytes(39) + b"PK\x05\x06" + bytes(4) + b"\1\0\1\0\x2e" + bytes(9),
    ),
    "a header among the facts": ("facts", "a\tb\tc\nsubject\trelation\tobject\n"),
    "Parquet without a row": ("vectors", parquet([{"vector": [1.0], "document": "a"}], 0)),
    "quotes without end": ("tables", 'a"\t"b\n' * 20_000),
    "apostrophes without end": ("documents", "'" * 100_000),
}
"""Inputs that the fuzz test found, in short: each made a reader raise, take minutes, reserve much memory or print several lines."""


@pytest.mark.parametrize("name", FAILED_ONCE)
def test_inputs_that_failed_once(tmp_path, name):
    reader_name, content = FAILED_ONCE[name]
    path = tmp_path / "data.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    outcome = fuzzing.try_reader(READERS[reader_name], path, max_seconds=30)
    assert outcome.kind != "failed", f"{outcome.problem}\n{outcome.details}"
