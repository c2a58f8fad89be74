"""A row per student: a column per item, or an object with the responses by item."""

import json

import pytest

from tests.helpers.tracing_files import contents, read_file, write
from utils.common.errors import UserError
from utils.tracing.data import ResponseFormat


@pytest.mark.parametrize("header", ["student,i0,i1,i2", ",i0,i1,i2", "pupil,i0,i1,i2", "user_id,0,1,2"])
def test_a_column_per_item(tmp_path, header):
    items = header.split(",")[1:]
    path = write(tmp_path / "r.csv", f"{header}\ns0,0,1,\ns1,NA,1,1.0\n")
    sequences, notes = read_file(path)
    assert contents(sequences) == {"s0": (items[:2], [0, 1], None), "s1": (items[1:], [1, 1], None)}
    assert notes[0].startswith(f"read as a row per student with a column per item ({', '.join(items)})")
    assert "2 records left out, there is no response" in notes[1]


def test_a_column_per_item_without_students(tmp_path):
    sequences, _ = read_file(write(tmp_path / "r.csv", "i0,i1\n0,1\n1,1\n0,1\n"))
    assert [s.student for s in sequences] == ["r.csv:0", "r.csv:1", "r.csv:2"] and sequences[0].items == ("i0", "i1")


def test_a_student_with_two_rows_of_a_column_per_item_is_bad(tmp_path):
    rows = [f"s{n},0,1" for n in range(60)]
    sequences, notes = read_file(write(tmp_path / "r.csv", "\n".join(["student,i0,i1", *rows, "s3,1,1"])))
    assert len(sequences) == 60 and "2 of 122 records left out, its student has a row already" in notes[1]
    with pytest.raises(UserError, match="names no column of item and response"):  # a log with other names
        read_file(write(tmp_path / "s.csv", "\n".join(["student,q,mark", "s,4,1", "s,5,0"])))


def test_responses_by_item(tmp_path):
    records = [
        {"subject_id": "a", "responses": {"q1": 1, "q2": 0}},
        {"subject_id": "b", "responses": {"q2": True, "q3": None}},
    ]
    sequences, notes = read_file(write(tmp_path / "r.jsonl", "\n".join(map(json.dumps, records))))
    assert contents(sequences) == {"a": (["q1", "q2"], [1, 0], None), "b": (["q2"], [1], None)}
    assert "read as a row per student with responses by item" in notes[0]


def test_columns_about_the_students_and_sums_are_no_items(tmp_path):
    text = "Timestamp,age,gender,i0,i1,Total score\n2020/01/01,33,f,1,0,1\n2020/01/02,44,m,1,1,2\n"
    sequences, notes = read_file(write(tmp_path / "r.csv", text))
    assert contents(sequences) == {"r.csv:0": (["i0", "i1"], [1, 0], None), "r.csv:1": (["i0", "i1"], [1, 1], None)}
    assert notes[0] == "leaves out columns that are not items: 'Timestamp', 'age', 'gender', 'Total score'"


@pytest.mark.parametrize("columns", [{}, {"time": "ended"}])
def test_times_and_other_names_of_students_are_no_items(tmp_path, columns):
    time = columns.get("time", "order_id")
    text = f"student,{time},user_id,i0,start_time,i1\nann,7,71,1,3,0\nbob,8,72,1,4,1\n"
    sequences, notes = read_file(write(tmp_path / "r.csv", text), ResponseFormat(columns))
    assert contents(sequences) == {"ann": (["i0", "i1"], [1, 0], None), "bob": (["i0", "i1"], [1, 1], None)}
    assert notes[0] == f"leaves out columns that are not items: '{time}', 'user_id', 'start_time'"


def test_a_column_of_ids_is_no_item_although_an_id_comes_twice(tmp_path):
    rows = [f"{n},0,1" for n in range(60)]
    sequences, notes = read_file(write(tmp_path / "r.csv", "\n".join(["id,i0,i1", *rows, "3,1,1"])))
    assert len(sequences) == 60 and sequences[0].items == ("i0", "i1")
    assert "2 of 122 records left out, its student has a row already" in notes[1]


def test_texts_in_a_table_with_a_column_per_item(tmp_path):
    with pytest.raises(UserError, match="with a column per item, write whole numbers in its cells"):
        read_file(write(tmp_path / "r.csv", "student,i0,i1\nann,B,C\nbob,A,C\n"))
