"""Records of questions with candidates, in the layouts and under the names that people use."""

import json

import pytest

from tests.helpers.ranking_files import graded, json_lines, read, write
from utils.common.errors import UserError

ROWS = [("a, b", "one", 2), ("c", "two", 0), ("a, b", "three", 0.5)]
NAMES = ("query", "candidate", "relevance")


def table(separator, names=NAMES, rows=ROWS):
    """Rows as a table; fields that hold the separator are quoted."""
    quoted = [[f'"{field}"' if separator in str(field) else str(field) for field in row] for row in (names, *rows)]
    return "\n".join(separator.join(row) for row in quoted) + "\n"


TABLES = {
    "t.csv": table(","),
    "t.tsv": table("\t"),
    "semicolon.csv": table(";"),
    "pipe.txt": table("|"),
    "csv.tsv": table(","),  # what is in it decides, not its name
    "capitals.tsv": table("\t", ("Query", "Candidate", "Relevance")),
    "decimal.csv": table(";", rows=[(query, text, str(grade).replace(".", ",")) for query, text, grade in ROWS]),
    "t.jsonl": json_lines(*(dict(zip(NAMES, row, strict=True)) for row in ROWS)),
    "t.json": json.dumps([dict(zip(NAMES, row, strict=True)) for row in ROWS]),
    "columns.json": json.dumps(dict(zip(NAMES, map(list, zip(*ROWS, strict=True)), strict=True))),
    "arrays.jsonl": json_lines(*ROWS),
}


@pytest.mark.parametrize("gz", ["", ".gz"])
@pytest.mark.parametrize("name", TABLES)
def test_graded_rows_are_grouped_by_text(tmp_path, name, gz):
    path = tmp_path / (name + gz)
    queries, notes = read(path, TABLES[name])
    first = 1 if name.split(".")[-1] in ("json", "jsonl") else 2
    assert [(query.id, query.text, graded(query)) for query in queries] == [
        (str(first), "a, b", {"one": 2, "three": 0.5}),
        (str(first + 1), "c", {"two": 0}),
    ]
    place = "record" if name.endswith("json") else "line"
    assert queries[1].place == f"{path}, {place} {first + 1}" and queries[0].candidates[0].votes is None
    noticed = {
        f"1 record used, but a question has only relevant answers (question {first})",
        f"1 record used, but a question has no relevant answer (question {first + 1})",
    }
    assert set(notes) == noticed | ({"writes grades with a decimal comma"} if "decimal" in name else set())


def test_parquet_is_read(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = dict(zip(NAMES, map(list, zip(*[(q, c, float(g)) for q, c, g in ROWS], strict=True)), strict=True))
    parquet.write_table(pyarrow.table(columns), tmp_path / "t.bin")
    queries, _ = read(tmp_path / "t.bin")
    assert [graded(query) for query in queries] == [{"one": 2, "three": 0.5}, {"two": 0}]


def test_quotes_of_pandas_are_undone_also_around_line_breaks(tmp_path):
    content = 'query\tcandidate\trelevance\nq\t"He said ""x""\nand left"\t1\nq\tsay "y" again\t0\n'
    (query,), _ = read(tmp_path / "t.tsv", content)
    assert graded(query) == {'He said "x"\nand left': 1, 'say "y" again': 0}


def test_rows_are_grouped_by_id_if_there_is_one(tmp_path):
    rows = (
        "query_id,candidate_id,query,candidate,relevance\n7,x,same,one,1\n8,x,same,two,0\n7,y,same,,0\n7,z,same,z,0\n"
    )
    queries, notes = read(tmp_path / "t.csv", rows, max_bad_fraction=0.3)
    assert [(q.id, [c.id for c in q.candidates]) for q in queries] == [("7", ["x", "z"]), ("8", ["x"])]
    assert "1 of 4 records left out, a candidate is empty or no text (line 4)" in notes
    queries, _ = read(
        tmp_path / "t.jsonl", json_lines({"query_id": 7, "query": "q", "candidate": "one", "relevance": "1"})
    )
    assert queries[0].id == "7" and graded(queries[0]) == {"one": 1}


OFFICIAL = """QuestionID\tQuestion\tDocumentID\tDocumentTitle\tSentenceID\tSentence\tLabel
Q1\thow are glaciers formed?\tD1\tGlacier\tD1-0\tA "partly" submerged glacier\t0
Q1\thow are glaciers formed?\tD1\tGlacier\tD1-1\tIt forms where snow stays\t1
"""


def test_reads_the_official_wikiqa_files(tmp_path):
    (query,), notes = read(tmp_path / "WikiQA-train.tsv", OFFICIAL)
    assert query.id == "Q1" and [c.id for c in query.candidates] == ["D1-0", "D1-1"]
    assert graded(query) == {'A "partly" submerged glacier': 0, "It forms where snow stays": 1}
    assert notes == [
        "reads query from 'Question', candidate from 'Sentence', relevance from 'Label', query_id from 'QuestionID', "
        "candidate_id from 'SentenceID'",
        "does not use 'DocumentID', 'DocumentTitle'",
    ]


@pytest.mark.parametrize(
    ("names", "notes"),
    [
        (
            ("question", "answer", "label"),
            ["reads query from 'question', candidate from 'answer', relevance from 'label'"],
        ),
        (("sentence1", "sentence2", "score"), ["reads query from 'sentence1', candidate from 'sentence2', relevance"]),
        (("Query", "Passage", "Relevance"), ["reads candidate from 'Passage'"]),
        (("label", "question", "answer"), ["reads query from"]),
    ],
)
def test_common_names_are_known_and_said(tmp_path, names, notes):
    rows = [(1, "q", "a"), (0, "q", "b")] if names[0] == "label" else [("q", "a", 1), ("q", "b", 0)]
    (query,), notes_of_file = read(tmp_path / "t.tsv", table("\t", names, rows))
    assert graded(query) == {"a": 1, "b": 0} and notes_of_file[0].startswith(notes[0])


@pytest.mark.parametrize(
    ("labels", "grades"),
    [
        (("1.0", "0.0"), (1, 0)),
        (("True", "False"), (1, 0)),
        (("true", "false"), (1, 0)),
        (("Yes", "no"), (1, 0)),
        (("relevant", "irrelevant"), (1, 0)),
        (("4", "-2"), (4, 0)),
        (("1e0", ".5"), (1, 0.5)),
    ],
)
def test_grades_are_numbers_or_truth_values_and_negative_ones_count_as_0(tmp_path, labels, grades):
    rows = [("q", text, label) for text, label in zip("ab", labels, strict=True)]
    (query,), notes = read(tmp_path / "t.tsv", table("\t", rows=rows))
    assert tuple(graded(query).values()) == grades
    assert any("a grade is negative, which counts as 0 (line 3)" in note for note in notes) == ("-2" in labels)


PAIRS = {
    "pairs.jsonl": json_lines({"anchor": "q", "positive": "a"}, {"anchor": "r", "positive": "b"}),
    "arrays.jsonl": json_lines(["q", "a"], ["r", "b"]),
    "sets.jsonl": json_lines({"set": ["q", "a"]}, {"set": ["r", "b"]}),
    "texts.jsonl": json_lines({"texts": ["q", "a"]}, {"texts": ["r", "b"]}),
    "answers.jsonl": json_lines({"question": "q", "answers": ["a"]}, {"question": "r", "answers": ["b"]}),
    "nameless.tsv": "a long q\tan a\na long r\ta b\n",
    "named.csv": "question,answer\nq,a\nr,b\n",
}


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_have_right_answers_alone(tmp_path, name):
    queries, _ = read(tmp_path / name, PAIRS[name])
    assert [query.text.split()[-1] for query in queries] == ["q", "r"]
    assert [[(c.text.split()[-1], c.relevance) for c in query.candidates] for query in queries] == [
        [("a", 1)],
        [("b", 1)],
    ]


TRIPLETS = {
    "triplets.jsonl": json_lines(
        {"anchor": "q q", "positive": "a a", "negative": "b b"}, {"anchor": "q q", "positive": "a a", "negative": "c c"}
    ),
    "lists.jsonl": json_lines({"query": "q q", "pos": ["a a"], "neg": ["b b", "c c"]}, {"query": "r", "pos": ["s"]}),
    "numbered.csv": "anchor,positive,negative_1,negative_2\nq q,a a,b b,c c\n",
    "arrays.jsonl": json_lines(["q q", "a a", "b b", "c c"], ["r", "s", "t"]),
    "ms_marco.tsv": "q q\ta a\tb b\nq q\ta a\tc c\nr r\ts s\tt t\n",
    "passages.jsonl": json_lines(
        {
            "query_id": "1",
            "query": "q q",
            "positive_passages": [{"docid": "7", "title": "", "text": "a a"}],
            "negative_passages": [{"docid": "8", "text": "b b"}, {"docid": "9", "title": "c", "text": "c"}],
        },
        {"query_id": "2", "query": "r", "positive_passages": [{"docid": "7", "text": "s"}], "negative_passages": []},
    ),
    "labels.jsonl": json_lines({"query": "q q", "docs": ["a a", "b b", "c c"], "labels": [1, 0, 0]}, {"query": "r"}),
    "selected.json": json.dumps(
        [{"query": "q q", "passages": {"is_selected": [0, 1, 0], "passage_text": ["b b", "a a", "c c"]}}]
    ),
}


@pytest.mark.parametrize("name", TRIPLETS)
def test_triplets_and_lists_have_right_and_wrong_answers(tmp_path, name):
    queries, _ = read(tmp_path / name, TRIPLETS[name], max_bad_fraction=0.4)
    assert queries[0].text == "q q" and graded(queries[0]) == {"a a": 1, "b b": 0, "c c": 0}


@pytest.mark.parametrize("name", ["prompt", "Question", "q", "query_text", "sentence1"])
def test_texts_are_the_candidates_of_a_question_under_any_name(tmp_path, name):
    values = ({name: f"q{place}", "texts": ["in the bin", "in a jar"], "labels": [0, 1]} for place in range(2))
    queries, _ = read(tmp_path / "t.jsonl", json_lines(*values))
    assert [query.text for query in queries] == ["q0", "q1"]
    assert graded(queries[0]) == {"in the bin": 0.0, "in a jar": 1.0}


def test_without_grades_candidates_can_still_be_ranked(tmp_path):
    content = table(",", rows=[("q", "a", ""), ("q", "b", "NA"), ("r", "c", 1)])
    queries, _ = read(tmp_path / "t.csv", content, needs_grades=False)
    assert [graded(query) for query in queries] == [{"a": 0.0, "b": 0.0}, {"c": 1.0}]


def test_ids_of_passages_are_kept_and_other_candidates_numbered(tmp_path):
    queries, _ = read(tmp_path / "p.jsonl", TRIPLETS["passages.jsonl"])
    assert [(q.id, [c.id for c in q.candidates]) for q in queries] == [("1", ["7", "8", "9"]), ("2", ["7"])]
    queries, notes = read(tmp_path / "m.tsv", TRIPLETS["ms_marco.tsv"])
    assert [c.id for c in queries[0].candidates] == ["1", "1-2", "2-2"]
    assert notes == ["has no header; its columns are read as query, positive and negative"]


def test_a_field_that_may_be_the_grade_is_not_overlooked(tmp_path):
    rows = [("q", f"answer {number}", number % 2) for number in range(9)]
    with pytest.raises(
        UserError, match="no grade under a known name, but 'gold' may hold them; name that field relevance"
    ):
        read(tmp_path / "t.tsv", table("\t", ("question", "answer", "gold"), rows))
    rows = [(f"q {number}", f"answer {number}", number) for number in range(9)]
    _, notes = read(tmp_path / "t.tsv", table("\t", ("question", "answer", "number"), rows))
    assert notes[1:3] == ["does not use 'number'", "has no grades: every candidate counts as a right answer"]


def test_labels_in_words_are_not_overlooked(tmp_path):
    rows = [{"gold_label": label, "sentence1": "s", "sentence2": label} for label in ("entailment", "neutral")]
    with pytest.raises(UserError, match="but 'gold_label' looks like one; name that field relevance, with numbers"):
        read(tmp_path / "t.jsonl", json_lines(*rows))


def test_votes_of_candidates_are_their_grades(tmp_path):
    answers = [{"text": "x", "pm_score": 3, "selected": True}, {"text": "y", "pm_score": 0, "selected": False}]
    (query,), notes = read(tmp_path / "t.jsonl", json_lines({"question": "q", "answers": answers}))
    assert graded(query) == {"x": 3, "y": 0} and "relevance from 'pm_score' of each candidate" in notes[0]


def test_repeated_and_contradicting_candidates(tmp_path):
    rows = [("q", "a", 1), ("q", "a", 1), ("q", "b", 0), ("q", "b", 2)]
    (query,), notes = read(tmp_path / "t.tsv", table("\t", rows=rows))
    assert graded(query) == {"a": 1, "b": 2}
    assert "1 record left out, it repeats an earlier candidate of its question (line 3)" in notes
    assert "1 record used, but a candidate has two grades for one question; the higher one counts (line 5)" in notes


GOOD = [(f"q{number}", "a", 1) for number in range(30)]
MORE = [("q30", "a", 1)]
IDS = ("query_id", "candidate_id", *NAMES)


def with_ids(*rows):
    return table(",", IDS, [(query, "x", query, text, grade) for query, text, grade in GOOD] + list(rows))


@pytest.mark.parametrize(
    ("name", "content", "note"),
    [
        ("t.csv", table(",", rows=[*GOOD, ("q", "a", "good")]), "its grade is not a number that can be used (line 32)"),
        ("t.csv", table(",", rows=[*GOOD, ("q", "a", "inf")]), "its grade is not a number that can be used (line 32)"),
        ("t.csv", table(",", rows=[*GOOD, ("q", "a", "1_0")]), "its grade is not a number that can be used (line 32)"),
        ("t.csv", table(",", rows=[*GOOD, ("q", "a", 1e300)]), "its grade is not a number that can be used (line 32)"),
        ("t.csv", table(",", rows=[*GOOD, ("q", "a", "nan")]), "a candidate has no grade (line 32)"),
        ("t.csv", table(",", rows=[*GOOD, ("q", "a", "")]), "a candidate has no grade (line 32)"),
        ("t.csv", table(",", rows=[*GOOD, ("", "a", 1)]), "its question is empty or no text (line 32)"),
        ("t.csv", table(",", rows=[*GOOD, ("q", " ", 1)]), "a candidate is empty or no text (line 32)"),
        ("t.csv", table(",", rows=[*GOOD, ("q", "a", 1, 2)]), "it does not have 3 fields"),
        ("t.csv", with_ids(("", "y", "q", "a", 1)), "its query_id is empty (line 32)"),
        ("t.csv", with_ids(("7", "", "q", "a", 1)), "its candidate_id is empty (line 32)"),
        (
            "t.csv",
            with_ids(("q1", "x", "q1", "b", 1)),
            "its candidate_id belongs to another candidate of its question (line 32)",
        ),
        (
            "t.csv",
            with_ids(("q1", "y", "other", "b", 1)),
            "its question differs from an earlier one with the same query_id",
        ),
        ("t.jsonl", json_lines(*GOOD, ["q", None]), "it is not a graded candidate, as the first record is (line 31)"),
        ("t.jsonl", json_lines(*GOOD, [["q"], "a", 1]), "its question is empty or no text (line 31)"),
        ("t.jsonl", json_lines(*GOOD, ["\ud800", "a", 1]), "its question contains half a character (a lone surrogate)"),
        ("t.jsonl", json_lines(*GOOD, ["q", "\ud800", 1]), "the answer contains half a character (a lone surrogate)"),
        ("t.jsonl", json_lines(*GOOD, 5), "it has no question with candidates (line 31)"),
        ("t.jsonl", json_lines(*GOOD) + "{\n", "it is not JSON (line 31)"),
        (
            "t.jsonl",
            json_lines(
                *({"query": q, "texts": [c], "labels": [1, 0][: 1 + (q == "q7")]} for q, c, _ in [*GOOD, *MORE])
            ),
            "it has more labels than candidates (line 8)",
        ),
        (
            "t.jsonl",
            json_lines(*({"query": q, "pos": [c]} for q, c, _ in GOOD), {"query": "q", "pos": []}),
            "it has no right",
        ),
    ],
)
def test_a_record_that_cannot_be_used_is_left_out_and_named(tmp_path, name, content, note):
    queries, notes = read(tmp_path / name, content)
    assert len(queries) == 30 and any("left out, " in line and note in line for line in notes)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (table(","), "more than --max-bad-fraction 0.05 allows: its grade is not a number"),
        ("query,candidate,query\na,b,1\n", "has the column 'query' twice"),
        ("query,wert,note\na,b,1\n", "its records have the fields 'query', 'wert', 'note'; needed are a query"),
        ("query,candidate,relevance\n", "no record in it can be used"),
        ('[{"a": 1}, {"a": 2}]', "its records have the fields 'a'; needed are a query"),
        ("[]", "no record in it can be used"),
    ],
)
def test_files_that_cannot_be_used_are_one_clear_line(tmp_path, content, words):
    content = content.replace(",2\n", ",x\n") if "--max" in words else content
    path = write(tmp_path / "t.bin", content)
    with pytest.raises(UserError, match=words) as caught:
        read(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
