"""Posts.xml of Stack Exchange: votes become grades, rows that cannot be used are left out and counted."""

import pytest

from tests.helpers.ranking_files import read
from utils.common.errors import UserError
from utils.ranking.records import Candidate, Query

POSTS = """<?xml version="1.0" encoding="utf-8"?>
<posts>
  <row Id="2" PostTypeId="2" ParentId="1" Score="4" Body="&lt;p&gt;yes &amp;amp; no&lt;/p&gt;" CreationDate="2014" />
  <row Id="1" PostTypeId="1" AcceptedAnswerId="5" Score="3" Title="Why?" Body="&lt;p&gt;so&lt;/p&gt;" />
  <row Id="5" PostTypeId="2" ParentId="1" Score="0" Body="because" />
  <row Id="6" PostTypeId="2" ParentId="9" Score="0" Body="lost" />
  <row Id="7" PostTypeId="5" Score="0" Body="a tag" />
  <row Id="8" PostTypeId="1" Score="0" Title="Nobody?" Body="" />
</posts>
"""


@pytest.mark.parametrize("name", ["Posts.xml", "Posts.xml.gz", "Posts.xml.bz2", "posts.txt"])
def test_reads_a_dump_whose_answers_may_come_first(tmp_path, name):
    path = tmp_path / name
    queries, notes = read(path, POSTS)
    candidates = (Candidate("2", "yes & no", 4.0, 4, "2014"), Candidate("5", "because", 1.0, 0, "", True))
    assert queries == [Query("1", "Why?\nso", candidates, f"{path}, line 4")]
    assert set(notes) == {
        "1 record left out, its question is not in the file (answer 6)",
        "1 record left out, the row is neither a question nor an answer (line 7)",
        "1 record left out, the question has no answer (question 8)",
        "1 record used, but a question has only relevant answers (question 1)",
    }


def test_reads_utf_16_a_byte_order_mark_and_capital_letters_in_the_root(tmp_path):
    expected, _ = read(tmp_path / "Posts.xml", POSTS)
    text = POSTS.replace("posts>", "Posts>")
    for content in (text.encode("utf-16"), text.encode("utf-8-sig"), text.encode()):
        assert read(tmp_path / "Posts.xml", content)[0] == expected


@pytest.mark.parametrize(
    ("old", "new", "note"),
    [
        ('Id="5" Post', 'Id="x" Post', "the row has no Id that is an integer (line 5)"),
        ('ParentId="9" ', "", "the row has no ParentId that is an integer (line 6)"),
        ('Score="0" Body="because"', 'Body="because"', "the row has no Score that is an integer (line 5)"),
        ('PostTypeId="5" ', "", "the row has no PostTypeId that is an integer (line 7)"),
        ('Id="8"', 'Id="1"', "another question has its Id (line 8)"),
        ('Id="5" Post', 'Id="2" Post', "another answer of its question has its id (answer 2 of question 1)"),
    ],
)
def test_a_row_that_cannot_be_used_is_left_out_and_counted(tmp_path, old, new, note):
    assert old in POSTS
    queries, notes = read(tmp_path / "Posts.xml", POSTS.replace(old, new), max_bad_fraction=0.5)
    assert len(queries) == 1 and any("records left out, " in line and line.endswith(note) for line in notes)
    with pytest.raises(
        UserError, match=r"Posts\.xml: 1 of \d records cannot be used, more than --max-bad-fraction 0.05"
    ):
        read(tmp_path / "Posts.xml")


def test_a_dump_without_questions_that_have_answers_is_an_error(tmp_path):
    with pytest.raises(UserError, match="no record in it can be used: the question has no answer"):
        read(tmp_path / "Posts.xml", '<posts><row Id="1" PostTypeId="1" Title="Why?" /></posts>')
