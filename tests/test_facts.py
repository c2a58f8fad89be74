"""Readers of facts, templates and questions: what they take, and what each bad input becomes."""

import gzip
import json

import pytest

from utils.data.facts import Fact, MemoryQuestion, ask, knowledge_base, read_facts, read_questions, read_templates
from utils.errors import UserError

HEADER = "subject\trelation\tobject\n"


def write(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_reads_tsv_csv_and_gz_alike(tmp_path):
    expected = (Fact("Ada Lovelace", "born_in", "London, England"), Fact("Ada Lovelace", "birth_year", "1815"))
    tsv = write(
        tmp_path / "a.tsv", HEADER + "Ada Lovelace\tborn_in\tLondon, England\nAda  Lovelace \tbirth_year\t1815\n\n"
    )
    csv = write(
        tmp_path / "a.csv",
        'note,object,Subject,relation\nx,"London, England",Ada Lovelace,born_in\ny,1815,Ada Lovelace,birth_year\n',
    )
    packed = tmp_path / "a.tsv.gz"
    packed.write_bytes(gzip.compress(tsv.read_bytes()))
    bare = write(tmp_path / "b.tsv", tsv.read_text().removeprefix(HEADER))
    for path in (tsv, csv, packed, bare):
        base, notes = read_facts([path])
        assert base.facts == expected and notes == []


def test_rows_that_are_dropped_or_merged_are_counted_and_named(tmp_path):
    rows = ["a\tr\tx", "a\tr", "b\t\ty", "a\tr\tx", f"c\tr\t{'long ' * 300}", "a\tr\tz", "d\tr\tw\tmore"]
    base, notes = read_facts([write(tmp_path / "f.tsv", HEADER + "\n".join(rows))])
    assert [fact.object for fact in base.facts] == ["x", "z", "w"]
    assert len(notes) == 4
    assert "2 rows dropped, a field is missing (line 3, 4)" in notes[0]
    assert "1 rows dropped, a field is too long (line 6)" in notes[1]
    assert "1 repeated facts" in notes[2]
    assert "1 pairs of subject and relation have several objects (such as 'a', 'r')" in notes[3]


def test_a_line_of_ten_megabytes_is_dropped_and_named(tmp_path):
    for name, row in (("f.tsv", "a\tr\t{}"), ("f.csv", "a,r,{}")):
        header = HEADER if name.endswith("tsv") else HEADER.replace("\t", ",")
        text = header + row.format("x" * 10_000_000) + "\n" + row.format("y") + "\n"
        base, notes = read_facts([write(tmp_path / name, text)])
        assert [fact.object for fact in base.facts] == ["y"] and "too long (line 2)" in notes[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no facts"),
        (HEADER, "no facts"),
        (HEADER + "a\tr\t\n", "no facts"),
        (b"subject\trelation\tobject\na\tr\tx\nb\tr\t\xff\xfe\n", "line 3: is not UTF-8"),
        ("who,what\na,b\n", "names no columns subject, relation and object"),
    ],
)
def test_files_without_facts_are_one_clear_line(tmp_path, text, words):
    path = write(tmp_path / "f.csv" if "," in str(text) else tmp_path / "f.tsv", text)
    with pytest.raises(UserError, match=words) as caught:
        read_facts([path])
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_missing_and_damaged_files(tmp_path):
    with pytest.raises(UserError, match="can not be read"):
        read_facts([tmp_path / "none.tsv"])
    whole = gzip.compress((HEADER + "a\tr\tx\n" * 5000).encode())
    with pytest.raises(UserError, match="can not be read"):
        read_facts([write(tmp_path / "cut.tsv.gz", whole[: len(whole) // 2])])


def test_wikimovies_facts_lead_both_ways(tmp_path):
    lines = ["1 Kismet directed_by William Dieterle", "2 Kismet starred_actors Edward Arnold, Marlene Dietrich"]
    text = "\n".join([*lines, "3 Kismet has_plot A long one", "", "1 bad", ""])
    base, notes = read_facts([write(tmp_path / "kb.txt", text)])
    assert Fact("Kismet", "directed_by", "William Dieterle") in base.facts
    assert Fact("Marlene Dietrich", "!starred_actors", "Kismet") in base.facts
    assert len(base.facts) == 6
    assert any("1 rows dropped" in note and "line 5" in note for note in notes)


def test_templates_by_relation_and_split(tmp_path):
    path = write(
        tmp_path / "t.tsv",
        "born\tWhere was {s} born?\nborn\tBirthplace of {s}?\ttest\nyear\tWhen was {s} born?\ttrain\n",
    )
    expected = {"born": {"train": ["Where was {s} born?"], "test": ["Birthplace of {s}?"]}}
    assert read_templates(path) == expected | {"year": {"train": ["When was {s} born?"]}}
    for text, words in (("", "no templates"), ("born\tWhere?\n", "line 1"), ("born\t{s}?\tdev\n", "line 1")):
        with pytest.raises(UserError, match=words):
            read_templates(write(tmp_path / "bad.tsv", text))


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


def test_asks_every_subject_and_relation_once_a_template():
    questions = ask(BASE, TEMPLATES, ["Ada", "Bob"])
    assert sorted(question.text for question in questions) == [
        "Birthplace of Ada?",
        "Birthplace of Bob?",
        "Where was Ada born?",
        "Where was Bob born?",
        "Who knew Ada?",
    ]
    assert next(q for q in questions if q.relation == "knew").answers == ("Babbage", "Mary")
    assert len({question.id for question in questions}) == 5
    fewer = ask(BASE, TEMPLATES, ["Ada", "Bob"], most=1, seed=1)
    assert len(fewer) == 3 and fewer == ask(BASE, TEMPLATES, ["Ada", "Bob"], most=1, seed=1)


def test_gold_facts_have_subject_relation_and_answer():
    question = MemoryQuestion("1", "?", "Ada", ("Babbage", "Mary"), "knew")
    assert BASE.gold(question, range(4)) == [1, 2]
    loose = MemoryQuestion("2", "?", "Ada", ("Rome",))
    assert BASE.gold(loose, range(4)) == [3] and BASE.gold(loose, [0, 1]) == []


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
    assert "1 facts of memories are not among" in read_questions(path, other)[2][0]


def test_questions_as_text_find_their_subject(tmp_path):
    path = write(tmp_path / "q.txt", "1 where was bob born?\tRome\n2 who?\tA, B\n")
    questions, *_ = read_questions(path, BASE)
    assert [(q.text, q.subject, q.answers, q.memory) for q in questions] == [
        ("where was bob born?", "Bob", ("Rome",), None),
        ("who?", "who?", ("A", "B"), None),
    ]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("q.jsonl", "", "no questions"),
        ("q.jsonl", "{broken\n", "line 1"),
        ("q.jsonl", '{"question": "a"}\n', "line 1"),
        ("q.jsonl", '{"question": "a", "answers": []}\n', "line 1"),
        ("q.jsonl", '{"question": "a", "answers": ["b"], "memory": [["x", "y"]]}\n', "line 1"),
        ("q.txt", "1 no tab here\n", "line 1"),
        ("q.txt", "1 no answer\t\n", "line 1"),
    ],
)
def test_bad_questions_are_one_clear_line(tmp_path, name, text, words):
    path = write(tmp_path / name, text)
    with pytest.raises(UserError, match=words) as caught:
        read_questions(path, BASE)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
