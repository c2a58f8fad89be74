"""Answers that are written once for each skill: merged, counted, and told from real repetitions."""

import numpy as np
import pytest

from tests.helpers.tracing_files import contents, read_file, write
from utils.common.errors import UserError
from utils.common.reading import Reading
from utils.tracing.data import ResponseFormat, read_responses

EXPANDED = ResponseFormat(expand_skills=True)


def table(path, header, rows):
    return write(path, "\n".join([header, *rows]) + "\n")


def coin_rows(students=30, answers=12, skills=3, seed=0, responses=(0, 1)):
    """Tuples of student, time, item, skill and response: coins, each written once for each skill of its item."""
    rng = np.random.default_rng(seed)
    rows = []
    for student in range(students):
        for time in range(answers):
            item, response = int(rng.integers(20)), responses[rng.integers(len(responses))]
            rows += [(f"s{student}", time, f"q{item}", f"k{(item + n) % 5}", response) for n in range(skills)]
    return rows


@pytest.mark.parametrize("shuffled", [False, True])
def test_rows_with_the_same_student_item_and_time_are_one_answer(tmp_path, shuffled):
    rows = coin_rows()
    lines = [f"{student},{item},{response},{time},{skill}" for student, time, item, skill, response in rows]
    if shuffled:
        np.random.default_rng(1).shuffle(lines)
    path = table(tmp_path / "r.csv", "student,item,response,time,skill", lines)
    sequences, notes = read_file(path)
    expected = {
        name: (
            [row[2] for row in rows[::3] if row[0] == name],
            [row[4] for row in rows[::3] if row[0] == name],
            ["+".join(sorted(row[3] for row in rows[n : n + 3])) for n in range(0, len(rows), 3) if rows[n][0] == name],
        )
        for name in {row[0] for row in rows}
    }
    assert contents(sequences) == expected
    assert len(notes) == 1 + shuffled
    assert notes[-1].startswith(
        "720 records used, but they repeat an answer for another skill (same student, item and time)"
    )
    kept, notes = read_file(path, EXPANDED)
    assert sum(len(s.items) for s in kept) == 1080
    assert notes[-1].startswith(
        "720 records used, but they repeat an answer (same student, item and time), which a model can"
    )


def test_without_times_consecutive_rows_with_other_skills_are_one_answer(tmp_path):
    rows = ["ann,a,1,x", "ann,a,1,y", "ann,b,0,x", "ann,a,1,x", "ann,a,1,y", "ann,a,1,x", "bob,a,1,y", "bob,a,1,"]
    sequences, notes = read_file(table(tmp_path / "r.csv", "student,item,response,skill", rows))
    assert contents(sequences) == {
        "ann": (["a", "b", "a", "a"], [1, 0, 1, 1], ["x+y", "x", "x+y", "x"]),
        "bob": (["a", "a"], [1, 1], ["y", ""]),
    }
    assert (
        len(notes) == 1 and "2 records used, but they repeat" in notes[0] and "same student, item in a row" in notes[0]
    )
    four_lines = "4\n5,5,6,5\n1,2,1,1\n1,1,0,1\n1\n5\n1\n0\n"
    sequences, _ = read_file(write(tmp_path / "r.txt", four_lines))
    assert contents(sequences)["r.txt:0"] == (["5", "6", "5"], [1, 0, 1], ["1+2", "1", "1"])


@pytest.mark.parametrize("header", ["student,item,response", "student,item,response,skill"])
def test_an_item_that_is_answered_twice_in_a_row_keeps_both_responses(tmp_path, header):
    rows = [",".join(["ann", "a", "1", "x"][: header.count(",") + 1])] * 3
    sequences, notes = read_file(table(tmp_path / "r.csv", header, rows))
    assert sequences[0].items == ("a", "a", "a") and notes == []


@pytest.mark.parametrize("header", ["user_id,skill_id,correct,order_id", "user_id,skill_name,correct,start_time"])
def test_skills_in_the_place_of_items_become_a_joined_item(tmp_path, header):
    rows = ["ann,b,1,10", "ann,a,1,10", "ann,a,0,11", "ann,c,0,12", "bob,a,1,10"]
    sequences, notes = read_file(table(tmp_path / "r.csv", header, rows))
    assert contents(sequences) == {"ann": (["a+b", "a", "c"], [1, 0, 0], None), "bob": (["a"], [1], None)}
    assert "skills count as items" in notes and "1 records" not in notes[-1] and "same student, time" in notes[-1]
    chosen = ResponseFormat({"item": header.split(",")[1], "student": "user_id"})
    assert contents(read_file(tmp_path / "r.csv", chosen)[0]) == contents(sequences)
    sequences, _ = read_file(tmp_path / "r.csv", EXPANDED)
    assert sequences[0].items == ("b", "a", "a", "c")


def test_skills_as_items_without_times_cannot_be_told_and_this_is_said(tmp_path):
    _, notes = read_file(table(tmp_path / "r.csv", "user_id,skill_id,correct", ["ann,b,1", "ann,a,1"]))
    assert any("answers that are repeated for several skills cannot be recognised" in note for note in notes)


def test_items_that_are_skills_are_recognised_by_their_responses(tmp_path):
    """No name says so, but rows of one student and time never disagree."""
    lines = [f"{student},{skill},{response},{time}" for student, time, _, skill, response in coin_rows()]
    train = table(tmp_path / "train.csv", "student,item,response,time", lines)
    test = table(tmp_path / "test.csv", "student,item,response,time", ["t,k1,1,5", "t,k0,1,5", "t,k0,0,6"])
    (students, (few,)), understood = read_responses([train, test], Reading())
    assert understood.answer_per_time and few.items == ("k0+k1", "k0") and few.responses.tolist() == [1, 0]
    assert sum(len(s.items) for s in students) == 360
    assert not read_responses([test], Reading())[1].answer_per_time


def test_answers_of_a_moment_that_differ_are_kept_apart(tmp_path):
    """Such as those to the questions of one text, or all of one day."""
    rng = np.random.default_rng(2)
    rows = [
        f"s{n // 40},q{item},{rng.integers(2)},{n // 4}" for n, item in enumerate(rng.permuted(np.tile(range(8), 50)))
    ]
    unique = list({row.rsplit(",", 2)[0] + row.rsplit(",", 1)[1]: row for row in rows}.values())
    sequences, notes = read_file(table(tmp_path / "r.csv", "student,item,response,time", unique))
    assert sum(len(s.items) for s in sequences) == len(unique) and notes == []
    sequences, notes = read_file(table(tmp_path / "s.csv", "student,skill,response,time", unique))
    assert sum(len(s.items) for s in sequences) == len(unique)
    assert any(
        "rows share student and time with another row, but their responses differ as often" in note for note in notes
    )


def test_items_that_always_have_the_same_response_say_nothing(tmp_path):
    rows = [f"s{n // 40},q{n % 5},1,{n // 5}" for n in range(400)]
    sequences, notes = read_file(table(tmp_path / "r.csv", "student,item,response,time", rows))
    assert sum(len(s.items) for s in sequences) == 400 and notes == []


def test_an_answer_with_two_responses_is_a_bad_record(tmp_path):
    lines = [f"{student},{item},{response},{time},{skill}" for student, time, item, skill, response in coin_rows()]
    lines += ["s0,q99,1,99,k0", "s0,q99,1,99,k1", "s0,q99,0,99,k2"]
    sequences, notes = read_file(table(tmp_path / "r.csv", "student,item,response,time,skill", lines))
    assert sum(len(s.items) for s in sequences) == 360 and "q99" not in sequences[0].items
    (bad,) = [note for note in notes if "left out" in note]
    assert bad.startswith(
        "3 of 1,083 records left out, rows of one answer (same student, item and time) have different"
    )
    few = ["ann,a,1,1,x", "ann,a,0,1,y", *(f"ann,b,1,{n},x" for n in range(2, 9))]
    with pytest.raises(UserError, match=r"2 of 9 records cannot be used.*rows of one answer"):
        read_file(table(tmp_path / "few.csv", "student,item,response,time,skill", few))


def test_fractions_of_credit_are_merged_too(tmp_path):
    rows = coin_rows(responses=(0, 0.5, 1))
    lines = [f"{student},{item},{response},{time},{skill}" for student, time, item, skill, response in rows]
    sequences, _ = read_file(table(tmp_path / "r.csv", "student,item,response,time,skill", lines))
    assert [r for s in sequences for r in s.responses.tolist()] == [int(2 * row[4]) for row in rows[::3]]


def test_rows_of_an_answer_that_were_written_one_after_the_other_are_recognised(tmp_path):
    """Their times differ by some milliseconds; an item that is answered again has another time, too, but often another response."""
    header = "student,item,response,time,skill"
    lines = [f"{student},{item},{response},{time}.{n % 3}7,{skill}"
             for n, (student, time, item, skill, response) in enumerate(coin_rows())]  # fmt: skip
    sequences, notes = read_file(table(tmp_path / "r.csv", header, lines))
    assert sum(len(s.items) for s in sequences) <= 360 and "same student, item in a row" in notes[0]
    rng = np.random.default_rng(4)
    again = [f"s{n // 10},q{n // 2},{rng.integers(2)},{n},k{n % 2}" for n in range(300)]
    sequences, notes = read_file(table(tmp_path / "s.csv", header, again))
    assert sum(len(s.items) for s in sequences) == 300 and notes == []


@pytest.mark.parametrize("arranged", [lambda rows: rows + rows, lambda rows: [row for row in rows for _ in range(2)]])
def test_copies_that_cannot_be_told_from_answers_are_said(tmp_path, arranged):
    rng = np.random.default_rng(0)
    coins = [f"s{student},q{item},{rng.integers(2)}" for student in range(20) for item in range(10)]
    _, notes = read_file(table(tmp_path / "r.csv", "student,item,response", arranged(coins)))
    assert notes[0].startswith(
        "200 rows have the student and item of another row, and their responses (almost) never differ"
    )
    other = [f"s{student},q{item},{rng.integers(2)}" for student in range(20) for item in range(10)]
    assert read_file(table(tmp_path / "r.csv", "student,item,response", coins + other))[1] == []


def test_rows_that_were_uploaded_twice_are_merged_by_their_time(tmp_path):
    coins = [f"s{student},q{item},{(student + item) % 2},{item}" for student in range(20) for item in range(10)]
    sequences, notes = read_file(table(tmp_path / "r.csv", "student,item,response,time", coins + coins))
    assert sum(len(s.items) for s in sequences) == 200
    assert notes[0].startswith(
        "200 records used, but they repeat an answer (same student, item and time) and are merged"
    )


def test_times_that_change_the_order_of_many_rows_are_said(tmp_path):
    """A column such as `time` may also hold how long an answer took."""
    took = np.random.default_rng(0).permutation(100)
    rows = [f"ann,q{n},{n % 2},{time}" for n, time in enumerate(took)]
    sequences, notes = read_file(table(tmp_path / "r.csv", "student,item,response,time", rows))
    assert sequences[0].items == tuple(f"q{n}" for n in np.argsort(took))
    assert notes[0].startswith("its rows are put in the order of their times, which is very different")
    rows = [f"ann,q{n},{n % 2},{n + (5 if n == 40 else 0)}" for n in range(100)]
    assert read_file(table(tmp_path / "r.csv", "student,item,response,time", rows))[1] == []
