"""Stack Exchange threads as JSON: votes become grades, answers that cannot be used are left out and counted."""

import pytest

from tests.helpers.ranking_files import json_lines, read
from utils.common.errors import UserError
from utils.ranking.records import Candidate


def thread(number, answers, **changes):
    """Answers as (id, score) or (id, score, further fields)."""
    given = [
        {"id": name, "score": score, "body": f"<p>text {name}</p>", **(rest[0] if rest else {})}
        for name, score, *rest in answers
    ]
    return {"id": number, "title": f"Title {number}", "body": "<p>body</p>", "answers": given} | changes


def grades(query):
    return [candidate.relevance for candidate in query.candidates]


@pytest.mark.parametrize("name", ["t.jsonl", "t.jsonl.gz", "t.txt"])
def test_reads_threads(tmp_path, name):
    answers = [(11, 8, {"created": "2014-01-21"}), (12, 1, {"accepted": True}), (13, 0.0, {"accepted": True}), (14, 2)]
    content = "\n" + json_lines(thread(1, answers, site="beer"), thread(2, [("x", 1)]))
    (query, _), notes = read(tmp_path / name, content)
    assert query.id == "beer/1" and query.text == "Title 1\nbody" and query.place == f"{tmp_path / name}, line 2"
    assert query.candidates[0] == Candidate("11", "text 11", 4.0, 8, "2014-01-21")
    assert grades(query) == [4, 1, 1, 1]  # an accepted answer has a grade of at least 1
    assert [candidate.accepted for candidate in query.candidates] == [False, True, True, False] and query.group == ""
    assert notes == ["2 records used, but a question has only relevant answers (question beer/1, question 2)"]
    (query, _), _ = read(tmp_path / name, vote_rule="rank")
    assert grades(query) == pytest.approx([4, 4 / 3, 1, 8 / 3])


def test_what_is_left_out_or_ranks_nothing_is_counted_and_named(tmp_path):
    content = json_lines(
        thread(1, []),
        thread(2, [(21, 5), (22, -2)]),
        thread(3, [(31, 0), (32, 0)]),
        thread(4, [(41, 3), (42, 9, {"body": '<img src="x">'}), (43, 0, {"body": "text 41"})]),
        thread(5, [(51, 1, {"body": " "})]),
        thread(6, [(61, 1)], title=" ", body=""),
        thread(7, [(71, 1)]),
        *(thread(number, []) for number in range(80, 85)),
    )
    queries, notes = read(tmp_path / "t.jsonl", content, max_bad_fraction=0.2)
    assert {query.id: grades(query) for query in queries} == {"2": [4, 0], "3": [0, 0], "4": [4, 0], "7": [4]}
    assert set(notes) == {
        "1 of 8 records left out, the question is empty (question 6)",
        "7 records left out, the question has no answer (question 1, question 5, question 80, question 81, question 82, ...)",
        "2 records left out, the answer has no text (answer 42 of question 4, answer 51 of question 5)",
        "1 record used, but a question has several answers with equal votes, so they rank nothing (question 3)",
        "1 record used, but an answer has negative votes, which count as 0 (answer 22 of question 2)",
        "1 record used, but a question has no relevant answer (question 3)",
        "1 record used, but a question has only relevant answers (question 7)",
        "1 record used, but an answer has the same text as another answer of its question (answer 43 of question 4)",
    }


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"id": 2, "title": "x"}, "it is not an object with a title and a list of answers"),
        ([1], "it is not an object with a title and a list of answers"),
        (thread(None, [(3, 1)]), "its id, title or body is missing or has another type"),
        (thread(1, [(3, 1)], title=None), "its id, title or body is missing or has another type"),
        (thread(1, [(3, 1.5)]), r"an answer's id, score \(an integer\) or body is missing or has another type"),
        (thread(1, [(3, True)]), r"an answer's id, score \(an integer\) or body is missing"),
        (thread(1, [(3, 10**30)]), r"an answer's id, score \(an integer\) or body is missing"),
        (thread(9, [(2, 1)]), "another question has its id"),
        (thread(1, [(3, 1), (3, 2)]), "another answer of its question has its id"),
        (thread(1, [(3, 1, {"body": "\ud800"})]), r"the answer contains half a character \(a lone surrogate\)"),
        (thread("\ud800", [(3, 1)]), r"the question contains half a character"),
    ],
)
def test_a_thread_that_cannot_be_used_is_left_out(tmp_path, bad, reason):
    path = tmp_path / "t.jsonl"
    queries, _ = read(path, json_lines(thread(9, [(1, 1), (2, 0)]), bad, thread(10, [(1, 1)])), max_bad_fraction=0.5)
    assert {"9", "10"} <= {query.id for query in queries}
    with pytest.raises(UserError, match=f"more than --max-bad-fraction 0.05 allows: {reason}"):
        read(path)


def test_a_line_that_is_no_json_is_left_out(tmp_path):
    content = json_lines(*(thread(number, [(1, 1)]) for number in range(40)))
    queries, notes = read(tmp_path / "t.jsonl", content.replace('"Title 7"', '"Title 7'))
    assert len(queries) == 39 and "1 of 40 records left out, it is not JSON (line 8)" in notes


def test_an_unknown_rule_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r"--votes best: no such rule .*; choose one of best_share, rank"):
        read(tmp_path / "none.jsonl", vote_rule="best")
