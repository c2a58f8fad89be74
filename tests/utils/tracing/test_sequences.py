"""Sequences of answered items, and their categories."""

import numpy as np
import pytest

from tests.helpers.tracing_files import read_file, write
from tests.helpers.tracing_sequences import SEQUENCES
from utils.common.errors import UserError
from utils.tracing.sequences import ResponseSequence, as_sequence, count_categories


def test_categories_are_counted_and_those_that_never_occur_named():
    assert count_categories(SEQUENCES) == (3, [])
    assert count_categories(SEQUENCES, 4) == (4, ["no response is in category 3"])
    with pytest.raises(UserError, match="student 1, response 3: a response is 2, but there are 2 categories"):
        count_categories(SEQUENCES, 2)
    with pytest.raises(UserError, match="all responses are 0"):
        count_categories([ResponseSequence("a", ("x",), np.array([0]))])


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("r.txt", "1\n5\n0\n2\n5,6\n1,900000000000\n", 6),
        ("r.csv", "student,item,response\na,x,0\na,y,900000000000\n", 3),
    ],
)
def test_a_response_that_is_no_category_is_reported_with_its_line(tmp_path, name, text, line):
    sequences, _ = read_file(write(tmp_path / name, text))
    with pytest.raises(
        UserError, match=f"{name}, line {line}: a response is 900000000000, but categories .* is it a score"
    ):
        count_categories(sequences)
    with pytest.raises(UserError, match=f"{name}, line {line}: a response is 900000000000, but there are 4 categories"):
        count_categories(sequences, 4)


@pytest.mark.parametrize("pair", [("1",), ("1", None), ("1", float("nan")), ("1", 10**30), ("1", 1.5), (1, 1), 5])
def test_what_is_no_response_is_named(pair):
    with pytest.raises(ValueError, match=r"student ann, response 2: .* is not .item, category from 0."):
        as_sequence("ann", [("1", 0), pair])
