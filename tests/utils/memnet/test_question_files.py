"""Questions from files: each format, and what is left out or refused."""

import json

import pytest

from utils.common.errors import UserError
from utils.common.reading import Reading
from utils.memnet.question_files import QuestionRecord, read_question_records
from utils.memnet.records import Fact


def read(path, text, max_bad_fraction=0.0):
    """The questions, and the notes."""
    path.write_text(text, encoding="utf-8")
    reading = Reading(max_bad_fraction)
    with reading.file(path) as report:
        records = read_question_records(path, report)
    return records, [note.removeprefix(f"{path}: ") for note in reading.notes]


def as_lines(rows):
    return "\n".join(map(json.dumps, rows)) + "\n\n"


ROWS = [{"question": "where was Ada born?", "answers": ["Oslo"]}, {"question": "who?", "answers": ["Bo", "Cy"]}]


@pytest.mark.parametrize("name", ["q.jsonl", "q.txt", "q"])
@pytest.mark.parametrize(
    "text",
    [
        as_lines(ROWS),
        json.dumps(ROWS),
        json.dumps({"data": ROWS}),
        as_lines({"query": row["question"], "answer": row["answers"]} for row in ROWS),
        as_lines({"question": row["question"].split(), "answers": {"text": row["answers"]}} for row in ROWS),
        as_lines({"Question": row["question"], "Answers": [{"text": text} for text in row["answers"]]} for row in ROWS),
    ],
)
def test_json_is_told_by_what_is_in_it(tmp_path, name, text):
    records, notes = read(tmp_path / name, text)
    assert [(record.text, record.answers, record.memory) for record in records] == [
        ("where was Ada born?", ["Oslo"], None),
        ("who?", ["Bo", "Cy"], None),
    ]
    assert notes == []


def test_one_answer_and_numbers(tmp_path):
    rows = [{"question": "when?", "answer": 1832}, {"question": "when?", "answers": ["1832", 1832.0]}]
    records, _ = read(tmp_path / "q", as_lines([*rows, {"question": "where?", "answers": "Rome, NY"}]))
    assert [record.answers for record in records] == [["1832"], ["1832", "1832"], ["Rome, NY"]]


def test_memories_are_facts_and_what_is_none_is_counted(tmp_path):
    memory = [["Ada", "knew", "Mary  Ann"], ["Ada", "knew", None], ["Ada", "knew"], ["Ada", "knew", "\ud83d"], 7]
    memory.append({"subject": "Ada", "relation": "year", "object": 1815})
    rows = [{"question": "who?", "answers": ["Mary Ann"], "memory": memory}, ROWS[0] | {"memory": []}]
    records, notes = read(tmp_path / "q", as_lines(rows))
    assert records[0].memory == (Fact("Ada", "knew", "Mary Ann"), Fact("Ada", "year", "1815"))
    assert records[1].memory == ()
    assert "1 record used, but a fact of their memory is left out: its object is empty (line 1)" in notes
    assert "2 records used, but a fact of their memory is left out: a field is missing (line 1, line 1)" in notes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 where was Ada born?\tRome\n2  who?\tBo, Cy\n", [("where was Ada born?", "Rome"), ("who?", "Bo, Cy")]),
        (
            "where was Ada born?\tRome\n\n12 Monkeys, when?\t1995\n",
            [("where was Ada born?", "Rome"), ("12 Monkeys, when?", "1995")],
        ),
        ("question\tanswer\nwhere?\tRome, NY\n", [("where?", ["Rome, NY"])]),
        ('"question","answers"\n"where, who?","Rome"\n', [("where, who?", ["Rome"])]),
        (
            "question\tanswer\nwhere?\t['Rome', 'Oslo']\nwho?\t[REC]\n",
            [("where?", ["Rome", "Oslo"]), ("who?", ["[REC]"])],
        ),
        ('question\tanswers\nwhere?\t"[""Rome"", 7]"\n', [("where?", ["Rome", "7"])]),
        ("text:where?\tlabels:Rome|Oslo, N\tepisode_done:True\n", [("where?", ["Rome", "Oslo, N"])]),
        ("text:hi\\nwhere?\teval_labels:Rome\n", [("where?", ["Rome"])]),
        ("id:kb\ttext:where?\tlabels:Rome\n", [("where?", ["Rome"])]),
    ],
)
def test_texts(tmp_path, text, expected):
    records, _ = read(tmp_path / "q.txt", text)
    assert [(record.text, record.answers) for record in records] == expected


def test_entities_in_brackets_are_taken_off_where_all_questions_have_them(tmp_path):
    text = "[Ada Moor] was born where\tRome, NY|Oslo\nwho directed [[REC]]\tBo\nwho wrote [C#]\tCy\n"
    records, _ = read(tmp_path / "q", text)
    assert [(record.text, record.entity, record.answers) for record in records] == [
        ("Ada Moor was born where", "Ada Moor", ["Rome, NY", "Oslo"]),
        ("who directed [REC]", "[REC]", ["Bo"]),
        ("who wrote C#", "C#", ["Cy"]),
    ]
    records, _ = read(tmp_path / "q", "who directed [REC]\tBo\nwho wrote it\tCy\nwhen was it\t1999\n")
    assert records[0].text == "who directed [REC]" and records[0].entity == ""


def test_questions_that_cannot_be_used_are_counted(tmp_path):
    rows = [
        *ROWS,
        {"question": "a"},
        {"question": "a", "answers": []},
        {"question": " ", "answers": ["b"]},
        {"answers": ["b"]},
        {"question": "long " * 300, "answers": ["b"]},
        {"question": "\ud83d", "answers": ["b"]},
        ["no", "object"],
    ]
    records, notes = read(tmp_path / "q", as_lines(rows) + "{broken\n", 0.9)
    assert len(records) == 2
    assert sorted(notes) == [
        "1 of 10 records left out, it is not JSON (line 11)",
        "1 of 10 records left out, it is not a JSON object (line 9)",
        "1 of 10 records left out, its text has half a character (a lone surrogate) (line 8)",
        "1 of 10 records left out, the question is longer than 1,000 characters (line 7)",
        "2 of 10 records left out, it has no answer (line 3, line 4)",
        "2 of 10 records left out, it has no question (line 5, line 6)",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no record in it can be used"),
        ("{broken\n", "broken JSON"),
        ('{"question": "a"}\n', "it has no answer"),
        ("1 no tab here\n", r"it is not a question, one tab, and answers \(line 1\)"),
        ("1 no answer\t\n", "line 1"),
        ("a\tb\tc\n", "line 1"),
        ("<a><b/></a>", "is not a file of questions"),
    ],
)
def test_bad_files_are_one_clear_line(tmp_path, text, words):
    with pytest.raises(UserError, match=words) as caught:
        read(tmp_path / "q", text)
    assert str(tmp_path / "q") in str(caught.value) and "\n" not in str(caught.value)


def test_a_place_is_named_like_its_line(tmp_path):
    records, _ = read(tmp_path / "q", "\n\nwhere?\tRome\n")
    assert records == [QuestionRecord("line 3", "where?", "Rome")]


def test_facts_of_a_memory_may_name_their_fields_in_any_order(tmp_path):
    memory = [
        {"object": "Oslo", "relation": "born_in", "subject": "Ada"},
        {"head": "Bo", "tail": "Brom", "relation": "x"},
    ]
    records, _ = read(tmp_path / "q.json", json.dumps([ROWS[0] | {"memory": memory}]))
    assert records[0].memory == (Fact("Ada", "born_in", "Oslo"), Fact("Bo", "x", "Brom"))


def test_terms_of_rdf_in_a_memory_become_names(tmp_path):
    memory = [["<http://e.org/Ada_Moor>", "<http://e.org/born_in>", "<http://e.org/New_Brom>"], ["too", "short"]]
    records, notes = read(tmp_path / "q.json", json.dumps([ROWS[0] | {"memory": memory}]))
    assert records[0].memory == (Fact("Ada Moor", "born_in", "New Brom"),)
    assert "a fact of their memory is left out: a field is missing" in str(notes)


def test_answers_that_are_a_list_in_a_text(tmp_path):
    records, _ = read(tmp_path / "q.txt", 'who?\t[\'Bo\', "O\'Hara"]\nwhere?\t["Oslo"]\n[REC] is by?\t[sic]\n')
    assert [record.answers for record in records] == [["Bo", "O'Hara"], ["Oslo"], "[sic]"]
