"""Questions from templates and files: what they hold, and the message for each bad input."""

import json

import pytest

from utils.common.errors import UserError
from utils.memnet.data import Fact, knowledge_base
from utils.memnet.questions import questions_from_templates, read_questions


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


BASE, _ = knowledge_base(
    [
        Fact("Ada", "born", "London"),
        Fact("Ada", "knew", "Babbage"),
        Fact("Ada", "knew", "Mary"),
        Fact("Bob", "born", "Rome"),
    ],
    "here",
)
TEMPLATES = {"born": {"train": ["Where was {s} born?", "Birthplace of {s}?"]}, "knew": {"train": ["Who knew {s}?"]}}


def test_each_subject_and_relation_is_asked_about_once_per_template():
    questions = questions_from_templates(BASE, TEMPLATES, ["Ada", "Bob"])
    assert sorted(question.text for question in questions) == [
        "Birthplace of Ada?",
        "Birthplace of Bob?",
        "Where was Ada born?",
        "Where was Bob born?",
        "Who knew Ada?",
    ]
    assert next(q for q in questions if q.relation == "knew").answers == ("Babbage", "Mary")
    assert len({question.id for question in questions}) == 5
    fewer = questions_from_templates(BASE, TEMPLATES, ["Ada", "Bob"], max_templates=1, seed=1)
    assert len(fewer) == 3 and fewer == questions_from_templates(
        BASE, TEMPLATES, ["Ada", "Bob"], max_templates=1, seed=1
    )


def test_questions_as_json_lines_bring_their_memory(tmp_path):
    lines = [
        {
            "question": ["who", "knew", "Ada"],
            "answers": ["Mary"],
            "memory": [["Ada", "knew", "Mary"], ["Ada", "knew", "Mary"]],
        },
        {"question": "where?", "answers": ["Rome"], "memory": []},
    ]
    path = write(tmp_path / "q.jsonl", "\n".join(map(json.dumps, lines)) + "\n\n")
    questions, base, _ = read_questions(path)
    assert base.facts == (Fact("Ada", "knew", "Mary"),)
    assert [(q.text, q.subject, q.memory) for q in questions] == [
        ("who knew Ada", "Ada", (0,)),
        ("where?", "where?", ()),
    ]
    questions, _, notes = read_questions(path, BASE)
    assert questions[0].memory == (2,) and notes == []
    other, _ = knowledge_base([Fact("Bob", "born", "Rome")], "here")
    note = read_questions(path, other)[2][0]
    assert "1 facts of memories are not among the given facts" in note and "('Ada / knew / Mary')" in note


def test_facts_of_memories_follow_the_same_rules(tmp_path):
    memory = [
        ["Ada", "knew", "Mary  Ann"],
        ["Ada", "knew", None],
        ["", "knew", "x"],
        ["Ada", "knew", "\ud83d"],
        ["Ada", "knew"],
    ]
    record = {"question": "who?", "answers": ["Mary\nAnn"], "memory": memory}
    path = tmp_path / "q.jsonl"
    path.write_text(json.dumps(record) + "\n")
    (question,), base, notes = read_questions(path)
    assert base.facts == (Fact("Ada", "knew", "Mary Ann"),) and question.answers == ("Mary Ann",)
    assert (
        "3 rows dropped, a field is missing" in notes[0] and "1 rows dropped, a field is half a character" in notes[1]
    )


def test_answers_that_hold_commas_are_found_among_the_objects(tmp_path):
    base, _ = knowledge_base([Fact("Jim", "made", "Me, Myself & Irene"), Fact("Jim", "made", "Rome")], "here")
    path = write(tmp_path / "q.txt", "1 what did Jim make?\tOslo, Me, Myself & Irene, Rome\n")
    assert read_questions(path, base)[0][0].answers == ("Oslo", "Me, Myself & Irene", "Rome")


def test_questions_as_text_find_their_subject(tmp_path):
    path = write(tmp_path / "q.txt", "1 where was Bob born?\tRome\n2 who does bob know?\tA, B\n")
    questions, _, notes = read_questions(path, BASE)
    assert [(q.text, q.subject, q.answers, q.memory) for q in questions] == [
        ("where was Bob born?", "Bob", ("Rome",), None),
        ("who does bob know?", "who does bob know?", ("A", "B"), None),
    ]
    assert "1 of 2 questions name no subject of the facts" in notes[0] and "(line 2)" in notes[0]
    two, _ = knowledge_base([Fact("Ann Lee", "born", "Rome")], "here")
    assert read_questions(write(tmp_path / "q.txt", "where was ann lee born?\tRome\n"), two)[0][0].subject == "Ann Lee"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("q.jsonl", "", "no questions"),
        ("q.jsonl", "{broken\n", "line 1"),
        ("q.jsonl", '{"question": "a"}\n', "line 1"),
        ("q.jsonl", '{"question": "a", "answers": []}\n', "line 1"),
        ("q.jsonl", json.dumps({"question": "long " * 300, "answers": ["b"]}) + "\n", "longer than 1,000 characters"),
        ("q.txt", "1 no tab here\n", "line 1"),
        ("q.txt", "1 no answer\t\n", "line 1"),
    ],
)
def test_bad_questions_are_one_clear_line(tmp_path, name, text, words):
    path = write(tmp_path / name, text)
    with pytest.raises(UserError, match=words) as caught:
        read_questions(path, BASE)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_questions_without_memories_need_facts(tmp_path):
    with pytest.raises(UserError, match="have no memories; name a file of facts with --facts"):
        read_questions(write(tmp_path / "q.txt", "1 who?\tA\n"))
