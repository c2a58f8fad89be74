"""Records of text."""

import json

import pytest

from tests.helpers.vector_files import read
from utils.common.errors import UserError

A, B = "First sentence here.", "Second one here."


def write(folder, rows, name="t.jsonl"):
    path = folder / name
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def documents_of(path, max_bad_fraction=0.05):
    """The documents that an encoder would be given, as name and text or chunks, and the notes."""
    documents, notes = read(path, max_bad_fraction, lambda _, documents, report: documents)
    return [(document.name, document.chunks or document.text) for document in documents], notes


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([{"text": A, "name": "a"}, {"text": B}], [("a", A), ("t.jsonl:2", B)]),
        ([{"id": 7, "url": "u", "title": "Ada", "text": A}], [("Ada", A)]),
        ([{"id": 7.0, "article": A, "highlights": B}], [("7", A)]),
        ([{"document": A, "summary": "short", "id": "x"}], [("x", A)]),
        ([{"Content": A, "URL": "http://a"}], [("http://a", A)]),
        ([{"doc_id": "a", "text": A}, {"doc_id": "b", "text": B}], [("a", A), ("b", B)]),
        ([{"name": "a", "sentences": [A, "", B]}, {"name": "b", "sentences": [B]}], [("a", [A, B]), ("b", [B])]),
        ([{"name": "a", "text": [A, B]}], [("a", [A, B])]),
        ([{"doc_id": "a", "chunk": A}, {"doc_id": "a", "chunk": B}, {"doc_id": "b", "chunk": A}], [("a", [A, B]), ("b", [A])]),
        ([{"document": 1, "text": A}, {"document": 1, "text": B}], [("1", [A, B])]),
        ([{"title": "T", "passage": A}, {"title": "T", "passage": B}], [("T", [A, B])]),
        ([{"doc": 1, "title": "T", "sentence": A}, {"doc": 2, "title": "T", "sentence": B}], [("T", [A]), ("T", [B])]),
        (
            [{"doc": doc, "chunk": chunk, "position": place} for doc, chunk, place in (("a", B, 1), ("b", A, 0), ("a", A, 0))],
            [("a", [A, B]), ("b", [A])],
        ),
    ],
)  # fmt: skip
def test_documents_and_chunks_under_common_names(tmp_path, rows, expected):
    assert documents_of(write(tmp_path, rows))[0] == expected


def test_positions_that_are_no_numbers_are_left_out_or_told(tmp_path):
    rows = [{"doc": "a", "chunk": text, "position": place} for text, place in ((A, "first"), (B, "2"), (A, 1))]
    documents, notes = documents_of(write(tmp_path, rows), max_bad_fraction=0.5)
    assert documents == [("a", [A, B])]
    assert notes == ["1 of 3 records left out, its position is not a number (line 1)"]
    documents, notes = documents_of(write(tmp_path, [row | {"position": "nurse"} for row in rows]))
    assert documents == [("a", [A, B, A])]
    assert notes == ["does not use its column position, which holds no numbers, but such as 'nurse'"]


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("metadata.source", {"page_content": A, "metadata": {"page": 1, "source": "a.pdf"}}),
        ("metadata.doc_id", {"text": A, "metadata": {"doc_id": 7}}),
        ("source", {"text": A, "source": "a.pdf"}),
    ],
)
def test_a_source_that_is_not_used_is_said(tmp_path, name, row):
    documents, notes = documents_of(write(tmp_path, [row, row]))
    assert documents == [("t.jsonl:1", A), ("t.jsonl:2", A)]
    assert any(f"a document of its own, and {name} is not used" in note and "`document`" in note for note in notes)
    notes = documents_of(write(tmp_path, [row | {"document": 1}, row | {"document": 1}]))[1]
    assert not any("is not used" in note for note in notes)


def test_tables_and_parquet_hold_the_same_records(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    write(tmp_path, ["title;text", f"Ada;{A}", f'Bob;"{B} ""So""; yes."'], "t.csv")
    assert documents_of(tmp_path / "t.csv")[0] == [("Ada", A), ("Bob", f'{B} "So"; yes.')]
    write(tmp_path, ["text\tlabel", f"{A}\t1", f"{B}\t0"], "t.tsv")
    assert documents_of(tmp_path / "t.tsv")[0] == [("t.tsv:2", A), ("t.tsv:3", B)]
    parquet.write_table(pyarrow.table({"document": [1, 1], "sentence": [A, B]}), tmp_path / "t.parquet")
    assert documents_of(tmp_path / "t.parquet")[0] == [("1", [A, B])]
    write(tmp_path, [json.dumps([{"text": A, "name": "a"}], indent=1)], "t.json")
    assert documents_of(tmp_path / "t.json")[0] == [("a", A)]


def test_a_text_with_commas_is_no_table(tmp_path):
    write(tmp_path, ["Text, music and dance", "have a long history, they say,", "in many places."], "t.txt")
    assert documents_of(tmp_path / "t.txt")[0][0][1].startswith("Text, music")


def test_bad_records_are_left_out_and_counted(tmp_path):
    rows = [{"text": f"{A} {n}", "name": n} for n in range(90)]
    bad = [{"text": 7}, {"text": None}, "{", {"name": "a"}, {"text": "half \ud83d"}, {"text": "  "}]
    documents, notes = documents_of(write(tmp_path, rows + bad))
    assert len(documents) == 90 and notes == [
        "1 of 93 records left out, it is not JSON (line 93)",
        "1 of 93 records left out, its text is not a text (line 91)",
        "1 of 93 records left out, its text holds half a character (a broken \\u escape) (line 95)",
        "3 records left out, it has no text (line 92, line 94, line 96)",
    ]
    with pytest.raises(UserError, match="3 of 93 records cannot be used, more than --max-bad-fraction 0 allows"):
        documents_of(tmp_path / "t.jsonl", max_bad_fraction=0)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [{"text": A, "name": "a"}, {"text": B, "name": "a"}],
            "line 2: two documents have the name 'a'; .* call the text `chunk`",
        ),
        ([{"chunk": A}, {"chunk": B}], "line 1: does not say which document it is a piece of; add a `document`"),
        (
            [{"doc": "a", "chunk": A}, {"doc": "b", "chunk": A}, {"doc": "a", "chunk": B}],
            "line 3: document a began earlier",
        ),
        ([{"titel": A}, {"titel": B}], "its records have the columns 'titel'; they need a text"),
        ([{"text": ""}, {"text": " "}], "they need a text|no record in it can be used: it has no text"),
        ([{"document": 1, "sentence": "half \ud83d"}], "1 of 1 records cannot be used|no record in it can be used"),
        ([["a"], ["b"]], "not a JSON object|need a text"),
    ],
)
def test_records_that_make_no_documents_are_one_line(tmp_path, rows, message):
    with pytest.raises(UserError, match=message):
        documents_of(write(tmp_path, rows))


def test_text_needs_an_encoder(tmp_path):
    with pytest.raises(UserError, match=r"t\.jsonl: is text; name the encoder .* --embed-with"):
        read(write(tmp_path, [{"text": A}]))


def test_a_few_documents_with_the_name_of_another_get_a_number(tmp_path):
    rows = [{"title": f"t{n}", "text": f"{A} {n}"} for n in range(30)]
    documents, notes = documents_of(write(tmp_path, [*rows, rows[3], rows[3]]))
    assert [name for name, _ in documents[30:]] == ["t3 (2)", "t3 (3)"]
    assert notes == ["2 records used, but another document has its name (line 31, line 32)"]
