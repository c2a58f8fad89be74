"""Judgements with the collection and the questions that they name: BEIR's folders, TREC's qrels."""

import json

import pytest

from tests.helpers.ranking_files import json_lines, read, write
from utils.common.errors import UserError
from utils.common.reading import Reading
from utils.ranking.data import read_rankings

CORPUS = json_lines(*({"_id": f"d{number}", "title": "", "text": f"text {number}"} for number in range(5)),
                    {"_id": "d5", "title": "Five", "text": "is long", "metadata": {}})  # fmt: skip
QUERIES = json_lines(*({"_id": f"q{number}", "text": f"question {number}?"} for number in range(4)))
HEADER = "query-id\tcorpus-id\tscore\n"
TRAIN = HEADER + "q0\td0\t1\nq1\td1\t2\nq1\td5\t0\n"
TEST = HEADER + "q2\td2\t1\n"


def beir(folder, **qrels):
    write(folder / "corpus.jsonl", CORPUS)
    write(folder / "queries.jsonl", QUERIES)
    for name, text in qrels.items():
        write(folder / "qrels" / f"{name}.tsv", text)
    return folder


def judged(queries):
    return {query.id: {candidate.id: candidate.relevance for candidate in query.candidates} for query in queries}


def test_reads_a_beir_folder_with_its_splits(tmp_path):
    reading = Reading()
    rankings = read_rankings(beir(tmp_path / "b", train=TRAIN, dev=HEADER + "q3\td3\t1\n", test=TEST), reading)
    assert {split: judged(part) for split, part in rankings.parts.items()} == {
        "validation": {"q3": {"d3": 1}},
        "test": {"q2": {"d2": 1}},
        "train": {"q0": {"d0": 1}, "q1": {"d1": 2, "d5": 0}},
    }
    assert [document.id for document in rankings.documents] == [f"d{number}" for number in range(6)]
    assert rankings.documents[5].text == "Five is long" and all(document.is_document for document in rankings.documents)
    question = rankings.parts["train"][1]
    assert question.text == "question 1?" and question.place == f"{tmp_path / 'b' / 'qrels' / 'train.tsv'}, line 3"
    assert question.candidates[0].text == "text 1" and question.candidates[0].is_document
    assert reading.description()["corpus.jsonl"]["used"] == 6


JSON_JUDGEMENTS = json_lines(
    {"query-id": "q0", "corpus-id": "d0"},
    {"query-id": "q1", "corpus-id": "d1", "score": 2},
    {"query-id": "q1", "corpus-id": "d5", "score": 0},
)


@pytest.mark.parametrize(
    ("corpus", "queries", "qrels"),
    [
        (("corpus.jsonl", CORPUS), ("queries.jsonl", QUERIES), "q0 0 d0 1\nq1 0 d1 2\nq1 0 d5 0\n"),
        (
            ("collection.tsv", "d0\ttext 0\nd1\ttext 1\nd5\tFive\n"),
            ("queries.tsv", "q0\tquestion 0?\nq1\tquestion 1?\n"),
            "q0\t0\td0\t1\nq1\t0\td1\t2\nq1\t0\td5\t0\n",
        ),
        (
            ("documents.csv", "docid,title,text\nd0,,text 0\nd1,One,text 1\nd5,a,b\n"),
            ("queries.csv", "qid,query\nq0,a?\nq1,b?\n"),
            TRAIN,
        ),
        (
            ("corpus/part-0.json", json.dumps([{"id": f"d{number}", "contents": "text"} for number in (0, 1, 5)])),
            ("queries/all.jsonl", QUERIES),
            JSON_JUDGEMENTS,
        ),
    ],
)
def test_a_file_with_judgements_finds_the_rest_beside_it(tmp_path, corpus, queries, qrels):
    write(tmp_path / corpus[0], corpus[1])
    write(tmp_path / queries[0], queries[1])
    path = write(tmp_path / "qrels.txt", qrels)
    for named in (path, tmp_path):
        rankings = read_rankings(named, Reading())
        assert {split: judged(part) for split, part in rankings.parts.items()} == {
            "": {"q0": {"d0": 1}, "q1": {"d1": 2, "d5": 0}}
        }
        assert {"d0", "d1", "d5"} <= {document.id for document in rankings.documents}


def test_a_file_of_a_split_is_used_as_a_whole(tmp_path):
    folder = beir(tmp_path / "b", train=TRAIN, test=TEST)
    rankings = read_rankings(folder / "qrels" / "test.tsv", Reading())
    assert {split: judged(part) for split, part in rankings.parts.items()} == {"": {"q2": {"d2": 1}}}


def test_a_question_that_two_files_have_is_counted_in_the_first(tmp_path):
    folder = beir(tmp_path / "b", train=TRAIN)
    write(folder / "queries_more.jsonl", QUERIES + json.dumps({"_id": "q99", "text": "Why?"}) + "\n")
    reading = Reading(0.9)
    read_rankings(folder, reading)
    assert all(report.used >= 0 for report in reading.reports)


def test_unknown_ids_bad_grades_and_repeated_judgements_are_counted(tmp_path):
    rows = "q0\td0\t1\n" * 2 + "q0\td0\t2\nq9\td0\t1\nq0\td9\t1\nq1\td1\tgood\nq1\td2\t-1\nq1\td3\t1\n"
    folder = beir(tmp_path / "b", train=HEADER + rows)
    queries, notes = read(folder, max_bad_fraction=0.6)
    assert judged(queries) == {"q0": {"d0": 1}, "q1": {"d2": 0, "d3": 1}}
    path = folder / "qrels" / "train.tsv"
    for note in (
        "1 record left out, it repeats an earlier judgement (line 3)",
        "1 of 7 records left out, the document has another grade for this question already (line 4)",
        "1 of 7 records left out, its question is not among the questions (line 5)",
        "1 of 7 records left out, its document is not in the collection (line 6)",
        "1 of 7 records left out, its grade is not a number that can be used (line 7)",
        "1 record used, but a grade is negative, which counts as 0 (line 8)",
    ):
        assert f"{path}: {note}" in notes
    assert (
        f"{folder / 'queries.jsonl'}: 2 records left out, nothing was judged for the question (line 3, line 4)" in notes
    )
    with pytest.raises(UserError, match=r"train\.tsv: 4 of 7 records cannot be used"):
        read(folder)


def test_documents_that_cannot_be_used_are_counted(tmp_path):
    folder = beir(tmp_path / "b", train=TRAIN)
    more = [{"_id": "", "text": "x"}, {"_id": "e", "text": " "}, {"text": "x"}, {"_id": "d1", "text": "other"},
            {"_id": "d1", "text": "text 1"}, {"_id": "e", "text": "\ud800"}, {"_id": ["e"], "text": "x"}]  # fmt: skip
    write(folder / "corpus.jsonl", CORPUS + json_lines(*more))
    queries, notes = read(folder, max_bad_fraction=0.5)
    assert len(queries) == 2
    reasons = "\n".join(notes)
    for reason in (
        "the id is empty (line 7)",
        "the text is empty (line 8)",
        "it has no id and text (line 9)",
        "another record has its id (line 10)",
        "1 record left out, it repeats an earlier record (line 11)",
        "half a character (a lone surrogate) (line 12)",
        "neither a text nor a number (line 13)",
    ):
        assert reason in reasons


@pytest.mark.parametrize(
    ("files", "named", "words"),
    [
        ({"qrels.txt": "q0 0 d0 1\n"}, "qrels.txt", r"holds judgements, .*put corpus\.jsonl and queries\.jsonl beside it"),
        ({"qrels.tsv": TRAIN}, "qrels.tsv", "holds judgements, which name questions and documents by their ids"),
        ({"corpus.jsonl": CORPUS, "qrels.tsv": TRAIN}, "", r"has a collection \(corpus\.jsonl\) but no questions; needed is"),
        ({"corpus.jsonl": CORPUS, "queries.jsonl": QUERIES}, "", "has a collection but no judgements; needed is a folder"),
        ({"corpus.jsonl": CORPUS, "queries.jsonl": QUERIES, "qrels.dev.tsv": TRAIN, "qrels.dev.small.tsv": TEST}, "",
         r"qrels\.dev\.small\.tsv and qrels\.dev\.tsv both hold judgements for validation; keep one"),
        ({"corpus.jsonl": CORPUS, "queries.jsonl": QUERIES, "qrels.tsv": TRAIN, "qrels/test.tsv": TEST}, "",
         r"qrels\.tsv names no split, but other judgements do; call it train, dev or test"),
        ({"notes.txt": "x"}, "", "is a folder without a known format; name a file in it"),
        ({"run.txt": "q0 Q0 d0 1 0.5 bm25\n"}, "run.txt", "is a TREC run, which has no judgements"),
        ({"ids.tsv": "1\t2\t3\n1\t2\t4\n"}, "ids.tsv", "holds three columns of ids, as MS MARCO's qidpidtriples do"),
    ],
)  # fmt: skip
def test_what_is_missing_is_said(tmp_path, files, named, words):
    for name, content in files.items():
        write(tmp_path / "x" / name, content)
    with pytest.raises(UserError, match=words) as caught:
        read(tmp_path / "x" / named)
    assert "\n" not in str(caught.value)


def test_judgements_as_antique_has_them(tmp_path):
    files = {
        "antique-collection.txt": "7_0\tA small dog.\n7_1\tA big cat.\n",
        "antique-train-queries.txt": "7\tWhich animal is small?\n",
        "antique-train.qrel": "7 U0 7_0 4\n7 Q0 7_1 1\n",
    }
    for name, content in files.items():
        write(tmp_path / "x" / name, content)
    reading = Reading()
    parts = read_rankings(tmp_path / "x", reading).parts
    assert [candidate.relevance for candidate in parts["train"][0].candidates] == [4, 1]
    assert any("has no grade of 0: all answers count as relevant, those with the lowest grade (1) too" in note
               for note in reading.notes)  # fmt: skip
