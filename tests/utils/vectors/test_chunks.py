"""Texts as documents of sentences, and the cache of their vectors."""

import json

import numpy as np
import pytest

from utils.common.errors import UserError
from utils.vectors.chunks import embed_file, read_documents, sentences

LONG = "This sentence has quite enough words to stand alone here."


def records(folder, *rows):
    path = folder / "t.jsonl"
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def test_sentences_keep_their_order_and_short_ones_join_a_neighbour():
    assert sentences(f"{LONG} {LONG}\n\nShort one. {LONG}") == [LONG, f"{LONG} Short one.", LONG]
    assert sentences(f"Title\n\n{LONG}") == [f"Title {LONG}"]
    assert sentences("word " * 1000)[0] == ("word " * 400)
    assert " ".join(sentences(f'He said: "Go!" {LONG} {LONG}')).split() == f'He said: "Go!" {LONG} {LONG}'.split()


def test_documents_of_text_and_jsonl_files(tmp_path):
    path = records(tmp_path, {"text": "one", "name": "a"}, {"text": "two"}, "", {"text": " "})
    documents, notes = read_documents(path)
    assert documents == [("a", "one"), ("t.jsonl:2", "two")]
    assert notes == [f"{path}: 1 documents without text left out (line 4)"]
    (tmp_path / "book.txt").write_text("First.\nSecond.")
    assert read_documents(tmp_path / "book.txt") == ([("book.txt", "First.\nSecond.")], [])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["{"], "line 1: must be a JSON object with a text"),
        ([{"text": "a"}, {"title": "b"}], "line 2: must be a JSON object with a text"),
        ([["a"]], "line 1: must be a JSON object"),
        ([{"text": ""}], "holds no text"),
    ],
)
def test_bad_records_are_one_line(tmp_path, rows, message):
    with pytest.raises(UserError, match=message):
        read_documents(records(tmp_path, *rows))


class LengthEncoder:
    """A sentence's vector tells its length."""

    def __init__(self, key):
        self.key = key
        self.embedded = []

    def embed(self, texts, progress):
        self.embedded += texts
        return np.array([[len(text), 1.0, 0.0] for text in texts])


def test_vectors_keep_the_texts_order_and_are_made_once_for_each_encoder(tmp_path):
    texts = [f"{LONG} Another one that is {'much ' * n}longer than the first was." for n in range(5)]
    path = records(tmp_path, *({"text": text, "name": f"n{number}"} for number, text in enumerate(texts)))
    first, second = LengthEncoder("first"), LengthEncoder("second")
    data, _ = embed_file(path, first, tmp_path / "cache")
    assert data.names == ["n0", "n1", "n2", "n3", "n4"] and data.starts.tolist() == [0, 2, 4, 6, 8, 10]
    assert data.file == str(path) and data.texts[3].startswith("Another one that is much longer")
    lengths = [len(text) for text in data.texts]
    np.testing.assert_allclose(np.asarray(data.vectors)[:, 0], lengths)
    again, _ = embed_file(path, first, tmp_path / "cache")
    assert len(first.embedded) == 10 and np.array_equal(again.vectors, data.vectors)
    embed_file(path, second, tmp_path / "cache")
    assert len(second.embedded) == 10


def test_a_cut_off_embedding_leaves_nothing_in_the_cache(tmp_path, monkeypatch):
    """The file is written under another name and renamed, so what is in the cache is whole."""
    path, encoder = records(tmp_path, {"text": LONG}), LengthEncoder("first")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        embed_file(path, encoder, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
    monkeypatch.undo()
    assert len(embed_file(path, encoder, tmp_path / "cache")[0].vectors) == 1


def test_two_documents_of_one_name_are_one_line(tmp_path):
    path = records(tmp_path, {"text": LONG, "name": "a"}, {"text": LONG, "name": "a"})
    with pytest.raises(UserError, match="two documents have the name 'a'"):
        embed_file(path, LengthEncoder("first"), tmp_path)
