"""The chunks of texts, and the cache of their vectors."""

import itertools

import numpy as np
import pytest

from utils.common.errors import UserError
from utils.common.reading import Reading
from utils.vectors.chunks import Tokens, embed_documents
from utils.vectors.text_records import TextDocument

LONG = "This sentence has quite enough words to stand alone here."


class WordEncoder:
    """A token is a word; a chunk's vector tells its length. Words with an x are unknown."""

    def __init__(self, key="first", max_tokens=16):
        self.key = key
        self.max_tokens = max_tokens
        self.embedded = []

    def tokenize(self, texts):
        spans = []
        for text in texts:
            places = np.cumsum([0, *(len(word) + 1 for word in text.split(" "))]).tolist()
            spans.append([(start, end - 1) for start, end in itertools.pairwise(places)])
        return [
            Tokens(each, sum("x" in word for word in text.split(" "))) for each, text in zip(spans, texts, strict=True)
        ]

    def embed(self, texts, progress):
        self.embedded += texts
        return np.array([[len(text), 1.0, 0.0] for text in texts])


def embed(documents, encoder, folder, language=""):
    """The vectors of some documents, and the notes."""
    report = Reading().file("t.jsonl")
    return embed_documents("t.jsonl", documents, encoder, folder, report, language), report.notes


def test_vectors_keep_the_texts_order_and_are_made_once_for_each_encoder(tmp_path):
    texts = [f"{LONG} Another one that is {'much ' * n}longer than the first was." for n in range(5)]
    documents = [TextDocument(f"n{number}", text) for number, text in enumerate(texts)]
    first, second = WordEncoder("first"), WordEncoder("second")
    data, notes = embed(documents, first, tmp_path / "cache")
    assert data.names == ["n0", "n1", "n2", "n3", "n4"] and data.starts.tolist() == [0, 2, 4, 6, 8, 10] and notes == []
    assert data.file == "t.jsonl" and data.texts[3].startswith("Another one that is much longer")
    expected = np.array([[len(text), 1, 0] for text in data.texts])
    np.testing.assert_allclose(
        data.take(np.arange(10)), expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-3
    )
    again, _ = embed(documents, first, tmp_path / "cache")
    assert len(first.embedded) == 10 and np.array_equal(again.vectors, data.vectors)
    embed(documents, second, tmp_path / "cache")
    assert len(second.embedded) == 10


def test_long_sentences_are_cut_to_what_the_encoder_reads_and_counted(tmp_path):
    encoder = WordEncoder(max_tokens=7)
    long = " ".join(f"word{n}" for n in range(20))
    data, notes = embed([TextDocument("a", f"{long}. Short.")], encoder, tmp_path)
    assert [len(text.split()) for text in data.texts] == [7, 7, 7] and " ".join(data.texts) == f"{long}. Short."
    assert notes == [
        "t.jsonl: 1 record used, but a sentence is longer than the encoder reads (7 tokens) and was cut into pieces (document 'a')"
    ]
    data, notes = embed([TextDocument("b", "y" * 4_500)], encoder, tmp_path)
    assert [len(text) for text in data.texts] == [2_000, 2_000, 500] and "longer than 2,000 characters" in notes[0]


def test_chunks_of_the_user_stay_as_they_are(tmp_path):
    own = ["One.", " ".join(["word"] * 20), "Two."]
    data, notes = embed([TextDocument("a", chunks=own)], WordEncoder(max_tokens=7), tmp_path)
    assert data.texts == own
    assert notes == ["t.jsonl: 1 record used, but the encoder reads only the first 7 tokens of a chunk (document 'a')"]


def test_chunks_in_words_that_the_encoder_does_not_know_are_counted(tmp_path):
    _, notes = embed([TextDocument("a", chunks=["x x y", "x y y"])], WordEncoder(), tmp_path)
    assert len(notes) == 1 and "1 record used, but more than half of a chunk's tokens are unknown" in notes[0]


def test_the_language_of_the_texts_reaches_the_splitter(tmp_path):
    text = "Das galt schon sehr lange und überall im Okt. 1990 für fast alle Menschen hier im Land."
    assert len(embed([TextDocument("a", text)], WordEncoder(max_tokens=30), tmp_path, "de")[0].texts) == 1
    assert len(embed([TextDocument("a", text)], WordEncoder(max_tokens=30), tmp_path)[0].texts) == 2


def test_a_cut_off_embedding_leaves_nothing_in_the_cache(tmp_path, monkeypatch):
    """The file is written under another name and renamed, so what is in the cache is whole."""
    documents, encoder = [TextDocument("a", LONG)], WordEncoder()
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        embed(documents, encoder, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
    monkeypatch.undo()
    assert embed(documents, encoder, tmp_path / "cache")[0].count == 1


def test_a_damaged_cache_and_an_encoder_without_a_vector_are_one_line(tmp_path):
    documents, encoder = [TextDocument("a", LONG)], WordEncoder()
    embed(documents, encoder, tmp_path)
    (cached,) = tmp_path.iterdir()
    cached.write_bytes(b"PK\x03\x04broken")
    with pytest.raises(UserError, match=r"\.npz: cannot be read .* delete it, and it is made again"):
        embed(documents, encoder, tmp_path)
    encoder.key = "other"
    encoder.embed = lambda texts, progress: np.full((len(texts), 3), np.nan)
    with pytest.raises(UserError, match="the encoder has no vector for 'This sentence has"):
        embed(documents, encoder, tmp_path)
