"""Questions from templates, and from what files say, with the subject and answers that the facts have for them."""

import json
import unicodedata

import pytest

from utils.common.reading import Reading
from utils.memnet.question_files import read_question_records
from utils.memnet.questions import questions_from_records, questions_from_templates, subject_finder
from utils.memnet.records import Fact, KnowledgeBase

BASE = KnowledgeBase.of(
    [
        Fact("Ada", "born", "London"),
        Fact("Ada", "knew", "Babbage"),
        Fact("Ada", "knew", "Mary"),
        Fact("Bob", "born", "Rome"),
    ]
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


def test_a_path_of_relations_is_asked_about_where_it_leads_somewhere_else():
    base = KnowledgeBase.of(
        [
            Fact("Emma", "author", "Austen"),
            Fact("Persuasion", "author", "Austen"),
            Fact("Austen", "wrote", "Emma"),
            Fact("Austen", "wrote", "Persuasion"),
            Fact("Austen", "born", "Steventon"),
            Fact("Ada", "author", "nobody"),
        ]
    )
    templates = {
        "author -> born": {"train": ["Where was the author of {s} born?"]},
        "author -> wrote": {"train": ["{s}?"]},
    }
    questions = questions_from_templates(base, templates, ["Emma", "Austen", "Ada"])
    assert [(question.text, question.answers) for question in questions] == [
        ("Where was the author of Emma born?", ("Steventon",)),
        ("Emma?", ("Persuasion",)),  # not Emma itself
    ]
    assert base.follow("Emma", "author -> wrote") == [[0], [2, 3]] and base.follow("Ada", "author -> born") == [[5], []]
    assert base.gold(questions[1], range(6)) == [3] and base.gold(questions[0], [0, 4]) == [4]


def questions_of(path, base, text):
    """The questions of a file, and the notes."""
    path.write_text(text, encoding="utf-8")
    reading = Reading()
    with reading.file(path) as report:
        records = read_question_records(path, report)
    questions = questions_from_records(path, records, base, report)
    return questions, [note.removeprefix(f"{path}: ") for note in reading.notes]


def test_memories_are_numbers_of_facts(tmp_path):
    memory = [["Ada", "knew", "Mary"], ["Ada", "knew", "Mary"]]
    rows = [
        {"question": ["who", "knew", "Ada"], "answers": ["Mary"], "memory": memory},
        {"question": "where?", "answers": ["Rome"], "memory": []},
    ]
    text = "\n".join(map(json.dumps, rows))
    questions, notes = questions_of(tmp_path / "q.jsonl", BASE, text)
    assert [(q.id, q.text, q.subject, q.memory) for q in questions] == [
        ("q.jsonl:1", "who knew Ada", "Ada", (2,)),
        ("q.jsonl:2", "where?", "where?", ()),
    ]
    assert notes == []
    _, notes = questions_of(tmp_path / "q.jsonl", KnowledgeBase.of([Fact("Bob", "born", "Rome")]), text)
    assert "1 fact of memories left out, not among the facts of --facts ('Ada / knew / Mary')" in notes[0]


def test_the_subject_of_a_memory_is_named_in_the_question_in_any_form(tmp_path):
    memory = [["Zoë Müller", "knew", "Bo"], ["A Longer Name", "knew", "Cy"]]
    row = {"question": unicodedata.normalize("NFD", "who knew zoë müller?"), "answers": ["Bo"], "memory": memory}
    base = KnowledgeBase.of(Fact(*triple) for triple in memory)
    (question,), _ = questions_of(tmp_path / "q", base, json.dumps(row))
    assert question.subject == "Zoë Müller"


def test_answers_that_hold_commas_are_found_among_the_objects(tmp_path):
    base = KnowledgeBase.of([Fact("Jim", "made", "Me, Myself & Irene"), Fact("Jim", "made", "Rome")])
    (question,), notes = questions_of(tmp_path / "q", base, "1 what did Jim make?\tOslo, Me, Myself & Irene, Rome\n")
    assert question.answers == ("Oslo", "Me, Myself & Irene", "Rome")
    assert notes == ["1 record used, but some of their answers are objects of no fact (line 1)"]


def test_one_text_of_several_answers_is_split_only_into_objects(tmp_path):
    def answers_of(text):
        return questions_of(tmp_path / "q", BASE, json.dumps({"question": "who knew Ada?", "answers": text}))[0][
            0
        ].answers

    assert answers_of("Babbage, Mary") == answers_of("Babbage|Mary") == ("Babbage", "Mary")
    assert answers_of("Paris, Rome") == ("Paris, Rome",)


def test_answers_in_other_capital_letters_or_unicode_forms_are_matched_and_counted(tmp_path):
    base = KnowledgeBase.of([Fact("Ada", "born", "Köln"), Fact("Bob", "born", "Rome")])
    rows = [
        {"question": "where was Ada born?", "answers": [unicodedata.normalize("NFD", "KÖLN")]},
        {"question": "where was Bob born?", "answers": ["Rome"]},
        {"question": "where was Bob born?", "answers": ["Roma"]},
    ]
    questions, notes = questions_of(tmp_path / "q", base, "\n".join(map(json.dumps, rows)))
    assert [question.answers for question in questions] == [("Köln",), ("Rome",), ("Roma",)]
    assert notes == [
        "1 record used, but their answer is the object of a fact in other capital letters or another Unicode form (line 1)",
        "1 record used, but their answer is the object of no fact (line 3)",
    ]


def test_questions_as_text_find_their_subject(tmp_path):
    questions, notes = questions_of(tmp_path / "q", BASE, "1 where was Bob born?\tRome\n2 who does bob know?\tMary\n")
    assert [(q.text, q.subject, q.answers, q.memory) for q in questions] == [
        ("where was Bob born?", "Bob", ("Rome",), None),
        ("who does bob know?", "who does bob know?", ("Mary",), None),
    ]
    assert len(notes) == 1 and "name no subject of the facts" in notes[0] and "(line 2)" in notes[0]


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("Who designed C++?", "C++"),
        ("Who designed C#, then?", "C#"),
        ("Who designed C?", "C"),
        ("Who sings for !!!?", "!!!"),
        ("where was ann lee born?", "Ann Lee"),
        ("the world", None),
        ("王明在哪里出生？", "王明"),
        ("मीना का जन्म कहाँ हुआ?", "मीना"),
        (unicodedata.normalize("NFD", "Where was Zoë born?"), "Zoë"),
        ("?", None),
    ],
)
def test_the_subject_with_most_words_is_found(text, subject):
    names = ("C", "C++", "C#", "!!!", "Ann", "Ann Lee", "World", "王", "王明", "मीना", "मोना", "Zoë", "?")
    assert subject_finder(KnowledgeBase.of(Fact(name, "r", "x") for name in names))(text) == subject


def test_what_two_subjects_have_in_common_is_asked_about_with_both_names():
    base = KnowledgeBase.of(
        [
            Fact("Ada", "plays", "chess"),
            Fact("Ada", "plays", "go"),
            Fact("Bo", "likes", "chess"),
            Fact("Bo", "likes", "tea"),
            Fact("Cid", "likes", "tea"),
        ]
    )
    templates = {"plays & likes": {"train": ["What does {s} play that {t} likes?"]}, "plays": {"train": ["{s} plays?"]}}
    questions = questions_from_templates(base, templates, list(base.by_subject))
    (both,) = (question for question in questions if question.second_subject)
    assert both.text == "What does Ada play that Bo likes?" and both.answers == ("chess",)
    assert (both.subject, both.second_subject, both.relation) == ("Ada", "Bo", "plays & likes")
    assert [question.text for question in questions if not question.second_subject] == ["Ada plays?"]
    assert questions_from_templates(base, {"a & b & c": {"train": ["{s} and {t}?"]}}, ["Ada"]) == []
    without_bo = questions_from_templates(base, templates, ["Ada"], second_subjects={"Ada", "Cid"})
    assert [question.text for question in without_bo] == ["Ada plays?"]
