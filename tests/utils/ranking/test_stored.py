"""Documents on disk, and which texts have come before."""

import numpy as np

from utils.ranking import text_numbers as module
from utils.ranking.records import Candidate
from utils.ranking.stored import StoredDocuments, joined
from utils.ranking.text_numbers import SeenTexts, first_of_each, text_numbers


def test_documents_are_found_by_their_ids():
    pairs = [(f"d{number % 90}", f"text {number}") for number in range(100)]
    documents = StoredDocuments.write(iter(pairs))
    assert [(document.id, document.text) for document in documents] == pairs
    assert documents.find("d7") == Candidate("d7", "text 7", is_document=True) == documents[7]  # the first of two
    assert documents.find("d90") is None and StoredDocuments.write([]).find("d0") is None


def test_parts_are_joined_without_a_copy():
    documents = StoredDocuments.write([("a", "x"), ("b", "y")])
    assert joined([(), documents, []]) is documents and len(joined([])) == 0
    assert [document.text for document in joined([documents, documents])] == ["x", "y", "x", "y"]


def test_texts_are_seen_once(monkeypatch):
    monkeypatch.setattr(module, "RECENT", 7)
    rng = np.random.default_rng(0)
    texts, seen, expected = [f"text {number}" for number in rng.integers(0, 300, 1000)], SeenTexts(), set()
    for text in texts:
        assert (text in seen) == (text in expected)
        assert seen.add(text) == (text not in expected)
        expected.add(text)
    assert len(seen._sorted) < 8
    places = first_of_each(texts)
    assert [texts[place] for place in places] == list(dict.fromkeys(texts)) and np.all(np.diff(places) > 0)
    numbers = text_numbers(texts)
    assert [texts[places[number]] for number in numbers] == texts
