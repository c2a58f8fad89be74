"""Tables, JSON and Parquet: a row per response, lists per student, or a column per item."""

import json

import numpy as np
import pytest

from tests.helpers.tracing_files import contents, read_file, write
from utils.common.errors import UserError
from utils.tracing.data import ResponseFormat

RECORDS = [
    {"student": "ann", "item": "a", "response": 1, "time": 3, "skill": "x"},
    {"student": "bob", "item": "b", "response": 0, "time": 1, "skill": "y"},
    {"student": "ann", "item": "c", "response": 2, "time": 1, "skill": "x"},
]
EXPECTED = {"ann": (["c", "a"], [2, 1], ["x", "x"]), "bob": (["b"], [0], ["y"])}


def lines(records, separator=","):
    return (
        "\n".join(separator.join(map(str, row)) for row in (records[0].keys(), *(r.values() for r in records))) + "\n"
    )


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", " "])
@pytest.mark.parametrize("name", ["r.csv", "r.txt"])
def test_any_separator(tmp_path, separator, name):
    sequences, notes = read_file(write(tmp_path / name, lines(RECORDS, separator)))
    assert contents(sequences) == EXPECTED and notes == []


@pytest.mark.parametrize(
    "content",
    [
        "\n".join(map(json.dumps, RECORDS)),
        json.dumps(RECORDS),
        json.dumps({"data": RECORDS}),
        json.dumps({name: [record[name] for record in RECORDS] for name in RECORDS[0]}),
        "\ufeff" + lines(RECORDS).replace("\n", "\r\n"),
        lines(RECORDS).encode("utf-16"),
        lines([{"": n, **record} for n, record in enumerate(RECORDS)]),
        lines([{f'"{k}"': f'"{v}"' for k, v in record.items()} for record in RECORDS]),
    ],
)
def test_records_of_any_layout(tmp_path, content):
    sequences, notes = read_file(write(tmp_path / "r", content))
    assert contents(sequences) == EXPECTED and notes == []


def test_parquet(tmp_path):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    import datetime

    columns = {name: [record[name] for record in RECORDS] for name in RECORDS[0]}
    columns["time"] = [datetime.datetime(2020, 1, day) for day in (3, 1, 1)]
    columns["response"] = [1.0, 0.0, 2.0]
    parquet.write_table(pyarrow.table(columns), tmp_path / "r")
    sequences, _ = read_file(tmp_path / "r")
    assert contents(sequences) == EXPECTED and sequences[0].place(0) == f"{tmp_path / 'r'}, row 3"
    lists = {"uid": [7], "questions": [[11, 12]], "responses": [[True, False]], "timestamps": [[5, 4]]}
    parquet.write_table(pyarrow.table(lists), tmp_path / "lists")
    assert contents(read_file(tmp_path / "lists")[0]) == {"7": (["12", "11"], [0, 1], None)}


def test_values_that_are_no_texts_are_bad_records(tmp_path):
    records = [
        *({"student": "s", "item": n, "response": n % 2} for n in range(30)),
        {"student": "s", "item": [1], "response": 1},
    ]
    sequences, notes = read_file(write(tmp_path / "r.jsonl", "\n".join(map(json.dumps, records))))
    assert len(sequences[0].items) == 30 and notes == [
        "1 of 31 records left out, a value is a list or an object (line 31)"
    ]


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (
            "order_id,assignment_id,user_id,problem_id,original,correct,sequence_id,skill_id,skill_name,opportunity",
            "student=user_id item=problem_id response=correct time=order_id skill=skill_id",
        ),
        (
            "problem_log_id,skill,problem_id,user_id,start_time,end_time,correct",
            "student=user_id item=problem_id response=correct time=start_time skill=skill",
        ),
        ("user_id,log_id,sequence_id,correct", "student=user_id response=correct time=log_id item=sequence_id"),
        ("studentId,problemId,Correct,startTime", "student=studentId item=problemId response=Correct time=startTime"),
        ("UserId,QuestionId,IsCorrect", "student=UserId item=QuestionId response=IsCorrect"),
    ],
)
def test_names_of_the_fields_own_files(tmp_path, header, found):
    names = header.split(",")
    rows = [",".join(str(row % 2) if "orrect" in name else f"{row}" for name in names) for row in range(4)]
    sequences, notes = read_file(write(tmp_path / "r.csv", "\n".join([header, *rows])))
    assert len(sequences) == 4 and notes == [f"read with --columns {found}"]


def test_columns_that_the_user_names(tmp_path):
    path = write(tmp_path / "r.csv", "who,user_id,Step Name,mark,when\nann,x,a,1,2\nann,x,b,0,1\n")
    chosen = {"student": "who", "item": "step name", "response": "mark", "time": "when"}
    sequences, notes = read_file(path, ResponseFormat(chosen))
    assert contents(sequences) == {"ann": (["b", "a"], [0, 1], None)}
    assert notes == ['read with --columns student=who item="Step Name" response=mark time=when']
    with pytest.raises(UserError, match="has no column 'score'; its columns are 'who'"):
        read_file(path, ResponseFormat(chosen | {"response": "score"}))


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (
            "user_id,student_name,item,response",
            "its columns 'student_name' and 'user_id' could both be the student|'user_id' and",
        ),
        ("student,problem_id,step_name,response", "could both be the item; say which with --columns item=problem_id"),
        ("student,item,correct,score", "could both be the response; say which with --columns response=correct"),
        (
            "who,what,correct",
            "names no column of student and item, but who, what, correct; say which they are with --columns",
        ),
        ("user_id,question,response,correct", "columns 'response' and 'correct' could both be the response"),
        ("student,response", "names no column of item"),
        ("a,b,c", "names no column of student and item and response"),
        ("7,12,1", "names no column"),
    ],
)
def test_columns_that_are_not_clear_are_asked_for(tmp_path, header, words):
    rows = ["x,y,1,0"[: 2 * header.count(",") + 1]] * 3
    with pytest.raises(UserError, match=words) as caught:
        read_file(write(tmp_path / "r.csv", "\n".join([header, *rows])))
    assert "\n" not in str(caught.value)


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


PYKT = "fold,uid,questions,concepts,responses,timestamps,selectmasks"


def test_rows_of_pykt(tmp_path):
    rows = [
        '0,7,"11,1,-1","2,1,-1","1,0,-1","5,6,-1","1,1,-1"',
        '1,8,"3,4,5","0,0,1","0,1,1","1,2,3","1,1,1"',
        '1,7,"9,-1,-1","2,-1,-1","1,-1,-1","7,-1,-1","1,-1,-1"',
    ]
    sequences, notes = read_file(write(tmp_path / "r.csv", "\n".join([PYKT, *rows])))
    assert contents(sequences) == {
        "7": (["11", "1", "9"], [1, 0, 1], ["2", "1", "2"]),
        "8": (["3", "4", "5"], [0, 1, 1], ["0", "0", "1"]),
    }
    assert notes == [
        "read with --columns student=uid item=questions response=responses time=timestamps skill=concepts",
    ]


def test_a_response_of_pykts_windows_counts_once(tmp_path):
    windows = ['0,7,"1,2,3","0,1,1","1,1,1"', '0,7,"2,3,4","1,1,0","-1,-1,1"', '0,7,"3,4,5","1,0,1","-1,-1,1"']
    sequences, _ = read_file(
        write(tmp_path / "r.csv", "\n".join(["fold,uid,concepts,responses,selectmasks", *windows]))
    )
    assert contents(sequences) == {"7": (["1", "2", "3", "4", "5"], [0, 1, 1, 0, 1], None)}


def test_rows_that_pykt_repeats_for_each_concept_are_one_answer(tmp_path):
    row = '0,7,"9,9,4","1,2,1","1,1,0","NA","0,1,0"'
    header = "fold,uid,questions,concepts,responses,timestamps,is_repeat"
    sequences, notes = read_file(write(tmp_path / "r.csv", f"{header}\n{row}\n"))
    assert contents(sequences) == {"7": (["9", "4"], [1, 0], ["1+2", "1"])} and "they repeat an answer" in notes[-1]


def test_lists_in_json_lines_and_lists_that_do_not_fit(tmp_path):
    records = [{"student": f"s{n}", "items": ["a", "b"], "responses": [n % 2, 1]} for n in range(30)]
    records.append({"student": "bad", "items": ["a"], "responses": [1, 0]})
    sequences, notes = read_file(write(tmp_path / "r.jsonl", "\n".join(map(json.dumps, records))))
    assert len(sequences) == 30 and sequences[1].items == ("a", "b")
    assert "2 of 62 records left out, its lists differ in length (line 31)" in notes


def test_random_tables_are_read_back(tmp_path):
    rng = np.random.default_rng(1)
    rows = [(f"s{rng.integers(9)}", f"q{rng.integers(20)}", int(rng.integers(3)), n) for n in range(500)]
    order = rng.permutation(500)
    text = "student,item,response,time\n" + "\n".join(",".join(map(str, rows[n])) for n in order)
    sequences, _ = read_file(write(tmp_path / "r.csv", text))
    assert contents(sequences) == {
        name: ([row[1] for row in rows if row[0] == name], [row[2] for row in rows if row[0] == name], None)
        for name in {row[0] for row in rows}
    }


def test_names_that_cannot_be_written_are_bad_records(tmp_path):
    records = [{"student": "s", "item": str(n), "response": 1} for n in range(30)]
    content = "\n".join(map(json.dumps, records)) + '\n{"student": "s", "item": "\\ud83d", "response": 1}\n'
    sequences, notes = read_file(write(tmp_path / "r.jsonl", content))
    assert len(sequences[0].items) == 30 and notes == [
        "1 of 31 records left out, the item is empty or no valid text (line 31)"
    ]
