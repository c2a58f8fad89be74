"""How a file is laid out is told by what is in it; texts to search among; real files are read whole."""

from collections import Counter

import pytest

from tests.helpers.ranking_files import json_lines, read, write
from utils.common.errors import UserError
from utils.common.reading import Reading
from utils.ranking.data import find_layout, named_answers, read_texts
from utils.ranking.records import Candidate, Query

LAYOUTS = {
    "a long q\tan a\na long r\tb\n": "pairs",
    "a long q\tan a\tno a\na long r\tb b\tno b\n": "triples",
    "a long q\tan a\t1\na long r\tb b\t0\n": "graded",
    "1\ta text\n2\tanother text\n": "documents",
    "id\ttext\n1\ta text\n": "documents",
    "question\tanswer\nq\ta\n": "records",
    "One line, with a comma.\nAnother, with one.\n": "lines",
    "one\n": "lines",
    "q1 0 d1 1\nq2 0 d1 0\n": "collection",
    "query-id\tcorpus-id\tscore\nq1\td1\t1\n": "collection",
    "".join(f"q{number}\td{number}\t{number % 3}\n" for number in range(9)): "collection",
    '{"query": "q", "pos": ["a"]}\n': "records",
    '["q", "a"]\n["r", "b"]\n': "records",
    '["a text", "another text"]': "strings",
    '{"_id": "1", "text": "a"}\n{"_id": "2", "text": "b"}\n': "documents",
    '{"text": "a"}\n{"text": "b"}\n': "documents",
    '{"id": 1, "title": "t", "answers": [{"id": 2, "score": 1, "body": "b"}]}\n': "threads",
    "<posts><row Id='1'/></posts>": "posts",
    "<M><Question QID='1'></Question></M>": "mediqa",
}


@pytest.mark.parametrize("content", LAYOUTS)
def test_what_is_in_a_file_tells_its_layout(tmp_path, content):
    assert find_layout(write(tmp_path / "file", content)) == LAYOUTS[content]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty; name another file"),
        (b"PK\x03\x04rest", "is a zip archive; unpack it"),
        (b"\x93NUMPY", "is a NumPy array"),
        (
            "<html><body/></html>",
            r"its XML begins with <html>; known are Posts\.xml of Stack Exchange and MEDIQA's files",
        ),
        ("frage\tantwort\tnote\nwas ist a\tes ist b\t1\n", "its columns cannot be understood, .*name them query"),
        ("q text\ta text\tb text\tc text\n" * 2, "its columns cannot be understood"),
        (
            "Nothing but\nlines.\n",
            r"\(its first line 'Nothing but' has no known names of columns\); they can be searched",
        ),
        (
            "frage,antwort,note\nwas ist a,es ist b,1\n",
            r"first line 'frage,antwort,note' has no known names of columns\)",
        ),
        ('{"text": "a"}\n{"text": "b"}\n', "holds texts without questions"),
    ],
)
def test_a_file_that_is_not_for_training_is_one_clear_line(tmp_path, content, words):
    path = write(tmp_path / "file.tsv", content)
    with pytest.raises(UserError, match=words) as caught:
        read(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_that_is_missing_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r"none\.csv: no such file"):
        read(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        (
            "First, a line.\n\nSecond line.\nFirst, a line.\n",
            [("line 1", "First, a line."), ("line 3", "Second line.")],
        ),
        ('["one", "two", "one"]', [("record 1", "one"), ("record 2", "two")]),
        ("d1\tone text\nd2\ttwo texts\n", [("document d1", "one text"), ("document d2", "two texts")]),
        (json_lines({"text": "one"}, {"id": "x", "text": "two"}), [("line 1", "one"), ("document x", "two")]),
        (
            "query,candidate,relevance\nq,one,0\nr,two,1\nr,one,1\n",
            [("2, of question 2", "one"), ("3, of question 3", "two")],
        ),
    ],
)
def test_texts_to_search_among_are_named_and_taken_once(tmp_path, content, texts):
    assert [named[:2] for named in read_texts(write(tmp_path / "texts", content), Reading())] == texts


def test_a_collection_is_searched_as_a_whole(tmp_path):
    write(tmp_path / "corpus.tsv", "d1\tone text\nd2\ttwo texts\nd3\tthree texts\n")
    write(tmp_path / "queries.tsv", "q1\twhat one?\nq2\twhat two?\n")
    write(tmp_path / "qrels.txt", "q1 0 d1 1\nq2 0 d2 1\n")
    texts = [
        ("document d1", "one text", "d1"),
        ("document d2", "two texts", "d2"),
        ("document d3", "three texts", "d3"),
    ]
    for path in (tmp_path, tmp_path / "qrels.txt", tmp_path / "corpus.tsv"):
        assert read_texts(path, Reading()) == texts


def test_a_text_that_cannot_be_used_is_left_out(tmp_path):
    reading = Reading(0.5)
    assert read_texts(write(tmp_path / "a.json", '["one", 2, "\\ud800", "x", ""]'), reading) == [
        ("record 1", "one", "1"),
        ("record 4", "x", "4"),
    ]
    assert "2 of 4 records left out, it is not a text, or contains half a character" in reading.notes[0]


def test_answers_are_named_by_their_question():
    query = Query("7", "q", (Candidate("a", "x"), Candidate("b", "y")), "here")
    assert named_answers([query]) == [("a, of question 7", "x", "a"), ("b, of question 7", "y", "b")]


def grades(query):
    return [candidate.relevance for candidate in query.candidates]


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
    queries, notes = read(qkv_zoo_data / "stackexchange" / f"{site}.stackexchange.jsonl.gz")
    (without,) = [int(note.split()[0]) for note in notes if "the question has no answer" in note]
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
    queries, notes = read(qkv_zoo_data / "wikiqa" / part)
    assert (len(queries), sum(len(query.candidates) for query in queries)) == (questions, pairs)
    assert sum(sum(grades(query)) for query in queries) == correct
    assert any(note.startswith(f"{only} records used, but a question has only relevant answers") for note in notes)


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
    queries, _ = read(qkv_zoo_data / "mediqa2019_qa" / f"{part}.xml.gz")
    assert len(queries) == questions
    count_of_grade = Counter(grade for query in queries for grade in grades(query))
    assert tuple(count_of_grade[grade] for grade in (0, 1, 2)) == counts
    assert all(q.candidates == tuple(sorted(q.candidates, key=lambda c: -c.votes)) for q in queries)
    if part == "test":
        first = [next((n for n, grade in enumerate(grades(q), 1) if grade), None) for q in queries]
        assert round(sum(1 / n for n in first if n) / len(first), 3) == 0.895
        assert round(sum(n == 1 for n in first) / len(first), 3) == 0.827
