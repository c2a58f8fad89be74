"""Readers of questions with graded answers, the text of HTML, and grades from votes."""

import gzip
import json
from collections import Counter

import pytest

from utils.common.errors import UserError
from utils.ranking.data import read_rankings
from utils.ranking.records import Candidate, Query, grades_from_votes, strip_html


def write(path, content):
    data = content if isinstance(content, bytes) else content.encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def grades(query):
    return [candidate.relevance for candidate in query.candidates]


def lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One &amp; two.</p>\n\n<p>Three\n four.</p>\n", "One & two.\nThree four."),
        ("a<br>b<br/><br />c", "a\nb\nc"),
        ('see <a href="http://x.y">the  page</a>.', "see the page."),
        ('<p>x <img src="a.png" alt="no"> y</p>', "x y"),
        (
            "<p>so:</p><pre><code>  if a &lt; b:\n\n    go()\n</code></pre><p>end</p>",
            "so:\n  if a < b:\n\n    go()\nend",
        ),
        ("run <code>ls  -l</code>  now", "run ls  -l now"),
        ("<ul>\n<li>one</li>\n<li>two <b>bold</b></li>\n</ul>", "one\ntwo bold"),
        ("<table><tr><td>1</td><td>2</td></tr></table>", "1\n2"),
        ("a &#8217; &eacute; 3 < 4 & 5", "a \u2019 \u00e9 3 < 4 & 5"),
        ("<script>var a = 1;</script>b<!-- c -->", "b"),
        ("plain", "plain"),
        ("</pre></p>odd <p>unclosed", "odd\nunclosed"),
        ("<p> </p>", ""),
        ("", ""),
    ],
)
def test_html_becomes_text(html, text):
    assert strip_html(html) == text


@pytest.mark.parametrize(
    ("rule", "votes", "expected"),
    [
        ("best_share", [8, 4, 3, 1, 0, -5], [4, 2, 2, 1, 0, 0]),  # 3/8 is one and a half quarters, rounded up
        ("best_share", [100, 12, 13, 88], [4, 0, 1, 4]),
        ("best_share", [1], [4]),
        ("best_share", [0, -1], [0, 0]),
        ("best_share", [], []),
        ("rank", [5, -3, 0, 5, 9], [2, 0, 0, 2, 4]),
        ("rank", [7, 7], [4, 4]),
        ("rank", [0, -1], [0, 0]),
    ],
)
def test_votes_become_grades(rule, votes, expected):
    assert grades_from_votes(votes, rule) == expected


def test_an_unknown_rule_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r"--votes best: no such rule .*; choose one of best_share, rank"):
        read_rankings(tmp_path / "none.jsonl", "best")


def thread(number, answers, **more):
    """Answers as (id, score) or (id, score, more fields)."""
    given = [
        {"id": name, "score": score, "body": f"<p>text {name}</p>", **(rest[0] if rest else {})}
        for name, score, *rest in answers
    ]
    return {"id": number, "title": f"Title {number}", "body": "<p>body</p>", "answers": given} | more


@pytest.mark.parametrize("name", ["t.jsonl", "t.jsonl.gz"])
def test_reads_threads(tmp_path, name):
    answers = [(11, 8, {"created": "2014-01-21"}), (12, 1, {"accepted": True}), (13, 0, {"accepted": True}), (14, 2)]
    path = write(tmp_path / name, "\n" + lines(thread(1, answers, site="beer")))
    (query,), notes = read_rankings(path)
    assert query.id == "beer/1" and query.text == "Title 1\nbody" and query.place == f"{path}, line 2"
    assert query.candidates[0] == Candidate("11", "text 11", 4.0, 8, "2014-01-21")
    assert grades(query) == [4, 1, 1, 1]  # an accepted answer has a grade of at least 1
    assert [candidate.accepted for candidate in query.candidates] == [False, True, True, False] and query.group == ""
    assert notes == [f"{path}: 1 questions have only relevant answers; kept ('beer/1')"]
    (query,), _ = read_rankings(path, "rank")
    assert [candidate.relevance for candidate in query.candidates] == pytest.approx([4, 4 / 3, 1, 8 / 3])


def test_what_is_left_out_or_ranks_nothing_is_counted_and_named(tmp_path):
    path = write(
        tmp_path / "t.jsonl",
        lines(
            thread(1, []),
            thread(2, [(21, 5), (22, -2)]),
            thread(3, [(31, 0), (32, 0)]),
            thread(4, [(41, 3), (42, 9, {"body": '<img src="x">'}), (43, 0, {"body": "text 41"})]),
            thread(5, [(51, 1, {"body": " "})]),
            thread(6, [(61, 1)], title=" ", body=""),
            thread(7, [(71, 1)]),
            *(thread(number, []) for number in range(80, 85)),
        ),
    )
    queries, notes = read_rankings(path)
    assert {query.id: grades(query) for query in queries} == {"2": [4, 0], "3": [0, 0], "4": [4, 0], "7": [4]}
    assert {note.removeprefix(f"{path}: ") for note in notes} == {
        "7 questions without answers left out ('1', '5', '80', '81', '82', ...)",
        "1 questions without text left out ('6')",
        "2 answers without text left out ('42 of 4', '51 of 5')",
        "1 questions with several answers have equal votes for all, so they rank nothing; kept ('3')",
        "1 answers have negative votes, which count as 0 ('22 of 2')",
        "1 questions have no relevant answer; kept ('3')",
        "1 questions have only relevant answers; kept ('7')",
        "1 answers have the same text as another answer of their question; kept ('43 of 4')",
    }


ROWS = """<?xml version="1.0" encoding="utf-8"?>
<posts>
  <row Id="2" PostTypeId="2" ParentId="1" Score="4" Body="&lt;p&gt;yes &amp;amp; no&lt;/p&gt;" CreationDate="2014" />
  <row Id="1" PostTypeId="1" AcceptedAnswerId="5" Score="3" Title="Why?" Body="&lt;p&gt;so&lt;/p&gt;" />
  <row Id="5" PostTypeId="2" ParentId="1" Score="0" Body="because" />
  <row Id="6" PostTypeId="2" ParentId="9" Score="0" Body="lost" />
  <row Id="7" PostTypeId="5" Score="0" Body="a tag" />
  <row Id="8" PostTypeId="1" Score="0" Title="Nobody?" Body="" />
</posts>
"""


@pytest.mark.parametrize("name", ["Posts.xml", "Posts.xml.gz"])
def test_reads_a_dump_whose_answers_may_come_first(tmp_path, name):
    path = write(tmp_path / name, ROWS)
    queries, notes = read_rankings(path)
    candidates = (Candidate("2", "yes & no", 4.0, 4, "2014"), Candidate("5", "because", 1.0, 0, "", True))
    assert queries == [Query("1", "Why?\nso", candidates, f"{path}, line 4")]
    assert {note.removeprefix(f"{path}: ") for note in notes} == {
        "1 answers whose question is missing left out ('6')",
        "1 rows that are neither question nor answer left out",
        "1 questions without answers left out ('8')",
        "1 questions have only relevant answers; kept ('1')",
    }


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
    path = write(tmp_path / name, MEDIQA)
    (query,), notes = read_rankings(path)
    assert (query.id, query.text, query.place) == ("7", "what is it?", f"{path}, line 3")
    assert [(c.id, c.text, c.relevance, c.votes) for c in query.candidates] == [
        ("7_1", "a", 0, -1),
        ("7_2", "d", 2, -2),
        ("7_3", "b\n c", 0, -3),
        ("7_4", "c", 1, -4),
    ]
    assert notes == [f"{path}: 1 answers without text left out ('7_5 of 7')"]


def wikiqa(folder, **changes):
    files = {
        "a.toks": "who ?\nwho ?\nwhat ?\nwhat is ?\nwho ?\n",
        "b.toks": "he .\nshe .\nit .\nthat .\nthey .\n",
        "sim.txt": "0\n1\n1\n0\n1\n",
        "id.txt": "Q1-D1-0\nQ1-D1-1\nQ2-D2-0\nQ2-D2-1\nQ3-D9-0\n",
        "boundary.txt": "0\n2\n4\n5\n",
    }
    for name, text in (files | changes).items():
        write(folder / (f"{name}.gz" if changes.get("gz") and name.endswith("toks") else name), str(text))
    return folder


@pytest.mark.parametrize("gz", [True, False])
def test_reads_wikiqa_by_its_boundaries(tmp_path, gz):
    path = wikiqa(tmp_path / "wikiqa", gz=gz)
    queries, notes = read_rankings(path)
    assert [(q.id, q.text, grades(q)) for q in queries] == [
        ("Q1", "who ?", [0, 1]),
        ("Q2", "what ?", [1, 0]),
        ("Q3", "who ?", [1]),
    ]
    assert [c.id for c in queries[1].candidates] == ["Q2-D2-0", "Q2-D2-1"] and queries[0].candidates[0].votes is None
    assert queries[1].place == f"{path / 'b.toks'}, line 3"
    assert {note.removeprefix(f"{path}: ") for note in notes} == {
        "1 questions occur in several wordings; the first is used ('Q2')",
        "1 questions have only relevant answers; kept ('Q3')",
    }


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("sim.txt", "0\n1\n", r"different numbers of lines \(a.toks 5, b.toks 5, sim.txt 2, id.txt 5\)"),
        ("sim.txt", "0\n1\n2\n0\n1\n", "sim.txt, line 3: '2' must be 0 or 1"),
        (
            "boundary.txt",
            "0\n2\n2\n5\n",
            "boundary.txt, line 3: '2' must be a line number, 0 first and then increasing",
        ),
        ("boundary.txt", "1\n2\n5\n", "boundary.txt, line 1: '1' must be"),
        ("boundary.txt", "0\n2\nx\n", "boundary.txt, line 3: 'x' must be"),
        ("boundary.txt", "0\n2\n4\n", "must end with the number of lines, 5, not '4'"),
        ("boundary.txt", "", "must end with the number of lines, 5, not ''"),
        (
            "id.txt",
            "Q1-D1-0\nQ1-D1-1\nQ1-D2-0\nQ2-D2-1\nQ3-D9-0\n",
            "line 3: the question id 'Q1' was used in .*line 1",
        ),
        ("id.txt", "Q1-D1-0\nQ1-D1-0\nQ2-D2-0\nQ2-D2-1\nQ3-D9-0\n", "line 1: question 'Q1' has two answers 'Q1-D1-0'"),
    ],
)
def test_wikiqa_files_that_disagree_are_one_clear_line(tmp_path, file, text, words):
    with pytest.raises(UserError, match=words) as caught:
        read_rankings(wikiqa(tmp_path / "wikiqa", **{file: text}))
    assert "\n" not in str(caught.value)


def test_a_folder_without_wikiqa_files_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r"a\.toks: cannot be read"):
        read_rankings(tmp_path)


TABLES = {
    "t.csv": 'query,candidate,relevance\n"a, b",one,2\nc,two,0\n\n"a, b",three,0.5\n',
    "t.tsv": "Query\tother\tCandidate\tRelevance\na, b\tx\tone\t2\nc\tx\ttwo\t0\n\na, b\tx\tthree\t0.5\n",
    "t.jsonl": lines(
        {"query": "a, b", "candidate": "one", "relevance": 2},
        {"query": "c", "candidate": "two", "relevance": 0, "other": None},
        {"query": "a, b", "candidate": "three", "relevance": 0.5},
    ),
}


@pytest.mark.parametrize("gz", ["", ".gz"])
@pytest.mark.parametrize("name", TABLES)
def test_reads_tables_and_groups_rows_by_text(tmp_path, name, gz):
    path = write(tmp_path / (name + gz), TABLES[name])
    first = 1 if name == "t.jsonl" else 2
    queries, notes = read_rankings(path)
    assert [(q.id, q.text, q.place) for q in queries] == [
        (str(first), "a, b", f"{path}, line {first}"),
        (str(first + 1), "c", f"{path}, line {first + 1}"),
    ]
    assert [(c.text, c.relevance, c.votes) for c in queries[0].candidates] == [("one", 2, None), ("three", 0.5, None)]
    assert notes == [
        f"{path}: 1 questions have only relevant answers; kept ('{first}')",
        f"{path}: 1 questions have no relevant answer; kept ('{first + 1}')",
    ]


def test_rows_of_a_table_are_grouped_by_id_if_there_is_one(tmp_path):
    rows = (
        "query_id,candidate_id,query,candidate,relevance\n7,x,same,one,1\n8,x,same,two,0\n7,y,same,,0\n7,z,same,z,0\n"
    )
    queries, notes = read_rankings(write(tmp_path / "t.csv", rows))
    assert [(q.id, [c.id for c in q.candidates]) for q in queries] == [("7", ["x", "z"]), ("8", ["x"])]
    assert notes[0].endswith("1 answers without text left out ('y of 7')")
    records = [{"query_id": 7, "query": "q", "candidate": "one", "relevance": "1"}]
    queries, _ = read_rankings(write(tmp_path / "t.jsonl", lines(*records)))
    assert queries[0].id == "7" and grades(queries[0]) == [1]


HEAD, IDS = "query,candidate,relevance\n", "query_id,candidate_id,query,candidate,relevance\n"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.csv", HEAD, "contains no question with an answer"),
        ("t.csv", "query,candidate\na,b\n", "its first line has no column relevance"),
        ("t.csv", "query,query,candidate,relevance\n", "its first line has the column query twice"),
        ("t.csv", HEAD + "a,b,1\na,b, c,1\n", "line 3: has 4 fields, the first line 3"),
        ("t.csv", HEAD + 'a,b,1\na,"b,1\n', "line 3: is not a row of CSV"),
        ("t.csv", HEAD + "a,b,-1\n", "line 2: relevance is '-1', not a finite number of 0 or more"),
        ("t.csv", HEAD + "a,b,nan\n", "line 2: relevance is 'nan'"),
        ("t.csv", HEAD + "a,b,inf\n", "line 2: relevance is 'inf'"),
        ("t.csv", HEAD + "a,b,\n", "line 2: relevance is ''"),
        ("t.csv", HEAD + "a,b,1_0\n", "line 2: relevance is '1_0'"),
        ("t.csv", HEAD + ",b,1\n", r"contains no question with an answer.*1 questions without text left out \('2'\)"),
        ("t.csv", HEAD.encode() + b"a,\xff,1\n", "line 2: is not UTF-8"),
        ("t.csv", IDS + ",x,a,b,1\n", "line 2: query_id is empty"),
        ("t.csv", IDS + "1,,a,b,1\n", "line 2: candidate_id is empty"),
        ("t.csv", IDS + "1,x,a,b,1\n1,x,a,c,1\n", "line 2: question '1' has two answers 'x'"),
        ("t.csv", IDS + "1,x,a,b,1\n1,y,c,c,1\n", "line 3: query_id '1' has another query than in line 2"),
        ("t.jsonl", "", "contains no question with an answer"),
        ("t.jsonl", "[1]\n", "line 1: must be a JSON object"),
        ("t.jsonl", '{"query": "a"\n', "line 1: must be a JSON object"),
        ("t.jsonl", '{"query": "a"}\n', "line 1: candidate must be a text or a number"),
        (
            "t.jsonl",
            '{"query": "a", "candidate": "b", "relevance": true}\n',
            "line 1: relevance must be a text or a num",
        ),
        ("t.jsonl", '{"query": "a", "candidate": "b", "relevance": NaN}\n', "line 1: relevance is 'nan'"),
        (
            "t.jsonl",
            '{"query": "a", "candidate": "\\ud800", "relevance": 1}\n',
            "line 1: question '1' .*lone surrogate",
        ),
        (
            "t.jsonl",
            TABLES["t.jsonl"] + lines({"query": "a", "candidate": "b", "relevance": 1, "query_id": 1}),
            "line 4: q",
        ),
        ("t.jsonl", lines(thread(1, []), {"id": 2, "title": "x"}), "line 2: answers must be a list"),
        (
            "t.jsonl",
            lines(thread(1, [(1, 1)]), thread(1, [(2, 1)])),
            "line 2: the question id '1' was used in .*line 1",
        ),
        ("t.jsonl", lines(thread(1, [(3, 1), (3, 1)])), "line 1: question '1' has two answers '3'"),
        ("t.jsonl", lines(thread(1, [(3, 1.5)])), "line 1: an answer needs an id, a score"),
        ("t.jsonl", lines(thread(1, [(3, True)])), "line 1: an answer needs an id, a score"),
        ("t.jsonl", lines(thread(1, [(3, 1)], title=None)), "line 1: a question needs an id, a title"),
        ("t.jsonl", lines(thread(None, [(3, 1)])), "line 1: a question needs an id"),
        ("t.xml", "", "line 1: is not valid XML"),
        ("t.xml", "<posts>\n</posts>\n", "contains no question with an answer"),
        ("t.xml", ROWS.replace('Id="5" Post', 'Id="x" Post'), "line 5: row has Id='x', not an integer"),
        ("t.xml", ROWS.replace('ParentId="9" ', ""), "line 6: row has ParentId=None"),
        ("t.xml", ROWS.replace('Score="4" ', 'Score="4.5" '), "line 3: row has Score='4.5'"),
        ("t.xml", ROWS.replace('PostTypeId="5" ', ""), "line 7: row has PostTypeId=None"),
        ("t.xml", ROWS.replace('Id="8"', 'Id="1"'), "line 8: the question id '1' was used in .*line 4"),
        ("t.xml", ROWS.replace('Title="Why?"', 'Title="Why?'), "line 4: is not valid XML"),
        ("t.xml", ROWS.replace("</posts>\n", ""), r"line \d: is not valid XML .*cut off"),
        ("t.xml", MEDIQA.replace('SystemRank="3"', ""), "line 9: Answer has SystemRank=None"),
        ("t.xml", MEDIQA.replace('Score="4"', 'Score="5"'), "line 6: Answer has ReferenceScore='5'"),
        ("t.xml", MEDIQA.replace(' QID="7"', ""), "line 3: a Question has no QID"),
        ("t.xml", MEDIQA.replace("7_2", "7_1"), "line 3: question '7' has two answers '7_1'"),
        ("t.xml.gz", b"", "line 1: is not valid XML"),
        ("t.txt", "a", "must be .jsonl, .xml, .csv or .tsv"),
    ],
)
def test_bad_files_are_one_clear_line(tmp_path, name, content, words):
    path = write(tmp_path / name, content)
    with pytest.raises(UserError, match=words) as caught:
        read_rankings(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_that_is_cut_off_or_missing_is_an_error(tmp_path):
    whole = gzip.compress(ROWS.encode() * 50)
    for name, data in (("cut.xml.gz", whole[:-20]), ("cut.jsonl.gz", whole[:40])):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UserError, match=f"{name}(: cannot be read|, line )"):
            read_rankings(tmp_path / name)
    with pytest.raises(UserError, match=r"none\.csv: cannot be read"):
        read_rankings(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("site", "questions", "answers", "empty", "several", "different"),
    [
        ("beer", 663, 1572, 0, 410, 388),
        ("matheducators", 397, 1507, 0, 311, 302),
        ("ai", 421, 749, 0, 196, 172),
        ("coffee", 225, 327, 0, 82, 76),
        ("history.meta", 556, 1095, 0, 287, 260),
        # Fourteen of its 1,223 answers are nothing but an image, which leaves fewer questions with several than its 288.
        ("music.meta", 708, 1223, 14, 284, 264),
    ],
)
def test_real_threads_are_those_of_the_dumps(qkv_zoo_data, site, questions, answers, empty, several, different):
    queries, notes = read_rankings(qkv_zoo_data / "stackexchange" / f"{site}.stackexchange.jsonl.gz")
    (without,) = [int(note.split(": ")[1].split()[0]) for note in notes if "questions without answers" in note]
    assert len(queries) + without == questions
    assert sum(len(query.candidates) for query in queries) + empty == answers
    assert sum(len(query.candidates) > 1 for query in queries) == several
    assert sum(len({candidate.votes for candidate in query.candidates}) > 1 for query in queries) == different
    assert {grade for query in queries for grade in grades(query)} == {0, 1, 2, 3, 4}
    assert not any("<p>" in candidate.text for query in queries for candidate in query.candidates)


@pytest.mark.parametrize(
    ("part", "questions", "pairs", "correct", "only"),
    [("train", 873, 8672, 1040, 16), ("dev", 126, 1130, 140, 4), ("test", 243, 2351, 293, 6)],
)
def test_real_wikiqa_is_whole(qkv_zoo_data, part, questions, pairs, correct, only):
    queries, notes = read_rankings(qkv_zoo_data / "wikiqa" / part)
    assert (len(queries), sum(len(query.candidates) for query in queries)) == (questions, pairs)
    assert sum(sum(grades(query)) for query in queries) == correct
    assert any(f": {only} questions have only relevant answers" in note for note in notes)


@pytest.mark.parametrize(
    ("part", "questions", "counts"),
    [
        ("train1-liveqamed", 104, (341 + 269, 138, 91)),
        ("train2-alexa", 104, (74 + 383, 149, 256)),
        ("valid", 25, (76 + 64, 35, 59)),
        ("test", 150, (125 + 410, 333, 239)),
    ],
)
def test_real_mediqa_is_whole_and_its_order_scores_as_published(qkv_zoo_data, part, questions, counts):
    queries, _ = read_rankings(qkv_zoo_data / "mediqa2019_qa" / f"{part}.xml.gz")
    assert len(queries) == questions
    found = Counter(grade for query in queries for grade in grades(query))
    assert tuple(found[grade] for grade in (0, 1, 2)) == counts
    assert all(q.candidates == tuple(sorted(q.candidates, key=lambda c: -c.votes)) for q in queries)
    if part == "test":
        first = [next((n for n, grade in enumerate(grades(q), 1) if grade), None) for q in queries]
        assert round(sum(1 / n for n in first if n) / len(first), 3) == 0.895
        assert round(sum(n == 1 for n in first) / len(first), 3) == 0.827
