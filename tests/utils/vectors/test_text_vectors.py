"""Vectors of sentences by a pretrained encoder, and what their cache depends on."""

import json

import numpy as np
import pytest

from models.text_encoder import TextEncoder
from tests.helpers.paths import FIXTURES
from utils.common.errors import UserError
from utils.common.reading import Reading
from utils.text.tokenization import load_tokenizer
from utils.vectors.chunks import embed_documents
from utils.vectors.data import read_file
from utils.vectors.text_records import TextDocument
from utils.vectors.text_vectors import SentenceEncoder, text_embedder

BERT = FIXTURES / "pretrained" / "bert"
TEXTS = ["A short sentence.", "a", "Another sentence that is quite a bit longer than the first one was."]


@pytest.fixture(scope="module")
def encoder():
    return SentenceEncoder.load(str(BERT))


def changed(encoder, pooling="mean", tokenizer=None, max_length=None):
    """The same encoder with something about it changed; its weights are the same."""
    model = TextEncoder(encoder.model.encoder_config, pooling)
    model.build()
    model.encoder.set_weights(encoder.model.encoder.get_weights())
    return SentenceEncoder(model, tokenizer or encoder.tokenizer, "checksum", max_length or encoder.max_length)


def test_vectors_keep_the_order_and_do_not_depend_on_their_neighbours(encoder):
    vectors = encoder.embed(TEXTS)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    for text, vector in zip(TEXTS, vectors, strict=True):
        np.testing.assert_allclose(encoder.embed([text])[0], vector, rtol=1e-4, atol=1e-6)


def test_the_cache_knows_weights_tokenizer_pooling_and_length(encoder, tmp_path):
    documents = [TextDocument("t.txt", "This sentence has quite enough words to stand alone here.")]
    settings = json.loads(encoder.tokenizer.to_str())
    settings["normalizer"] = None if settings["normalizer"] else {"type": "Lowercase"}
    (tmp_path / "tokenizer.json").write_text(json.dumps(settings))
    encoders = {
        "same": changed(encoder),
        "pooling": changed(encoder, pooling="cls"),
        "tokenizer": changed(encoder, tokenizer=load_tokenizer(tmp_path / "tokenizer.json")),
        "length": changed(encoder, max_length=5),
        "weights": encoder,
    }
    report = Reading().file("t.txt")
    vectors = {
        name: embed_documents("t.txt", documents, each, tmp_path / "cache", report).vectors
        for name, each in encoders.items()
    }
    assert len(list((tmp_path / "cache").glob("*.npz"))) == len(encoders)
    assert changed(encoder).key == encoders["same"].key
    for name in ("pooling", "length"):
        assert not np.allclose(vectors[name], vectors["same"], atol=1e-3), name
    np.testing.assert_array_equal(vectors["weights"], vectors["same"])


def test_files_of_text_are_embedded_in_the_cache(encoder, tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("This sentence has quite enough words to stand alone here.")
    data = read_file(path, Reading(), text_embedder(str(BERT), tmp_path / "cache"))
    np.testing.assert_allclose(data.take(np.array([0])), encoder.embed(data.texts), atol=1e-3)
    assert len(list((tmp_path / "cache" / "vectors").iterdir())) == 1
    assert text_embedder("", tmp_path) is None


def test_a_run_needs_the_encoder_that_it_was_trained_with(encoder, tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("This sentence has quite enough words to stand alone here.")
    read_file(path, Reading(), text_embedder(str(BERT), tmp_path / "cache", encoder.key))
    with pytest.raises(UserError, match="makes other vectors than those that the run was trained on"):
        read_file(path, Reading(), text_embedder(str(BERT), tmp_path / "cache", "another key"))
    assert encoder.description()["vectors"] == "mean pooling, unit norm, texts of at most 96 tokens"


def test_tokens_are_counted_as_the_encoder_reads_them(encoder):
    text = "A short sentence. \U0001f600"
    (tokens,) = encoder.tokenize([text])
    ids = encoder.tokenizer.encode(text).ids
    assert len(tokens.spans) == len(ids) - 2 and tokens.num_unknown == ids.count(encoder.unknown_id) > 0
    assert text[slice(*tokens.spans[0])].lower() == "a" and encoder.max_tokens == encoder.max_length - 2
    with_prompt = SentenceEncoder(encoder.model, encoder.tokenizer, "checksum", encoder.max_length, "a short prompt: ")
    num_tokens = len(encoder.tokenize(["a short prompt: "])[0].spans)
    assert with_prompt.max_tokens == encoder.max_tokens - num_tokens


def test_pieces_of_a_long_sentence_lose_no_token(encoder, tmp_path):
    words = [f"word{number}" for number in range(120)]
    report = Reading().file("t.txt")
    documents = [TextDocument("t.txt", " ".join(words))]
    texts = embed_documents("t.txt", documents, encoder, tmp_path, report).texts
    assert len(texts) > 1 and " ".join(texts) == " ".join(words)
    assert all(len(tokens.spans) <= encoder.max_tokens for tokens in encoder.tokenize(texts))
