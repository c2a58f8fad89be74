"""MEDIQA's XML: answers in the order of the search."""

import pytest

from tests.helpers.ranking_files import read
from utils.common.errors import UserError

MEDIQA = """<?xml version="1.0" encoding="UTF-8"?>
<MEDIQA2019-Task3-QA-TestSet>
  <Question QID="7">
    <QuestionText>what is it?</QuestionText>
    <AnswerList>
      <Answer AID="7_2" SystemRank="2" ReferenceRank="1" ReferenceScore="4"><AnswerText>d</AnswerText></Answer>
      <Answer AID="7_1" SystemRank="1" ReferenceRank="4" ReferenceScore="1"><AnswerText>a</AnswerText></Answer>
      <Answer AID="7_3" SystemRank="3" ReferenceRank="3" ReferenceScore="2"><AnswerText>b
 c</AnswerText></Answer>
      <Answer AID="7_4" SystemRank="4" ReferenceRank="2" ReferenceScore="3"><AnswerText>c</AnswerText></Answer>
      <Answer AID="7_5" SystemRank="5" ReferenceRank="5" ReferenceScore="3"><AnswerText/></Answer>
    </AnswerList>
  </Question>
</MEDIQA2019-Task3-QA-TestSet>
"""


@pytest.mark.parametrize("name", ["m.xml", "m.xml.gz"])
def test_reads_mediqa_in_the_order_of_retrieval(tmp_path, name):
    (query,), notes = read(tmp_path / name, MEDIQA)
    assert (query.id, query.text, query.place) == ("7", "what is it?", f"{tmp_path / name}, line 3")
    assert [(c.id, c.text, c.relevance, c.votes) for c in query.candidates] == [
        ("7_1", "a", 0, -1),
        ("7_2", "d", 2, -2),
        ("7_3", "b\n c", 0, -3),
        ("7_4", "c", 1, -4),
    ]
    assert notes == ["1 record left out, the answer has no text (answer 7_5 of question 7)"]


@pytest.mark.parametrize(
    ("old", "new", "note"),
    [
        ('SystemRank="3"', "", "the answer has no SystemRank that is a number (line 8)"),
        ('Score="4"', 'Score="5"', "the answer has no ReferenceScore from 1 to 4 (line 6)"),
        ("7_2", "7_1", "another answer of its question has its id (answer 7_1 of question 7)"),
    ],
)
def test_an_answer_that_cannot_be_used_is_left_out(tmp_path, old, new, note):
    (query,), notes = read(tmp_path / "m.xml", MEDIQA.replace(old, new), max_bad_fraction=0.5)
    assert len(query.candidates) == 3 and f"1 of 4 records left out, {note}" in notes


def test_a_question_without_an_id_is_left_out(tmp_path):
    with pytest.raises(UserError, match=r"no record in it can be used: the question has no QID \(line 3\)"):
        read(tmp_path / "m.xml", MEDIQA.replace(' QID="7"', ""))
