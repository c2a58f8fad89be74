"""Questions that stand alone, from files of many formats."""

import json

import pytest

from utils.common.asking import OrderedReport
from utils.common.question_records import read_plain_questions


def read(path, content):
    path.write_text(content)
    report = OrderedReport(path)
    return [(record.id, record.value) for record in read_plain_questions(path, report)], report


@pytest.mark.parametrize(
    ("content", "questions"),
    [
        ("Who wrote it?\n\n When, and where? \n", [(None, "Who wrote it?"), (None, "When, and where?")]),
        ("q1\tWho?\nq2\tWhen?\n", [("q1", "Who?"), ("q2", "When?")]),
        ('{"id": 3, "question": "Who?"}\n{"_id": "b", "text": "When?"}\n', [(3, "Who?"), ("b", "When?")]),
        ('["Who?", "When?"]', [(None, "Who?"), (None, "When?")]),
        (json.dumps({"data": [{"qid": "x", "query": "Who?"}]}), [("x", "Who?")]),
        ("id,question\n1,Who?\n2,When?\n", [("1", "Who?"), ("2", "When?")]),
        ("question\nWho?\nWhen?\n", [(None, "Who?"), (None, "When?")]),
        ("Question;Level\nWho?;easy\n", [(None, "Who?")]),
        ("id,title\n1,how to brew\n2,why hops\n", [("1", "how to brew"), ("2", "why hops")]),
        ('{"id": 5, "title": "Why hops?", "body": "I see them."}\n', [(5, "Why hops?")]),
    ],
)
def test_formats(tmp_path, content, questions):
    assert read(tmp_path / "questions", content)[0] == questions


def test_the_title_of_an_article_is_no_question(tmp_path):
    articles = {"data": [{"title": "Rivers", "paragraphs": [{"context": "A b.", "qas": [{"question": "What?"}]}]}]}
    questions, report = read(tmp_path / "squad.json", json.dumps(articles))
    assert questions == [] and report.num_bad == 1


def test_what_is_no_question_is_counted(tmp_path):
    content = '{"id": "a", "question": ""}\n7\n{"id": true, "question": "Who?"}\n{"question": "\\ud800"}\n'
    questions, report = read(tmp_path / "questions", content)
    assert questions == [(None, "Who?")] and report.num_bad == 3
    assert report.notes[0].endswith("2 of 3 records not answered: it has no question (line 1, line 2)")
