"""Names of columns: the field's own, those that the user gives, and those that are not clear."""

import pytest

from tests.helpers.tracing_files import contents, read_file, write
from utils.common.errors import UserError
from utils.common.reading import Reading
from utils.tracing.columns import parse_columns
from utils.tracing.data import ResponseFormat, read_responses


def test_the_setting_is_parsed_and_checked():
    assert parse_columns(["student=who", "item=Step Name", "time="]) == {
        "student": "who",
        "item": "Step Name",
        "time": "",
    }
    for text in ("who", "who=student", "item=", "=x"):
        with pytest.raises(UserError, match=f"--columns {text}: give COLUMN=NAME"):
            parse_columns([text])


@pytest.mark.parametrize(
    ("header", "expected"),
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
def test_names_of_the_fields_own_files(tmp_path, header, expected):
    names = header.split(",")
    rows = [",".join(str(row % 2) if "orrect" in name else f"{row}" for name in names) for row in range(4)]
    sequences, notes = read_file(write(tmp_path / "r.csv", "\n".join([header, *rows])))
    assert len(sequences) == 4 and notes == [f"read with --columns {expected}"]


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
            "names no column of student and item, but who, what, correct; rename them, or say which they are in training",
        ),
        ("user_id,question,response,correct", "columns 'response' and 'correct' could both be the response"),
        ("student,response", "names no column of item"),
        ("a,b,c", "names no column of student and item and response"),
        ("7,12,1", "its first line holds numbers and no names of columns"),
    ],
)
def test_columns_that_are_not_clear_are_asked_for(tmp_path, header, words):
    rows = ["x,y,1,0"[: 2 * header.count(",") + 1]] * 3
    with pytest.raises(UserError, match=words) as caught:
        read_file(write(tmp_path / "r.csv", "\n".join([header, *rows])))
    assert "\n" not in str(caught.value)


def test_another_file_may_have_common_names(tmp_path):
    """As histories do that a trained model is asked about."""
    path = write(tmp_path / "r.csv", "student,item,response\nann,x,1\n")
    chosen = ResponseFormat({"student": "who", "time": ""})
    (sequences,), _ = read_responses([path], Reading(), chosen, needs_columns=False)
    assert contents(sequences) == {"ann": (["x"], [1], None)}
    with pytest.raises(UserError, match="has no column 'who'"):
        read_responses([path], Reading(), chosen)
