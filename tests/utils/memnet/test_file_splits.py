"""Splits of questions from files: what is held out, what gets candidates, and what is refused."""

import json

import pytest

from utils.common.errors import UserError
from utils.common.reading import Reading
from utils.memnet.file_splits import split_files
from utils.memnet.records import Fact, KnowledgeBase


def question_file(path, subjects, memory=True):
    lines = []
    for name in subjects:
        facts = [[name, "born", f"{name}-town"], [name, "year", "1900"]]
        line = {"question": f"where was {name} born", "answers": [f"{name}-town"]}
        lines.append(json.dumps(line | ({"memory": facts if "7" not in name else facts[1:]} if memory else {})))
    path.write_text("\n".join(lines) + "\n")
    return path


def test_question_files_are_split_by_subject_and_questions_without_an_answer_are_left_out(tmp_path):
    names = [f"person{number}" for number in range(30)] * 2
    data = split_files({"train": [question_file(tmp_path / "q.jsonl", names)]}, Reading())
    parts = {name: {question.subject for question in part} for name, part in data.questions.items()}
    assert [len(parts[name]) for name in ("validation", "test")] == [3, 6]
    assert not parts["train"] & parts["test"] and not parts["train"] & parts["validation"]
    lacking = 2 * len({f"person{number}" for number in (7, 17, 27)} - parts["validation"] - parts["test"])
    assert len(data.questions["train"]) == 42 - lacking
    assert lacking == 0 or any(f"{lacking} of 42 training questions have no answer" in note for note in data.notes)
    assert data.has_memories


def test_questions_without_a_memory_get_candidates(tmp_path):
    base = KnowledgeBase.of(Fact(f"Person {n}", r, f"{r}{n}") for n in range(30) for r in ("born", "year"))
    lines = [f"1 where was person {n} born?\tborn{n}" for n in range(30)]
    (tmp_path / "q.txt").write_text("\n".join(lines) + "\n")
    data = split_files({"train": [tmp_path / "q.txt"]}, Reading(), base, candidates=6)
    for part in data.questions.values():
        for question in part:
            assert 2 <= len(question.memory) <= 6 and base.gold(question, question.memory)
    assert len({question.subject for part in data.questions.values() for question in part}) == 30


def test_a_subject_in_two_files_is_noted(tmp_path):
    train = question_file(tmp_path / "a.jsonl", [f"person{number}" for number in range(20)])
    test = question_file(tmp_path / "b.jsonl", ["person3", "person99"])
    data = split_files({"train": [train], "test": [test]}, Reading(), validation_fraction=0.05)
    assert "1 of 2 test questions are about subjects that training asks about too (such as 'person3'" in data.notes[-1]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("who was born in town{n}?\tperson{n}\n", "is the object of a fact, e.g. 'person0' .*; some are subjects"),
        ("where was person{n} born?\tnowhere\n", "is the object of a fact, e.g. 'nowhere' .*; give the facts"),
        ("where was y{n} born?\ttown{n}\n", "has its answer in its memory, e.g. 'town0' .*: the 5 facts"),
    ],
)
def test_questions_that_no_fact_answers_are_refused_with_a_remedy(tmp_path, line, words):
    base = KnowledgeBase.of(Fact(f"person{n}", "born", f"town{n}") for n in range(30))
    (tmp_path / "q.txt").write_text("".join(line.format(n=n) for n in range(30)))
    with pytest.raises(UserError, match=words):
        split_files(
            {"train": [tmp_path / "q.txt"]}, Reading(), base, candidates=5, test_fraction=0, validation_fraction=0
        )


def test_questions_without_memories_need_facts(tmp_path):
    (tmp_path / "q.txt").write_text("who?\tA\n")
    with pytest.raises(UserError, match="have no memories; name a file of facts with --facts"):
        split_files({"train": [tmp_path / "q.txt"]}, Reading())
