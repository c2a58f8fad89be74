"""Names as numbers."""

import numpy as np

from utils.tracing.names import Names, NumbersOfNames, distinct_names_of

TABLE = ["add", "mul", "div", ""]
NAMES = Names(np.array([2, 0, -1, 2], np.int32), TABLE)


def test_names_are_a_sequence_like_a_tuple():
    assert NAMES == ("div", "add", "", "div") and NAMES != ("div",) and len(NAMES) == 4
    assert NAMES[1] == "add" and NAMES[1:3] == ("add", "") and (*NAMES, "new")[-2:] == ("div", "new")
    assert isinstance(NAMES[1:3], Names)


def test_numbers_are_those_of_each_name():
    number = NumbersOfNames({"add": 5, "div": 7}, default=3)
    for names in (NAMES, tuple(NAMES), Names(np.array([1, 1]), TABLE), Names(np.array([0]), ["div"])):
        expected = [{"add": 5, "div": 7}.get(name, 3) for name in names]
        numbers = number(names)
        assert numbers.tolist() == expected and numbers.dtype == np.int32


def test_distinct_names_are_those_that_occur():
    assert distinct_names_of([NAMES[:2], ("mul", "x"), Names(np.array([1]), ["y", "z"])]) == {
        "div",
        "add",
        "mul",
        "x",
        "z",
    }
