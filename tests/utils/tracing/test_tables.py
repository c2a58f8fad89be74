"""Tables, JSON and Parquet: a row per response, or lists per student."""

import json

import numpy as np
import pytest

from tests.helpers.tracing_files import contents, read_file, write

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
        "1 of 31 records left out, its item is a list or an object; write a row per response (line 31)"
    ]


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


@pytest.mark.parametrize(
    ("texts", "categories"),
    [(("0,0", "0,5", "1,0"), (0, 1, 2)), (("0", "0,5", "1"), (0, 1, 2)), (("0 %", "50 %", "100 %"), (0, 1, 2))],
)
@pytest.mark.parametrize("item", ["Aufgabe 1", "Aufgabe 1, Teil 2"])
def test_a_decimal_comma_makes_no_list(tmp_path, texts, categories, item):
    rows = [f"s{n};{item};{text}" for n, text in enumerate(texts)]
    sequences, _ = read_file(write(tmp_path / "r.csv", "\n".join(["student;item;response", *rows])))
    assert contents(sequences) == {f"s{n}": ([item], [category], None) for n, category in enumerate(categories)}


def test_two_responses_of_pykt_are_no_decimal_comma(tmp_path):
    sequences, _ = read_file(write(tmp_path / "r.csv", 'uid,questions,responses\n7,"11,4","1,0"\n8,"3,4","0,1"\n'))
    assert contents(sequences) == {"7": (["11", "4"], [1, 0], None), "8": (["3", "4"], [0, 1], None)}


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


@pytest.mark.parametrize("separator", [",", "\t", " "])
def test_names_of_rows_as_r_writes_them_are_no_column(tmp_path, separator):
    lines = ['"student","item","response"', '"1","ann","q1",1', '"2","ann","q2",NA', '"3","bob","q1",0']
    text = "\n".join(line.replace(",", separator) for line in lines)
    sequences, notes = read_file(write(tmp_path / "r.txt", text))
    assert contents(sequences) == {"ann": (["q1"], [1], None), "bob": (["q1"], [0], None)}
    assert notes[0] == "its rows have a field more than its first line, as R writes names of rows"


def test_a_separator_at_the_end_of_each_row_is_no_name_of_a_row(tmp_path):
    sequences, notes = read_file(write(tmp_path / "r.csv", "student,item,response\nann,q1,1,\nbob,q2,0,\n"))
    assert contents(sequences) == {"ann": (["q1"], [1], None), "bob": (["q2"], [0], None)} and not notes


def test_lists_of_skills_are_joined_and_lists_in_unused_columns_do_no_harm(tmp_path):
    records = [
        {"student": "s", "item": "q1", "response": 1, "skills": ["b", "a"], "actions": [1, 2]},
        {"student": "s", "item": "q2", "response": 0, "skills": ["a"], "actions": {}},
    ]
    sequences, _ = read_file(write(tmp_path / "r.jsonl", "\n".join(map(json.dumps, records))))
    assert contents(sequences) == {"s": (["q1", "q2"], [1, 0], ["a+b", "a"])}


def test_a_first_line_that_comes_again_is_left_out(tmp_path):
    header = "user_id,problem_id,correct"
    text = f"{header}\nann,q1,1\n{header}\nbob,q1,0\n"
    sequences, notes = read_file(write(tmp_path / "r.csv", text))
    assert contents(sequences) == {"ann": (["q1"], [1], None), "bob": (["q1"], [0], None)}
    assert notes[-1] == "1 record left out, it repeats the first line (line 3)"
