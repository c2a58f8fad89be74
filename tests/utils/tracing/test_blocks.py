"""Files of some lines per student: DKVMN's, those with skills, AKT's and pyKT's."""

import numpy as np
import pytest

from tests.helpers.tracing_files import contents, read_file, write
from utils.common.errors import UserError
from utils.tracing.blocks import find_block_layout


def test_three_lines_a_student(tmp_path):
    sequences, notes = read_file(write(tmp_path / "r.txt", "3\n5,2,5,\n0,1,3,\n0\n\n\n1\n7\n2\n\n"))
    assert contents(sequences) == {"r.txt:0": (["5", "2", "5"], [0, 1, 3], None), "r.txt:2": (["7"], [2], None)}
    assert notes == ["1 record left out, the student has no responses (line 4)"]
    assert sequences[1].place(0) == f"{tmp_path / 'r.txt'}, line 9"


@pytest.mark.parametrize("name", ["r.csv", "r.txt", "r.json", "r"])
def test_the_name_of_the_file_does_not_matter(tmp_path, name):
    sequences, _ = read_file(write(tmp_path / name, "2\n5,2,\n0,1,\n"))
    assert sequences[0].items == ("5", "2")


@pytest.mark.parametrize(
    "text",
    [
        "3\n5 2 5\n0 1 1\n2\n7 5\n1 0\n",
        "3\t\t\n5\t2\t5\n0\t1\t1\n2\t\t\n7\t5\t\n1\t0\t\n",
        "3\r\n5;2;5\r\n0;1;1\r\n2\r\n7;5\r\n1;0\r\n",
        "\n3\n5, 2, 5\n0, 1.0, 1\n\n\n2\n7,5,\n1,0,\n\n",
        "3\r5,2,5\r0,1,1\r2\r7,5\r1,0\r",
    ],
)
def test_entries_are_separated_by_commas_semicolons_or_blanks(tmp_path, text):
    sequences, notes = read_file(write(tmp_path / "r.txt", text))
    assert [(s.items, s.responses.tolist()) for s in sequences] == [(("5", "2", "5"), [0, 1, 1]), (("7", "5"), [1, 0])]
    assert notes == []


def test_students_with_one_response_each(tmp_path):
    """Any three lines, or four, have one entry each here."""
    lines = [line for student in range(1, 25) for line in ("1", str(student), str(student % 2))]
    sequences, _ = read_file(write(tmp_path / "r.txt", "\n".join(lines)))
    assert len(sequences) == 24 and sequences[4].items == ("5",) and sequences[4].responses.tolist() == [1]


def test_four_lines_a_student_have_skills(tmp_path):
    text = "3\n5,2,5\n0,1,0\n1,1,0\n2\n7,2\n4,1\n0,1\n"
    sequences, notes = read_file(write(tmp_path / "r.txt", text))
    assert contents(sequences) == {
        "r.txt:0": (["5", "2", "5"], [1, 1, 0], ["0", "1", "0"]),
        "r.txt:1": (["7", "2"], [0, 1], ["4", "1"]),
    }
    assert notes == ["read as 4 lines per student: number of responses, items, skills, responses"]


def test_akt_names_its_students(tmp_path):
    text = "0,900\n4,11,9\n1,1,0\n1,17\n9,1\n1,0\n"
    sequences, notes = read_file(write(tmp_path / "r.csv", text))
    assert contents(sequences) == {"900": (["4", "11", "9"], [1, 1, 0], None), "17": (["9", "1"], [1, 0], None)}
    assert notes == ["read as 3 lines per student: student, items, responses"]
    with_skills, _ = read_file(write(tmp_path / "s.csv", "900\n4,11,9\n7,7,8\n1,1,0\n17\n9,1\n8,7\n1,0\n"))
    assert contents(with_skills)["17"] == (["9", "1"], [1, 0], ["8", "7"])


def test_six_lines_a_student_are_those_of_pykt(tmp_path):
    text = "ann,3\n11,12,12\n5,6,7\n0,1,1\n30,10,10\n9,9,9\nbob,1\n12\n6_7\n1\n4\nNA\n"
    sequences, notes = read_file(write(tmp_path / "data.txt", text))
    assert contents(sequences) == {"ann": (["12", "11"], [1, 0], ["6+7", "5"]), "bob": (["12"], [1], ["6_7"])}
    assert notes[0].startswith("read as 6 lines per student: student and number of responses, items, skills, responses")
    text = "ann,2\nNA\n5,6\n0,1\nNA\nNA\nbob,3\nNA\n6,5,6\n1,1,0\nNA\nNA\n"
    sequences, notes = read_file(write(tmp_path / "data.txt", text))
    assert contents(sequences)["bob"] == (["6", "5", "6"], [1, 1, 0], None) and "a skill counts as an item" in notes[0]


@pytest.mark.parametrize(
    ("first", "lines"),
    [
        ("{k},u{student}", "1,2,3\n1,0,1"),
        ("u{student},{number}", "1,2,3\n1,0,1"),
        ("{gap},u{student}", "1,2,3\n1,0,1"),
        ("u{student},3", "1,2,3\n5,6,7\n1,0,1\n1{k},2{k},3{k}\n9,9,9"),
        ("3,{student}", "1,2,3\n1,0,1"),
    ],
)
def test_a_student_of_several_blocks_is_one(tmp_path, first, lines):
    """Whether the blocks are within the lines that tell the layout or not."""
    for count, num_students in ((40, 10), (300, 280)):
        names = [{"k": k, "number": k + 1, "gap": k + k // 7, "student": k % num_students} for k in range(count)]
        text = "".join(f"{first}\n{lines}\n".format(**name) for name in names)
        sequences, notes = read_file(write(tmp_path / "r.txt", text))
        assert len(sequences) == num_students and "they continue a student from further up" in notes[-1]
        assert {s.student.strip("u") for s in sequences} == {str(number) for number in range(num_students)}
        assert len(sequences[1].items) == 3 * -(-count // num_students)


@pytest.mark.parametrize("first", ["{number},u{student}", "u{student}"])
def test_first_lines_that_do_not_tell_the_student_are_refused(tmp_path, first):
    blocks = [f"{first.format(number=900 - k, student=k // 4)}\n1,2,3\n4,5,6\n1,0,1\n" for k in range(40)]
    with pytest.raises(
        UserError, match=r"r.txt: a student's first line, such as '.*u0', .*; write the number of responses"
    ):
        read_file(write(tmp_path / "r.txt", "".join(blocks)))


GOOD = "".join(f"4\n{n},2,3,5\n0,1,1,0\n" for n in range(20))


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        ("3\n1,2\n0,1\n", "the numbers of a student's entries differ"),
        ("2\n1,2,3\n0,1\n", "the numbers of a student's entries differ"),
        ("2\n1,2\n0\n", "the numbers of a student's entries differ"),
        ("x\n1,2\n0,1\n", "the numbers of a student's entries differ"),
        ("²\n1,2\n0,1\n", "the numbers of a student's entries differ"),
        ("2\n1,2\n0,x\n", "the response is neither a number nor a word such as correct, false or no"),
        ("2\n1,2\n0,-1\n", "the response is less than 0"),
        ("3\n1,,2\n0,1,1\n", "the item is empty or no valid text"),
    ],
)
def test_bad_students_and_steps_are_left_out(tmp_path, block, reason):
    sequences, notes = read_file(write(tmp_path / "r.txt", GOOD + block + GOOD))
    assert [s.items[1:] for s in sequences if len(s.items) == 4] == [("2", "3", "5")] * 40
    assert len(notes) == 1 and f"records left out, {reason} (line 6" in notes[0]


def test_a_file_that_is_cut_off_is_said(tmp_path):
    sequences, notes = read_file(write(tmp_path / "r.txt", GOOD + "2\n1,2"))
    assert len(sequences) == 20 and "2 of 82 records left out, the file ends within a student (line 61)" in notes
    with pytest.raises(UserError, match=r"cannot be used, more than --max-bad-fraction 0.05 allows: the file ends"):
        read_file(write(tmp_path / "r.txt", "2\n1,2\n0,1\n3\n"))


def test_a_lost_line_stops_the_run(tmp_path):
    """From there on, all lines are taken for others."""
    with pytest.raises(UserError, match=r"r.txt: \d+ of \d+ records cannot be used|no record in it can be used"):
        read_file(write(tmp_path / "r.txt", "4\n1,2,3,4\n" + GOOD))


@pytest.mark.parametrize(
    "text",
    [
        "student,item,response\nann,a,1\n",
        "student|item|response\nann|a|1\nbob|b|0\ncat|a|1\n",
        "item,response\n1,0\n2,1\n3,1\n4,0\n1,1\n",
        "",
    ],
)
def test_tables_are_no_such_files(tmp_path, text):
    assert find_block_layout(write(tmp_path / "r.txt", text)) is None


@pytest.mark.parametrize("has_skills", [False, True])
def test_random_files_are_read_back(tmp_path, has_skills):
    rng = np.random.default_rng(3)
    students, lines = {}, []
    for student in range(30):
        count = int(rng.integers(1, 9))
        items, responses = rng.integers(0, 9, count), rng.integers(0, 3, count).tolist()
        skills = [str(item % 4) for item in items] if has_skills else None
        items = [str(item) for item in items]
        students[f"r.txt:{student}"] = (items, responses, skills)
        columns = (items, skills, map(str, responses)) if has_skills else (items, map(str, responses))
        lines += [str(count), *map(",".join, columns)]
    sequences, _ = read_file(write(tmp_path / "r.txt", "\n".join(lines)))
    assert contents(sequences) == students


def test_a_class_beside_the_number_of_responses_is_no_student(tmp_path):
    sequences, _ = read_file(write(tmp_path / "d.txt", "2,7\n1,2\n1,0\n" * 4))
    assert len(sequences) == 4
