"""Plain text, and what is taken for it."""

import pickle
import zipfile

import pytest

from tests.helpers.vector_files import read
from utils.common.errors import UserError
from utils.vectors.plain_text import table_of_numbers


def documents_of(path):
    """The documents that an encoder would be given."""
    return read(path, embed=lambda _, documents, report: documents)[0]


def test_a_text_is_one_document(tmp_path):
    (tmp_path / "book.txt").write_text("First.\r\nSecond.\n\nThird.")
    (document,) = documents_of(tmp_path / "book.txt")
    assert document.name == "book.txt" and document.text == "First.\nSecond.\n\nThird." and document.chunks is None
    (tmp_path / "notes").write_text("[1] A note.\nAnother.")
    assert documents_of(tmp_path / "notes")[0].text.startswith("[1] A note.")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"2 4\nthe 0.1 0.2 0.3 0.4\nof 0.2 0.1 0.5 0.1\n", "is a file of word vectors"),
        (b"the 0.1 0.2 0.3 0.4\nof 0.2 0.1 0.5 0.1\n", "is a file of word vectors"),
        (b"2 3\nthe " + bytes(12) + b"\nof " + bytes(12), "is a binary file of word vectors"),
        (b"0.1,0.2,0.3,-4e-3\n0.1,0.2,0.3,0.4\n", "is a table of numbers"),
        (b"id,a,b,c,d,e\n7,0.1,0.2,0.3,0.4,0.5\n", "is a table of numbers"),
        (pickle.dumps([1]), "is a pickle, which could run code and is never opened"),
        (b"\x89HDF\r\n\x1a\n" + bytes(50), "is an HDF5 file"),
        (b"ARROW1\0\0" + bytes(50), "is an Arrow or Feather file"),
        (b"\xff\xff\xff\xff\x90\x01\0\0" + bytes(50), "is an Arrow or Feather file"),
        (b"IxF2\x04\0\0\0" + bytes(50), "is a FAISS index"),
        ((99).to_bytes(8, "little") + b'{"__metadata__":{}}', "is a safetensors file"),
    ],
)
def test_other_formats_are_named_with_a_remedy(tmp_path, content, message):
    (tmp_path / "v.txt").write_bytes(content)
    with pytest.raises(UserError, match=f"{message}.*np.savez"):
        documents_of(tmp_path / "v.txt")


def test_pdf_xml_folders_and_empty_files_are_one_line(tmp_path):
    for content, message in (
        ("%PDF-1.7", "is a PDF; extract its text"),
        ("<html><body>Text.</body></html>", "is XML or HTML; extract its text"),
        (" \n", "no record in it can be used: it has no text"),
        ("", "no record in it can be used: it has no text"),
    ):
        (tmp_path / "v.txt").write_text(content)
        with pytest.raises(UserError, match=message):
            documents_of(tmp_path / "v.txt")
    with pytest.raises(UserError, match="is a folder; name its files"):
        documents_of(tmp_path)
    with pytest.raises(UserError, match="no such file"):
        documents_of(tmp_path / "other.txt")


@pytest.mark.parametrize(
    "lines", [[], ["Chapter 1"], ["In 1 2 3 4"], ["Years: 1990, 1991, 1992, 1993", "were good."], ["1", "2", "3"]]
)
def test_texts_with_numbers_are_texts(lines):
    assert table_of_numbers(lines) == ""


def test_a_table_without_known_names_is_no_text(tmp_path):
    (tmp_path / "reviews.csv").write_text("review,sentiment\ngood film here,pos\nbad film,neg\n")
    with pytest.raises(UserError, match="no known name for a column of text; name that column `text`"):
        documents_of(tmp_path / "reviews.csv")
    (tmp_path / "reviews.csv").write_text("text\ngood film here\nbad film\n")
    assert [document.text for document in documents_of(tmp_path / "reviews.csv")] == ["good film here", "bad film"]


@pytest.mark.parametrize(
    ("member", "message"),
    [
        ("model/data.pkl", "is a PyTorch file, whose pickle could run code"),
        ("[Content_Types].xml", "is a document of Excel, Word or the like; save it as CSV or as plain text"),
        ("mimetype", "is an EPUB or OpenDocument file"),
    ],
)
def test_archives_of_other_programs_are_named(tmp_path, member, message):
    with zipfile.ZipFile(tmp_path / "v", "w") as archive:
        archive.writestr(member, "x")
    with pytest.raises(UserError, match=message):
        documents_of(tmp_path / "v")
