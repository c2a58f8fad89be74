"""Files of one run are read together: what is bad, fractions of credit, and times."""

import json

import pytest

from tests.helpers.tracing_files import contents, read_file, write
from utils.common.errors import UserError
from utils.common.reading import Reading
from utils.tracing.data import ResponseFormat, read_responses

HEADER = "student,item,response"


def table(path, rows, header=HEADER):
    return write(path, "\n".join([header, *rows]) + "\n")


def test_a_student_of_a_log_by_time_keeps_the_order_of_time(tmp_path):
    rows = ["ann,3,a,1,x", "bob,1,b,0,y", "ann,1,c,2,x", "ann,3,d,0,z"]
    sequences, notes = read_file(table(tmp_path / "r.csv", rows, "Student,time,item,Response,skill"))
    assert contents(sequences) == {
        "ann": (["c", "a", "d"], [2, 1, 0], ["x", "x", "z"]),
        "bob": (["b"], [0], ["y"]),
    }
    assert notes == [] and sequences[0].place(0) == f"{tmp_path / 'r.csv'}, line 4"
    plain, _ = read_file(table(tmp_path / "p.csv", ["ann,b,1", "", "ann,a,0"]))
    assert contents(plain) == {"ann": (["b", "a"], [1, 0], None)}


def test_names_that_repeat_are_stored_once(tmp_path):
    sequences, _ = read_file(table(tmp_path / "r.csv", [f"s{n % 3},item {n % 2},1" for n in range(12)]))
    assert len({id(item) for sequence in sequences for item in sequence.items}) == 2


def test_ids_that_pandas_wrote_as_fractions_are_the_same_ids(tmp_path):
    names = "student,item,response,skill"
    rows, floats = ["1,12,1,3", "1,13,0,4"], ["1.0,12.0,1,3.0", "1.0,13.0,0,4.0"]
    expected = {"1": (["12", "13"], [1, 0], ["3", "4"])}
    for name, lines in (("ids.csv", rows), ("floats.csv", floats), ("both.csv", [rows[0], floats[1]])):
        assert contents(read_file(table(tmp_path / name, lines, names))[0]) == expected
    records = [dict(zip(names.split(","), map(float, row.split(",")), strict=True)) for row in rows]
    path = write(tmp_path / "r.jsonl", "\n".join(map(json.dumps, records)))
    assert contents(read_file(path)[0]) == expected
    path = table(tmp_path / "chapters.csv", ["1.50,1.1,1,2.0.0"], names)
    assert contents(read_file(path)[0]) == {"1.50": (["1.1"], [1], ["2.0.0"])}


@pytest.mark.parametrize("columns", [{"item": "task"}, {"time": ""}])
def test_names_of_columns_for_a_file_without_columns_are_refused(tmp_path, columns):
    path = write(tmp_path / "r.txt", "2\n5,2\n0,1\n")
    with pytest.raises(
        UserError, match=r"r.txt: has 3 lines per student: .* --columns (item|time)= .*; leave --columns"
    ):
        read_file(path, ResponseFormat(columns))
    (sequences,), _ = read_responses([path], Reading(), ResponseFormat(columns), needs_columns=False)
    assert sequences[0].items == ("5", "2")  # a model that was trained on a table reads other layouts


@pytest.mark.parametrize(
    ("times", "order"),
    [
        (["2020-09-13 12:26:41", "2020-09-13 12:26:40.5", "2020-09-13"], "cba"),
        (["2020/09/13 12:26:41", "2020/09/13 12:26", "2020/09/12"], "cba"),
        (["2020-09-13T12:00:00+02:00", "2020-09-13T11:00:00Z", "2020-09-13T10:30:00Z"], "acb"),
        (["2020-09-13 12:00:00.5 UTC", "2020-09-13T13:00:00+02:00", "2020-09-13 11:30:00Z"], "bca"),
        (["1e3", "2.5", "-3"], "cba"),
    ],
)
def test_times_are_numbers_or_dates(tmp_path, times, order):
    rows = [f"ann,{item},1,{time}" for item, time in zip("abc", times, strict=True)]
    sequences, _ = read_file(table(tmp_path / "r.csv", rows, HEADER + ",time"))
    assert "".join(sequences[0].items) == order


@pytest.mark.parametrize("time", ["", "NA", "nan", "inf", "soon", "2020-09-13", "1600000000Z"])
def test_a_time_that_cannot_be_read_is_a_bad_record(tmp_path, time):
    rows = [f"ann,q{n},1,{n}" for n in range(30)]
    path = table(tmp_path / "r.csv", [*rows, f"ann,late,1,{time}"], HEADER + ",time")
    sequences, notes = read_file(path)
    assert len(sequences[0].items) == 30
    assert notes == [
        "1 of 31 records left out, the time is not a number as others are (--columns time= keeps the order of the file "
        "instead) (line 32)"
    ]
    sequences, _ = read_file(path, ResponseFormat({"time": ""}))
    assert sequences[0].items[-1] == "late"


def test_times_with_and_without_a_zone_are_not_compared(tmp_path):
    rows = [f"ann,q{n},1,2020-09-13T12:00:{n}Z" for n in range(10, 40)]
    path = table(tmp_path / "r.csv", [*rows, "ann,x,1,2020-09-13T12:00:00"], HEADER + ",time")
    sequences, notes = read_file(path)
    assert len(sequences[0].items) == 30 and "the time is not a date with a time zone as others are" in notes[0]


def test_responses_come_in_many_forms(tmp_path):
    rows = [f"ann,q{n},{text}" for n, text in enumerate(["1.0", "0", "True", "FALSE", " 1 ", "1e0", "correct", "no"])]
    sequences, _ = read_file(table(tmp_path / "r.csv", rows))
    assert sequences[0].responses.tolist() == [1, 0, 1, 0, 1, 1, 1, 0]


def test_rows_without_a_response_are_left_out_and_counted(tmp_path):
    rows = [f"ann,q{n},{text}" for n, text in enumerate(["1", "", "NA", "0", "NaN", "null", "n/a"])]
    sequences, notes = read_file(table(tmp_path / "r.csv", rows))
    assert sequences[0].items == ("q0", "q3")
    assert notes == ["5 records left out, there is no response (line 3, line 4, line 6, line 7, line 8)"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("ann,x,B", "the response is neither a number nor a word such as correct, false or no"),
        ("ann,x,1_0", "the response is neither a number nor a word such as correct, false or no"),
        ("ann,x,inf", "the response is neither a number nor a word such as correct, false or no"),
        ("ann,x,99999999999999999999", "the response is neither a number nor a word such as correct, false or no"),
        ("ann,x,²", "the response is neither a number nor a word such as correct, false or no"),
        ("ann,x,-1", "the response is less than 0"),
        ("ann,,1", "the item is empty or no valid text"),
        (",x,1", "the student is empty or no valid text"),
        ("ann,x", "it does not have 3 fields as the first line has"),
        ("ann,x, y,1", "it does not have 3 fields as the first line has"),
    ],
)
def test_a_bad_row_loses_one_step_and_too_many_stop_the_run(tmp_path, row, reason):
    good = [f"ann,q{n},{n % 2}" for n in range(20)]
    sequences, notes = read_file(table(tmp_path / "r.csv", [*good[:5], row, *good[5:]]))
    assert contents(sequences) == {"ann": ([f"q{n}" for n in range(20)], [n % 2 for n in range(20)], None)}
    assert notes == [f"1 of 21 records left out, {reason} (line 7)"]
    with pytest.raises(
        UserError, match=f"1 of 11 records cannot be used, more than .*: {reason} \\(line 2\\)"
    ) as caught:
        read_file(table(tmp_path / "r.csv", [row, *good[:10]]))
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="1 of 21 records cannot be used"):
        read_file(table(tmp_path / "r.csv", [row, *good]), max_bad_fraction=0)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("r.txt", "", "is empty; name another file"),
        ("r.csv", HEADER + "\n", "no record in it can be used"),
        ("r.csv", HEADER + "\nann,a,\n", "no record in it can be used: there is no response .line 2"),
        ("r.csv", b"student,item,response\nann,\xff,1\n", "line 2: is not UTF-8"),
        ("r.csv", "student,item,Item,response\nann,x,y,1\n", "has the column 'item' twice"),
        ("r.xml", "<a></a>", "is XML"),
    ],
)
def test_files_that_cannot_be_read_are_one_clear_line(tmp_path, name, content, words):
    path = write(tmp_path / name, content)
    with pytest.raises(UserError, match=words) as caught:
        read_file(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_fractions_of_credit_become_ordered_categories(tmp_path):
    rows = [f"ann,q{n},{text}" for n, text in enumerate(["0", "0.5", "1", "0.75", "1/4", "50%", "0.25"])]
    path = table(tmp_path / "r.csv", rows)
    sequences, notes = read_file(path)
    assert sequences[0].responses.tolist() == [0, 2, 4, 3, 1, 2, 1]
    assert "nearest of 5 levels (0, 0.25, 0.5, 0.75, 1)" in notes[0] and "--credit-levels" in notes[0]
    sequences, _ = read_file(path, ResponseFormat(credit_levels=3))
    assert sequences[0].responses.tolist() == [0, 1, 2, 2, 1, 1, 1]


def test_all_files_of_a_run_have_the_same_levels_of_credit(tmp_path):
    """A test file with full and no credit alone would otherwise have the categories 0 and 1."""
    train = table(tmp_path / "train.csv", ["ann,a,0", "ann,b,0.5", "ann,c,1"])
    test = table(tmp_path / "test.csv", ["bob,a,0", "bob,b,1"])
    (_, (bob,)), understood = read_responses([train, test], Reading())
    assert bob.responses.tolist() == [0, 2] and understood.credit_levels == 3
    categories = table(tmp_path / "categories.csv", ["cat,a,3"])
    with pytest.raises(UserError, match=r"categories.csv: a response is 3, but .*train.csv has fractions of credit"):
        read_responses([train, categories], Reading())
    with pytest.raises(UserError, match="a response is 3, but --credit-levels is for fractions"):
        read_responses([categories], Reading(), ResponseFormat(credit_levels=5))


def test_fractions_among_categories_are_bad_records(tmp_path):
    good = [f"ann,q{n},{n % 4}" for n in range(40)]
    sequences, notes = read_file(table(tmp_path / "r.csv", [*good, "ann,x,0.5"]))
    assert len(sequences[0].items) == 40 and "the response is not a whole number, where others are above 1" in notes[0]
    shares = [f"ann,q{n},{n / 40}" for n in range(40)]
    sequences, notes = read_file(table(tmp_path / "s.csv", [*shares, "ann,x,7"]))
    assert len(sequences[0].items) == 40 and "the response is above 1, where others are fractions" in notes[1]


def test_counts_go_into_the_report(tmp_path):
    path = table(tmp_path / "r.csv", [*(f"ann,q{n},1" for n in range(30)), "ann,x,?", "ann,y,"])
    reading = Reading()
    read_responses([path], reading)
    description = json.loads(json.dumps(reading.description()))["r.csv"]
    assert (description["used"], description["bad"]) == (30, 1)
    assert description["left_out"] == {
        "the response is neither a number nor a word such as correct, false or no": 1,
        "there is no response": 1,
    }
