"""Readers of responses."""

import numpy as np
import pytest

from tests.helpers.tracing_sequences import SEQUENCES
from utils.common.errors import UserError
from utils.tracing.data import ResponseSequence, count_categories, read_responses


def write(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_reads_three_lines_a_student(tmp_path):
    sequences, notes = read_responses(write(tmp_path / "r.txt", "3\n5,2,5,\n0,1,3,\n0\n\n\n1\n7\n2\n\n"))
    assert [(s.student, s.items, s.responses.tolist()) for s in sequences] == [
        ("r.txt:0", ("5", "2", "5"), [0, 1, 3]),
        ("r.txt:2", ("7",), [2]),
    ]
    assert notes == [f"{tmp_path / 'r.txt'}: 1 students without responses left out (line 4)"]


def test_three_lines_a_student_may_stand_in_a_csv(tmp_path):
    """As DKVMN's own files do."""
    sequences, _ = read_responses(write(tmp_path / "r.csv", "2\n5,2,\n0,1,\n"))
    assert sequences[0].items == ("5", "2")


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("r.txt", "1\n5\n0\n2\n5,6\n1,900000000000\n", 6),
        ("r.csv", "student,item,response\na,x,0\na,y,900000000000\n", 3),
    ],
)
def test_a_response_that_is_no_category_is_reported_with_its_line(tmp_path, name, text, line):
    sequences, _ = read_responses(write(tmp_path / name, text))
    with pytest.raises(
        UserError, match=f"{name}, line {line}: a response is 900000000000, but categories .* is it a score"
    ):
        count_categories(sequences)
    with pytest.raises(UserError, match=f"{name}, line {line}: a response is 900000000000, but there are 4 categories"):
        count_categories(sequences, 4)


def test_reads_a_table_in_the_order_of_time(tmp_path):
    rows = "Student,time,item,Response,skill\nann,3,a,1,x\nbob,1,b,0,y\nann,1,c,2,x\nann,3,d,0,z\n"
    sequences, _ = read_responses(write(tmp_path / "r.csv", rows))
    assert [(s.student, s.items, s.responses.tolist(), s.skills) for s in sequences] == [
        ("ann", ("c", "a", "d"), [2, 1, 0], ("x", "x", "z")),
        ("bob", ("b",), [0], ("y",)),
    ]
    plain, _ = read_responses(write(tmp_path / "p.csv", "student,item,response\nann,b,1,\n,,\n\nann,a,0\n,,\n"))
    assert plain[0].items == ("b", "a") and plain[0].skills is None


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("r.txt", "", "has no responses"),
        ("r.txt", "0\n\n\n", "has no responses"),
        ("r.txt", "2\n1,2\n0,1\n3\n", "4 lines, which is not a multiple of three"),
        ("r.txt", "2\n1,2,3\n0,1\n", "line 2: has 3 entries, but line 1 says '2'"),
        ("r.txt", "2\n1,2\n0\n", "line 3: has 1 entries"),
        ("r.txt", "x\n1,2\n0,1\n", "line 1 says 'x'"),
        ("r.txt", "2\n1,2\n0,-1\n", "line 3: has the response -1"),
        ("r.txt", "2\n1,2\n0,0.5\n", "line 3: responses must be whole numbers"),
        ("r.txt", "1\n1\n99999999999999999999\n", "line 3: responses must be whole numbers"),
        ("r.txt", b"1\n\xff\n0\n", "line 2: is not UTF-8"),
        ("r.txt", "2\n1,,2\n0,1\n", "line 2: has nothing between two commas"),
        ("r.txt", "²\n1,2\n0,1\n", "line 1 says '²'"),
        ("r.csv", "student,item,response\nann,a,1_0\n", "line 2: responses must be whole numbers, not '1_0'"),
        ("r.csv", "student,item,response\nann,x, y,1\n", "line 2: has 4 fields, the first line 3"),
        ("r.csv", "student,item,response\nann,x\n", "line 2: has 2 fields, the first line 3"),
        ("r.csv", "student,item,Item,response\nann,x,y,1\n", "has the column item twice"),
        ("r.csv", 'student,item,response\nann,x,"1\nbob,y,0\n', "line 2: is not a row of CSV"),
        ("r.csv", "a,b\n1,2\n", "no column student, item, response"),
        ("r.csv", "student,item,response\nann,,1\n", "line 2: student or item is empty"),
        ("r.csv", "student,item,response\nann,a,\n", "line 2: responses must be whole numbers"),
        ("r.csv", "student,item,response,time\nann,a,1,nan\n", "line 2: time 'nan' is not a number"),
        ("r.csv", "student,item,response,time\nann,a,1,5\nann,b,1,\n", "line 3: time ''"),
    ],
)
def test_bad_files_are_one_clear_line(tmp_path, name, text, words):
    path = write(tmp_path / name, text)
    with pytest.raises(UserError, match=words) as caught:
        read_responses(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_categories_are_counted_and_those_that_never_occur_named():
    assert count_categories(SEQUENCES) == (3, [])
    assert count_categories(SEQUENCES, 4) == (4, ["no response is in category 3"])
    with pytest.raises(UserError, match="student 1, response 3: a response is 2, but there are 2 categories"):
        count_categories(SEQUENCES, 2)
    with pytest.raises(UserError, match="all responses are 0"):
        count_categories([ResponseSequence("a", ("x",), np.array([0]))])
